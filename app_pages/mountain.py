"""The barrier between two classifiers on four paths, or the pictures between two fields."""

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app_pages.curves import curves_frame
from app_pages.frame import recipe, show
from app_pages.matched import STEPS, curves, matched
from app_pages.morph import morph
from app_pages.pair import Pair
from app_pages.plain import plain
from wsexplore.align import PairMatch
from wsexplore.figures import curves_figure
from wsexplore.landscape import Barrier
from wsexplore.zoo import Recipe

TOLD = {
    "aligned + reset": "With running statistics measured anew",
    "aligned + REPAIR": "With REPAIR, which gives every channel the spread that it has at the ends,",
}


def mountain(pair: Pair) -> None:
    """How high it is on each path, the curves, and their recipe."""
    if pair.zoo.architecture.task == "field":
        morph(pair.name, pair.zoo, pair.first, pair.second, pair.method, pair.canonical)
        match = matched(pair)
        _moved(st.columns(2), match)
        still = "" if match.moved else "Matching moves nothing: these two have one order already. "
        st.caption(
            f"{still}These networks are pictures, not classifiers: what lies between two of them is seen, not scored."
        )
        recipe(_morph_recipe(pair))
        return
    found = curves(pair)
    match = matched(pair)
    raw, aligned = found["naive"], found["aligned"]
    middle = STEPS // 2
    cells = st.columns(4)
    cells[0].metric(
        "Barrier",
        f"{aligned.height:.3f} nats",
        f"{aligned.height - raw.height:.3f} nats",
        delta_color="inverse",
        help="Largest excess of the test loss over the chord, aligned; the change is against the raw path.",
    )
    cells[1].metric(
        "Accuracy half-way",
        f"{aligned.accuracies[middle]:.1%}",
        f"{100 * (aligned.accuracies[middle] - raw.accuracies[middle]):+.1f} points",
        help="Test accuracy of the mean of the two networks, aligned; the change is against the raw path.",
    )
    _moved(cells[2:], match)
    measures = ("loss", "accuracy")
    measure = st.segmented_control(
        "Measure on the path", measures, default="loss", required=True, key="measure", bind="query-params"
    )
    values = {name: curve.losses if measure == "loss" else curve.accuracies for name, curve in found.items()}
    first, second = pair.ids
    show(
        curves_figure(
            {name: (curve.alphas, values[name]) for name, curve in found.items()},
            unit="nats" if measure == "loss" else "fraction of 1",
            title=f"test {measure}",
            height=400,
        ),
        key="barrier",
        alt=f"Test {measure} from {first} to {second}: barrier "
        + ", ".join(f"{curve.height:.2f} nats {name}" for name, curve in found.items()),
        table=curves_frame(found),
    )
    st.caption(_seen(found, match.moved))
    recipe(list(found.values())[-1].recipe)
    if not np.isfinite(raw.losses).all():
        st.warning("One of the networks diverged: parts of the curve are not finite.")


def _morph_recipe(pair: Pair) -> Recipe:
    words = f"method={pair.method!r}, canonical={pair.canonical!r}"
    return Recipe.of(
        "pair_ends",
        inputs={"zoo": pair.zoo.fingerprint},
        arguments={"first": pair.ids[0], "second": pair.ids[1], "method": pair.method, "canonical": pair.canonical},
        seed=0,
        python=f"ends = pair_ends(zoo, {pair.first}, {pair.second}, align=True, {words})\n"
        "path = linear_path(ends.weights[0], ends.weights[1], torch.linspace(0, 1, 41))\n"
        "render(ends.architecture, path, height=64, width=64)",
    )


def _moved(cells: list[DeltaGenerator], match: PairMatch) -> None:
    """What matching did to the second network."""
    cells[0].metric("Units moved", f"{match.moved} of {match.units}", help="Hidden units that got another place.")
    cells[1].metric(
        "Largest change of an output",
        f"{match.logit_difference:.0e}" if match.logit_difference else "0",
        help="Largest difference of any output of the second network before and after: rounding only.",
    )


def _seen(found: dict[str, Barrier], moved: int) -> str:
    raw, aligned = found["naive"].height, found["aligned"].height
    told = [
        f"Dotted: the chord between the two ends. As trained the path rises {raw:.2f} nats above it; with the second "
        f"network's units in matched order, {aligned:.2f} nats."
    ]
    told += [f"{TOLD[name]} {curve.height:.2f} nats." for name, curve in found.items() if name in TOLD]
    if not moved:
        told.append("Matching moves nothing: these two have one order already.")
        return plain(" ".join(told))
    share = 1 - aligned / raw if raw > 0 else 0.0
    if share > 0.5:
        told.append(f"So {share:.0%} of the mountain was only the order of the units.")
    elif raw < 0.01:
        told.append("There is hardly a mountain between these two.")
    else:
        told.append(f"Order was {share:.0%} of the mountain; the rest is no matter of order, or matching missed it.")
    return plain(" ".join(told))
