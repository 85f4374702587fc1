"""How a pair is asked: the chat template of its tuned model as text around one instruction."""

from __future__ import annotations

from datetime import datetime

from transformers import PreTrainedTokenizerBase

from helpers.methods.errors import Mendable
from helpers.models.registry import CHAT, Choice
from helpers.prompts.prompt import TEMPLATE, Template

# Templates that read the clock are shown this moment, so that a prompt is the same every day.
NOW = datetime(2024, 7, 26, 12)

# A text that no template leaves as it is by accident: quotes, markup and spaces would show a change.
SLOT = '"PROMPT\'S"\n  <text> & ÄÖ {} \\n place'


class BadTemplate(Mendable):
    """The chat template gives no one text around an instruction; the message says why."""


def _clock() -> str:
    """A macro in place of the function by which a template reads the clock."""
    parts = "".join(f"|replace('%{one}', '{NOW:%{one}}')" for one in "aAbBdHIjmMpSyY")
    return (
        "{%- macro strftime_now(format) -%}{{ format|replace('%-', '%')"
        + parts
        + " }}{%- endmacro -%}"
    )


def _refusal(why: str) -> BadTemplate:
    return BadTemplate(
        f"The tuned model's chat template {why}: write one that puts a user's text, as it is and once, "
        "into chat_template.jinja beside its tokenizer, or take the template out to be asked in the "
        "book's."
    )


def render(tokenizer: PreTrainedTokenizerBase, *turns: object, prompt: bool = True) -> str:
    """The text of a conversation, the user's turn first; `prompt`: up to the model's next words.

    Thinking is switched off, the clock stands still, and what differs from one call to the next is
    refused (BadTemplate), as is what cannot be rendered.
    """
    roles = ("user", "assistant")
    messages = [{"role": r, "content": turn} for r, turn in zip(roles, turns, strict=False)]
    try:
        first, second = (
            tokenizer.apply_chat_template(
                messages,
                chat_template=_clock() + tokenizer.get_chat_template(),
                tokenize=False,
                add_generation_prompt=prompt,
                enable_thinking=False,
                date_string=f"{NOW:%d %b %Y}",
            )
            for _ in range(2)
        )
    except Exception as error:  # a template is a program, which may raise anything
        raise _refusal(f"does not render a lone user's turn ({' '.join(str(error).split())[:200]})"
                       ) from error  # fmt: skip
    if first != second:
        raise _refusal("writes something else at every call")
    return first


def chat_template(tokenizer: PreTrainedTokenizerBase) -> Template | None:
    """The text around an instruction by a tokenizer's own chat template; None without one.

    Tokenised without further special tokens, it gives the ids of `apply_chat_template`.
    """
    if not getattr(tokenizer, "chat_template", None):
        return None
    wrap, text = str, render(tokenizer, SLOT)
    if SLOT not in text:  # the template may want a list of parts
        wrap = lambda content: [{"type": "text", "text": content}]  # noqa: E731
        text = render(tokenizer, wrap(SLOT))
    if (times := text.count(SLOT)) != 1:
        found = f"has the user's text {times} times" if times else "leaves out or changes the text"
        raise _refusal(found)
    before, _, after = text.partition(SLOT)
    spaced = render(tokenizer, wrap(f" \n{SLOT}\n "))
    if not (trims := spaced == text) and spaced != f"{before} \n{SLOT}\n {after}":
        raise _refusal("leaves out some of the white space around the user's text")
    ends = tuple(_ends(tokenizer, wrap, after))
    return Template(CHAT, before, "\n\n", after, ends, complete=True, trims=trims)


def _ends(tokenizer: PreTrainedTokenizerBase, wrap, after: str) -> list[str]:
    """Tokens that end a turn: special ones after the user's, and after the model's own."""
    try:
        own = render(tokenizer, wrap("a question"), wrap(SLOT), prompt=False).rpartition(SLOT)[2]
    except BadTemplate:  # it need not know a model's turn to be used
        own = ""
    added = tokenizer.added_tokens_decoder.values()
    special = {*tokenizer.all_special_tokens, *(one.content for one in added if one.special)}
    opens = {one.content for one in added if own.lstrip().startswith(one.content)}
    return sorted(one for one in special | opens if one.strip() and (one in after or one in own))


def template_of(choice: Choice, tokenizer: PreTrainedTokenizerBase) -> Template:
    """The template a pair is asked in: its own, else the tuned tokenizer's, else the book's."""
    if isinstance(choice.template, Template):
        return choice.template
    found = None if choice.embedded else chat_template(tokenizer)
    if choice.template == CHAT and found is None:
        raise BadTemplate(
            f"pair {choice.name!r}: the tuned model's tokenizer has no chat template: name another "
            "template."
        )
    return found or TEMPLATE
