"""Curvature: how sharp the loss is around a network, and in which directions."""

from typing import Any

import streamlit as st

from app_pages.frame import recipe, show
from app_pages.gathered import Gathered, gathered
from app_pages.link import check_link, check_link_number
from app_pages.pick import current_refs, current_zoo, data_of
from app_pages.plain import plain
from app_pages.work import ask_first, result_of
from wsexplore.datasets import Dataset
from wsexplore.figures import profiles_figure, spectrum_figure, spectrum_finding, trace_figure
from wsexplore.jobs import Progress
from wsexplore.landscape import Curvature, curvature, curvature_cost


def curved() -> None:
    """The spectrum of the Hessian of the picked network, the loss along its leading eigenvectors, and its trace."""
    data, refs = data_of(current_zoo()[1]), current_refs()
    st.caption(f"Of {plain(refs[0][1])}, picked in the sidebar.")
    network = gathered(refs[:1])
    cells = st.columns([1, 1, 1, 1])
    check_link("judged", ("test", "train"), "split")
    split = cells[0].selectbox(
        "Loss on",
        ("test", "train"),
        key="judged",
        bind="query-params",
        help="The samples that the loss is the mean of.",
    )
    check_link_number("eigenvalues", 1, 20, "a number of eigenvalues of")
    count = cells[1].number_input(
        "Leading eigenvalues", 1, 20, 5, key="eigenvalues", bind="query-params", help="The largest, by Lanczos."
    )
    check_link_number("probes", 2, 1000, "a number of probes of")
    probes = cells[2].number_input(
        "Probes of the trace",
        2,
        1000,
        100,
        step=10,
        key="probes",
        bind="query-params",
        help="Random vectors at most; fewer where the standard error is below 1 % before.",
    )
    options = {"eigenvalues": int(count), "probes": int(probes), "split": split, "seed": 0}
    name = f"curvature {network.name} {network.rows} {data.name} {options}"
    cost = _cost(name, network, data, options)
    if not ask_first(name, cost):
        st.stop()

    def work(progress: Progress) -> Curvature:
        return curvature(network.zoo, network.rows[0], data, **options, on_step=progress)

    found: Curvature = result_of(name, f"Measuring the curvature of {refs[0][1]}", work, cost=cost)
    _numbers(found)
    _spectrum(found)
    left, right = st.columns(2)
    with left:
        _profiles(found)
    with right:
        _trace(found)
    recipe(network.recipe(found.recipe))


@st.cache_data(max_entries=64, show_spinner="Measuring what it takes…")
def _cost(name: str, _network: Gathered, _data: Dataset, options: dict[str, Any]) -> float:
    return curvature_cost(_network.zoo, _network.rows[0], _data, **options)


def _numbers(found: Curvature) -> None:
    cells = st.columns(4)
    cells[0].metric(
        "Leading eigenvalue",
        f"{found.eigenvalues[0]:.4g}",
        help=f"Within {found.bounds[0]:.1g}. Weights have no unit, so it is in {found.unit}.",
    )
    cells[1].metric(
        "Trace",
        f"{found.trace:.4g}",
        f"± {found.trace_error:.2g}",
        delta_color="off",
        delta_arrow="off",
        help=f"Sum of all {found.parameters:,} eigenvalues, from {found.probes} random vectors; with its error.",
    )
    cells[2].metric(
        "Smallest eigenvalue",
        f"{found.smallest:.3g}",
        help="Below 0: there is a direction in which the loss falls, so this is no minimum.",
    )
    cells[3].metric(
        "Gradient",
        f"{found.gradient_norm:.3g}",
        help="Its norm; where it is not small, the network is at no minimum of this loss.",
    )


def _spectrum(found: Curvature) -> None:
    st.subheader("All eigenvalues")
    show(
        spectrum_figure(
            found.positions,
            found.density,
            found.eigenvalues,
            errors=found.density_error,
            bounds=found.bounds,
            smallest=found.smallest,
            unit=found.unit,
        ),
        key="spectrum",
        alt=spectrum_finding(
            found.eigenvalues, found.smallest, found.trace, found.trace_error, found.negative_share, unit=found.unit
        ),
        table=found.density_frame(),
    )
    st.caption(
        f"Density of the {found.parameters:,} eigenvalues of the second derivatives of the {found.split} loss over "
        f"{found.samples:,} samples, by stochastic Lanczos quadrature, on a logarithmic axis. Running "
        "statistics are constants. These numbers depend on the scales of the weights: rescaling the units of a ReLU "
        "network changes them, and not the function."
    )


def _profiles(found: Curvature) -> None:
    st.subheader("Along the leading eigenvectors")
    show(
        profiles_figure(
            [profile.distances for profile in found.profiles],
            [profile.losses for profile in found.profiles],
            [profile.quadratic for profile in found.profiles],
            [float(value) for value in found.eigenvalues[: len(found.profiles)]],
            unit=found.unit,
        ),
        key="profiles",
        alt=f"Loss along {len(found.profiles)} leading eigenvectors, {found.loss:.3g} {found.unit} at the network",
        table=found.profile_frame(),
    )
    st.caption("Solid: the loss. Dotted: what slope and eigenvalue predict. Distances are in L2 of all weights.")


def _trace(found: Curvature) -> None:
    st.subheader("How well the trace is known")
    show(
        trace_figure(found.trace_estimates, unit=found.unit, height=380),
        key="trace",
        alt=f"The mean of {found.probes} estimates of the trace is {found.trace:.4g} with a standard error of "
        f"{found.trace_error:.2g} {found.unit}",
        table=found.trace_frame(),
    )
    st.caption("Each point is one random vector; the band is the standard error of the mean so far.")
