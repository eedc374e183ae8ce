"""Where samples come from and where they fall, on the map of the zoo."""

import numpy as np
import pandas as pd
import streamlit as st

from app_pages.drawing import Drawn
from app_pages.frame import show
from app_pages.handles import open_projection
from app_pages.inside import MAPS, Within
from app_pages.link import check_link
from app_pages.plane import axis_labels
from wsexplore.figures.sampling import fallen_figure, travel_figure, travel_finding
from wsexplore.figures.wall import tile_text

VIEWS = {"way": "On their way", "place": "Where they fall"}


def travel(home: str, drawn: Drawn, within: Within, goal: float | None) -> None:
    """The map with the samples: moving through the solver's time, or where they ended beside what is nearest.

    Args:
        home: name of the zoo.
        drawn: the samples.
        within: the region they fell into.
        goal: mean test accuracy of the networks that the flow was fitted on.
    """
    left, right = st.columns([2, 1.2], vertical_alignment="bottom")
    left.subheader("From noise to network")
    check_link("watch", list(VIEWS.values()), "view of the map")
    with right:
        view = st.segmented_control(
            "View of the map",
            list(VIEWS),
            default="place" if within.selection else "way",
            required=True,
            key="watch",
            bind="query-params",
            format_func=VIEWS.__getitem__,
            label_visibility="collapsed",
            width="stretch",
            help="On their way: the networks at every step of the solver. Where they fall: all samples, each joined to "
            "the nearest network of the zoo.",
        )
    if view == "way":
        _ways(home, drawn, within, goal)
    else:
        _places(home, drawn, within)


def _ways(home: str, drawn: Drawn, within: Within, goal: float | None) -> None:
    points, count = drawn.ways.shape[:2]
    labels = axis_labels(open_projection(home, "pca", "aligned"))
    told = f"{count} networks travel from noise onto the map of {home} in {points - 1} steps"
    table = pd.DataFrame(
        {
            "network": np.tile(np.arange(count), points),
            "step": np.repeat(np.arange(points), count),
            "x": drawn.ways[..., 0].ravel(),
            "y": drawn.ways[..., 1].ravel(),
        }
    )
    finding = told
    if drawn.scores is not None:
        table["test_accuracy"] = drawn.scores.ravel()
        finding = f"{told}; the {travel_finding(drawn.scores)}"
    show(
        travel_figure(drawn.ways, drawn.scores, drawn.crowd, labels=(labels[0], labels[1]), goal=goal),
        key="ways",
        alt=finding,
        table=table,
    )
    adaptive = "solver" in drawn.zoo.table and str(drawn.zoo.table["solver"].iloc[0]) == "adaptive"
    followed = "The adaptive solver's ways are followed by Runge-Kutta steps. " if adaptive else ""
    some = f"The first {count} of {len(drawn.zoo):,} are watched. " if count < len(drawn.zoo) else ""
    if within.selection:
        some = f"These are the first {count} of the seed, before the region is applied. "
    st.caption(
        f"{finding[:1].upper()}{finding[1:]}. {some}{followed}Every network's units keep one order on the whole way, "
        "the one that aligns its end. Between two steps of the solver points move straight, which is only drawn."
    )


def _places(home: str, drawn: Drawn, within: Within) -> None:
    table = drawn.zoo.table
    scores = table["test_accuracy"].to_numpy(float) if "test_accuracy" in table else None
    labels = axis_labels(open_projection(home, *MAPS[within.map]))
    texts = [
        tile_text(
            str(name),
            [f"nearest: {near}, distance {distance:.2f}"]
            + ([] if scores is None else [f"test accuracy {scores[place]:.1%}"]),
        )
        for place, (name, near, distance) in enumerate(
            zip(table["id"], table["nearest"], table["nearest_distance"], strict=True)
        )
    ]
    left = f"; {len(drawn.outside):,} others fell outside of the region" if len(drawn.outside) else ""
    show(
        fallen_figure(
            drawn.fitted,
            drawn.points,
            drawn.nearest,
            scores,
            texts,
            labels=(labels[0], labels[1]),
            outside=drawn.outside,
            regions=within.selection.regions,
        ),
        key="placed",
        alt=f"{len(table):,} new networks among {len(drawn.fitted):,} trained ones, each joined to its nearest{left}",
        table=table,
    )
    st.caption(
        "Diamonds: samples. Lines lead to the nearest trained network by all weights, which may look far off on a map "
        "of two directions."
    )
