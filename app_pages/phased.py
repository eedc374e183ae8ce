"""Phases: where over two controls a zoo is under-fitted, under-sized, or well trained."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from app_pages.frame import recipe, show
from app_pages.handles import open_zoo, version_of
from app_pages.link import check_link, check_link_number
from app_pages.pick import current_zoo, registered
from app_pages.plain import plain
from app_pages.work import ask_first, result_of
from wsexplore.datasets import Dataset
from wsexplore.figures import phases_figure, phases_finding
from wsexplore.jobs import Progress
from wsexplore.landscape import PHASES, PhaseGrid, Thresholds, phases, phases_cost, with_thresholds
from wsexplore.landscape.phase_controls import MOST_VALUES, NO_CONTROLS, RESULTS, WIDTH, trained_on
from wsexplore.zoo import Zoo, shelf

SHIPPED = "digits-phases"
"""How the names of the zoos begin that ship for this view."""

PATIENCE = 300.0
"""Seconds of work that are begun unasked: cell by cell the map fills from the first seconds on."""


def phased() -> None:
    """The zoos, the two controls, the measured grid, and thresholds that can be moved."""
    names = _zoos()
    zoos = [open_zoo(name) for name in names]
    x, y = _controls(zoos)
    data = registered((trained_on(zoos) or ["digits"])[0])
    stamps = tuple((name, version_of("zoos", name)) for name in names)
    job = f"phases {stamps} {x} {y} {data.name}"
    cost = _cost(stamps, x, y, zoos, data)
    if not ask_first(job, cost, limit=PATIENCE):
        st.stop()
    limits = _limits()

    def work(progress: Progress) -> PhaseGrid:
        watched: Any = {"earlier": progress.earlier, "on_step": progress, "on_partial": progress.partial}
        return phases(zoos, x, y, data.name, **watched)

    def draw(grid: PhaseGrid) -> None:
        _draw(with_thresholds(grid, **limits))

    grid: PhaseGrid = result_of(job, f"Measuring phases over {x} and {y}", work, cost=cost, show=draw)
    draw(grid)
    recipe(with_thresholds(grid, **limits).recipe)


def _zoos() -> list[str]:
    """One zoo, or several that differ in a field of their architecture."""
    known = sorted(shelf("zoos"))
    here, _ = current_zoo()
    usual = [name for name in known if name.startswith(SHIPPED)] or [here]
    found: list[str] = st.multiselect(
        "Zoos",
        known,
        usual,
        key="zoos",
        bind="query-params",
        help="One zoo whose table has two controls, or several where one control is a field of the architecture, like "
        "the width. Every pair of values should hold two runs or more.",
    )
    if not found:
        raise ValueError("pick one zoo or more to look for phases in")
    return found


def _controls(zoos: Sequence[Zoo]) -> tuple[str, str]:
    """The two controls, by default those that the shipped grid varies."""
    offered = _offered(zoos)
    if len(offered) < 2:
        raise ValueError(
            "phases need two controls that take a few values each, like the learning rate and the width; these zoos "
            f"have {' and '.join(offered) or 'none'}"
        )
    left, right = st.columns(2)
    cells = {"x": left, "y": right}
    titles = {"x": "Across (like a temperature)", "y": "Upwards (like a load)"}
    usual = {"x": next(name for name in ("lr", "batch_size", *offered) if name in offered)}
    usual["y"] = next(name for name in (WIDTH, *offered) if name in offered and name != usual["x"])
    found = {}
    for axis, cell in cells.items():
        check_link(axis, offered, "control")
        found[axis] = cell.selectbox(
            titles[axis], offered, index=offered.index(usual[axis]), key=axis, bind="query-params", help=HELP[axis]
        )
    if found["x"] == found["y"]:
        raise ValueError(f"both controls are {found['x']}; pick two different ones")
    return found["x"], found["y"]


HELP = {
    "x": "How much noise the training has: learning rate, batch size, epochs.",
    "y": "How much is asked of a parameter: width, share of the data, label noise.",
}


def _offered(zoos: Sequence[Zoo]) -> list[str]:
    """Columns of numbers with a few values, and the width where there are several."""
    values: dict[str, set[float]] = {}
    for zoo in zoos:
        table = zoo.table
        for name in table.select_dtypes("number").columns:
            if name not in NO_CONTROLS and not name.endswith(RESULTS) and name != "psnr":
                values.setdefault(name, set()).update(table[name].dropna().unique().tolist())
        if widths := zoo.architecture.config.get("widths"):
            values.setdefault(WIDTH, set()).add(float(max(widths[1:-1], default=0)))
    return [name for name, known in values.items() if 2 <= len(known) <= MOST_VALUES]


@st.cache_data(max_entries=32, show_spinner="Measuring what it takes…")
def _cost(stamps: tuple[tuple[str, float], ...], x: str, y: str, _zoos: Sequence[Zoo], _data: Dataset) -> float:
    return phases_cost(_zoos, x, y, _data)


def _limits() -> dict[str, float]:
    """Where one phase ends and the next begins; moving them costs nothing."""
    usual = Thresholds()
    for key, high in (("least_loss", 3.0), ("connected", 20.0), ("alike", 1.0)):
        check_link_number(key, 0, high, "a threshold of")
    shared: Any = {"bind": "query-params"}
    left, middle, right = st.columns(3)
    return {
        "loss": left.slider(
            "Under-fitted above this training loss (nats)",
            0.0,
            3.0,
            usual.loss,
            0.01,
            key="least_loss",
            help="The literature gives no numbers; these are choices.",
            **shared,
        ),
        "connectivity": middle.slider(
            "Poorly connected below minus this (% error)",
            0.0,
            20.0,
            usual.connectivity,
            0.25,
            key="connected",
            help="Mode connectivity: how much larger the error is on the best curve than at its ends.",
            **shared,
        ),
        "cka": right.slider(
            "Alike above this CKA",
            0.0,
            1.0,
            usual.cka,
            0.01,
            key="alike",
            help="Mean linear CKA of the logits of runs of one recipe.",
            **shared,
        ),
    }


def _draw(grid: PhaseGrid) -> None:
    show(phases_figure(grid), key="phases", alt=phases_finding(grid), table=grid.frame())
    st.caption(plain(phases_finding(grid)) + ".")
    with st.expander("What the phases are", icon=":material/menu_book:"):
        st.markdown("\n".join(f"- **{name}**: {told}" for name, told in PHASES.items()))
        st.caption(
            "After Yang et al., Taxonomizing local versus global structure in neural network loss landscapes, 2021. "
            "Loss, sharpness and connectivity are measured on the training split, CKA on the test split; curves "
            "between runs are learned for each cell."
        )
