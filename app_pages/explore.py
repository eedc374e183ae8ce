"""The table of a zoo: filtered, counted, compared, and a way to each network."""

import numpy as np
import pandas as pd
import streamlit as st

from app_pages.frame import recipe, sentence, show
from app_pages.link import check_link
from app_pages.plain import plain
from wsexplore.embed import thinned
from wsexplore.figures import histogram_figure, is_number, parallel_figure, varying
from wsexplore.zoo import Zoo

ROWS = 5000
"""Most rows of the table that are sent to the browser."""

LINES = 600
"""Most networks that are drawn as lines."""

TARGETS = ("test_accuracy", "psnr", "val_accuracy", "test_loss", "mse", "train_accuracy")
"""Metrics that colour the lines, the first that the zoo has."""

HIDDEN = ("id", "run", "seed", "dataset", "train_loss", "train_accuracy", "test_loss", "generalization_gap", "mse")
"""Columns that are no hyper-parameter."""

AXES = 9
"""Most axes of parallel coordinates."""


def explore(zoo: Zoo) -> None:
    """Filter, table, histogram and parallel coordinates of one zoo."""
    st.header("What is in it?", anchor=False)
    where = st.text_input(
        "Filter",
        key="where",
        bind="query-params",
        placeholder="test_accuracy > 0.9 and optimizer = 'adam'",
        help=f"An SQL predicate over the columns: {plain(', '.join(zoo.columns))}.",
    )
    with sentence():
        view = zoo.select(where) if where.strip() else zoo
    if len(view) == 0:
        st.info("No network meets the filter. Loosen it, or clear it to see the whole zoo.")
        st.stop()
    chosen = view.table
    _numbers(chosen, len(zoo))
    _table(chosen)
    _histogram(chosen)
    _parallel(chosen)
    recipe(zoo.recipe)


def _numbers(chosen: pd.DataFrame, whole: int) -> None:
    cells = st.columns(4)
    share = f"of {whole:,}" if len(chosen) < whole else None
    cells[0].metric("Networks", f"{len(chosen):,}", share, delta_color="off", delta_arrow="off")
    cells[1].metric("Runs", f"{chosen['run'].nunique():,}")
    for column, title, unit in (("test_accuracy", "test accuracy", "{:.1%}"), ("psnr", "PSNR", "{:.1f} dB")):
        if column in chosen and chosen[column].notna().any():
            cells[2].metric(f"Median {title}", unit.format(chosen[column].median()))
            cells[3].metric(f"Best {title}", unit.format(chosen[column].max()))
            return


def _table(chosen: pd.DataFrame) -> None:
    """The first rows; a ticked one leads to its network."""
    drawn = chosen.head(ROWS)
    percent = [column for column in drawn if column.endswith("accuracy") and is_number(drawn[column])]
    ticked = st.dataframe(
        drawn,
        hide_index=True,
        height=320,
        key="networks",
        on_select="rerun",
        selection_mode="single-row",
        column_config={column: st.column_config.NumberColumn(format="percent") for column in percent},
    )["selection"]["rows"]
    more = f"The first {ROWS:,} of {len(chosen):,} rows. " if len(drawn) < len(chosen) else ""
    if ticked and ticked[0] < len(drawn):
        network = str(drawn["id"].iloc[ticked[0]])
        with st.container(horizontal=True, vertical_alignment="center"):
            st.page_link(
                "app_pages/network.py",
                label=f"Open network {plain(network)}",
                icon=":material/hub:",
                query_params={"a": network},
                width="content",
            )
            st.caption(more, width="content")
    else:
        st.caption(f"{more}Tick a row to open its network.")


def _histogram(chosen: pd.DataFrame) -> None:
    st.subheader("One column", anchor=False)
    columns = [column for column in chosen.columns if column != "id"]
    check_link("column", columns, "column")
    check_link("by", ["nothing", *columns], "column")
    left, right, _ = st.columns([1, 1, 2])
    start = next((columns.index(name) for name in TARGETS if name in columns), 0)
    column = left.selectbox("Column", columns, start, key="column", bind="query-params", help="What the bars count.")
    by = right.selectbox(
        "Coloured by", ["nothing", *columns], key="by", bind="query-params", help="Cuts every bar by another column."
    )
    colour = None if by in ("nothing", column) else by
    values = chosen[column]
    middle = f", median {values.median():.3g}" if is_number(values) and values.notna().any() else ""
    show(
        histogram_figure(chosen, column, colour=colour),
        key="histogram",
        alt=f"{column} of {len(chosen):,} networks{middle}" + (f", coloured by {colour}" if colour else ""),
        table=values.value_counts().reset_index(),
    )


def _parallel(chosen: pd.DataFrame) -> None:
    st.subheader("What makes the difference", anchor=False)
    target = next((name for name in TARGETS if name in chosen and chosen[name].notna().any()), None)
    last = chosen.loc[chosen.groupby("run")["epoch"].idxmax()]
    axes = [name for name in varying(last, leave_out=HIDDEN) if name != target][:AXES]
    if target is None or not axes:
        st.caption("The networks differ in no hyper-parameter, or nothing was measured: there is nothing to compare.")
        return
    drawn = last.iloc[thinned(np.arange(len(last)), LINES)]
    show(
        parallel_figure(drawn, axes, target=target),
        key="parallel",
        alt=f"{len(drawn):,} runs as lines through {', '.join(axes)}, coloured by {target}",
        table=drawn[["id", *axes, target]],
    )
    some = f"{len(drawn):,} of {len(last):,} runs drawn, " if len(drawn) < len(last) else "One line per run, "
    st.caption(
        f"{some}at its last checkpoint. Drag along an axis to keep only some lines; drag its name to move it. Columns "
        "that do not vary are left out."
    )
