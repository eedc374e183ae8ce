"""Method by method: what each matching reaches, what it costs, and what it leaves of the barrier."""

import pandas as pd
import streamlit as st

from app_pages.frame import recipe, show
from app_pages.matched import compared
from app_pages.pair import Pair
from app_pages.plain import plain
from wsexplore.align import METHODS
from wsexplore.figures import methods_figure
from wsexplore.landscape import QUICK

REPAIRED = {
    "none": "The networks between are judged as they are.",
    "reset": "In the networks between running statistics are measured anew.",
    "repair": "The networks between are repaired: every channel has the spread that it has at the ends (REPAIR).",
}
"""What was done to the networks between, as the caption tells of it."""

SECONDS = 8e-4
"""Of the slow methods together, per weight: measured on small networks, on one processor."""


def method_by_method(pair: Pair) -> None:
    """The quick methods at once, the others on demand."""
    if pair.zoo.architecture.task == "field":
        st.info("Methods are compared by the barrier they leave, and these networks are pictures without classes.")
        return
    found = compared(pair, tuple(method for method in QUICK if method in METHODS))
    frame, recipes = found.frame, [found.recipe]
    slow = tuple(method for method in METHODS if method not in QUICK)
    asked = f"{pair.name} {pair.ids} {pair.canonical} {pair.repair}"
    if slow:
        names, seconds = (
            " and ".join([", ".join(slow[:-1]), slow[-1]] if len(slow) > 1 else slow),
            max(1.0, SECONDS * pair.zoo.architecture.layout.size),
        )
        chart, button = st.container(), st.container()
        wanted = st.session_state.get("slow-methods") == asked
        if not wanted and button.button(
            f"Try {names}, too", key="try-slow", help=f"They train: about {seconds:.0f} s."
        ):
            st.session_state["slow-methods"] = asked
            wanted = True
        if wanted:
            with button:
                more = compared(pair, slow)
            frame = pd.concat([frame, more.frame.iloc[1:]], ignore_index=True)
            recipes.append(more.recipe)
    else:
        chart = st.container()
    frame = frame.assign(method=["as trained", *frame["method"].iloc[1:]])
    best = frame.loc[frame["barrier"].idxmin()]
    raw = frame["barrier"].iloc[0]
    with chart:
        show(
            methods_figure(frame),
            key="methods",
            alt=f"Of {len(frame) - 1} methods {best['method']} leaves the lowest barrier, {best['barrier']:.3f} nats; "
            f"as trained it is {raw:.3f} nats",
            table=frame,
        )
        st.caption(
            f"One row per method, from {plain(found.first)} to {plain(found.second)}. The objective is the inner "
            "product of the two weight vectors; a star marks the best of each column. A higher objective promises no "
            "lower barrier: one is about weights, the other about what the networks between say. "
            f"{REPAIRED[pair.repair]}"
        )
    st.dataframe(
        frame.assign(
            what=["the second network as it is", *(METHODS[method].description for method in frame["method"].iloc[1:])]
        ),
        hide_index=True,
        key="methods-told",
        column_config={
            "objective": st.column_config.NumberColumn(format="%.2f"),
            "seconds": st.column_config.NumberColumn("time (s)", format="%.3f"),
            "barrier": st.column_config.NumberColumn("barrier (nats)", format="%.4f"),
            "accuracy_half_way": st.column_config.NumberColumn("accuracy half-way", format="percent"),
        },
    )
    for one in recipes:
        recipe(one)
