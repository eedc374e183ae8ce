"""The networks inside the drawn region: their numbers, their curves, and the way to the other pages."""

import numpy as np
import pandas as pd
import streamlit as st

from app_pages.frame import show
from wsexplore.figures import runs_figure
from wsexplore.zoo import Zoo

COLUMNS = ("id", "label", "psnr", "test_accuracy", "test_loss", "epoch", "lr", "optimizer", "init", "label_noise")
COLUMNS += ("data_share", "run")
RUNS = 80
"""Most runs whose curves are drawn."""

ALL = 50_000
"""Networks of a selection up to which the curves are chosen from all of its runs, not from those that are listed."""

LISTED = 1000
"""Most networks that the table lists."""


def selection_numbers(zoo: Zoo, rows: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """How many networks are selected and how good they are; return the rows to list, the best first.

    Without a selection these are all networks on the map.
    """
    st.header("Selected networks")
    if len(chosen) == 0:
        chosen = rows
        st.caption("Nothing is selected, so this is every network on the map. Draw a lasso or a box to narrow it.")
    runs = zoo.entries.part(["run"])["run"].to_numpy()
    cells = st.columns(4)
    cells[0].metric("Networks", f"{len(chosen):,}")
    cells[1].metric("Runs", f"{len(np.unique(runs[chosen])):,}")
    if "test_accuracy" not in zoo.columns:
        return chosen[:LISTED]
    accuracy = zoo.entries.part(["test_accuracy"])["test_accuracy"].to_numpy(float)[chosen]
    known = accuracy[np.isfinite(accuracy)]
    cells[2].metric("Mean test accuracy", f"{known.mean():.1%}" if len(known) else "none")
    cells[3].metric("Best test accuracy", f"{known.max():.1%}" if len(known) else "none")
    return chosen[_best(accuracy)]


def selected_networks(zoo: Zoo, chosen: np.ndarray, listed: np.ndarray) -> int:
    """List some of the selection, draw their curves, and lead on from two; return the row of the first."""
    columns = set(zoo.columns)
    picked = zoo.entries.part([column for column in COLUMNS if column in columns]).iloc[listed]
    left, right = st.columns([1.35, 1])
    with left:
        ticked = st.dataframe(
            picked,
            hide_index=True,
            height=340,
            key="selected",
            on_select="rerun",
            selection_mode="multi-row",
        )["selection"]["rows"]
        if len(listed) < len(chosen):
            best = "best" if "test_accuracy" in columns else "first"
            st.caption(f"The {best} {len(listed):,} of {len(chosen):,} networks; the numbers above use all.")
        _hand_over([str(picked["id"].iloc[row]) for row in ticked if row < len(picked)], picked)
    with right:
        if "test_accuracy" in columns:
            _curves(zoo, chosen if len(chosen) <= ALL else listed)
    return int(listed[ticked[0]]) if ticked and ticked[0] < len(listed) else int(listed[0])


def _best(accuracy: np.ndarray) -> np.ndarray:
    """Places of the largest values, in order; a value that is no number comes last."""
    worst = np.where(np.isfinite(accuracy), -accuracy, np.inf)
    some = np.argpartition(worst, LISTED)[:LISTED] if len(worst) > LISTED else np.arange(len(worst))
    some = np.sort(some)
    ordered: np.ndarray = some[np.argsort(worst[some], kind="stable")]
    return ordered


def _curves(zoo: Zoo, rows: np.ndarray) -> None:
    """Curves of the runs with the most checkpoints."""
    runs = zoo.entries.part(["run"])["run"].to_numpy()
    asked = pd.unique(runs[rows])
    held = np.flatnonzero(np.isin(runs, asked))
    lengths = pd.Series(runs[held]).value_counts().reindex(asked)
    longest = lengths.sort_values(ascending=False, kind="stable").index[:RUNS]
    table = zoo.entries.part(["id", "run", "epoch", "test_accuracy"]).iloc[held[np.isin(runs[held], longest)]]
    show(
        runs_figure(table),
        key="curves",
        alt=f"Test accuracy by epoch of {len(longest)} runs in the selection, up to {table['test_accuracy'].max():.1%}",
        table=table,
    )


def _hand_over(ticked: list[str], listed: pd.DataFrame) -> None:
    """Links that take two networks to the pages for pairs."""
    best = listed.drop_duplicates("run")["id"]
    pair = (ticked + [str(other) for other in best if other not in ticked])[:2]
    if len(pair) < 2:
        st.caption("Select at least two networks to compare them.")
        return
    query = {"a": pair[0], "b": pair[1]}
    left, right, words = st.columns([1, 1, 2], vertical_alignment="center")
    left.page_link(
        "app_pages/align.py",
        label="Align them",
        icon=":material/join_inner:",
        help="Take these two to the Align page.",
        query_params=query,
    )
    right.page_link(
        "app_pages/interpolate.py",
        label="Walk between",
        icon=":material/timeline:",
        help="Take these two to the Interpolate page.",
        query_params=query,
    )
    words.caption(f"{pair[0]} and {pair[1]}" + ("" if len(ticked) >= 2 else "; tick two rows to choose others"))
