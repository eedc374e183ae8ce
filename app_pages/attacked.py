"""Attack and defence: a network moved along its orbit, and what brings it back."""

import streamlit as st

from app_pages.frame import recipe, show
from app_pages.link import check_link_number
from app_pages.matched import attacked
from app_pages.pair import Pair
from app_pages.plain import plain
from wsexplore.figures import attack_figure
from wsexplore.landscape import STRONGEST, MergeAttack

CURVES = {
    "as attacked": "attacked",
    "units matched": "permuted_back",
    "least norm, then matched": "canonical",
}

REPAIRED = {
    "reset": "In the networks between, running statistics are measured anew; it undoes neither order nor factors.",
    "repair": "In the networks between REPAIR gives each channel the spread that it has at the ends.",
}
"""What was done to the networks between, as the caption tells of it."""


def attack(pair: Pair) -> None:
    """The barrier to the attacked network by strength, and what undoes the attack."""
    st.header("Can a network be made impossible to average?", anchor=False)
    if pair.zoo.architecture.task == "field":
        st.info("The attack is measured in the loss of a classifier, and these networks are pictures without classes.")
        return
    check_link_number("strength", 0.5, STRONGEST, "a strength of")
    check_link_number("luck", 0, 99, "a draw of")
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    strength = left.slider(
        "Strongest attack",
        0.5,
        float(STRONGEST),
        2.5,
        0.5,
        key="strength",
        bind="query-params",
        help="Standard deviation of the logarithms of the factors: at 1 two units in three are multiplied by 0.37 to "
        "2.7, at 2 by 0.14 to 7.4.",
    )
    seed = int(right.number_input("Draw", 0, 99, 0, key="luck", bind="query-params", help="Of order and factors."))
    left, right = st.columns(2)
    permute = left.toggle(
        "Permute its units, too", value=True, key="permute", bind="query-params", help="In random order."
    )
    align = right.toggle(
        "Align the pair before",
        value=True,
        key="before",
        bind="query-params",
        help="So that averaging works until the attack; without it the two are as they were trained.",
    )
    found = attacked(pair, strength, permute, align, seed)
    cells = st.columns(4)
    cells[0].metric("Barrier before", f"{found.untouched:.3f} nats")
    cells[1].metric("Barrier attacked", f"{found.attacked[-1]:.3g} nats", help="At the strongest attack of the chart.")
    cells[2].metric("Barrier undone", f"{found.canonical[-1]:.3f} nats", help="Least norm, then matched.")
    cells[3].metric("Largest change of an output", f"{found.output_changes.max():.0e}", help="Rounding only.")
    show(
        attack_figure(
            found.spreads, {name: getattr(found, field) for name, field in CURVES.items()}, found.output_changes
        ),
        key="attack",
        alt=f"Barrier between {found.first} and the attacked {found.second}: {found.untouched:.2f} nats before, "
        f"{found.attacked[-1]:.3g} nats attacked, {found.permuted_back[-1]:.3g} nats once units are matched, "
        f"{found.canonical[-1]:.2f} nats at the least norm and matched",
        table=found.frame(),
    )
    st.caption(_seen(found))
    recipe(found.recipe)


def _seen(found: MergeAttack) -> str:
    done = " and ".join(found.kinds) or "left alone"
    told = [
        f"The second network is {done}: it computes what it computed, and its average with the first fails. "
        "Towards the right its factors spread more."
    ]
    if "permuted" in found.kinds:
        told.append("Matching units undoes the permutation, so at 0 its curve is where it was.")
    if "rescaled" in found.kinds:
        told.append(
            "It does not undo the factors; for that, both networks go to their least norm first, where the factors are "
            "gone, and are matched there."
        )
    elif "flipped" in found.kinds:
        told.append("Matching turns flipped units back, so here it is the whole defence.")
    else:
        told.append(
            "The activation lets no factor through, so permuting is the whole attack, and matching the defence."
        )
    if found.repaired != "none":
        told.append(REPAIRED[found.repaired])
    return plain(" ".join(told))
