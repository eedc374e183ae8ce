"""What else may change: units rescaled and flipped, and how many twins a network has."""

import numpy as np
import pandas as pd
import streamlit as st

from app_pages.frame import recipe, show
from app_pages.link import check_link, check_link_number
from app_pages.pair import Pair
from app_pages.partners import incoming_figure
from app_pages.plain import plain
from app_pages.scaled import flipped, rescaled
from wsexplore.align import spec_of
from wsexplore.figures import rescale_figure
from wsexplore.symmetry import PermutationSpec, orbit_size

RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def rescaling(pair: Pair) -> None:
    """The orbit in numbers, then what the activation admits of scales and signs."""
    spec = spec_of(pair.zoo.architecture_of(pair.first))
    st.header("What else may change?", anchor=False)
    if not spec.groups and not spec.rescaling.classes:
        st.caption("Nothing that this app knows of: no unit here is permuted, rescaled or flipped.")
        return
    _orbit(spec)
    kinds = spec.rescaling.kinds
    scaled = [name for name, kind in kinds.items() if kind != "sign"]
    signed = [name for name, kind in kinds.items() if kind != "positive"]
    if scaled and pair.zoo.architecture.task != "field":
        _scales(pair, scaled)
    elif not scaled:
        st.info(plain(f"No unit may be rescaled by a positive factor. {_why(pair, spec, bool(signed))}"))
    if signed:
        _signs(pair)


def _orbit(spec: PermutationSpec) -> None:
    """How many networks compute this very function."""
    size = orbit_size(spec)
    cells = st.columns(3)
    orders = size.log_orders / np.log(10)
    power = f"10{f'{orders:.0f}'.translate(RAISED)}"
    cells[0].metric("Orders of the units", power if orders >= 4 else f"{10**orders:,.0f}")
    cells[1].metric("Free signs", f"{size.signs:,}", help="Each doubles the number of twins.")
    cells[2].metric("Free scales", f"{size.scales:,}", help="Each is a direction in which the function stays the same.")
    points = f"$10^{{{size.digits:.0f}}}$ points" if size.digits >= 1 else "So many points"
    surface = f", on surfaces of {size.scales:,} dimensions" if size.scales else ""
    st.caption(
        f"{points} of weight space are this very function, as orders and signs go{surface}. A map, a mean or a "
        "distance of weights meets them as if they were different networks."
    )


def _scales(pair: Pair, labels: list[str]) -> None:
    st.subheader("Louder in, softer out")
    check_link("units-of", labels, "layer")
    label = labels[0]
    if len(labels) > 1:
        label = st.selectbox("Units", labels, key="units-of", bind="query-params", help="The layer that makes them.")
    found = rescaled(pair.name, pair.first, label, pair.data.name)
    show(
        rescale_figure(
            found.factors,
            found.incoming,
            found.outgoing,
            found.probabilities,
            found.norms,
            found.changes,
            pair.data.classes,
        ),
        key="rescale",
        alt=f"Units of {pair.ids[0]} multiplied by {found.factors[0]:.3g} to {found.factors[-1]:.3g}: the norm of all "
        f"weights goes from {found.norms.min():.3g} to {found.norms.max():.3g}, no output changes by more than "
        f"{found.changes.max():.0e}",
        table=found.frame(),
    )
    st.caption(
        f"Drag: every unit of {plain(label)} receives its weights times a factor and gives them divided by it. The "
        f"weights move apart, the answers to {found.probabilities.shape[1]} test samples stay: no output changes by "
        f"more than {found.changes.max():.0e}. The star is the norm of all weights, least where both norms meet."
    )
    recipe(found.recipe)


def _signs(pair: Pair) -> None:
    st.subheader("The other sign")
    check_link_number("flips", 0, 99, "a draw of signs")
    seed = int(
        st.number_input("Draw", 0, 99, 0, key="flips", bind="query-params", help="Which units are flipped, at random.")
    )
    found = flipped(pair.name, pair.first, pair.data.name, seed)
    cells = st.columns(3)
    cells[0].metric("Units flipped", f"{found.units[0]} of {found.units[1]}")
    cells[1].metric("Weights with another sign", f"{found.weights:.0%}")
    cells[2].metric(
        "Largest change of an output", f"{found.change:.0e}" if found.change else "0", help="Rounding only."
    )
    pictures = {"as trained": found.before, "some units flipped": found.after}
    show(
        incoming_figure(pictures, found.shape, pair.data.input_shape),
        key="signs",
        alt=f"First-layer weights before and after {found.units[0]} units got the other sign; no output changes by "
        f"more than {found.change:.0e}",
        table=pd.DataFrame(found.after).add_prefix("input_"),
    )
    st.caption(
        "The activation is odd: a unit with all incoming signs turned gives the same answer with its sign turned, and "
        "its outgoing weights turn it back."
    )
    recipe(found.recipe)


def _why(pair: Pair, spec: PermutationSpec, signed: bool) -> str:
    """One sentence on what forbids it."""
    activation = str(pair.zoo.architecture_of(pair.first).config.get("activation", "the activation")).capitalize()
    if signed:
        return f"{activation} answers a louder input with another shape, so only signs are free."
    if spec.groups:
        return f"{activation} lets neither a scale nor a sign through, so units may be permuted and no more."
    outside = ("input of the network", "output of the network")
    reasons = [f"{what}: {why}" for what, why in spec.rescaling.fixed if why not in outside]
    return f"{reasons[0]}." if reasons else "Nothing in this network lets a factor through."
