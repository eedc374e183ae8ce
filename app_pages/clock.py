"""All runs on one clock: where each network is at the same epoch."""

import numpy as np
import pandas as pd
import streamlit as st

from app_pages.frame import show
from app_pages.plane import axis_labels
from app_pages.trusted import target_of
from app_pages.view import ERROR, View
from wsexplore.embed import Projection
from wsexplore.figures import epochs_figure, is_number
from wsexplore.zoo import Zoo

RUNS = 600
"""Most runs that move."""


def common_clock(zoo: Zoo, view: View, projection: Projection, rows: np.ndarray, chosen: np.ndarray) -> None:
    """The moving map of the runs that meet the filter; those of the selection are ringed."""
    colour = _column(zoo, view)
    table = zoo.entries.part(list(dict.fromkeys(["run", "epoch", colour]))).iloc[rows]
    runs, counts = np.unique(table["run"].to_numpy(), return_counts=True)
    picked = np.unique(zoo.entries.part(["run"])["run"].to_numpy()[chosen])
    moving = runs[counts > 1]
    if len(moving) < 1 or table["epoch"].nunique() < 2:
        st.info("No run has two checkpoints among these networks. Clear the filter to see runs move.")
        return
    first = moving[np.isin(moving, picked)][:RUNS]
    rest = moving[~np.isin(moving, first)]
    some = rest[:: max(1, -(-len(rest) // max(1, RUNS - len(first))))][: RUNS - len(first)]
    drawn = np.sort(np.concatenate([first, some]))
    known = np.isin(table["run"].to_numpy(), drawn)
    epochs, places, values = clocked(table[known], projection.points[rows[known]], drawn, colour)
    ringed = np.isin(drawn, picked) if len(picked) and len(picked) < len(runs) else None
    gone = np.linalg.norm(np.diff(places, axis=0), axis=2).mean(1)
    fastest = int(gone.argmax())
    finding = (
        f"{len(drawn):,} runs from epoch {epochs[0]:g} to {epochs[-1]:g}; they move most from epoch "
        f"{epochs[fastest]:g} to {epochs[fastest + 1]:g}, {gone[fastest] / max(gone.sum(), 1e-12):.0%} of the way"
    )
    show(
        epochs_figure(places, values, epochs, colour=colour, labels=axis_labels(projection)[:2], chosen=ringed),
        key="clock",
        alt=finding,
        table=pd.DataFrame(
            {
                "run": np.tile(drawn, len(epochs)),
                "epoch": np.repeat(epochs, len(drawn)),
                "x": places[..., 0].ravel(),
                "y": places[..., 1].ravel(),
                colour: values.ravel(),
            }
        ),
    )
    ring = " Rings: runs of the selection." if ringed is not None else ""
    st.caption(
        f"{finding}. {len(drawn):,} of {len(moving):,} runs with checkpoints are drawn. Between two checkpoints points "
        f"move straight, which is only drawn; before its first and after its last a run stands still.{ring}"
    )


def clocked(
    table: pd.DataFrame, points: np.ndarray, runs: np.ndarray, colour: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Epochs that any run has, and each run's place and value there."""
    epochs = np.unique(table["epoch"].to_numpy(float))
    order = np.lexsort([table["epoch"].to_numpy(), table["run"].to_numpy()])
    told, at = table["run"].to_numpy()[order], table["epoch"].to_numpy(float)[order]
    columns = np.column_stack([points[order], table[colour].to_numpy(float, na_value=np.nan)[order]])
    found = np.empty((len(epochs), len(runs), 3), np.float32)
    starts, ends = np.searchsorted(told, runs), np.searchsorted(told, runs, side="right")
    for place, (start, end) in enumerate(zip(starts, ends, strict=True)):
        for column in range(3):
            found[:, place, column] = np.interp(epochs, at[start:end], columns[start:end, column])
    return epochs, found[..., :2], found[..., 2]


def _column(zoo: Zoo, view: View) -> str:
    """The column that colours the map where it is a number, else the metric."""
    if view.colour != ERROR and is_number(zoo.entries.part([view.colour])[view.colour]):
        return view.colour
    return target_of(zoo.columns) or "epoch"
