"""How diverse networks are: magnitude of a selection, of the rest, and of what a flow draws."""

import numpy as np
import pandas as pd
import streamlit as st

from app_pages.frame import result_of, sentence, show
from app_pages.handles import open_alignment, open_flow, open_projection, source_of
from wsexplore.embed import Magnitude, magnitude_curve
from wsexplore.figures import magnitude_figure, magnitude_finding
from wsexplore.population import OnStep
from wsexplore.zoo import Zoo, shelf

MOST = 600
"""Networks of each cloud; the work grows with the cube of it."""
HEAVY = 10


def diversity(name: str, zoo: Zoo, rows: np.ndarray, chosen: np.ndarray) -> None:
    """Curves of the selection against the rest, and against samples of a flow of this zoo."""
    st.caption(
        "Magnitude counts how many networks of a cloud are different at a scale: 1 from afar, all of them from near. A "
        "cloud whose curve rises further left is spread out more widely."
    )
    flows = _flows_of(name)
    drawn = st.toggle(
        "Samples of the flow beside them",
        value=False,
        key="sampled",
        bind="query-params",
        disabled=not flows,
        help="As many networks drawn by the flow of this zoo, brought into the same frame.",
    )
    groups = {"selection": chosen, "the rest": np.setdiff1d(rows, chosen)} if len(chosen) else {"zoo": rows}
    groups = {label: held for label, held in groups.items() if len(held) > 2}
    if not groups:
        st.info("Three networks at least are needed; select more.")
        return
    flow = flows[0] if drawn and flows else ""

    def work(on_step: OnStep) -> dict[str, Magnitude]:
        aligned, plane = open_alignment(name), open_projection(name, "pca", "aligned")
        found, view = {}, aligned.view(zoo)
        for place, (label, held) in enumerate(groups.items()):
            on_step(place / (len(groups) + 1), f"magnitude of {label}")
            found[label] = magnitude_curve(plane.codes(view.rows(_some(held)).numpy()))
        if flow:
            on_step(0.8, "magnitude of the samples")
            fresh = open_flow(flow).sample(min(MOST, 200))
            found["samples of the flow"] = magnitude_curve(
                plane.codes(aligned.place(fresh.weights, fresh.architecture).numpy())
            )
        return found

    key = f"magnitude {zoo.fingerprint} {flow} {[hash(held.tobytes()) for held in groups.values()]}"
    with sentence():
        curves: dict[str, Magnitude] = result_of(key, "Measuring diversity", work)
    cells = st.columns(max(3, len(curves)))
    for cell, (label, curve) in zip(cells, curves.items(), strict=False):
        cell.metric(
            label[:1].upper() + label[1:],
            f"{curve.area:.2f}",
            help=f"Area under the curve, 0 to 1. {curve.sentence}.",
        )
    show(
        magnitude_figure(curves),
        key="magnitude",
        alt=magnitude_finding(curves),
        table=pd.concat(
            [
                pd.DataFrame({"cloud": label, "scale": curve.scales, "magnitude": curve.values})
                for label, curve in curves.items()
            ],
            ignore_index=True,
        ),
    )
    first = next(iter(groups))
    curve, own = curves[first], _some(groups[first])[curves[first].rows]
    heavy = np.argsort(-curve.weighting())[:HEAVY]
    st.caption(f"The networks of the {first} that add most to its diversity: those at its boundary, and the isolated.")
    st.dataframe(
        zoo.table.iloc[own[heavy]].assign(weight=curve.weighting()[heavy])[["id", "run", "epoch", "weight"]],
        hide_index=True,
        key="heavy",
        column_config={"weight": st.column_config.NumberColumn("weight", format="%.3f")},
    )


def _some(rows: np.ndarray) -> np.ndarray:
    """At most `MOST` rows, drawn with a fixed seed."""
    return rows if len(rows) <= MOST else np.sort(np.random.default_rng(0).choice(rows, MOST, replace=False))


def _flows_of(name: str) -> list[str]:
    """Flows that were fitted to this zoo."""
    found = []
    for flow in shelf("flows"):
        try:
            found += [flow] if source_of(flow) == name else []
        except ValueError:
            continue
    return found
