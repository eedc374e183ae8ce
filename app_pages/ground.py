"""Planes of weight space, drawn from coarse to fine while the visitor looks."""

from typing import Any

import streamlit as st

from app_pages.asked_plane import WORK, AskedPlane, plane_cost
from app_pages.chosen import chosen
from app_pages.drawn_plane import VIEWS, draw_plane
from app_pages.frame import recipe
from app_pages.gathered import Ref, gathered
from app_pages.handles import open_zoo
from app_pages.link import check_link, check_link_number
from app_pages.pick import MANY, current_refs, current_zoo, data_of
from app_pages.plain import plain
from app_pages.third import pick_third
from app_pages.topology import minima_of
from app_pages.work import ask_first, result_of
from wsexplore.landscape import NORMALISATIONS, Plane, repairs_of

KINDS = {
    "Around one network": "around",
    "Through three": "three",
    "Along a learned curve": "curve",
    "Along a training": "training",
}
POINTS = (21, 51, 101, 201)
MEASURES = ("Loss", "Accuracy")
QUICK = 51
"""Points per side, about, of a plane that is not whole yet."""

FARTHEST = 10.0
"""Largest span of a plane around a network."""

MOST_SEEDS = 2**31 - 1

NORMS_TOLD = "Every unit of a direction is as long as that of the network (filter), every layer is, or only the whole."


def ground() -> None:
    """The controls, the plane, and its minima."""
    kind = _kind()
    asked = _asked(kind)
    cost = plane_cost(asked)
    if not ask_first(asked.name, cost):
        st.stop()
    view, measure, minima = _look()

    def draw(plane: Plane) -> None:
        draw_plane(plane.thinned(QUICK), view, measure, None)

    plane: Plane = result_of(asked.name, asked.title, WORK[kind](asked), cost=cost, show=draw)
    draw_plane(plane, view, measure, minima_of(plane) if minima else None)
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


def _asked(kind: str) -> AskedPlane:
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
    return AskedPlane(kind, networks, data, options)


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


def _look() -> tuple[str, str, bool]:
    left, middle, right = st.columns([1, 1, 2])
    check_link("view", VIEWS, "view")
    check_link("measure", MEASURES, "measure")
    shared: Any = {"required": True, "bind": "query-params", "label_visibility": "collapsed"}
    view = left.segmented_control("View", VIEWS, default=VIEWS[0], key="view", **shared)
    measure = middle.segmented_control("Measure", MEASURES, default=MEASURES[0], key="measure", **shared)
    minima = right.toggle(
        "Minima and saddles",
        key="minima",
        bind="query-params",
        help="Ring the local minima, and draw beside them over which saddles their basins merge.",
    )
    return view, measure.lower(), minima
