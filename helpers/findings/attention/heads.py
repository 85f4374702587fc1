"""What chapter 3 shows of single heads: verbs that moved, silenced heads, the live check, the table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from helpers.findings.attention.lift import COUNTED, VerbComparison, among_draws
from helpers.findings.attention.pairs import n_layers, read_heads, read_layer
from helpers.findings.attention.silenced import gains, top_heads
from helpers.methods.chance import among
from helpers.methods.statistics import Comparison, compare_paired, holm, mcnemar
from helpers.methods.word_pairs import compare_knowledge
from helpers.models.roles import ROLES
from helpers.pages.tables import Captioned, comparison_table, show_difference, show_p
from helpers.prompts.prompt import read_prompts
from helpers.store.store import MissingResult, Store
from helpers.words.verbs import Lexicon
from helpers.words.vocabulary import GENERAL, INSTRUCTION

EXAMPLES = 3


def totals(store: Store) -> dict[str, int]:
    """Pairs gained, lost and kept, over all heads; and those that single dimensions hold (tuned)."""
    sums = dict.fromkeys(("gained", "lost", "kept", "in single dimensions"), 0)
    for layer in range(n_layers(store)):
        heads, _, n_pairs = read_layer(store, layer)
        sums["in single dimensions"] += int(n_pairs[1].sum())
        for pairs in heads:
            change = compare_knowledge(*(pairs.knowledge(role) for role in ROLES))
            for name in ("gained", "lost", "kept"):
                sums[name] += len(getattr(change, name))
    return sums


def verb_map(store: Store, lexicon: Lexicon) -> dict[str, np.ndarray]:
    """Pairs gained less lost per 100 verbs of a group, (layer, head)."""
    found = gains(store, lexicon.compared)
    sizes = {"instruction": lexicon.is_instruction.sum(), "general": lexicon.is_general.sum()}
    return {
        group: 100
        * (found[f"{group}_gained"] - found[f"{group}_lost"])
        .to_numpy()
        .reshape(n_layers(store), -1)
        / size
        for group, size in sizes.items()
    }


def changed_pairs(store: Store, lexicon: Lexicon) -> pd.DataFrame:
    """One row a verb and a pair with it that a head gained or lost: verb, word, similarity, head."""
    parts = []
    for (layer, head), pairs in read_heads(store).items():
        change = compare_knowledge(*(pairs.knowledge(role) for role in ROLES))
        for name in ("gained", "lost"):
            one = getattr(change, name)
            for verb, word in ((one.first, one.second), (one.second, one.first)):
                columns = {"verb": verb, "word": word, "similarity": one.similarity}
                where = {"layer": layer, "head": head, "change": name}
                parts.append(pd.DataFrame(columns).assign(**where))
    table = pd.concat(parts, ignore_index=True)
    return table[table["verb"].isin(lexicon.places)]


def moved_verbs(store: Store, lexicon: Lexicon, group: str, *, n: int = 8) -> pd.DataFrame:
    """Verbs whose pairs changed in most heads, with their most similar gained and lost pairs."""
    words, changed = lexicon.vocabulary.words, changed_pairs(store, lexicon)
    members = {INSTRUCTION: lexicon.is_instruction, GENERAL: lexicon.is_general}
    places, rows = lexicon.places[members[group]], []
    for verb, own in changed[changed["verb"].isin(places)].groupby("verb"):
        parts = {name: own[own["change"] == name] for name in ("gained", "lost")}
        row = {"verb": words[verb], "in heads": len(own[["layer", "head"]].drop_duplicates())}
        row |= {f"pairs {name}": len(part) for name, part in parts.items()}
        row |= {f"{name}, with layer.head": _examples(part, words) for name, part in parts.items()}
        rows.append(row)
    if not rows:
        return pd.DataFrame()
    order = ["in heads", "pairs gained", "verb"]
    table = pd.DataFrame(rows).sort_values(order, ascending=[False, False, True])
    return table.head(n).set_index("verb")


def _examples(part: pd.DataFrame, words: Sequence[str]) -> str:
    """The most similar words, each once, with the head that has the pair."""
    part = part.sort_values("similarity", ascending=False, kind="stable").drop_duplicates("word")
    rows = part.head(EXAMPLES).itertuples()
    return ", ".join(f"{words[row.word]} {row.layer}.{row.head}" for row in rows)


# --- silenced heads


def read_silenced(store: Store) -> dict[str, dict[str, np.ndarray]]:
    """Following by prompt, loss by text and silenced heads of every condition."""
    start = "attention/silenced/"
    names = sorted(name for name in store.manifest() if name.startswith(start))
    if missing := {"none", "instruction", "general"} - {name.removeprefix(start) for name in names}:
        raise MissingResult(
            f"The store {store.folder} holds no run with these heads silenced: "
            f"{', '.join(sorted(missing))}. Compute them with `{store.command('attention')}`."
        )
    return {name.removeprefix(start): store.read(name) for name in names}


def silenced_table(found: dict[str, dict[str, np.ndarray]]) -> pd.DataFrame:
    """Following rate and loss of every condition, the random draws as one row."""
    rows = {
        name: {"followed": one["followed"].mean(), "loss": one["loss"].mean(),
               "heads": ", ".join(f"{layer}.{head}" for layer, head in one["heads"])}
        for name, one in found.items()
    }  # fmt: skip
    table = pd.DataFrame(rows).T.infer_objects()
    return table.assign(random=table.index.str.startswith("random-"))


def chosen_again(store: Store, lexicon: Lexicon) -> bool:
    """Whether the heads silenced are those one would choose with spelling variants left out."""
    table = gains(store, lexicon.compared)
    stored = {g: store.read(f"attention/silenced/{g}")["heads"] for g in (INSTRUCTION, GENERAL)}
    return all(
        top_heads(table, group, len(heads)) == [tuple(one) for one in heads.tolist()]
        for group, heads in stored.items()
    )


def beside_longer_responses(
    store: Store, followed: Sequence[bool], ids: Sequence[str] | None = None
) -> dict[str, object]:
    """Chapter 1's following of the tuned model on the same prompts, whose responses may be longer.

    `only_short` counts prompts whose rule the response keeps here but not there, `only_long` the
    others; nothing is said of prompts (`ids`) that the store has no longer response to.
    """
    names = "followed_long", "tokens_long", "only_short", "only_long"
    start = "recognition/template/responses-tuned"
    ids = [p.id for p in read_prompts() if p.rule] if ids is None else ids
    if start not in store.manifest() or len(ids) != len(followed):  # or on few prompts only
        return dict.fromkeys(names, "not computed")
    rows = store.read(start).set_index("id")["followed"].reindex(ids)
    known = rows.notna().to_numpy()
    short, long = np.asarray(followed, bool)[known], rows[known].to_numpy(bool)
    tokens = store.manifest()[start].get("about", {}).get("max_tokens")
    values = float(long.mean()), tokens, int((short & ~long).sum()), int((long & ~short).sum())
    return dict(zip(names, values, strict=True))


def compare_silenced(found: dict[str, dict[str, np.ndarray]]) -> list[Comparison]:
    """Each chosen set against nothing silenced, and against each other; one family."""
    compared, null = [], "silencing these heads changes nothing"
    for before, after in (("none", "instruction"), ("none", "general"), ("general", "instruction")):
        sets = f"{after} set" if before == "none" else f"{after} against {before} set"
        for name, what, test in (
            ("followed", "following", mcnemar),
            ("loss", "loss", compare_paired),
        ):
            sides, label = (found[before][name], found[after][name]), f"{what}, {sets}"
            compared.append(test(*sides, label=label, null_hypothesis=null))
    return holm(compared)


def silenced_comparisons(found: dict[str, dict[str, np.ndarray]]) -> pd.DataFrame:
    return comparison_table(compare_silenced(found), names=("before", "silenced"))


def rank_among_draws(table: pd.DataFrame, condition: str) -> pd.DataFrame:
    """How many random draws harm as much as the chosen heads, and the p-value of that rank."""
    drawn, chosen, rows = table[table["random"]], table.loc[condition], {}
    for name, quantity, worse in (
        ("followed", "share of prompts followed", "as_low"),
        ("loss", "loss (nats a token)", "as_high"),
    ):
        one = among(chosen[name], drawn[name])
        n = getattr(one, worse)
        rows[quantity] = {
            f"{condition} set": f"{one.value:.3f}",
            "random sets, mean (range)": f"{one.mean:.3f} ({one.low:.3f} to {one.high:.3f})",
            "draws": one.draws,
            "draws that harm as much": n,
            "p": show_p((1 + n) / (1 + one.draws)),
        }
    shown = Captioned(pd.DataFrame(rows).T)
    shown.caption = (
        "Null hypothesis: the chosen heads are one more random set of heads of the same layers. p: "
        "one-sided, (1 + draws that harm as much) / (1 + draws), not corrected."
    )
    return shown


def paper_table(
    quarters: Sequence[VerbComparison], single: Sequence[VerbComparison], drawn: pd.DataFrame
) -> pd.DataFrame:
    """The table of the chapter's end: the paper, our run, what differs and why."""
    lift = lambda one: f"{one.instruction:.2f} against {one.general:.2f}"  # noqa: E731
    rows = {
        "Do heads gain pairs with instruction verbs more than with others?": (
            "yes: lift higher for instruction than for general verbs (Welch)",
            f"{lift(quarters[-1])}, difference {_verbs(quarters[-1])}; with pairs of single "
            f"dimensions {lift(single[-1])}, difference {_verbs(single[-1])}",
            "another pair, tuned in another way; verbs matched in frequency, labels permuted",
        ),
        "Most in the lower and middle layers?": (
            "yes",
            "; ".join(f"{one.label.split(' (')[0]} {lift(one)}" for one in quarters[:-1]),
            "quarters of the layers instead of groups of 8",
        ),
        "More than a random update would?": (
            "not asked",
            "; ".join(_beside_draws(drawn)),
            "random updates of equal size as a baseline",
        ),
    }
    return pd.DataFrame.from_dict(rows, orient="index", columns=["paper", "ours", "what differs"])


def _verbs(one: VerbComparison) -> str:
    verbs = f"{one.n_instruction} / {one.n_general} verbs"
    return f"{show_difference(one.tested)} ({verbs}; detectable {one.detectable:.2f})"


def _beside_draws(drawn: pd.DataFrame) -> list[str]:
    """Counts changed by tuning and by random updates, for both ways of counting pairs."""
    table = among_draws(drawn, "counts changed")
    parts = []
    for pairs in COUNTED:
        own = table.loc[pairs]
        ranges = " and ".join(
            f"{one.low:,} to {one.high:,} ({one.Index.removeprefix('random, ')})"
            for one in own.itertuples()
        )
        changed = f"{own['tuning'].iloc[0]:,} counts of verbs changed"
        parts.append(f"pairs of {pairs}: {changed}; random updates {ranges}")
    return parts
