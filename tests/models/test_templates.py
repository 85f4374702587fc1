"""Templates: the ids are those of `apply_chat_template`, whatever tokenizer and template do."""

import numpy as np
import pytest
from tiny import byte_tokenizer, save_model
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from helpers.methods.errors import Mendable
from helpers.methods.importance import importance
from helpers.models import registry, templates
from helpers.models.pair import fingerprint, load_pair
from helpers.models.templates import BadTemplate, chat_template
from helpers.prompts.prompt import Prompt, Segment, encode
from helpers.store.conditions import check
from helpers.store.store import open_store

TURNS = "{% for m in messages %}<{{ m['role'] }}>\n{{ m['content'] }}</s>\n{% endfor %}"
ASKS = "{% if add_generation_prompt %}<assistant>{% endif %}"
TEMPLATES = {
    "plain": TURNS + ASKS,
    "with BOS": "{{ bos_token }}" + TURNS + ASKS,
    "begins with the user's text": "{{ messages[0]['content'] }} [/INST]",
    "trims": "{{ bos_token }}" + TURNS.replace("m['content']", "m['content'] | trim") + ASKS,
    "wants parts": "{% for p in messages[0]['content'] %}{{ p['text'] }}{% endfor %}</s>",
}
PROMPT = Prompt("x", "own", (
    Segment("context", "  The <sea> is \"blue\"."), Segment("instruction", "Name\na colour. "),
))  # fmt: skip


def bare() -> PreTrainedTokenizerFast:
    """A tokenizer that adds nothing, and whose BOS is what a template begins a turn with."""
    tokenizer = byte_tokenizer()
    tokenizer.backend_tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    return tokenizer


def appending() -> PreTrainedTokenizerFast:
    tokenizer = byte_tokenizer()
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)]
    )
    return tokenizer


def first_word_prefixed() -> PreTrainedTokenizerFast:
    """Adds a BOS, and a space before the first word of a text alone."""
    characters = [chr(code) for code in range(32, 127)]
    symbols = ["<pad>", "<s>", "</s>", "<unk>", "▁", "\n", "▁N", *characters]
    core = Tokenizer(models.BPE({s: i for i, s in enumerate(symbols)}, [("▁", "N")],
                                unk_token="<unk>"))  # fmt: skip
    core.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    core.decoder = decoders.Metaspace()
    core.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 1)]
    )
    return PreTrainedTokenizerFast(tokenizer_object=core, bos_token="<s>", eos_token="</s>")


TOKENIZERS = {
    "adds BOS": byte_tokenizer, "adds nothing": bare, "appends": appending,
    "prefixes the first word": first_word_prefixed,
}  # fmt: skip


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("kind", TOKENIZERS)
def test_ids_are_those_of_the_tokenizers_own_chat(kind, template):
    tokenizer = TOKENIZERS[kind]()
    tokenizer.chat_template = TEMPLATES[template]
    content = [{"type": "text", "text": PROMPT.text}] if "parts" in template else PROMPT.text
    chat = [{"role": "user", "content": content}]
    wanted = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_dict=True)
    wanted = wanted["input_ids"]
    code = encode(PROMPT, tokenizer, chat_template(tokenizer))
    assert list(code.ids) == wanted
    first = int(wanted[0] == tokenizer.bos_token_id)
    assert len(code.tokens) == len(code.roles) == len(wanted) - first
    words = {role: "".join(t for t, r in zip(code.tokens, code.roles, strict=True) if r == role)
             for role in ("context", "instruction")}  # fmt: skip
    assert words["context"].strip() == PROMPT.segments[0].text.strip()
    assert words["instruction"].strip() == PROMPT.segments[1].text.strip()


def test_what_a_tokenizer_appends_bears_its_name_and_is_of_no_segment():
    code = encode(PROMPT, appending())
    assert (code.tokens[-1], code.roles[-1]) == ("</s>", "template")
    assert code.ids[-1] == 2 and len(code.tokens) == len(code.ids) - 1
    assert {role for role in code.roles[:-1]} == {"context", "instruction"}


@pytest.mark.parametrize("known", [0, None, 2])
def test_a_leading_bos_is_no_row_whatever_the_configuration_calls_bos(known, tmp_path):
    base = save_model(tmp_path / "base", seed=0, bos_token_id=known)
    pair = load_pair(base, base)
    code = encode(PROMPT, pair.tokenizer, pair.template)
    assert code.ids[0] == 1 and len(code.tokens) == len(code.ids) - 1
    assert importance(pair.model("base"), code.ids, [70, 71]).shape == (len(code.tokens), 2)


def test_a_bos_that_the_tokenizer_does_not_name_is_a_row(tmp_path):
    tokenizer = byte_tokenizer()
    tokenizer.bos_token = None
    base = save_model(tmp_path / "base", seed=0, tokenizer=tokenizer)
    pair = load_pair(base, base)
    code = encode(PROMPT, pair.tokenizer)
    assert (code.tokens[0], code.roles[0], len(code.tokens)) == ("<s>", "template", len(code.ids))
    assert len(importance(pair.model("base"), code.ids, [70])) == len(code.tokens)


def test_a_template_that_reads_the_clock_is_the_same_on_two_days(monkeypatch):
    tokenizer = byte_tokenizer()
    tokenizer.chat_template = "{{ strftime_now('%-d %B %Y') }} {{ messages[0]['content'] }}"
    text = chat_template(tokenizer).render("Go.")
    assert text == "26 July 2024 Go."
    tokenizer.chat_template = (
        "{% if date_string is defined %}{{ date_string }}{% else %}{{ strftime_now('%Y') }}"
        "{% endif %} {{ messages[0]['content'] }}"
    )
    assert chat_template(tokenizer).render("Go.") == "26 Jul 2024 Go."


def test_the_end_of_a_turn_ends_a_response():
    tokenizer = byte_tokenizer()
    tokenizer.add_special_tokens({"additional_special_tokens": ["<end>"]})
    tokenizer.add_tokens(["<fin>"])
    for end, ends in (("<end>", {"<end>"}), ("<fin>", {"<fin>"})):
        tokenizer.chat_template = (
            "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}"
            "{% if m['role'] == 'assistant' %}" + end + "{% endif %}\n{% endfor %}"
        )
        assert set(chat_template(tokenizer).markers) == ends


BAD = {
    "has the user's text 2 times": "{{ messages[0]['content'] }} {{ messages[0]['content'] }}",
    "leaves out or changes the text": "{{ messages[0]['content'] | upper }}",
    "leaves out or changes the text ": "{{ messages[0]['content'] | tojson }}",
    "leaves out or changes the text  ": "Hello!",
    "leaves out some of the white space": "{{ messages[0]['content'].lstrip() }}",
    "does not render .*system message first": "{% if messages[0]['role'] != 'system' %}"
    "{{ raise_exception('give a system message first') }}{% endif %}",
    "does not render ": "{% for m in messages %}",
    "writes something else at every call": "{{ range(10 ** 5) | random }}{{ messages[0]['content'] }}",
}


@pytest.mark.parametrize("says", BAD)
def test_a_template_without_one_slot_is_refused_in_a_sentence(says):
    tokenizer = byte_tokenizer()
    tokenizer.chat_template = BAD[says]
    with pytest.raises(BadTemplate, match=f"{says.rstrip()}.*chat_template.jinja") as refused:
        chat_template(tokenizer)
    assert "PROMPT'S" not in str(refused.value)


def test_named_variants_need_a_default():
    tokenizer = byte_tokenizer()
    tokenizer.chat_template = {"default": TEMPLATES["plain"], "tool_use": "other"}
    assert chat_template(tokenizer).render("Go.").startswith("<user>\nGo.</s>")
    tokenizer.chat_template = {"tool_use": TEMPLATES["plain"]}
    with pytest.raises(BadTemplate, match="does not render"):
        chat_template(tokenizer)


def test_tokenizer_and_template_belong_to_what_a_result_is_made_from(tmp_path):
    base, tuned = (save_model(tmp_path / name, seed=0) for name in ("base", "tuned"))
    choice = registry.own(str(base), str(tuned))
    found = [fingerprint(choice)]
    for name in ("chat_template.jinja", "generation_config.json", "tokenizer_config.json"):
        (tuned / name).write_text("{}")
        found.append(fingerprint(choice))
    assert len({one["tokenizer"] for one in found}) == 4
    assert len({(one["base"], one["tuned"]) for one in found}) == 1
    asked = registry.Choice(choice.name, choice.base, choice.tuned, templates.TEMPLATE)
    assert fingerprint(asked)["tokenizer"] != found[-1]["tokenizer"]


def test_the_books_pair_is_made_from_its_weights_alone(monkeypatch):
    monkeypatch.setattr("helpers.models.pair.file_hash", lambda _: "hash")
    assert set(fingerprint()) == {"base", "adapter"}


def test_masks_cover_every_token_of_a_trimmed_prompt():
    tokenizer = byte_tokenizer()
    tokenizer.chat_template = TEMPLATES["trims"]
    code = encode(PROMPT, tokenizer, chat_template(tokenizer))
    assert np.sum([code.mask(r) for r in ("context", "instruction", "template")]) == len(
        code.tokens
    )
    edges = "".join(t for t, r in zip(code.tokens, code.roles, strict=True) if r == "template")
    assert edges == "<user>\n</s>\n<assistant>"


def test_a_changed_template_is_refused_like_changed_weights(tmp_path):
    base, tuned = (save_model(tmp_path / name, seed=0) for name in ("base", "tuned"))
    choice = registry.own(str(base), str(tuned), name="tiny")
    store = open_store("tiny", tmp_path / "store", expected=fingerprint(choice), writing=True)
    store.write("recognition/x", {"x": np.ones(1)})
    check(open_store("tiny", tmp_path / "store", expected=fingerprint(choice), writing=True))
    (tuned / "chat_template.jinja").write_text(TEMPLATES["plain"])
    changed = open_store("tiny", tmp_path / "store", expected=fingerprint(choice), writing=True)
    with pytest.raises(Mendable, match="the tokenizer and template are others than they were"):
        check(changed)
