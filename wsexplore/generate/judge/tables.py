"""The tables of a report, from the populations that were judged."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Shaped
from numpy import ndarray as Array

from wsexplore.embed.magnitude import Magnitude, common_scale, magnitude_curve
from wsexplore.generate.judge.bench import Bench, Judged

POINT = 1e-3
"""A population is one point where it reaches no further than this share of the zoo's reach."""

POINTS = 200
"""Networks that a curve of magnitude is computed of, at most."""


def rows_of(judged: dict[str, Judged], name: str, bench: Bench, magnitudes: dict[str, Magnitude]) -> pd.DataFrame:
    """The report's main table: a row per generator."""
    own, flow = judged["zoo"], judged[name]
    between = float(np.median(own.near.distance))
    end = common_scale(magnitudes.values()) if magnitudes else 1.0
    rows = []
    for generator, one in judged.items():
        distance = float(np.median(one.near.distance))
        rows.append(
            {
                "generator": generator,
                "models": len(one.networks),
                **bench.judge.columns(one.seen, own.seen),
                "nearest_distance": distance,
                "closest_distance": float(one.near.distance.min()),
                "own_distance": between,
                "novelty": distance / between if between > 0 else float("nan"),
                "dispersion": one.dispersion,
                "matched": one.matched,
                "scale": one.scale,
                **bench.judge.compared(one.seen, flow.seen),
                "nearest_cosine": float(np.median(one.cosine)),
                "reached": len(np.unique(one.near.row)) / len(one.near.row),
                **_covered(one),
                "magnitude": magnitudes[generator].area_to(end) if generator in magnitudes else float("nan"),
                **bench.judge.more_columns(one.seen),
            }
        )
    return pd.DataFrame(rows)


def _covered(one: Judged) -> dict[str, Any]:
    found = one.coverage
    if found is None:
        return {**dict.fromkeys(("coverage", "density", "mmd", "mmd_p"), np.nan), "compared_with": 0}
    return {
        "coverage": found.coverage,
        "density": found.density,
        "mmd": found.mmd,
        "mmd_p": found.p_value,
        "compared_with": found.networks,
    }


def magnitudes_of(judged: dict[str, Judged], together: int, seed: int) -> dict[str, Magnitude]:
    """A curve per generator, of equally many networks; none for a population that is smaller or is one point."""
    count, found = min(together, POINTS), {}
    least = POINT * float(np.ptp(judged["zoo"].places, axis=0).max())
    for generator, one in judged.items():
        places = one.places[:count].astype(np.float64)
        if 1 < len(places) == count and np.ptp(places, axis=0).max() > least:
            curve = magnitude_curve(places, seed=seed)
            found[generator] = replace(curve, scales=_rounded(curve.scales))
    return found


def _rounded(scales: Float[Array, " scales"]) -> Float[Array, " scales"]:
    """To nine digits, so that the ends of two clouds of the same points are equal, not a last bit apart."""
    digits = 10.0 ** (8 - np.floor(np.log10(scales)))
    found: Float[Array, " scales"] = np.round(scales * digits) / digits
    return found


def networks_of(judged: dict[str, Judged], bench: Bench) -> pd.DataFrame:
    """A row per network of every generator."""
    parts = [
        pd.DataFrame(
            {
                "generator": generator,
                "id": one.networks.table["id"].to_numpy(),
                **bench.judge.per_network(one.seen),
                "distance": one.near.distance.astype(float),
                "cosine": one.cosine.astype(float),
            }
        )
        for generator, one in judged.items()
    ]
    return pd.concat(parts, ignore_index=True)


def distances_of(judged: dict[str, Judged], name: str) -> pd.DataFrame:
    """Distances to the training networks of the samples, of networks kept out, and of the training networks."""
    named = {"samples": name, "held out": "held_out", "zoo": "zoo"}
    parts = [
        pd.DataFrame({"population": said, "distance": judged[key].near.distance.astype(float)})
        for said, key in named.items()
        if key in judged
    ]
    return pd.concat(parts, ignore_index=True)


def reached_of(flow: Judged, ids: Shaped[Array, " models"]) -> pd.DataFrame:
    """How many samples each training network is nearest to, and how near the nearest of them is."""
    counts = np.bincount(flow.near.row, minlength=len(ids))
    nearest = np.full(len(ids), np.inf)
    np.minimum.at(nearest, flow.near.row, flow.near.distance.astype(float))
    return pd.DataFrame({"id": ids, "samples": counts, "distance": np.where(counts > 0, nearest, np.nan)})
