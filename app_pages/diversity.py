"""How diverse networks are: magnitude of a selection, of the rest, and of what a flow draws."""

from collections.abc import Callable
from hashlib import sha256

import numpy as np
import pandas as pd
import streamlit as st

from app_pages.encoders import encoders_of
from app_pages.frame import sentence, show
from app_pages.handles import open_alignment, open_encoder, open_flow, open_projection, source_of, stamp
from app_pages.link import check_link
from app_pages.pick import data_of
from app_pages.work import result_of
from wsexplore.embed import Magnitude, magnitude_curve, sample_encoder
from wsexplore.embed.magnitude import common_scale
from wsexplore.figures import magnitude_figure, magnitude_finding
from wsexplore.jobs import Progress
from wsexplore.population import OnStep
from wsexplore.zoo import Zoo, shelf

MOST = 600
"""Networks of each cloud; the work grows with the cube of it."""
HEAVY = 10
NOTHING = "nothing"


def diversity(name: str, zoo: Zoo, rows: np.ndarray, chosen: np.ndarray) -> None:
    """Curves of the selection against the rest, and against samples of a flow or an encoder of this zoo."""
    st.caption(
        "Magnitude counts how many networks of a cloud are different at a scale: 1 from afar, all of them from near. A "
        "cloud whose curve rises further left is spread out more widely."
    )
    offered = [NOTHING, *(f"flow {one}" for one in _flows_of(name)), *(f"encoder {one}" for one in encoders_of(zoo))]
    check_link("sampled", [_said(one) for one in offered], "samples")
    drawn = st.selectbox(
        "Samples beside them",
        offered,
        key="sampled",
        bind="query-params",
        format_func=_said,
        help=f"As many networks as the first cloud has, {MOST} at most, drawn by a flow of this zoo, or near the "
        "latents of that cloud by an encoder, and brought into the same frame.",
    )
    groups = {"selection": chosen, "the rest": np.setdiff1d(rows, chosen)} if len(chosen) else {"zoo": rows}
    groups = {label: held for label, held in groups.items() if len(held) > 2}
    if not groups:
        st.info("Three networks at least are needed; select more.")
        return
    sampler = _sampler(drawn, name, zoo, next(iter(groups.values()))) if drawn != NOTHING else None

    def work(progress: Progress) -> dict[str, Magnitude]:
        aligned, plane = open_alignment(name), open_projection(name, "pca", "aligned")
        found, view = {}, aligned.view(zoo)
        for place, (label, held) in enumerate(groups.items()):
            progress(0.6 * place / len(groups), f"magnitude of {label}")
            found[label] = magnitude_curve(plane.codes(view.rows(_some(held)).numpy()))
        if sampler is not None:
            fresh = sampler(lambda f, m: progress(0.6 + 0.3 * f, m))
            progress(0.9, "magnitude of the samples")
            placed = aligned.place(fresh.weights, fresh.architecture)
            found[f"samples of the {drawn.partition(' ')[0]}"] = magnitude_curve(plane.codes(placed.numpy()))
        return found

    told = [(label, sha256(held.tobytes()).hexdigest()) for label, held in groups.items()]
    kind, _, called = drawn.partition(" ")
    frame = stamp("alignments", name), stamp("projections", name, "pca-aligned"), stamp(f"{kind}s", called)
    key = f"magnitude {zoo.fingerprint} {frame} {drawn} {told}"
    with sentence():
        curves: dict[str, Magnitude] = result_of(key, "Measuring diversity", work)
    top = common_scale(curves.values())
    cells = st.columns(max(3, len(curves)))
    for cell, (label, curve) in zip(cells, curves.items(), strict=False):
        cell.metric(
            label[:1].upper() + label[1:],
            f"{curve.area_to(top):.2f}",
            help=f"Share of the networks told apart, averaged over the scales from 0 to {top:.3g}, which are the same "
            f"for all clouds: the wider one has more. Half are told apart at a distance of {1 / curve.half:.3g}. "
            f"{curve.sentence}.",
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
    weights = curve.weighting()
    heavy = np.argsort(-weights)[:HEAVY]
    st.caption(f"The networks of the {first} that add most to its diversity: those at its boundary, and the isolated.")
    st.dataframe(
        zoo.table.iloc[own[heavy]].assign(weight=weights[heavy])[["id", "run", "epoch", "weight"]],
        hide_index=True,
        key="heavy",
        column_config={"weight": st.column_config.NumberColumn("weight", format="%.3f")},
    )


def _some(rows: np.ndarray) -> np.ndarray:
    """At most `MOST` rows, drawn with a fixed seed."""
    return rows if len(rows) <= MOST else np.sort(np.random.default_rng(0).choice(rows, MOST, replace=False))


def _said(drawn: str) -> str:
    """What a choice is called, in the picker and in the link."""
    return drawn.capitalize() if drawn == NOTHING else f"Samples of the {drawn}"


def _sampler(drawn: str, name: str, zoo: Zoo, rows: np.ndarray) -> Callable[[OnStep], Zoo]:
    """What draws as many networks as `rows` has, `MOST` at most; all handles are opened here."""
    kind, _, called = drawn.partition(" ")
    count = min(len(rows), MOST)
    if kind == "flow":
        flow = open_flow(called)
        return lambda on_step: flow.sample(count, on_step=on_step)
    encoder, aligned = open_encoder(called), open_alignment(name)
    data = None if zoo.architecture.task == "field" else data_of(zoo)
    return lambda on_step: sample_encoder(
        encoder, aligned.view(zoo).select(_some(rows)), count, data=data, on_step=on_step
    )


def _flows_of(name: str) -> list[str]:
    """Flows that were fitted to this zoo."""
    found = []
    for flow in shelf("flows"):
        try:
            found += [flow] if source_of(flow) == name else []
        except ValueError:
            continue
    return found
