"""Each sampled network beside the nearest one that was trained: what it looks at, and where the two differ."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st
import torch

from app_pages.drawing import Drawn
from app_pages.frame import show
from app_pages.link import check_link
from app_pages.pick import registered
from wsexplore.align import match_population, spec_of
from wsexplore.datasets import Dataset
from wsexplore.figures import filters_figure, images_figure, unit_images
from wsexplore.zoo import Zoo

SAMPLES = 2000
"""Test samples that two networks are asked, at most."""

SHOWN = 12
"""Test samples that are drawn."""

UNITS = 32
"""Units of the first layer that are drawn."""


@dataclass(frozen=True, slots=True, eq=False)
class Couple:
    """A sample and its nearest network.

    Attributes:
        name: id of the sample.
        other: id of the nearest network.
        own: weights of the sample.
        near: weights of the nearest, its units in the sample's order.
        distance: between the two.
    """

    name: str
    other: str
    own: torch.Tensor
    near: torch.Tensor
    distance: float


def pick_sample(drawn: Drawn) -> int:
    """Row of the sample that the visitor looks at; the best one first."""
    table = drawn.zoo.table
    names = table["id"].astype(str).tolist()
    scores = table["test_accuracy"].to_numpy(float) if "test_accuracy" in table else -table["nearest_distance"]
    order = np.argsort(-np.asarray(scores), kind="stable")
    options = [names[row] for row in order]
    check_link("sample", options, "sample")
    told = dict(zip(names, scores, strict=True))
    found = st.selectbox(
        "Sampled network",
        options,
        key="sample",
        bind="query-params",
        format_func=lambda name: f"{name}: {told[name]:.1%}" if "test_accuracy" in table else name,
        help="The best first. Type to search by id.",
    )
    return names.index(found)


def beside(drawn: Drawn, source: Zoo) -> None:
    """A sample, picked from a list, and the trained network that it is nearest to."""
    st.subheader("Beside the nearest network that was trained")
    row = pick_sample(drawn)
    couple = couple_of(drawn, row, source)
    fresh, other = drawn.zoo, source.row_of(couple.other)
    data = registered(str(fresh.table["dataset"].iloc[row])) if "dataset" in fresh.table else None
    cells = st.columns(4)
    cells[0].metric(
        "Distance",
        f"{couple.distance:.2f}",
        help="Euclidean, of all weights, after the best order of units. A copy would have 0.",
    )
    size = float(couple.own.norm())
    cells[1].metric("Of its own length", f"{couple.distance / max(size, 1e-9):.0%}", help="1 is as far as the origin.")
    if data is None:
        return
    given = _given(fresh, row, data), _given(source, other, data)
    truth = data.test.targets[: len(given[0])].numpy()
    apart = np.flatnonzero(given[0] != given[1])
    cells[2].metric(
        "They answer alike",
        f"{1 - len(apart) / len(truth):.1%}",
        help=f"Of {len(truth):,} test samples.",
    )
    right = [float((answers == truth).mean()) for answers in given]
    cells[3].metric(
        "Test accuracy", f"{right[0]:.1%}", f"{100 * (right[0] - right[1]):+.1f} points against the nearest"
    )
    _filters(couple, fresh, data)
    _differing(couple, data, given, truth, apart)


def couple_of(drawn: Drawn, row: int, source: Zoo) -> Couple:
    """The sample of a row and its nearest network, whose units are brought into the sample's order."""
    table, kind = drawn.zoo.table, drawn.zoo.architecture
    other = str(table["nearest"].iloc[row])
    own, near = drawn.zoo.weights[[row]], source.rows([source.row_of(other)])
    found = match_population(near, own, spec := spec_of(kind), kind.layout, method="weights", signs=True)
    moved = found.apply(near, spec, kind.layout)[0]
    return Couple(str(table["id"].iloc[row]), other, own[0], moved, float(table["nearest_distance"].iloc[row]))


def _filters(couple: Couple, fresh: Zoo, data: Dataset) -> None:
    first = fresh.architecture.layout.slots[0]
    own, near = (
        unit_images(
            one[first.start : first.stop].view(first.shape[0], -1).numpy()[:UNITS], first.shape, data.input_shape
        )
        for one in (couple.own, couple.near)
    )
    show(
        filters_figure({couple.name: own, f"nearest: {couple.other}": near, "difference": own - near}),
        key="beside-units",
        alt=f"First-layer weights of {couple.name} and of {couple.other}, unit by unit, and their difference, with "
        f"{float(np.linalg.norm(own - near) / max(np.linalg.norm(own), 1e-9)):.0%} of the length of the first",
        table=pd.DataFrame({"sample": own.ravel(), "nearest": near.ravel()}),
    )
    st.caption(
        "The units of the nearest network are in the order that brings it closest. One colour scale for all three."
    )


def _differing(
    couple: Couple, data: Dataset, given: tuple[np.ndarray, np.ndarray], truth: np.ndarray, apart: np.ndarray
) -> None:
    """Test samples on which the two answer differently."""
    if len(apart) == 0:
        st.caption(f"The two give the same answer to all {len(truth):,} test samples.")
        return
    some, names = apart[:SHOWN], [str(name) for name in data.classes]
    titles = [f"{names[given[0][k]]} / {names[given[1][k]]}, is {names[truth[k]]}" for k in some]
    st.markdown(f"**Where they differ**: the sample's answer / the nearest one's, {len(some)} of {len(apart):,}.")
    show(
        images_figure(data.images(data.test.inputs[torch.from_numpy(some)]).numpy(), titles, columns=6),
        key="differing",
        alt=f"{len(some)} of {len(apart):,} test samples that {couple.name} and {couple.other} answer differently",
        table=pd.DataFrame(
            {"sample": apart, "drawn": given[0][apart], "nearest": given[1][apart], "truth": truth[apart]}
        ),
    )


@torch.no_grad()
def _given(zoo: Zoo, row: int, data: Dataset) -> np.ndarray:
    """The classes that a network gives to the first test samples."""
    inputs = data.test.inputs[:SAMPLES]
    shape = zoo.architecture.input_shape
    answers: np.ndarray = zoo.module(row)(inputs.reshape(-1, *shape)).argmax(-1).numpy()
    return answers
