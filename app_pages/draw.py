"""What is drawn: how many networks, from which noise, asked for what, and what that costs before it is begun."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import streamlit as st

from app_pages.asking import ask_for
from app_pages.link import check_link, check_link_number
from app_pages.offer import Offer
from app_pages.turn import Turn
from app_pages.work import lasting
from wsexplore.generate import SOLVER, SOLVERS, TOLERANCE

MOST = 1000
"""Networks of one click."""

MOST_STEPS = 200
STRONGEST = 5.0
"""Guidance, at most."""

COOLER, STRONGER = 0.9, 1.5
"""Temperature and guidance at first, where pictures are asked for word by word."""

RESET = ("ask_", "open_", "steps", "drawn-now", "heat", "guidance", "n")
"""Beginnings of the keys that another flow has other defaults for."""

TOLERANCES = (1e-3, 1e-1)

NAMED = {
    "euler": "Euler",
    "midpoint": "Midpoint",
    "heun": "Heun",
    "rk4": "Runge-Kutta",
    "adaptive": "Adaptive",
}


@dataclass(frozen=True, slots=True)
class DrawSettings:
    """What is drawn.

    Attributes:
        count: networks.
        steps: of the solver.
        seed: of the noise.
        temperature: factor on the spread of the noise.
        solver: name in `SOLVERS`.
        tolerance: of the adaptive solver.
        condition: what is asked for, column and value.
        guidance: how strongly.
        turn: what is asked for in turn, network by network.
    """

    count: int
    steps: int
    seed: int
    temperature: float
    solver: str = SOLVER
    tolerance: float = TOLERANCE
    condition: tuple[tuple[str, Any], ...] = ()
    guidance: float = 1.0
    turn: Turn = ()

    def request(self) -> dict[str, Any]:
        """The arguments of `SamplerClient.sample` besides flow and number."""
        return {
            "seed": self.seed,
            "steps": self.steps,
            "solver": self.solver,
            "temperature": self.temperature,
            "tolerance": self.tolerance,
            "condition": dict(self.condition),
            "guidance": self.guidance,
        }


def draw_settings(offer: Offer, cost: Callable[[DrawSettings], str], *, field: bool) -> DrawSettings:
    """The panel that sets them; they live in the link.

    Moving a slider only tells the new cost. What was set is drawn when the button is pressed, or where it came with a
    link.

    Args:
        offer: the flow.
        cost: says what drawing with some settings takes.
        field: whether networks are pictures; those of a flow that listens to words are asked for all words in turn at
            first, a little cooler and more strongly than learnt.
    """
    flow = (offer.address, offer.name)
    if st.session_state.setdefault("settings-of", flow) != flow:
        st.session_state["settings-of"] = flow
        for key in [key for key in st.session_state if str(key).startswith(RESET)]:
            del st.session_state[key]
    check_link_number("n", 2, MOST, "a number of networks of")
    check_link_number("steps", 1, MOST_STEPS, "a number of steps of")
    check_link_number("draw", 0, 2**31 - 1, "seed")
    check_link_number("heat", 0, 1.5, "temperature")
    check_link_number("guidance", 0, STRONGEST, "guidance")
    check_link_number("tolerance", *TOLERANCES, "tolerance")
    check_link("solver", list(NAMED.values()), "solver")
    st.session_state["settings-whole"] = True
    turned = field and any(column.values for column in offer.columns)
    st.fragment(_panel)(offer, cost, 60 if field else 16, turned)
    drawn: DrawSettings = st.session_state["drawn-now"]
    return drawn


def _panel(offer: Offer, cost: Callable[[DrawSettings], str], usual: int, turned: bool) -> None:
    """The widgets; the page is left alone until the button is pressed."""
    whole = st.session_state.pop("settings-whole", False)
    with st.container(border=True, key="settings"):
        condition, turn = ask_for(offer.columns, turned=turned)
        cells = st.columns([1.5, 0.8, 1.3, 0.8], vertical_alignment="bottom")
        count = cells[0].slider("Networks", 2, MOST, usual, key="n", bind="query-params", help="So many at one click.")
        seed = cells[1].number_input(
            "Seed", 0, 2**31 - 1, 0, key="draw", bind="query-params", help="The same seed draws the same networks."
        )
        heat = cells[2].slider(
            "Temperature",
            0.0,
            1.5,
            COOLER if turned else 1.0,
            0.05,
            key="heat",
            bind="query-params",
            help="Scale of the noise: below 1 samples are safer and less diverse, at 0 all are one network.",
        )
        pressed = cells[3].button("Draw", key="draw-now", icon=":material/casino:", type="primary", width="stretch")
        solver, steps, tolerance, guidance = _solver(offer, STRONGER if turned else 1.0)
        settings = DrawSettings(count, steps, seed, heat, solver, tolerance, condition, guidance, turn)
        st.caption(cost(settings))
    changed = settings != st.session_state.get("settings-seen")
    st.session_state["settings-seen"] = settings
    if pressed or "drawn-now" not in st.session_state or (whole and changed):
        st.session_state["drawn-now"] = settings
    if pressed and not whole:
        st.rerun()


def _solver(offer: Offer, usual: float) -> tuple[str, int, float, float]:
    """How the way from noise to network is walked; folded away, as the flow's own is good."""
    with st.expander("Solver" + (" and guidance" if offer.columns else ""), icon=":material/tune:"):
        cells = st.columns(3 if offer.columns else 2)
        solver = cells[0].selectbox(
            "Solver",
            [name for name in NAMED if name in SOLVERS],
            index=list(NAMED).index(SOLVER),
            key="solver",
            bind="query-params",
            format_func=NAMED.__getitem__,
            help="Euler looks at the velocity once in a step, midpoint and Heun twice, Runge-Kutta four times, the "
            "adaptive one as often as each network needs. More looks follow the flow more exactly; it was tuned with "
            "Euler.",
        )
        steps = cells[1].slider(
            "Steps",
            1,
            MOST_STEPS,
            offer.steps,
            key="steps",
            bind="query-params",
            help=f"From noise to network. {offer.steps} were tuned with the flow; more are slower, and seldom better.",
        )
        tolerance = TOLERANCE
        if solver == "adaptive":
            tolerance = cells[0].slider(
                "Tolerance",
                *TOLERANCES,
                TOLERANCE,
                1e-3,
                format="%.3f",
                key="tolerance",
                bind="query-params",
                help="Error per step that the adaptive solver allows, where a weight's spread is 1.",
            )
        guidance = 1.0
        if offer.columns:
            guidance = cells[2].slider(
                "Guidance",
                0.0,
                STRONGEST,
                usual,
                0.1,
                key="guidance",
                bind="query-params",
                help="How strongly a sample does what is asked: 0 not at all, 1 as learnt, above 1 more than learnt, "
                "at twice the cost.",
            )
    return solver, steps, tolerance, guidance


def told_cost(drawing: float | None, judging: float | None) -> str:
    """What a click takes, in words."""
    first = "The first draw tells what drawing costs here." if drawing is None else f"Drawing takes {about(drawing)}"
    if drawing is None or judging is None:
        return first + ("." if drawing is not None else "")
    return f"{first}, judging them {about(judging)} more."


def about(seconds: float) -> str:
    """A cost in words; below a second the first digit is enough."""
    return f"about {lasting(seconds)}" if seconds >= 0.95 else f"about {seconds:.1g} s"
