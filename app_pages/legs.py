"""The way of the Interpolate page: one leg between two networks, or three around a triangle."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pandas as pd
import streamlit as st
import torch

from app_pages.frame import show
from app_pages.gathered import Gathered
from app_pages.plain import plain
from app_pages.work import ask_first, result_of
from wsexplore.align import align
from wsexplore.datasets import Dataset
from wsexplore.figures import curves_figure, learning_figure
from wsexplore.jobs import Progress
from wsexplore.landscape import (
    LEARNED,
    Attribution,
    Barrier,
    Curve,
    Decisions,
    PathFrames,
    Route,
    Walk,
    curve_cost,
    curve_route,
    decisions,
    explained,
    fit_curve,
    path_frames,
    route_of,
    walked,
)
from wsexplore.landscape.picked import class_names
from wsexplore.landscape.walk import CALIBRATION
from wsexplore.zoo import Recipe, Zoo

STEPS = {1: 41, 3: 21}
"""Networks on each leg, by the number of legs."""


@dataclass(frozen=True, slots=True)
class Way:
    """All that the page depends on.

    Attributes:
        networks: that the way goes through; three of them are left for the first again.
        data: what networks are judged on.
        kind: of the path.
        aligned: whether units are matched first.
        canonical: what rescaling brings networks to first.
        split: "train" or "test".
        repair: of the networks between.
    """

    networks: Gathered
    data: Dataset
    kind: str
    aligned: bool
    canonical: str
    split: str
    repair: str

    @property
    def steps(self) -> int:
        """Networks on each leg."""
        return STEPS[len(self.pairs)]

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """Places of the networks that each leg joins."""
        count = len(self.networks.rows)
        return [(0, 1)] if count == 2 else [*pairwise(range(count)), (count - 1, 0)]

    @property
    def shape(self) -> str:
        """Says what the path itself depends on."""
        return f"{self.networks.name} {self.networks.rows} {self.data.name} {self.kind} {self.aligned} {self.canonical}"

    @property
    def name(self) -> str:
        """Says everything."""
        return f"{self.shape} {self.split} {self.repair}"

    @property
    def stops(self) -> Mapping[str, float]:
        """The networks, and where on the way each stands."""
        ids = [*self.networks.ids, f"{self.networks.ids[0]} again"][: len(self.pairs) + 1]
        return {name: float(place) for place, name in enumerate(ids)}


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What the networks on a way are like.

    Attributes:
        curves: the barrier of each leg.
        alphas: positions on the whole way; the k-th leg is from k to k + 1.
        losses: in nats.
        accuracies: fractions of 1.
        frames: what every network says.
    """

    curves: tuple[Barrier, ...]
    alphas: np.ndarray
    losses: np.ndarray
    accuracies: np.ndarray
    frames: PathFrames

    def frame(self) -> pd.DataFrame:
        """A row per network on the way."""
        legs = [curve.frame().assign(first=curve.first, second=curve.second) for curve in self.curves]
        return pd.concat(legs, ignore_index=True).assign(position=self.alphas)


def routes(way: Way) -> tuple[Route, ...]:
    """The legs, with their bends learned where they have some; the page watches until they are."""
    zoo, rows = _frame(way)
    return tuple(_route(way, zoo, rows[first], rows[second]) for first, second in way.pairs)


def _frame(way: Way) -> tuple[Zoo, tuple[int, ...]]:
    """The networks; three of them matched to the first together, so that the way closes."""
    networks = way.networks
    if len(way.pairs) == 1 or not way.aligned:
        return networks.zoo, networks.rows
    return _aligned(way.shape, networks, way.canonical), tuple(range(len(networks.rows)))


@st.cache_resource(max_entries=16, show_spinner="Matching units…")
def _aligned(shape: str, _networks: Gathered, canonical: str) -> Zoo:
    some = _networks.zoo.select(np.array(_networks.rows))
    return align(some, reference=0, canonical=canonical)


def _route(way: Way, zoo: Zoo, first: int, second: int) -> Route:
    own = way.aligned and len(way.pairs) == 1
    canonical = way.canonical if own or not way.aligned else "none"
    options = {"steps": way.steps, "split": way.split, "repair": way.repair, "calibration": CALIBRATION, "seed": 0}
    if way.kind not in LEARNED:
        return route_of(zoo, first, second, way.data, Walk(align=own, canonical=canonical, path=way.kind, **options))
    names = [plain(zoo.table["id"].iloc[row]) for row in (first, second)]

    def work(progress: Progress) -> Curve:
        return fit_curve(
            zoo,
            first,
            second,
            way.data,
            kind=way.kind,
            bends=1 if way.kind == "bezier" else 2,
            align=own,
            canonical=canonical,
            earlier=progress.earlier,
            on_step=progress,
            on_partial=progress.partial,
        )

    def watch(curve: Curve) -> None:
        left, right = st.columns(2)
        found = walked(curve_route(zoo, curve, way.data, split=way.split, repair=way.repair))
        key = f"learning-{first}-{second}"
        with left:
            show(
                curves_figure({TOLD[way.kind]: (found.alphas, found.losses)}, unit="nats", title=f"{way.split} loss"),
                key=key,
                alt=f"After {len(curve.history)} epochs the barrier along the curve is {found.height:.3f} nats",
                table=found.frame(),
            )
        with right:
            learnt(curve, key=f"{key}-history")

    title, job = f"Learning the way from {names[0]} to {names[1]}", f"curve {way.shape} {first} {second}"
    cost = _cost(way.shape, zoo, first, way.data)
    if not ask_first(job, cost):
        st.stop()
    curve: Curve = result_of(job, title, work, cost=cost, show=watch)
    return curve_route(zoo, curve, way.data, **options)


@st.cache_data(max_entries=32, show_spinner="Measuring what it takes…")
def _cost(shape: str, _zoo: Zoo, row: int, _data: Dataset) -> float:
    return curve_cost(_zoo, row, _data)


TOLD = {"bezier": "Bezier", "chain": "chain"}


def learnt(curve: Curve, *, key: str) -> None:
    """How the loss along a curve fell while its bends were learned."""
    show(
        learning_figure(curve.history),
        key=key,
        alt=f"Mean training loss along the curve falls from {curve.history[0]:.3f} to {curve.history[-1]:.3f} nats in "
        f"{len(curve.history)} epochs",
        table=curve.frame(),
    )


def recipe_of(way: Way, legs: tuple[Route, ...]) -> Recipe:
    """How the barriers of all legs are had without the app."""
    first = legs[0].recipe
    if len(legs) == 1:
        return way.networks.recipe(first)
    lines = [leg.recipe.python for leg in legs]
    if way.aligned:
        rows = list(way.networks.rows)
        lines.insert(0, f"zoo = wx.align(zoo.select({rows}), reference=0, canonical={way.canonical!r})")
    return way.networks.recipe(replace(first, action="barriers", cli="", python="\n".join(lines)))


def names_of_classes(route: Route) -> tuple[str, ...]:
    """Names of the classes that the networks of a route tell apart."""
    start = route.ends.networks(torch.zeros(1))
    outputs = route.ends.architecture.forward(start, route.samples.inputs[:1]).shape[-1]
    return class_names(route.data.classes, outputs)


def seen(way: Way, legs: tuple[Route, ...], samples: str) -> Seen:
    """Every network on the way, judged and asked."""
    return _seen(way.name, legs, samples)


@st.cache_data(max_entries=64, show_spinner="Asking every network on the path…")
def _seen(name: str, _legs: tuple[Route, ...], samples: str) -> Seen:
    curves = tuple(walked(leg) for leg in _legs)
    parts = [leg.networks(leg.walk.alphas) for leg in _legs]
    weights, buffers = (torch.cat(part) for part in zip(*parts, strict=True))
    one = _legs[0]
    chosen = _numbers(samples) if samples.strip() else None
    classes = len(names_of_classes(one))
    frames = path_frames(one.ends.architecture, weights, one.samples, chosen, classes=classes, buffers=buffers)
    return Seen(
        curves,
        np.concatenate([curve.alphas + place for place, curve in enumerate(curves)]),
        np.concatenate([curve.losses for curve in curves]),
        np.concatenate([curve.accuracies for curve in curves]),
        frames,
    )


@st.cache_data(max_entries=64, show_spinner="Explaining the barrier…")
def parts_of(name: str, leg: int, alpha: float, _route: Route) -> Attribution:
    """The decomposition of a barrier; `name` says all that the route depends on."""
    return explained(_route, alpha)


@st.cache_data(max_entries=64, show_spinner="Asking about every sample…")
def decisions_of(name: str, leg: int, _route: Route) -> Decisions:
    """Every answer on a leg; `name` says all that the route depends on."""
    return decisions(_route)


def _numbers(text: str) -> list[int]:
    parts = text.replace(",", " ").split()
    if not all(part.isdecimal() and len(part) < 10 for part in parts) or len(parts) > 8:
        raise ValueError(f"digits are named by up to eight numbers like 3 14 159, got {text[:60]!r}")
    return [int(part) for part in parts]
