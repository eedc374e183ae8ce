"""A plane as it stands so far: the figure, its numbers, the networks it is about, and how it was judged."""

import numpy as np
import streamlit as st

from app_pages.frame import show
from app_pages.topology import Minima, draw_persistence, draw_tree
from wsexplore.figures import contour_figure, plane_finding, surface_figure
from wsexplore.landscape import Plane

VIEWS = ("From above", "In 3-D")

AXES = {
    "random": ("first random direction", "second random direction"),
    "networks": ("towards the second network", "towards the third"),
    "curve": ("towards the second network", "towards the bend"),
}


def draw_plane(plane: Plane, view: str, measure: str, minima: Minima | None) -> None:
    """The plane in one of `VIEWS`, coloured by "loss" or "accuracy", with its minima where they are asked for."""
    marks = plane.marks_frame()
    arrays = (plane.xs, plane.ys, plane.losses, plane.accuracies, marks)
    left, right = st.columns([1.75, 1], gap="medium")
    with left:
        if view == VIEWS[0]:
            figure = contour_figure(
                *arrays,
                paths=plane.paths,
                unit=plane.unit,
                labels=_labels(plane),
                measure=measure,
                minima=None if minima is None else minima.counted,
            )
        else:
            figure = surface_figure(*arrays, paths=plane.paths, unit=plane.unit, measure=measure)
        show(
            figure,
            key="plane-figure",
            alt=plane_finding(TITLES[plane.kind], plane.losses, marks, samples=plane.of, split=plane.split),
            table=plane.frame(),
        )
    with right:
        _numbers(plane)
        if minima is not None:
            draw_tree(minima)
    if minima is not None:
        left, right = st.columns([1.75, 1], gap="medium")
        with left:
            draw_persistence(minima)
    with right:
        _marked(plane)


def _marked(plane: Plane) -> None:
    """The networks that the plane is about, and how it was judged."""
    marks = plane.marks_frame()
    st.dataframe(
        marks[["name", "loss", "accuracy", "distance"]].rename(columns={"distance": "off the plane"}),
        hide_index=True,
        height="content" if len(marks) <= 6 else 245,
        key="plane-marks",
        column_config={
            "loss": st.column_config.NumberColumn("loss (nats)", format="%.4f"),
            "accuracy": st.column_config.NumberColumn(format="percent"),
            "off the plane": st.column_config.NumberColumn(format="%.3f", help="Distance in L2."),
        },
    )
    st.caption(_told(plane))


TITLES = {
    "random": "Plane around a network",
    "networks": "Plane through three networks",
    "curve": "Plane of a learned curve",
    "trajectory": "Principal plane of a training",
}


def _numbers(plane: Plane) -> None:
    """The lowest place, and how much of the plane is as good as the networks."""
    x, y, low = plane.lowest
    cells = st.columns(2)
    cells[0].metric(
        "Lowest loss here", f"{low:.3f} nats", help=f"At ({x:.2f}, {y:.2f}), of the networks judged so far."
    )
    known = plane.accuracies[plane.samples > 0]
    judged = [mark for mark in plane.marks if mark.kind == "network"] or list(plane.marks[-1:])
    worst = min((mark.accuracy for mark in judged), default=0.0)
    share = float((known >= worst - 0.01).mean()) if len(known) else 0.0
    cells[1].metric(
        "As good as the marked",
        f"{share:.1%}",
        help="Share of the networks on this plane whose accuracy is at most one point below the marked ones', or that "
        "of the last checkpoint.",
    )


def _labels(plane: Plane) -> tuple[str, str]:
    if plane.kind == "trajectory":
        first, second = (f"{share:.0%}" for share in plane.explained)
        return f"first principal direction, {first} of the way", f"second, {second}"
    return AXES[plane.kind]


def _told(plane: Plane) -> str:
    known = plane.samples[plane.samples > 0]
    networks = f"{len(known):,} of {plane.losses.size:,} networks"
    if not len(known):
        return f"{networks} judged."
    samples = f"{known.min():,}" if known.min() == known.max() else f"{known.min():,} to {known.max():,}"
    told = [f"{networks}, each judged on {samples} of {plane.of:,} {plane.split} samples."]
    if plane.kind == "random":
        told.append(f"One unit along the axes is {plane.lengths[0]:.3g} and {plane.lengths[1]:.3g} in L2.")
    if plane.kind == "trajectory":
        told.append(
            "The colour of a checkpoint is the loss that it has itself; the ground below it is that of its shadow on "
            "the plane."
        )
    if plane.repaired == "reset":
        told.append("Running statistics were measured anew at every point.")
    broken = int((~np.isfinite(plane.losses[plane.samples > 0])).sum())
    if broken:
        told.append(f"{broken:,} networks have no finite loss; the figure fills them from their neighbours.")
    return " ".join([*told, f"Way to judge, by measurement: {plane.evaluator}."])
