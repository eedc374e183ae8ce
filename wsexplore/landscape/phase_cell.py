"""One cell of a grid of phases, measured: losses, curvature, similarity and mode connectivity of its runs."""

import math
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import combinations, islice
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray as Array

from wsexplore.datasets import Dataset, Split
from wsexplore.landscape.barrier import walked
from wsexplore.landscape.bend import Curve, fit_curve
from wsexplore.landscape.cka import logits_cka
from wsexplore.landscape.curve_route import curve_route
from wsexplore.landscape.phase_controls import Members
from wsexplore.landscape.phase_grid import PhaseCell, mode_connectivity
from wsexplore.landscape.picked import picked_samples
from wsexplore.landscape.route import Route
from wsexplore.landscape.sharpness import hessian_trace, leading_eigenvalue
from wsexplore.landscape.walk import repairs_of, within
from wsexplore.population import OnStep, Scores, device_of, score
from wsexplore.zoo import Zoo

BATCH = 128
"""Samples in a step of learning a curve."""

STEPS = 5
"""Positions on a curve: 0, 0.25, 0.5, 0.75 and 1."""

PROBES, TRACE_TOLERANCE = 64, 0.05
"""Random vectors of a trace at most, and the relative standard error that is enough: 0.02 in log10."""

WILD = 1e4
"""Training loss in nats above which second derivatives may overflow; a network has none there."""

TIMED = 6
"""Steps of the bend that are timed, after one that is not."""

AGAIN, QUICK = 3, 5.0
"""Times that something is timed, at most, and seconds beyond which once is enough."""


@dataclass(frozen=True, slots=True)
class Measuring:
    """How a cell is measured.

    Attributes:
        split: of Hessian and mode connectivity.
        samples: that the Hessian is the mean over, and that CKA is measured on, at most.
        runs: of a cell, at most; the first in the order of the zoo.
        pairs: of runs that are joined by a curve, at most.
        epochs: that each curve is learned for.
        seed: of samples, random vectors and curves.
        device: "auto", "cpu" or "cuda".
    """

    split: str
    samples: int
    runs: int
    pairs: int
    epochs: int
    seed: int
    device: str

    def __post_init__(self) -> None:
        least = {"samples": (self.samples, 2), "runs": (self.runs, 2), "pairs": (self.pairs, 1)}
        for name, (value, bound) in {**least, "epochs": (self.epochs, 1), "seed": (self.seed, 0)}.items():
            if isinstance(value, bool) or not isinstance(value, int) or value < bound:
                raise ValueError(f"{name} of a grid of phases must be a whole number from {bound}, got {value}")
        if self.split not in ("train", "test"):
            raise ValueError(f"there is no split {self.split!r}; choose train or test")
        device_of(self.device)

    def joined(self, runs: int) -> list[tuple[int, int]]:
        """Pairs of so many runs that are joined: neighbours first, so that every run is in one where they suffice."""
        ordered = sorted(combinations(range(runs), 2), key=lambda pair: (pair[1] - pair[0], pair[0]))
        return list(islice(ordered, self.pairs))


def measured(
    members: Members, zoos: list[Zoo], data: Dataset, measuring: Measuring, *, on_step: OnStep | None = None
) -> PhaseCell:
    """The runs of one cell, measured.

    Args:
        members: of the cell.
        zoos: that they are in.
        data: what they were trained on.
        measuring: how.
        on_step: told the share done, at every network and every curve and within each; it may raise to cancel.

    Raises:
        ValueError: the data do not fit.
    """
    zoo = members.zoo(zoos, measuring.runs)
    pairs = measuring.joined(len(zoo))
    total = 1 + len(zoo) + 2 * len(pairs)
    train = _scores(zoo, data.train, measuring, within(on_step, 0.0, 0.5 / total))
    test = _scores(zoo, data.test, measuring, within(on_step, 0.5 / total, 1 / total)) if len(data.test) else None
    eigenvalues, traces = [], []
    for row in range(len(zoo)):
        told = _said(within(on_step, (1 + row) / total, (2 + row) / total), f"network {row + 1:,} of {len(zoo):,}")
        eigenvalue, trace = _sharpness(zoo, row, data, measuring, float(train.loss[row]), told)
        eigenvalues.append(eigenvalue)
        traces.append(trace)
    found = []
    for place, pair in enumerate(pairs):
        begun = (1 + len(zoo) + 2 * place) / total
        told = _said(within(on_step, begun, begun + 2 / total), f"curve {place + 1:,} of {len(pairs):,}")
        found.append(_connectivity(zoo, pair, data, measuring, told))
    return PhaseCell(
        x=members.x,
        y=members.y,
        networks=tuple(zoo.table["id"].astype(str)),
        train_loss=float(train.loss.double().mean()),
        train_error=100 * (1 - float(train.accuracy.double().mean())),
        test_loss=math.nan if test is None else float(test.loss.double().mean()),
        test_error=math.nan if test is None else 100 * (1 - float(test.accuracy.double().mean())),
        eigenvalue=_mean_log(eigenvalues),
        trace=_mean_log(traces),
        cka=_similarity(zoo, data, measuring),
        connectivities=tuple(found),
    )


def seconds_of(members: Members, zoos: list[Zoo], data: Dataset, measuring: Measuring) -> tuple[float, float]:
    """Seconds that one network and one pair of a cell take, measured on one network and a few steps of a curve."""
    zoo = members.zoo(zoos, 2)
    alone = zoo.select([0])

    def judge() -> None:
        loss = _scores(alone, data.train, measuring, None).loss
        if len(data.test):
            _scores(alone, data.test, measuring, None)
        _sharpness(alone, 0, data, measuring, float(loss[0]), None)

    network = _fastest(judge)
    if len(zoo) < 2:
        return network, 0.0
    curve = fit_curve(zoo, 0, 1, _few(data), epochs=1, device=measuring.device)
    walk = _fastest(lambda: walked(_route(zoo, curve, data, measuring)))
    return network, walk + measuring.epochs * -(-len(data.train) // BATCH) * _step_seconds(zoo, data, measuring)


def _fastest(work: Callable[[], object]) -> float:
    """Seconds of some work: what is quick is done again, so that what is done once for all is not counted."""
    seconds = math.inf
    for _ in range(AGAIN):
        begun = time.perf_counter()
        work()
        seconds = min(seconds, time.perf_counter() - begun)
        if seconds > QUICK:
            break
    return seconds


class _Enough(Exception):
    """Enough steps were timed."""


def _step_seconds(zoo: Zoo, data: Dataset, measuring: Measuring) -> float:
    """Seconds of one step of learning a bend."""
    begun: list[float] = []

    def tick(fraction: float, message: str) -> None:
        begun.append(time.perf_counter())
        if len(begun) > TIMED + 2:
            raise _Enough

    with suppress(_Enough):
        fit_curve(zoo, 0, 1, data, epochs=TIMED + 2, batch_size=BATCH, device=measuring.device, on_step=tick)
    return float(np.median(np.diff(begun[1:])))


def _few(data: Dataset) -> Dataset:
    """A data set with one batch of training samples."""
    few = Split(data.train.inputs[:2], data.train.targets[:2])
    return Dataset(data.name, few, data.test, data.classes, data.mean, data.std, data.kind, data.vocabulary)


def _scores(zoo: Zoo, split: Split, measuring: Measuring, on_step: OnStep | None) -> Scores:
    passes = 0

    def on_part() -> None:
        nonlocal passes
        passes += 1
        if on_step is not None:
            on_step(0.5, f"judging networks, pass {passes:,}")

    device = device_of(measuring.device)
    return score(zoo.architecture, zoo.weights.to(device), split, buffers=zoo.buffers.to(device), on_part=on_part)


def _sharpness(
    zoo: Zoo, row: int, data: Dataset, measuring: Measuring, loss: float, on_step: OnStep | None
) -> tuple[float, float]:
    """Leading eigenvalue and trace of one network; not numbers where it diverged."""
    if not loss < WILD:
        return math.nan, math.nan
    how: dict[str, Any] = {"split": measuring.split, "samples": measuring.samples}
    how |= {"seed": measuring.seed, "device": measuring.device}
    first, second = within(on_step, 0.0, 0.4), within(on_step, 0.4, 1.0)
    eigenvalue = leading_eigenvalue(zoo, row, data, **how, on_step=first)
    trace = hessian_trace(zoo, row, data, **how, probes=PROBES, tolerance=TRACE_TOLERANCE, on_step=second)
    return eigenvalue, trace.value


def _mean_log(values: list[float]) -> float:
    """Mean of log10 of the positive ones; not a number where there are none."""
    known: Float[Array, " known"] = np.log10([value for value in values if value > 0])
    return float(known.mean()) if len(known) else math.nan


def _similarity(zoo: Zoo, data: Dataset, measuring: Measuring) -> float:
    """Mean CKA of the logits on samples of the test split, or of the training split where there is none."""
    if len(zoo) < 2:
        return math.nan
    split = data.test if len(data.test) > 1 else data.train
    some = picked_samples(split, measuring.samples, seed=measuring.seed)
    device = device_of(measuring.device)
    inputs = split.inputs[torch.from_numpy(some)].to(device)
    inputs = inputs.reshape(-1, *zoo.architecture.input_shape)
    return logits_cka(zoo.architecture, zoo.weights.to(device), inputs, zoo.buffers.to(device))


def _connectivity(
    zoo: Zoo, pair: tuple[int, int], data: Dataset, measuring: Measuring, on_step: OnStep | None
) -> float:
    """Mode connectivity of two runs along a quadratic Bezier curve, in %."""
    curve = fit_curve(
        zoo,
        *pair,
        data,
        epochs=measuring.epochs,
        batch_size=BATCH,
        seed=measuring.seed,
        device=measuring.device,
        on_step=within(on_step, 0.0, 0.9),
    )
    barrier = walked(_route(zoo, curve, data, measuring), on_step=within(on_step, 0.9, 1.0))
    errors = np.where(np.isnan(barrier.losses), np.nan, 100 * (1 - barrier.accuracies.astype(float)))
    return mode_connectivity(errors)


def _route(zoo: Zoo, curve: Curve, data: Dataset, measuring: Measuring) -> Route:
    """The way along a curve, with running statistics estimated anew where there are some."""
    repair = "reset" if "reset" in repairs_of(zoo.architecture) else "none"
    how: dict[str, Any] = {"split": measuring.split, "seed": measuring.seed, "device": measuring.device}
    return curve_route(zoo, curve, data, steps=STEPS, repair=repair, **how)


def _said(on_step: OnStep, words: str) -> OnStep:
    """Tells what is being done before what it is told."""
    return within(lambda fraction, message: on_step(fraction, f"{words}: {message}"), 0.0, 1.0)
