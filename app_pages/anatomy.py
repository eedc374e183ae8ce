"""What may be permuted: the architecture drawn with its groups, and what stays fixed, and why."""

import pandas as pd
import streamlit as st

from app_pages.frame import show
from app_pages.pair import Pair
from app_pages.plain import plain
from wsexplore.align import spec_of
from wsexplore.figures import SpecParameter, spec_figure, spec_groups, spec_parameters

NAMED = 6
"""Most axes that are named for one reason; the table has all."""


def anatomy(pair: Pair) -> None:
    """The picture and the list, drawn when they are opened."""
    box = st.expander(
        "What may be permuted", icon=":material/account_tree:", key="anatomy", on_change="rerun", bind="query-params"
    )
    if not box.open:
        return
    with box:
        architecture = pair.zoo.architecture_of(pair.first)
        spec = spec_of(architecture)
        parameters, groups = spec_parameters(spec), spec_groups(spec)
        units = sum(group.size * group.copies for group in groups)
        left, right = st.columns([1.25, 1])
        with left:
            show(
                spec_figure(parameters, groups),
                key="spec",
                alt=f"{architecture.name} layer by layer: {units:,} units in {len(groups)} groups may be permuted",
                table=_axes(parameters),
            )
        with right:
            noun = "group" if len(groups) == 1 else "groups"
            st.markdown(
                f"**{units:,} units in {len(groups)} {noun}.** The same letter and "
                "colour is one group: wherever it stands, the units move together."
            )
            reasons: dict[str, list[str]] = {}
            for what, why in spec.fixed:
                reasons.setdefault(why, []).append(what)
            if reasons:
                st.markdown("**What stays in order, and why**")
                st.markdown("\n".join(f"- {plain(why)}: {plain(_some(what))}" for why, what in reasons.items()))
            st.caption("Found by watching one forward pass of the network, not written down for this architecture.")


def _some(what: list[str]) -> str:
    more = f"; and {len(what) - NAMED} more" if len(what) > NAMED else ""
    return "; ".join(what[:NAMED]) + more


def _axes(parameters: list[SpecParameter]) -> pd.DataFrame:
    """A row per axis of each parameter."""
    return pd.DataFrame(
        [
            {
                "parameter": one.name,
                "axis": place,
                "size": axis.size,
                "permuted_by": ", ".join(axis.groups),
                "stays_because": axis.reason,
                "scales": axis.may,
            }
            for one in parameters
            for place, axis in enumerate(one.axes)
        ]
    )
