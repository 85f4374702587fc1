"""Chapter 2: effects of place and model together, the paper's column beside ours, the live check."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd
from statsmodels.tools.sm_exceptions import ConvergenceWarning, SingularMatrixWarning

from helpers.findings.parts import named
from helpers.findings.positions import placed as positions_view
from helpers.findings.positions import profile_tables as profiles_view
from helpers.findings.positions.followed import middle_against_ends
from helpers.findings.positions.placed import grid
from helpers.findings.positions.profiles import OURS
from helpers.findings.recognition.read import scores
from helpers.findings.recognition.tables import told
from helpers.findings.release.read import KINDS
from helpers.methods.statistics import Comparison
from helpers.pages.tables import show_p
from helpers.store.store import Store


def _fit(long: pd.DataFrame):
    """Fitted model and the items' standard deviation, relative to the residuals'."""
    import statsmodels.formula.api as smf

    formula = "value ~ C(place, Sum) * C(model, Sum)"
    # In units of its own spread: small numbers stop the optimiser early. Wald tests stay the same.
    scaled = long.assign(value=long["value"] / (long["value"].std() or 1.0))
    with warnings.catch_warnings():
        # Both concern an item variance of 0, which the table shows.
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", SingularMatrixWarning)
        try:
            fit = smf.mixedlm(formula, scaled, groups="id").fit(reml=False, method="powell")
            return fit, float(np.sqrt(fit.cov_re.iloc[0, 0] / fit.scale))
        except np.linalg.LinAlgError:
            # Without variance between items the model is ordinary least squares.
            return smf.ols(formula, scaled).fit(use_t=False), 0.0


def mixed_model(table: pd.DataFrame, column: str, response: str = "expected") -> pd.DataFrame:
    """Place, model and their interaction with a random intercept an item (Wald tests).

    Linear mixed-effects model, effects coded as sums to zero, maximum likelihood.
    """
    wide = grid(table, column, response)
    long = wide.stack(["model", "place"], future_stack=True).rename("value").reset_index()
    fit, spread = _fit(long)
    tests = fit.wald_test_terms(scalar=True).table
    names = ("C(place, Sum)", "C(model, Sum)", "C(place, Sum):C(model, Sum)")
    shown = tests.loc[list(names)]
    nulls = ("all places have the same mean", "both models have the same mean")
    return pd.DataFrame(
        {
            "items": len(wide),
            "observations": len(long),
            "Wald statistic": shown["statistic"].astype(float).round(1).to_numpy(),
            "df": shown["df_constraint"].astype(int).to_numpy(),
            "p": [show_p(float(p)) for p in shown["pvalue"]],
            "sd of items / of residuals": round(spread, 2),
            "null hypothesis": [*nulls, "places differ by as much in both models"],
        },
        index=["place", "model", "place and model together"],
    )


def _ratios(table: pd.DataFrame) -> str:
    shown: dict[str, list[str]] = {}
    for one in profiles_view.ratios(table).to_dict("records"):
        shown.setdefault(one["kind"], []).append(
            "{ratio:.2f} [{low:.2f}, {high:.2f}]".format(**one)
        )
    return "; ".join(f"{kind}: {' → '.join(both)}" for kind, both in shown.items())


def _prompt_tokens(store: Store) -> float:
    """Median length of a prompt in plain text."""
    plain = scores(store).query("setting == 'plain'").drop_duplicates("id")
    return plain["prompt_tokens"].median()


def paper_table(
    store: Store,
    store7: Store,
    profiles: pd.DataFrame,
    changes: Sequence[Comparison],
    measures: pd.DataFrame,
    followed: pd.DataFrame,
) -> pd.DataFrame:
    """The authors' matrices analysed again beside a pair of ours, and what differs.

    `changes` are the comparisons of the middle ratios, a data set each; p-values are Holm's.
    """
    released, plain = KINDS.values(), (OURS["plain"],)
    ours, theirs = map(_prompt_tokens, (store, store7))
    rows = {
        "middle ratio, base → tuned": (
            _ratios(profiles[profiles["kind"].isin(released)]),
            _ratios(profiles[profiles["kind"].isin(plain)]),
            f"prompts of {ours:g} tokens against {theirs:g} (medians), plain text in both; another size",
        ),
        "change of the ratio by tuning": (
            told((one for one in changes if one.label in released), 2),
            told((one for one in changes if one.label in plain), 2),
            "paired permutation test in both; the authors drew the profiles without a test",
        ),
        "position or content? (importance of one instruction)": (
            "cannot be told: each instruction stands at one place only",
            told(positions_view.against_each_end(measures, "share"), 2),
            "the same instruction moved along the same context",
        ),
        "position or content? (following)": (
            "cannot be told",
            told(middle_against_ends(followed), 2),
            "rules that code checks, at every place",
        ),
    }
    columns = ["the authors' 7B pair, re-analysed", named(store), "what differs and why"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns)
