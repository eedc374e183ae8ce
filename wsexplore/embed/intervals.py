"""How far a score may be trusted: intervals from drawing runs again, with replacement."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array
from scipy.stats import kendalltau

DRAWS = 500
"""Times that the runs are drawn."""

LEVELS = (0.025, 0.975)
"""Ends of the intervals, which hold 95 % of the draws."""

RANKED = 2000
"""Networks per draw of Kendall's tau, at most: with more, an interval is as wide as for so many."""

Interval = tuple[float, float, float]
"""A score on all networks, and the two ends of its interval."""

CELLS = 1 << 22


def r2_interval(
    truth: Float[Array, " networks"], predicted: Float[Array, " networks"], runs: Int[Array, " networks"], seed: int
) -> Interval:
    """R-squared, 1 minus the squared error over that of the mean label, and its interval."""
    centred = truth - truth.mean()  # so that the sums below do not cancel
    parts = np.stack([np.square(truth - predicted), np.square(centred), centred, np.ones(len(truth))], 1)

    def score(sums: Float[Array, "draws 4"]) -> Float[Array, " draws"]:
        total = sums[:, 1] - np.square(sums[:, 2]) / sums[:, 3]
        return 1 - sums[:, 0] / np.where(total > 0, total, np.nan)

    return _from_sums(parts, runs, seed, score)


def balanced_interval(
    truth: Int[Array, " networks"], predicted: Int[Array, " networks"], runs: Int[Array, " networks"], seed: int
) -> Interval:
    """Balanced accuracy, the mean over classes of the share found, and its interval; classes not drawn do not count."""
    member = np.eye(int(truth.max()) + 1)[truth]
    parts = np.concatenate([member * (truth == predicted)[:, None], member], 1)

    def score(sums: Float[Array, "draws columns"]) -> Float[Array, " draws"]:
        hits, members = np.split(sums, 2, axis=1)
        shares: Float[Array, " draws"] = (hits / members.clip(min=1)).sum(1) / (members > 0).sum(1)
        return shares

    return _from_sums(parts, runs, seed, score)


def tau_interval(
    truth: Float[Array, " networks"], predicted: Float[Array, " networks"], runs: Int[Array, " networks"], seed: int
) -> Interval:
    """Kendall's tau-b, and its interval from at most `RANKED` networks per draw.

    A network that is drawn twice ties with itself in both, which tau-b leaves out.
    """
    _, number, lengths = np.unique(runs, return_inverse=True, return_counts=True)
    ordered, starts = np.argsort(number, kind="stable"), np.concatenate([[0], np.cumsum(lengths)])
    draw = np.random.default_rng(seed)
    taus = np.full(DRAWS, np.nan)
    for place in range(DRAWS):
        picks = draw.integers(len(lengths), size=min(len(lengths), RANKED))
        counts = lengths[picks]
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        rows = ordered[np.repeat(starts[picks], counts) + within]
        if len(rows) > RANKED:
            rows = draw.choice(rows, RANKED, replace=False)
        taus[place] = _tau(truth[rows], predicted[rows])
    return (_tau(truth, predicted), *_ends(taus))


def _from_sums(
    parts: Float[Array, "networks columns"],
    runs: Int[Array, " networks"],
    seed: int,
    score: Callable[[Float[Array, "draws columns"]], Float[Array, " draws"]],
) -> Interval:
    """A score that depends on sums over networks alone, so that a draw is one row of a product of matrices."""
    _, number = np.unique(runs, return_inverse=True)
    count = int(number.max()) + 1
    sums = np.stack([np.bincount(number, column, count) for column in parts.T], 1)
    draw, size = np.random.default_rng(seed), max(1, CELLS // count)
    drawn = []
    for start in range(0, DRAWS, size):
        times = draw.multinomial(count, np.full(count, 1 / count), size=min(size, DRAWS - start))
        drawn.append(times @ sums)
    return (float(score(sums.sum(0, keepdims=True))[0]), *_ends(score(np.concatenate(drawn))))


def _tau(truth: Float[Array, " networks"], predicted: Float[Array, " networks"]) -> float:
    return float(kendalltau(truth, predicted, method="asymptotic").statistic)


def _ends(values: Float[Array, " draws"]) -> tuple[float, float]:
    finite = values[np.isfinite(values)]
    if len(finite) == 0:
        return float("nan"), float("nan")
    low, high = np.quantile(finite, LEVELS)
    return float(low), float(high)
