"""What two selections of networks differ in: columns of the table, and layers of the weights."""

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from numpy import ndarray as Array

from wsexplore.nets import Layout

VALUES = 20
"""Texts with more values than this are names, and not compared."""

SKIPPED = ("id", "run", "seed")
"""Columns that number the networks."""


def column_contrast(table: pd.DataFrame, first: Int[Array, " first"], second: Int[Array, " second"]) -> pd.DataFrame:
    r"""How far two selections lie apart in each column, the largest difference first.

    For numbers $(\bar a - \bar b) / \sqrt{(s_a^2 + s_b^2) / 2}$ (Cohen's d); for texts the same of the share of the
    value that differs most, whose variance is $p (1 - p)$. Where neither selection varies, the spread of both taken
    together stands below the fraction.

    Args:
        table: of the zoo.
        first: rows of one selection.
        second: rows of the other.

    Returns:
        A row per column that varies: `column`, `value` (the text whose share is told, else ""), `difference`, `first`
        and `second` (mean or share), `first_networks` and `second_networks` (those with a value).

    Raises:
        ValueError: a selection is empty.
    """
    if len(first) == 0 or len(second) == 0:
        raise ValueError("a comparison needs two selections that hold at least one network each")
    rows: list[dict[str, object]] = []
    for column in table.columns:
        if column in SKIPPED:
            continue
        values = table[column]
        number = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
        numbers = values.to_numpy(float, na_value=np.nan) if number else None
        ours = numbers[first] if numbers is not None else values.iloc[first].astype(str).to_numpy()
        theirs = numbers[second] if numbers is not None else values.iloc[second].astype(str).to_numpy()
        found = _of_numbers(ours, theirs) if numbers is not None else _of_texts(ours, theirs)
        if found is not None:
            rows.append({"column": column, **found})
    names = ["column", "value", "difference", "first", "second", "first_networks", "second_networks"]
    frame = pd.DataFrame(rows, columns=names)
    return frame.sort_values("difference", key=lambda column: -column.abs(), kind="stable", ignore_index=True)


def _of_numbers(ours: Float[Array, " first"], theirs: Float[Array, " second"]) -> dict[str, object] | None:
    ours, theirs = ours[np.isfinite(ours)], theirs[np.isfinite(theirs)]
    if len(ours) == 0 or len(theirs) == 0:
        return None
    whole = np.concatenate([ours, theirs])
    if whole.min() == whole.max():
        return None
    spread = np.sqrt((ours.var() + theirs.var()) / 2)
    if spread <= 1e-9 * np.abs(whole).max():
        spread = whole.std()
    difference = float((ours.mean() - theirs.mean()) / spread)
    return _told("", difference, float(ours.mean()), float(theirs.mean()), len(ours), len(theirs))


def _of_texts(ours: Array, theirs: Array) -> dict[str, object] | None:
    kinds = np.unique(np.concatenate([ours, theirs]).astype(str))
    if not 2 <= len(kinds) <= VALUES:
        return None
    best: dict[str, object] | None = None
    for kind in kinds:
        share, other = float((ours == kind).mean()), float((theirs == kind).mean())
        spread = np.sqrt((share * (1 - share) + other * (1 - other)) / 2)
        difference = (share - other) / spread if spread > 0 else 2.0 * (share - other)
        told = _told(str(kind), float(difference), share, other, len(ours), len(theirs))
        if best is None or abs(difference) > abs(float(str(best["difference"]))):
            best = told
    return best


def _told(value: str, difference: float, first: float, second: float, ours: int, theirs: int) -> dict[str, object]:
    return {
        "value": value,
        "difference": difference,
        "first": first,
        "second": second,
        "first_networks": ours,
        "second_networks": theirs,
    }


def layer_contrast(
    first: Float[Array, "first parameters"], second: Float[Array, "second parameters"], layout: Layout
) -> pd.DataFrame:
    r"""How far the mean weights of two selections lie apart in each parameter, over the spread within them.

    $\sqrt{\sum_i (\bar a_i - \bar b_i)^2} / \sqrt{\sum_i (s_{a,i}^2 + s_{b,i}^2) / 2}$ over the numbers of one
    parameter. Two draws from one population come out near $\sqrt{1 / n_a + 1 / n_b}$, which is told as `chance`.
    Weights should be aligned, or else the mean of permuted networks says little.

    Returns:
        A row per parameter, the largest distance first: `parameter`, `distance`, `chance`, `numbers`.

    Raises:
        ValueError: a selection holds fewer than two networks.
    """
    if min(len(first), len(second)) < 2:
        raise ValueError("layers are compared between selections of at least two networks each")
    apart = np.square(first.mean(0, dtype=np.float64) - second.mean(0, dtype=np.float64))
    within = (first.var(0, ddof=1, dtype=np.float64) + second.var(0, ddof=1, dtype=np.float64)) / 2
    chance = float(np.sqrt(1 / len(first) + 1 / len(second)))
    rows = []
    for slot in layout.slots:
        part = slice(slot.start, slot.stop)
        spread = np.sqrt(within[part].sum())
        distance = np.sqrt(apart[part].sum()) / spread if spread > 0 else 0.0
        rows.append({"parameter": slot.name, "distance": distance, "chance": chance, "numbers": slot.stop - slot.start})
    frame = pd.DataFrame(rows, columns=["parameter", "distance", "chance", "numbers"])
    return frame.sort_values("distance", ascending=False, kind="stable", ignore_index=True)
