"""Rank correlation over pairs of networks, with intervals that know that pairs share networks."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from numpy import ndarray as Array
from scipy.stats import rankdata

from wsexplore.population import OnStep

RESAMPLES = 400
"""Draws of the bootstrap."""

ENOUGH = 8
"""Runs from which on whole runs are drawn again, not single networks."""

KINDS = ("all", "same run", "other runs")
"""Pairs that a correlation is told of."""

FEWEST = 5
"""Pairs below which there is no correlation."""


def rank_correlations(
    weights: Mapping[str, Float[Array, " pairs"]],
    functions: Mapping[str, Float[Array, " pairs"]],
    first: Int[Array, " pairs"],
    second: Int[Array, " pairs"],
    runs: Array,
    *,
    seed: int = 0,
    on_step: OnStep | None = None,
) -> pd.DataFrame:
    """Spearman's rank correlation of every distance in weights with every distance in function.

    The intervals are bootstrap percentiles over 400 draws of the runs with putting back, of the networks where there
    are fewer than 8 runs. A pair of two runs (networks) that came i and j times comes i times j times, a pair of one
    run that came i times comes i times. Pairs themselves are not drawn: they share networks, so that interval would be
    too narrow.

    Args:
        weights: distances by name.
        functions: likewise; pairs that are not finite are left out.
        first: a number below `len(runs)` for each pair, the first of its networks.
        second: likewise.
        runs: the run of each network.
        seed: of the draws.
        on_step: told the share done; it may raise to cancel.

    Returns:
        Columns `weights`, `function`, `pairs` ("all", "same run", "other runs"), `rho`, `low`, `high` (95 %) and
        `count`. Not a number for fewer than 5 pairs and for distances that are all the same.
    """
    measures = {**weights, **functions}
    finite = np.isfinite(np.stack(list(measures.values()))).all(0)
    same = runs[first] == runs[second]
    members = dict(zip(KINDS, (finite, finite & same, finite & ~same), strict=True))
    columns = [(one, other) for one in weights for other in functions]
    drawn: dict[str, list[list[float]]] = {kind: [] for kind in KINDS}
    draw = np.random.default_rng(seed)
    whole = pd.factorize(runs)[0]
    units = whole if whole.max() + 1 >= ENOUGH else np.arange(len(runs))
    for turn in range(RESAMPLES):
        times = np.bincount(draw.integers(0, units.max() + 1, units.max() + 1), minlength=units.max() + 1)[units]
        together = units[first] == units[second]
        repeats = np.where(together, times[first], times[first] * times[second])
        for kind, member in members.items():
            chosen = np.repeat(np.flatnonzero(member), repeats[member])
            drawn[kind].append(_spearman(measures, columns, chosen))
        if on_step is not None:
            on_step((turn + 1) / RESAMPLES, f"drew the runs again, {turn + 1:,} of {RESAMPLES:,} times")
    rows = []
    for kind, member in members.items():
        values = _spearman(measures, columns, np.flatnonzero(member))
        again = np.array(drawn[kind])
        for place, (one, other) in enumerate(columns):
            good = again[np.isfinite(again[:, place]), place]
            known = len(good) > RESAMPLES // 2 and np.isfinite(values[place])
            low, high = np.quantile(good, (0.025, 0.975)) if known else (np.nan, np.nan)
            facts = {"weights": one, "function": other, "pairs": kind, "rho": values[place]}
            rows.append({**facts, "low": float(low), "high": float(high), "count": int(member.sum())})
    return pd.DataFrame(rows)


def _spearman(
    measures: Mapping[str, Float[Array, " pairs"]], columns: list[tuple[str, str]], chosen: Int[Array, " chosen"]
) -> list[float]:
    """Of these pairs, for each two measures; ties share their mean rank."""
    if len(chosen) < FEWEST:
        return [np.nan] * len(columns)
    ranks = {}
    for name, values in measures.items():
        rank = rankdata(values[chosen])
        rank -= rank.mean()
        ranks[name] = rank
    found = []
    for one, other in columns:
        scale = float(np.sqrt((ranks[one] @ ranks[one]) * (ranks[other] @ ranks[other])))
        found.append(float(ranks[one] @ ranks[other]) / scale if scale > 0 else np.nan)
    return found
