"""Comparisons with their n, effect size, interval and stated null hypothesis.

method.md, section 5. Tests come from scipy and statsmodels; this module fixes which one answers
which question, and keeps everything a reader needs beside the p-value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, wraps

import numpy as np
from jaxtyping import Float, Int
from scipy import special, stats

from helpers.methods.chance import POWER, detectable, holm_adjusted
from helpers.methods.errors import Mendable

RESAMPLES = 10_000
LEAST = 3  # values that a sample must have to be compared
Values = Float[np.ndarray, " n"]


class BadSample(Mendable):
    """A sample cannot be tested; the message says which and why."""


class TooFew(BadSample):
    """A sample is sound but holds too little to be compared; `n` is its size."""

    def __init__(self, why: str, n: int) -> None:
        super().__init__(why)
        self.n = n


@dataclass(frozen=True)
class Comparison:
    """Two samples compared: b minus a, with a 95 % bootstrap interval of the difference."""

    label: str
    n: int
    mean_a: float
    mean_b: float
    difference: float
    effect_size: float  # Hedges' g (nan where the quantity has no standard deviation of its own)
    low: float
    high: float
    p_value: float
    test: str
    null_hypothesis: str
    p_holm: float | None = None
    sizes: tuple[int, int] | None = None  # of a and b, where they are different items
    error: float = np.nan  # standard error of the difference, and its degrees of freedom
    degrees: float = np.inf

    @property
    def possible(self) -> bool:
        """Whether the samples allowed a test; if not, `test` says why and all numbers are NaN."""
        return not np.isnan(self.p_value)

    def detectable(self, power: float = POWER) -> float:
        """The difference that such samples would show as significant (5 %) with this power; half of an
        interval, which shows with a power of a half, stands in for a missing error."""
        by_interval = (self.high - self.low) / (2 * detectable(1.0, power=0.5))
        error = by_interval if np.isnan(self.error) else self.error
        return detectable(error, power=power, degrees=self.degrees)


def _compared(
    a: float, b: float, interval: Sequence[float], p_value: float,
    *, difference: float | None = None, effect_size: float = np.nan, **about,
) -> Comparison:  # fmt: skip
    numbers = {"mean_a": a, "mean_b": b, "difference": b - a if difference is None else difference}
    numbers |= {"effect_size": effect_size, "low": interval[0], "high": interval[1]}
    numbers["p_value"] = p_value
    return Comparison(**{name: float(one) for name, one in numbers.items()}, **about)


def untested(label: str, why: str, *, n: int = 0, null_hypothesis: str = "") -> Comparison:
    """A comparison that the data do not allow, to stand in a table with the reason."""
    return Comparison(label, n, *[float("nan")] * 7, test=why, null_hypothesis=null_hypothesis)


def _or_untested(compare: Callable[..., Comparison]) -> Callable[..., Comparison]:
    """A pair with few prompts loses the comparisons that it cannot make, and no other."""

    @wraps(compare)
    def compared(*samples: Sequence[float], label: str, null_hypothesis: str, **options):
        try:
            return compare(*samples, label=label, null_hypothesis=null_hypothesis, **options)
        except TooFew as error:
            return untested(label, str(error), n=error.n, null_hypothesis=null_hypothesis)

    return compared


def _sample(values: Sequence[float], name: str) -> Values:
    sample = np.asarray(values, dtype=float)
    if sample.ndim != 1:
        raise BadSample(f"{name} has shape {sample.shape}: give one axis of values.")
    if not np.isfinite(sample).all():
        bad = np.count_nonzero(~np.isfinite(sample))
        raise BadSample(f"{name} holds {bad} NaN or infinite values: drop them, and say so.")
    return sample


def _enough(*samples: Values, n: int) -> None:
    if min(map(len, samples)) < LEAST:
        sizes = " and ".join(str(len(sample)) for sample in samples)
        raise TooFew(f"too few values: {sizes}, and {LEAST} are needed", n)


def _pair(a: Sequence[float], b: Sequence[float], label: str) -> tuple[Values, Values]:
    first, second = _sample(a, f"{label}: a"), _sample(b, f"{label}: b")
    if len(first) != len(second):
        sizes = f"a has {len(first)} values, b has {len(second)}"
        raise BadSample(f"{label}: {sizes}: pair them item by item.")
    _enough(first, n=len(first))
    return first, second


def _standardised(difference: float, spread: float, degrees: float) -> float:
    """Hedges' g: a standardised difference times the exact correction J (Hedges, 1981)."""
    logs = special.gammaln(degrees / 2) - special.gammaln((degrees - 1) / 2)
    correction = float(np.exp(logs) / np.sqrt(degrees / 2))
    return difference / spread * correction if spread > 0 else float("nan")


def resamples(
    n: int, generator: np.random.Generator, draws: int | None = None
) -> Int[np.ndarray, "draw n"]:
    """How often each of n items is in each of 10,000 resamples: counts, so that memory stays small."""
    return generator.multinomial(n, np.full(n, 1 / n), draws or RESAMPLES)


@lru_cache(maxsize=4)  # most comparisons of a page are over as many items
def shared_resamples(n: int, seed: int = 0, draws: int = RESAMPLES) -> Float[np.ndarray, "draw n"]:
    """`resamples` of one seed, which serves all comparisons."""
    return resamples(n, np.random.default_rng(seed), draws).astype(float)


def bootstrap_interval(values: Sequence[float], *, seed: int = 0) -> tuple[float, float]:
    """95 % percentile interval of the mean."""
    sample = _sample(values, "values")
    _enough(sample, n=len(sample))
    means = shared_resamples(len(sample), seed, RESAMPLES) @ sample / len(sample)
    return tuple(map(float, np.percentile(means, [2.5, 97.5])))


@_or_untested
def compare_paired(
    a: Sequence[float], b: Sequence[float], *, label: str, null_hypothesis: str,
    alternative: str = "two-sided", seed: int = 0,
) -> Comparison:  # fmt: skip
    """Paired t-test of b against a; g is the mean difference over the average sd (g_av)."""
    first, second = _pair(a, b, label)
    difference = second - first
    interval = bootstrap_interval(difference, seed=seed)
    spread = np.sqrt((first.var(ddof=1) + second.var(ddof=1)) / 2)
    constant = difference.std() == 0
    p_value = 1.0 if constant else stats.ttest_rel(second, first, alternative=alternative).pvalue
    return _compared(
        first.mean(), second.mean(), interval, p_value,
        effect_size=_standardised(difference.mean(), spread, len(first) - 1),
        error=stats.sem(difference), degrees=len(first) - 1, n=len(first), label=label,
        test=f"paired t, {alternative}", null_hypothesis=null_hypothesis,
    )  # fmt: skip


@_or_untested
def compare_independent(
    a: Sequence[float], b: Sequence[float], *, label: str, null_hypothesis: str,
    alternative: str = "two-sided", seed: int = 0,
) -> Comparison:  # fmt: skip
    """Welch's t-test of b against a; g uses the pooled standard deviation."""
    first, second = _sample(a, f"{label}: a"), _sample(b, f"{label}: b")
    sizes, total = np.array([len(first), len(second)]) - 1, len(first) + len(second)
    _enough(first, second, n=total)
    if not (np.ptp(first) or np.ptp(second)):
        raise TooFew("all values of either group are equal", total)
    generator = np.random.default_rng(seed)
    means = [resamples(len(own), generator) @ own / len(own) for own in (second, first)]
    draws = means[0] - means[1]
    variances = first.var(ddof=1), second.var(ddof=1)
    spread = np.sqrt(sizes @ variances / sizes.sum())
    found = stats.ttest_ind(second, first, equal_var=False, alternative=alternative)
    return _compared(
        first.mean(), second.mean(), np.percentile(draws, [2.5, 97.5]), found.pvalue,
        effect_size=_standardised(second.mean() - first.mean(), spread, sizes.sum()),
        error=np.sqrt(variances @ (1 / (sizes + 1))), degrees=found.df,
        n=total, sizes=(len(first), len(second)), label=label,
        test=f"Welch's t, {alternative}", null_hypothesis=null_hypothesis,
    )  # fmt: skip


@_or_untested
def mcnemar(
    a: Sequence[bool], b: Sequence[bool], *, label: str, null_hypothesis: str, seed: int = 0
) -> Comparison:
    """Exact McNemar test of two shares on the same items."""
    first, second = _pair(np.asarray(a, float), np.asarray(b, float), label)
    gained = int(((second == 1) & (first == 0)).sum())
    lost = int(((second == 0) & (first == 1)).sum())
    p_value = stats.binomtest(gained, gained + lost).pvalue if gained + lost else 1.0
    interval = bootstrap_interval(second - first, seed=seed)
    about = {"n": len(first), "label": label, "null_hypothesis": null_hypothesis}
    return _compared(first.mean(), second.mean(), interval, p_value, test="exact McNemar", **about)


@_or_untested
def at_equal_length(
    a: Sequence[float], b: Sequence[float], length_a: Sequence[float], length_b: Sequence[float], *,
    label: str, null_hypothesis: str,
) -> Comparison:  # fmt: skip
    """Paired difference with response length as a covariate.

    The difference b - a is regressed on the difference of log lengths; the intercept is the
    difference that remains where both responses are equally long (least squares, HC3 errors). It is
    not the difference of the two means, which are therefore left out.
    """
    first, second = _pair(a, b, label)
    lengths = [_sample(values, "length") for values in (length_a, length_b)]
    if min(values.min() for values in lengths) <= 0:
        raise BadSample("length holds values of 0 or less: leave out prompts without a response.")
    log_ratio = np.log(lengths[1]) - np.log(lengths[0])
    # A slope on these values would rest on one of them alone, or on none.
    if (~np.isclose(log_ratio, np.median(log_ratio))).sum() < 2:
        raise TooFew(
            "the lengths of both responses have the same ratio in all prompts, or all but one: "
            "their effect cannot be told from the models'",
            len(first),
        )
    fit = _least_squares(second - first, np.column_stack([np.ones_like(log_ratio), log_ratio]))
    spread = np.sqrt((first.var(ddof=1) + second.var(ddof=1)) / 2)
    return _compared(
        np.nan, np.nan, fit.conf_int()[0], fit.pvalues[0], difference=fit.params[0],
        effect_size=_standardised(fit.params[0], spread, len(first) - 2),
        n=len(first), label=label, null_hypothesis=null_hypothesis, error=fit.bse[0],
        test="intercept of a regression on the log length ratio",
    )  # fmt: skip


def _least_squares(values: Values, columns: Float[np.ndarray, "n columns"], clusters=None):
    """A fit with HC3 errors, or with errors by cluster: values of one item go together."""
    import statsmodels.api as sm

    if clusters is None:
        return sm.OLS(values, columns).fit(cov_type="HC3")
    groups = np.unique(clusters, return_inverse=True)[1]
    return sm.OLS(values, columns).fit(cov_type="cluster", cov_kwds={"groups": groups})


@_or_untested
def adjusted(
    values: Sequence[float], group: Sequence[bool], held: Sequence[Sequence[float]], *, label: str,
    null_hypothesis: str, clusters: Sequence | None = None, spread: float | None = None,
) -> Comparison:  # fmt: skip
    """How much higher values of `group` are than the others, columns `held` equal (least squares).

    `held`: one column a covariate. `clusters`: the item that a value is of, where items have several.
    `spread`: what the effect size is in units of (default: the pooled standard deviation).
    """
    sample, inside = _sample(values, f"{label}: values"), np.asarray(group, dtype=bool)
    _enough(sample[inside], sample[~inside], n=len(sample))
    columns = np.column_stack([inside, np.ones(len(sample)), *held]).astype(float)
    if np.linalg.matrix_rank(columns) < columns.shape[1]:
        raise TooFew("the groups cannot be told from what is held equal", len(sample))
    fit, sides = _least_squares(sample, columns, clusters), (sample[~inside], sample[inside])
    if not fit.bse[0] > 0:
        raise TooFew("the values do not vary about the fit", len(sample))
    sizes = np.array([len(one) - 1 for one in sides])
    pooled = np.sqrt(sizes @ [one.var(ddof=1) for one in sides] / sizes.sum())
    return _compared(
        *(one.mean() for one in sides), fit.conf_int()[0], fit.pvalues[0], difference=fit.params[0],
        effect_size=_standardised(fit.params[0], spread or pooled, sizes.sum()), error=fit.bse[0],
        n=len(sample), sizes=tuple(sizes + 1), label=label, null_hypothesis=null_hypothesis,
        test="coefficient of a regression",
    )  # fmt: skip


def from_draws(
    a: float, b: float, draws: Values, *, p_value: float | None = None, **about
) -> Comparison:
    """b against a where resamples give the differences (`draws`): percentile interval.

    `about`: label, n, test and null hypothesis. Without a p-value of the test's own it is twice the
    share of resamples on the other side of no difference; never 0.
    """
    side = min((draws <= 0).sum(), (draws >= 0).sum())
    by_draws = min(1.0, 2 * (side + 1) / (len(draws) + 1))
    p_value = by_draws if p_value is None else p_value
    return _compared(a, b, np.percentile(draws, [2.5, 97.5]), p_value, **about)


def holm(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """The same comparisons with Holm-corrected p-values; those that were tested are one family."""
    found = iter(holm_adjusted([one.p_value for one in comparisons if one.possible]))
    adjusted = (float(next(found)) if one.possible else float("nan") for one in comparisons)
    return [replace(one, p_holm=p) for one, p in zip(comparisons, adjusted, strict=True)]
