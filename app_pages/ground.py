"""Planes of weight space, drawn from coarse to fine while the visitor looks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st

from app_pages.chosen import chosen
from app_pages.frame import recipe, show
from app_pages.gathered import Gathered, Ref, gathered
from app_pages.handles import open_zoo
from app_pages.link import check_link, check_link_number
from app_pages.pick import MANY, current_refs, current_zoo, data_of
from app_pages.plain import plain
from app_pages.third import pick_third
from app_pages.topology import topology
from app_pages.work import ask_first, result_of
from wsexplore.datasets import Dataset
from wsexplore.figures import contour_figure, plane_finding, surface_figure
from wsexplore.jobs import Progress, Work
from wsexplore.landscape import (
    NORMALISATIONS,
    Plane,
    cost_of,
    curve_plane,
    fit_curve,
    networks_plane,
    random_plane,
    random_sheet,
    repairs_of,
    trajectory_plane,
)

KINDS = {
    "Around one network": "around",
    "Through three": "three",
    "Along a learned curve": "curve",
    "Along a training": "training",
}
POINTS = (21, 51, 101, 201)
VIEWS = ("From above", "In 3-D")
MEASURES = ("Loss", "Accuracy")
FARTHEST = 10.0
"""Largest span of a plane around a network."""

MOST_SEEDS = 2**31 - 1

AXES = {
    "random": ("first random direction", "second random direction"),
    "networks": ("towards the second network", "towards the third"),
    "curve": ("towards the second network", "towards the bend"),
}
NORMS_TOLD = "Every unit of a direction is as long as that of the network (filter), every layer is, or only the whole."


@dataclass(frozen=True, slots=True)
class Asked:
    """All that a plane depends on.

    Attributes:
        kind: a value of `KINDS`.
        networks: that it is about.
        data: what networks are judged on.
        options: keywords of the plane and of its drawing.
    """

    kind: str
    networks: Gathered
    data: Dataset
    options: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Of the job."""
        networks = self.networks
        return f"plane {self.kind} {networks.name} {networks.rows} {self.data.name} {dict(self.options)}"

    @property
    def title(self) -> str:
        """Of the job."""
        return f"Drawing {self.options['points']} x {self.options['points']} networks"


def ground() -> None:
    """The controls, the plane, and its minima."""
    kind = _kind()
    asked = _asked(kind)
    cost = cost_of(_sheet(asked), asked.data, split=asked.options["split"], statistics=asked.options["statistics"])
    if not ask_first(asked.name, cost):
        st.stop()
    view, measure = _look()

    def draw(plane: Plane) -> None:
        _draw(plane, view, measure)

    plane: Plane = result_of(asked.name, asked.title, WORK[kind](asked), cost=cost, show=draw)
    draw(plane)
    topology(plane)
    recipe(asked.networks.recipe(plane.recipe))


def _kind() -> str:
    check_link("plane", list(KINDS), "plane")
    found: str = st.segmented_control(
        "Plane",
        list(KINDS),
        default=next(iter(KINDS)),
        required=True,
        key="plane",
        bind="query-params",
        label_visibility="collapsed",
        wrap=True,
    )
    return KINDS[found]


def _asked(kind: str) -> Asked:
    data, refs = data_of(current_zoo()[1]), current_refs()
    third = pick_third(refs) if kind == "three" else None
    if kind == "around":
        st.caption(f"Around {plain(refs[0][1])}, picked in the sidebar, along two random directions.")
    elif kind == "training":
        refs = (_pick_training(refs[0]), refs[1])
    elif kind == "curve":
        st.caption(f"From {plain(refs[0][1])} to {plain(refs[1][1])}, through a bend that is learned first.")
    used = (*refs, third) if third else refs if kind == "curve" else refs[:1]
    networks = gathered(used)
    cells = st.columns([1, 1, 1.3, 1, 1])
    check_link("points", [str(count) for count in POINTS], "a number of points of")
    points = cells[0].selectbox(
        "Points per side", POINTS, index=1, key="points", bind="query-params", help="A network is judged at each point."
    )
    check_link("judged", ("test", "train"), "split")
    split = cells[1].selectbox(
        "Judge on",
        ("test", "train"),
        key="judged",
        bind="query-params",
        help="The samples that the loss is the mean of.",
    )
    options: dict[str, Any] = {"points": points, "split": split, "statistics": "none", "seed": 0}
    with cells[2]:
        options |= _own(kind)
    if kind == "around":
        check_link_number("seed", 0, MOST_SEEDS, "a seed of")
        options["seed"] = int(
            cells[4].number_input(
                "Seed", 0, MOST_SEEDS, 0, key="seed", bind="query-params", help="Of the random directions."
            )
        )
    with cells[3]:
        if "reset" in repairs_of(networks.zoo.architecture_of(networks.rows[0])):
            options["statistics"] = chosen(
                "statistics",
                "Running statistics",
                ("reset", "none"),
                what="treatment of running statistics",
                help="Of batch normalisation. Reset: measured anew at every point. None: mixed like weights, which "
                "shows a wall that is not there.",
            )
        elif kind == "around":
            options["normalise"] = chosen(
                "normalise", "Directions as long as", NORMALISATIONS, what="normalisation", help=NORMS_TOLD
            )
    return Asked(kind, networks, data, options)


def _pick_training(ref: Ref) -> Ref:
    """The last checkpoint of a run with three or more, by default that of a network, else the best."""
    name, network = ref
    table = open_zoo(name).table
    runs = table.groupby("run").filter(lambda checkpoints: len(checkpoints) > 2)
    if not len(runs):
        raise ValueError(f"no run of {name} has three checkpoints; train a zoo with some, on the Train page")
    last = runs.sort_values("epoch", kind="stable").groupby("run").tail(1)
    if "test_accuracy" in last:
        last = last.sort_values("test_accuracy", ascending=False, kind="stable")
    own = last[last["run"].isin(table.loc[table["id"] == network, "run"])]
    ids = [*own["id"].tolist(), *(other for other in last["id"].tolist() if other not in set(own["id"]))][:MANY]
    check_link("run", ids, "training")
    chosen_id = st.selectbox(
        "Training",
        ids,
        key="run",
        bind="query-params",
        help="Runs with three or more checkpoints, named by the last one, the best first.",
        width=360,
    )
    return name, str(chosen_id)


def _own(kind: str) -> dict[str, Any]:
    """The option that only this kind of plane has."""
    if kind == "around":
        check_link_number("span", 0.05, FARTHEST, "a span of")
        span = st.number_input(
            "Look this far",
            0.05,
            FARTHEST,
            1.0,
            0.25,
            key="span",
            bind="query-params",
            help="In lengths of the network: at 1 the directions are as long as its weights.",
        )
        return {"span": float(span)}
    if kind == "training":
        return {}
    aligned = st.toggle(
        "Align first",
        value=kind == "three",
        key=f"aligned-{kind}",
        bind="query-params",
        help="Permute the units of the other networks to match the first's. Their functions stay the same.",
    )
    return {"align": aligned}


def _look() -> tuple[str, str]:
    left, right, _ = st.columns([1, 1, 2])
    check_link("view", VIEWS, "view")
    check_link("measure", MEASURES, "measure")
    shared: Any = {"required": True, "bind": "query-params", "label_visibility": "collapsed"}
    view = left.segmented_control("View", VIEWS, default=VIEWS[0], key="view", **shared)
    measure = right.segmented_control("Measure", MEASURES, default=MEASURES[0], key="measure", **shared)
    return view, measure.lower()


def _draw(plane: Plane, view: str, measure: str) -> None:
    marks = plane.marks_frame()
    arrays = (plane.xs, plane.ys, plane.losses, plane.accuracies, marks)
    left, right = st.columns([1.75, 1], gap="medium")
    with left:
        if view == VIEWS[0]:
            figure = contour_figure(*arrays, paths=plane.paths, unit=plane.unit, labels=_labels(plane), measure=measure)
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


def _sheet(asked: Asked) -> Any:
    """Where to look, as far as it says what looking costs: that depends on the number of points, not on the place."""
    row, options = asked.networks.rows[0], asked.options
    return random_sheet(asked.networks.zoo, row, asked.data.name, points=options["points"])


def _around(asked: Asked) -> Work:
    networks = asked.networks

    def work(progress: Progress) -> Plane:
        return random_plane(networks.zoo, networks.rows[0], asked.data, **asked.options, **_watched(progress))

    return work


def _three(asked: Asked) -> Work:
    networks = asked.networks

    def work(progress: Progress) -> Plane:
        return networks_plane(networks.zoo, networks.rows, asked.data, **asked.options, **_watched(progress))

    return work


def _training(asked: Asked) -> Work:
    networks = asked.networks
    run = int(networks.zoo.table["run"].iloc[networks.rows[0]])

    def work(progress: Progress) -> Plane:
        return trajectory_plane(networks.zoo, run, asked.data, **asked.options, **_watched(progress))

    return work


def _curve(asked: Asked) -> Work:
    networks, options = asked.networks, dict(asked.options)
    align = options.pop("align")

    def work(progress: Progress) -> Plane:
        def learning(fraction: float, message: str) -> None:
            progress(0.4 * fraction, message)

        def drawing(fraction: float, message: str) -> None:
            progress(0.4 + 0.6 * fraction, message)

        curve = fit_curve(networks.zoo, *networks.rows, asked.data, align=align, on_step=learning)
        return curve_plane(networks.zoo, curve, asked.data, **options, **{**_watched(progress), "on_step": drawing})

    return work


def _watched(progress: Progress) -> dict[str, Any]:
    return {"on_step": progress, "on_partial": progress.partial, "earlier": progress.earlier}


WORK: Mapping[str, Callable[[Asked], Work]] = {
    "around": _around,
    "three": _three,
    "training": _training,
    "curve": _curve,
}
"""The work behind each kind of plane."""
