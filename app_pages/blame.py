"""Where a barrier comes from: the samples that cost most, the classes, and every answer on the way."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import streamlit as st

from app_pages.frame import recipe, show
from app_pages.legs import Way, decisions_of, parts_of
from app_pages.plain import plain
from wsexplore.figures import classes_figure, costly_figure, decisions_figure
from wsexplore.landscape import Attribution, Barrier, Route
from wsexplore.zoo import Recipe

SHOWN = 10
"""Samples that cost most."""


def blame(way: Way, legs: Sequence[Route], curves: Sequence[Barrier]) -> None:
    """The exact decomposition of the excess at one place of a leg."""
    leg = 0
    if len(legs) > 1:
        names = [f"{route.names[0]} to {route.names[1]}" for route in legs]
        leg = names.index(st.selectbox("Leg", names, key="leg", help="Which side of the triangle."))
    alpha = st.slider(
        "Place on the path",
        0.0,
        1.0,
        round(float(curves[leg].alpha_at_height), 3),
        0.025,
        key=f"place-{leg}-{way.name}",
        help="At first where the barrier stands.",
    )
    parts = parts_of(way.name, leg, alpha, legs[leg])
    cells = st.columns(4)
    cells[0].metric(
        "Excess here", f"{parts.mean:.3f} nats", help=f"± {parts.standard_error:.3f}; loss above the chord."
    )
    cells[1].metric(
        "Confidence", f"{parts.confidence.mean():+.3f} nats", help="Logits between are larger overall than mixed ones."
    )
    cells[2].metric(
        "Disagreement won",
        f"{-parts.disagreement.mean():+.3f} nats",
        help="What mixing the logits of the two ends would win, because they disagree; never a loss.",
    )
    cells[3].metric(
        "True class lost",
        f"{-parts.true_logit.mean():+.3f} nats",
        help="How much lower the logit of the true class is between than in the mixture of the ends.",
    )
    st.caption("The three terms add up to the excess exactly, for each sample and so for their mean.")
    _samples(way, legs[leg], parts)
    table = parts.by_class()
    worst = table.loc[table["excess"].idxmax()]
    show(
        classes_figure(table),
        key="classes",
        alt=f"Mean excess by class: the largest is {worst['excess']:.2f} nats for class {worst['class']}, where "
        f"{worst['accuracy_between']:.0%} are right between the two",
        table=table,
    )
    recipe(_recipe(way, legs, parts.recipe))


def _recipe(way: Way, legs: Sequence[Route], of: Recipe) -> Recipe:
    """On a triangle of matched networks the rows are those of the matched three."""
    if len(legs) == 1 or not way.aligned:
        return way.networks.recipe(of)
    aligned = f"zoo = wx.align(zoo.select({list(way.networks.rows)}), reference=0, canonical={way.canonical!r})\n"
    return way.networks.recipe(replace(of, cli="", python=aligned + of.python))


def _samples(way: Way, route: Route, parts: Attribution) -> None:
    top = parts.top(SHOWN)
    table = parts.frame().iloc[top]
    share = float(np.maximum(parts.excess[top], 0).sum() / max(np.maximum(parts.excess, 0).sum(), 1e-12))
    shape, images = way.data.input_shape, None
    if len(shape) >= 2:
        inputs = route.samples.inputs[top.tolist()]
        images = np.clip(way.data.images(inputs).numpy(), 0, 1).reshape(len(top), *shape)
        images = images.mean(1) if images.ndim == 4 else images.reshape(len(top), -1, shape[-1])
    show(
        costly_figure(images, table),
        key="costly",
        alt=f"The {len(top)} samples that cost most hold {share:.0%} of all positive excess; the worst is sample "
        f"{table['sample'].iloc[0]}, class {table['class'].iloc[0]}, said to be {table['said_by_between'].iloc[0]}",
        table=parts.frame().sort_values("excess", ascending=False, kind="stable"),
    )
    half = f", and {parts.concentration:.0%} of the samples hold half of it" if parts.concentration > 0 else ""
    st.caption(
        f"The {len(top)} samples of {len(parts.excess):,} that cost most hold {share:.0%} of the positive excess{half}."
        " Bold: the true class."
    )


def answers(way: Way, legs: Sequence[Route]) -> None:
    """The class said for every sample at every place of the first leg."""
    route = legs[0]
    every = decisions_of(way.name, 0, route)
    moving = (every.answers != every.answers[0]).any(0)
    only = st.toggle(
        "Only samples whose answer changes",
        value=bool(0 < every.changing < 0.5),
        disabled=not moving.any(),
        key="changing",
        help="The others have one colour from one end to the other.",
    )
    drawn = moving if only and moving.any() else np.ones(len(moving), bool)
    show(
        decisions_figure(every.alphas, every.targets[drawn], every.answers[:, drawn], every.classes),
        key="decisions",
        alt=f"The class said for each of {int(drawn.sum()):,} samples on the path: {every.changing:.1%} of all "
        f"{len(every.samples):,} change their answer somewhere",
        table=every.frame(),
    )
    first, second = (plain(name) for name in route.names)
    st.caption(
        "A row is a sample, sorted by its true class and by how long it is right; a column is a network. "
        f"{every.changing:.1%} of the answers change somewhere between {first} and {second}."
    )
    recipe(_recipe(way, legs, every.recipe))
