"""Every point of a plane judged, from coarse to fine."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypedDict, Unpack

import numpy as np
import torch
from jaxtyping import Int
from numpy import ndarray as Array
from torch import Tensor

from wsexplore.align import reset_statistics
from wsexplore.align.checks import check_word
from wsexplore.datasets import Dataset, Split
from wsexplore.landscape.ends import calibration_inputs
from wsexplore.landscape.evaluators import choose
from wsexplore.landscape.picked import check_samples
from wsexplore.landscape.plane import Mark, Plane, Sheet
from wsexplore.landscape.refine import Judged, refine
from wsexplore.landscape.walk import CALIBRATION, repairs_of
from wsexplore.nets import Architecture
from wsexplore.population import OnStep, device_of, score

AUTO = "auto"
STATISTICS = (AUTO, "none", "reset")
"""What is done about running statistics: estimated anew at every point where the networks have some ("auto", "reset"),
or mixed like weights."""


def statistics_of(architecture: Architecture, statistics: str) -> str:
    """What is done about running statistics in these networks: "reset" or "none".

    Raises:
        ValueError: the word is unknown, or there are none to reset.
    """
    check_word(statistics, STATISTICS, "treatment of running statistics")
    resets = "reset" in repairs_of(architecture)
    if statistics == "reset" and not resets:
        raise ValueError(f"networks of {architecture.name} have no running statistics that could be estimated anew")
    return "reset" if resets and statistics != "none" else "none"


class Drawing(TypedDict, total=False):
    """Keywords of every plane that say how it is drawn."""

    split: str
    """"train" or "test" (the default)."""
    statistics: str
    """Of batch normalisation: "auto" (the default) and "reset" estimate them anew at every point, "none" mixes them
    like weights."""
    calibration: int
    """Samples of the training split that they are estimated on, by default 1,000."""
    seed: int
    """Of whatever is drawn: directions, the order in which samples are looked at, calibration samples."""
    device: str
    """"auto" (the default), "cpu" or "cuda"."""
    earlier: Plane | None
    """What an interrupted drawing of the same plane had found."""
    on_step: OnStep | None
    """Told the share done; it may raise to cancel."""
    on_partial: Callable[[Plane], None] | None
    """Given the plane so far, from coarse to fine."""


def draw_plane(sheet: Sheet, data: Dataset, **drawing: Unpack[Drawing]) -> Plane:
    """Judge every point of a sheet; the networks that it is about are judged as they are, too.

    Raises:
        ValueError: the split is empty or does not fit, or the networks are no classifiers.
    """
    architecture, target = sheet.subspace.architecture, device_of(drawing.get("device", "auto"))
    split, seed = drawing.get("split", "test"), drawing.get("seed", 0)
    samples, repaired = data.split(split), statistics_of(architecture, drawing.get("statistics", AUTO))
    if not len(samples):
        raise ValueError(f"the {split} split of {data.name} is empty; choose another split")
    check_samples(architecture, samples)
    if (count := drawing.get("calibration", CALIBRATION)) < 2:
        raise ValueError(f"statistics are measured on 2 or more samples, got calibration {count}")
    inputs = None if repaired == "none" else calibration_inputs(data, count, seed=seed).to(target)
    subspace, on_partial = sheet.subspace.to(target), drawing.get("on_partial")
    marks = _marks(sheet, samples, target, inputs)
    blank = _blank(sheet, samples, split, repaired, marks, evaluator=choose(subspace, samples).name)
    shape = blank.losses.shape

    def shown(judged: Judged) -> Plane:
        parts = (judged.losses, judged.accuracies, judged.samples)
        losses, accuracies, counts = (part.reshape(shape) for part in parts)
        return replace(blank, losses=losses, accuracies=accuracies, samples=counts)

    found = refine(
        subspace,
        sheet.coordinates,
        samples,
        inputs=inputs,
        levels=_levels(*shape),
        earlier=_earlier(drawing.get("earlier"), blank),
        seed=seed,
        on_step=drawing.get("on_step"),
        on_partial=None if on_partial is None else lambda judged: on_partial(shown(judged)),
    )
    return shown(found)


def cost_of(sheet: Sheet, data: Dataset, *, split: str = "test", statistics: str = AUTO) -> float:
    """Seconds that drawing a sheet on this machine's CPU will take, from a measurement on a few of its networks."""
    architecture, samples = sheet.subspace.architecture, data.split(split)
    check_samples(architecture, samples)
    seconds = choose(sheet.subspace, samples).seconds * len(samples)
    if statistics_of(architecture, statistics) == "reset":
        seconds *= 1 + 1.5 * min(CALIBRATION, len(data.train)) / max(1, len(samples))
    return seconds * len(sheet.xs) * len(sheet.ys)


def _blank(
    sheet: Sheet, samples: Split, split: str, repaired: str, marks: tuple[Mark, ...], *, evaluator: str
) -> Plane:
    shape = len(sheet.ys), len(sheet.xs)
    first, second = sheet.subspace.vectors[1:].norm(dim=1).tolist()
    return Plane(
        kind=sheet.kind,
        xs=sheet.xs.numpy(),
        ys=sheet.ys.numpy(),
        unit=sheet.unit,
        losses=np.full(shape, np.nan, np.float32),
        accuracies=np.full(shape, np.nan, np.float32),
        samples=np.zeros(shape, np.int64),
        of=len(samples),
        marks=marks,
        paths=dict(sheet.paths or {}),
        split=split,
        repaired=repaired,
        lengths=(first, second),
        explained=sheet.explained,
        evaluator=evaluator,
        recipe=sheet.recipe,
    )


def _marks(sheet: Sheet, samples: Split, device: torch.device, inputs: Tensor | None) -> tuple[Mark, ...]:
    """The networks themselves, judged as they are; a bend has no statistics of its own, so they are estimated."""
    architecture, buffers = sheet.subspace.architecture, sheet.statistics.to(device).clone()
    networks = sheet.networks.to(device)
    bends = torch.tensor([kind == "bend" for _, kind in sheet.names])
    if inputs is not None and bends.any():
        buffers[bends] = reset_statistics(architecture, networks[bends], inputs, buffers=buffers[bends])
    scores = score(architecture, networks, samples, buffers=buffers)
    places, distances = sheet.places(sheet.networks)
    facts = zip(sheet.names, places, scores.loss.tolist(), scores.accuracy.tolist(), distances, strict=True)
    return tuple(
        Mark(name, float(place[0]), float(place[1]), loss, accuracy, float(distance), kind)
        for (name, kind), place, loss, accuracy, distance in facts
    )


def _levels(rows: int, columns: int) -> Sequence[Int[Array, " _"]]:
    """Points of a grid from every eighth to all, each once."""
    place = np.arange(rows * columns).reshape(rows, columns)
    seen, levels = np.zeros(rows * columns, bool), []
    for stride in (8, 4, 2, 1):
        some = place[::stride, ::stride].ravel()
        levels.append(some[~seen[some]])
        seen[some] = True
    return [level for level in levels if len(level)]


def _earlier(earlier: Plane | None, blank: Plane) -> Judged | None:
    """What was found before, where it is of this very plane."""
    if earlier is None or earlier.recipe != blank.recipe or earlier.samples.shape != blank.samples.shape:
        return None
    return Judged(earlier.losses.ravel(), earlier.accuracies.ravel(), earlier.samples.ravel())
