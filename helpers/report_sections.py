"""What a report shows of each finding: the chapters' own tables, figures and explorers.

Nothing is computed here that a chapter does not compute in the same way. Each block is made on its
own, so that one which this pair cannot fill is named with the reason and costs no other.
"""

from __future__ import annotations

from functools import cache

from matplotlib.figure import Figure

from helpers import report_appendices, statistics
from helpers.figures import attention as attention_figures
from helpers.figures import ffn as ffn_figures
from helpers.figures import positions as position_figures
from helpers.figures import recognition as recognition_figures
from helpers.findings import (
    attention_heads_view,
    attention_view,
    ffn_view,
    following_view,
    positions_view,
    profiles_view,
    recognition_view,
)
from helpers.findings.attention_pairs import read_lexicon
from helpers.report_blocks import Block, Section
from helpers.results import Store
from helpers.widgets import components, heads, positions
from helpers.widgets.saliency import SaliencyExplorer

SCORE = "instruction score, tuned minus base (95 % interval)"


def recognition(store: Store) -> list[Block]:
    view, figures = recognition_view, recognition_figures
    scores = view.scores(store)
    own = view.paired(view.own(scores))
    robust = statistics.holm(
        [
            view.compare(own, "own responses, in the template"),
            *view.in_plain_text(scores),
            view.compare(view.paired(view.matched_scores(store)), "first k tokens of both"),
            view.equal_length(scores),
            view.compare(view.at_least(own, scores, 5), "both responses 5 tokens or more"),
        ]
    )
    return [
        Block("Instruction score of both models", lambda: statistics.table(robust)),
        Block(
            "How far it depends on the comparison",
            lambda: figures.intervals(robust, label=SCORE),
            "Mean differences in instruction score with 95 % intervals, a line a comparison; the "
            "numbers are in the table above.",
        ),
        Block(
            "All prompts",
            lambda: figures.distributions(own),
            "Instruction scores of all prompts for both models, and the paired differences.",
        ),
        Block(
            "Instruction score by kind of prompt",
            lambda: statistics.table(view.by_group(own, "kind")),
        ),
        Block(
            "Both models on one and the same response",
            lambda: statistics.table(view.shared_response(scores)),
        ),
        Block("Length of the responses, in tokens", lambda: view.lengths(scores).round(1)),
        Block("Following", lambda: statistics.table([view.following(scores)])),
        Block("Explore every prompt", lambda: SaliencyExplorer(view.explorer_items(store))),
    ]


def position(store: Store) -> list[Block]:
    view, figures, table = positions_view, position_figures, statistics.table
    profiles, measures, followed = (
        cache(lambda make=make: make(store))
        for make in (profiles_view.ours, view.measures, following_view.followed)
    )

    def placement() -> Figure:
        return figures.placement(
            {
                "share of importance, expected answer": view.by_place(measures(), "share"),
                "density, expected answer": view.by_place(measures(), "density"),
                "share of items followed": following_view.rates(followed()),
            }
        )

    return [
        Block(
            "Position profiles",
            lambda: figures.profiles(profiles_view.bands(profiles())),
            "Mean relative density by place in the prompt, both models with 95 % bands.",
        ),
        Block(
            "Middle ratio: density in the middle over density at the ends",
            lambda: table(profiles_view.ratio_of_means(profiles())),
        ),
        Block(
            "One instruction at five places",
            placement,
            "Three measures against the five places of the instruction, both models with 95 % "
            "intervals: share of importance, relative density, share of items followed.",
        ),
        Block(
            "Share of importance on the instruction, by place",
            lambda: table(view.base_against_tuned(measures(), "share")),
        ),
        Block(
            "The middle against either end",
            lambda: table(view.against_each_end(measures(), "share"), names=("end", "middle")),
        ),
        Block("Following, by place", lambda: table(following_view.by_place(followed()))),
        Block("Explore every item", lambda: positions.from_store(store)),
    ]


def attention(store: Store) -> list[Block]:
    view, singly, figures = attention_view, attention_heads_view, attention_figures
    lexicon = read_lexicon()
    compared = {
        name: view.by_quarter(store, lexicon, counted) for name, counted in view.COUNTED.items()
    }
    drawn = cache(lambda: view.against_random(store, lexicon))
    silenced = cache(lambda: singly.read_silenced(store))
    lifts = [
        Block(f"Verb lift, pairs held by {name}", lambda found=found: lift_table(found))
        for name, found in compared.items()
    ]
    return [
        Block(
            "Verb lift by part of the layers",
            lambda: figures.lift_by_quarter(compared),
            "Verb lift of instruction and general verbs by part of the layers, with intervals and "
            "the band of relabelled verbs.",
        ),
        *lifts,
        Block(
            "Against random updates of the same size",
            lambda: figures.random_updates(drawn()),
            "Number of changed verb counts and difference of lift: tuning as a line, random "
            "updates as dots.",
        ),
        Block("Tuning among random updates", lambda: view.random_table(drawn())),
        Block(
            "Where verbs gained and lost pairs",
            lambda: figures.verb_map(singly.verb_map(store, lexicon)),
            "Maps of layers by heads: pairs gained less pairs lost per 100 verbs of a group.",
        ),
        Block(
            "Heads silenced",
            lambda: figures.silenced(singly.silenced_table(silenced())),
            "Share of prompts followed and loss on plain text with heads silenced, chosen sets as "
            "marks and random ones as dots.",
        ),
        Block(
            "What silencing them costs",
            lambda: statistics.table(
                singly.compare_silenced(silenced()), names=("before", "silenced")
            ),
        ),
        Block("Explore every head", lambda: heads.HeadExplorer(heads.from_store(store))),
    ]


def lift_table(found: list[attention_view.VerbComparison]) -> statistics.Captioned:
    """The chapter's table of verb lift with its null hypothesis as the caption."""
    shown = statistics.Captioned(attention_view.table(found))
    shown.caption = (
        f"Null hypothesis: {attention_view.NULL_HYPOTHESIS} (permutation within strata, two-sided). "
        "Pairs of numbers: instruction / general verbs."
    )
    return shown


def ffn(store: Store) -> list[Block]:
    view, figures = ffn_view, ffn_figures
    annotations, baseline = view.read_annotations(store), view.read_baseline(store)
    found = cache(lambda: view.read_rotation(store))
    return [
        Block(
            "How far components turned",
            lambda: figures.rotation_curves(found()),
            "Mean principal angle between both models' components, for tuning and for random "
            "updates: by number of components, and by layer.",
        ),
        Block(
            "Tuning against random updates (degrees)",
            lambda: statistics.table(
                view.compare_rotation(found()), names=("random update", "tuning")
            ),
        ),
        Block(
            "What the components' words share",
            lambda: figures.share_bars(annotations, baseline),
            "Share of word lists by linguistic level and by task, both models, with random "
            "directions as dashed lines and layers as dots.",
        ),
        Block(
            "Shares of lists, paired by layer",
            lambda: statistics.table(view.compare_shares(annotations)),
        ),
        Block(
            "Explore every component",
            lambda: components.ComponentExplorer(components.from_store(store)),
        ),
    ]


SECTIONS = (
    Section(
        "recognition",
        "Instruction recognition",
        "Do responses of the tuned model rest more on the words that carry the instruction?",
        "Importance is the gradient of a response token's probability times a prompt token's "
        "embedding. Density is high where a prompt token matters to many response tokens. The "
        "instruction score adds the densities of the instruction's tokens, relative to the "
        "largest, over the logarithm of their number. In the template: inside the words that "
        "the tuning had around each prompt.",
        "recognition/scores",
        recognition,
    ),
    Section(
        "positions",
        "Lost in the middle",
        "Does what stands in the middle of a prompt count less, and does tuning change that?",
        "A position profile is the mean relative density in ten bins from the first prompt "
        "token to the last; a middle ratio under 1 is a dip. The experiment puts one "
        "instruction at five places of one context and asks for the share of importance on "
        "it, and whether the model follows.",
        "positions/items",
        position,
    ),
    Section(
        "attention",
        "Attention and word relations",
        "Did heads gain pairs of words with instruction verbs, more than by chance?",
        "A head knows a pair of words if two of its dimensions or more link them. The lift of "
        "a verb: among heads whose count of its pairs changed, the share where it rose (0.5 "
        "is no preference). Relabelled: the same with the verbs' labels dealt anew among "
        "verbs of the same frequency.",
        "attention/readings/main",
        attention,
    ),
    Section(
        "ffn",
        "Feed-forward networks",
        "Did the concepts of feed-forward layers turn further than random updates turn them?",
        "Components are the principal directions of what a layer's neurons write, read by the "
        "words that lie nearest to them. Angles compare the components of both models; random "
        "updates have the size of the tuning. Coherent beyond random: more alike than 95 % of "
        "the lists that random directions give.",
        "ffn/annotations",
        ffn,
    ),
    *report_appendices.SECTIONS,
)
