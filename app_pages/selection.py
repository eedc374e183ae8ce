"""The networks inside the drawn region: their numbers, their curves, and the way to the other pages."""

import numpy as np
import streamlit as st

from app_pages.frame import show
from wsexplore.embed import polygon_text
from wsexplore.figures import runs_figure
from wsexplore.zoo import Zoo

COLUMNS = ("id", "label", "psnr", "test_accuracy", "test_loss", "epoch", "lr", "optimizer", "init", "label_noise")
COLUMNS += ("data_share", "run")
RUNS = 80
"""Most runs whose curves are drawn."""


def keep_polygon() -> None:
    """Write the drawn outline into the text field, which is also its place in the link."""
    drawn = st.session_state["map"]["selection"]
    shapes = list(drawn.get("lasso") or []) + list(drawn.get("box") or [])
    if not shapes:
        return
    xs, ys = list(shapes[0]["x"]), list(shapes[0]["y"])
    if len(xs) == 2:
        xs, ys = [xs[0], xs[1], xs[1], xs[0]], [ys[0], ys[0], ys[1], ys[1]]
    st.session_state["region"] = polygon_text(xs, ys)


def selected_networks(zoo: Zoo, rows: np.ndarray, chosen: np.ndarray) -> int:
    """Show the selection, or the best networks while there is none; return the row of the first."""
    table = zoo.table
    st.header("Selected networks")
    if len(chosen) == 0:
        chosen = rows
        st.caption("Nothing is selected, so this is every network on the map. Draw a lasso or a box to narrow it.")
    if "test_accuracy" in table:
        chosen = chosen[np.argsort(-table["test_accuracy"].to_numpy()[chosen], kind="stable")]
    picked = table.iloc[chosen]
    cells = st.columns(4)
    cells[0].metric("Networks", f"{len(picked):,}")
    cells[1].metric("Runs", f"{picked['run'].nunique():,}")
    if "test_accuracy" in picked:
        cells[2].metric("Mean test accuracy", f"{picked['test_accuracy'].mean():.1%}")
        cells[3].metric("Best test accuracy", f"{picked['test_accuracy'].max():.1%}")
    left, right = st.columns([1.35, 1])
    with left:
        ticked = st.dataframe(
            picked[[column for column in COLUMNS if column in picked]],
            hide_index=True,
            height=340,
            key="selected",
            on_select="rerun",
            selection_mode="multi-row",
        )["selection"]["rows"]
        _hand_over([str(picked["id"].iloc[row]) for row in ticked if row < len(picked)], zoo, chosen)
    with right:
        if "test_accuracy" in table:
            lengths = table.groupby("run")["epoch"].nunique()
            longest = lengths.loc[picked["run"].unique()].sort_values(ascending=False, kind="stable").index[:RUNS]
            runs = table[table["run"].isin(longest)]
            show(
                runs_figure(runs),
                key="curves",
                alt=f"Test accuracy by epoch of {runs['run'].nunique()} runs in the selection",
                table=runs[["id", "run", "epoch", "test_accuracy"]],
            )
    return int(chosen[ticked[0]]) if ticked and ticked[0] < len(chosen) else int(chosen[0])


def _hand_over(ticked: list[str], zoo: Zoo, chosen: np.ndarray) -> None:
    """Links that take two networks to the pages for pairs."""
    best = zoo.table.iloc[chosen].drop_duplicates("run")["id"]
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
