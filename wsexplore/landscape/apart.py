"""How far pairs of networks lie apart, in their weights and in what they answer; in bounded memory."""

from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray as Array
from torch import Tensor

from wsexplore.align import align_permutations, match_population, spec_of_zoo
from wsexplore.align.alignment import networks_within
from wsexplore.datasets import Dataset
from wsexplore.landscape.agreement import jensen_shannon
from wsexplore.landscape.matrix import PAIR
from wsexplore.population import OnStep, predict
from wsexplore.population.budget import cut_for
from wsexplore.zoo import Zoo

MEMORY = 128 << 20
"""Bytes of weights, and of probabilities, that are held at once."""


def in_weights(
    zoo: Zoo, first: Int[Array, " pairs"], second: Int[Array, " pairs"]
) -> tuple[Float[Array, " pairs"], Float[Array, " pairs"]]:
    """L2 distance and cosine of the weights; only those of some pairs are in memory."""
    found = np.empty((2, len(first)))
    for part in _batches(len(first), MEMORY // (16 * zoo.architecture.layout.size)):
        found[:, part] = _apart(*_both(zoo, first[part], second[part]))
    return found[0], found[1]


def _batches(count: int, size: int) -> Iterator[slice]:
    size = max(1, size)
    return (slice(start, start + size) for start in range(0, count, size))


def _both(zoo: Zoo, first: Int[Array, " pairs"], second: Int[Array, " pairs"]) -> tuple[Tensor, Tensor]:
    """Weights of the first and of the second of each pair; each network is read once."""
    places, back = np.unique(np.concatenate([first, second]), return_inverse=True)
    weights = zoo.rows(places)
    return weights[back[: len(first)]], weights[back[len(first) :]]


def _apart(one: Float[Tensor, "pairs parameters"], other: Float[Tensor, "pairs parameters"]) -> Float[Array, "2 pairs"]:
    lengths = [torch.linalg.vector_norm(each, dim=1, dtype=torch.float64) for each in (one, other, one - other)]
    cosine = (one * other).sum(1, dtype=torch.float64) / (lengths[0] * lengths[1])
    return torch.stack([lengths[2], cosine]).numpy()


def in_matched_weights(
    zoo: Zoo,
    first: Int[Array, " pairs"],
    second: Int[Array, " pairs"],
    frame: str,
    data: Dataset,
    seed: int,
    on_step: OnStep,
) -> tuple[Float[Array, " pairs"], Float[Array, " pairs"]]:
    """The same once units are matched."""
    if frame != PAIR:
        found = align_permutations(zoo, frame=frame, reference="medoid", data=data, seed=seed, on_step=on_step)
        return in_weights(found.view(zoo), first, second)
    (spec, alike), layout = spec_of_zoo(zoo), zoo.architecture.layout
    apart = np.empty((2, len(first)))
    for part in _batches(len(first), networks_within(zoo, spec, MEMORY)):
        on_step(part.start / len(first), f"matched {part.start:,} of {len(first):,} pairs")
        one, other = _both(zoo, first[part], second[part])
        order = match_population(other, one, spec, layout, seed=seed, signs=alike)
        apart[:, part] = _apart(one, order.apply(other, spec, layout))
    return apart[0], apart[1]


def in_function(
    zoo: Zoo,
    first: Int[Array, " pairs"],
    second: Int[Array, " pairs"],
    inputs: Float[Tensor, "samples ..."],
    device: torch.device,
    on_step: OnStep,
) -> tuple[Float[Array, " pairs"], Float[Array, " pairs"]]:
    """Share of samples answered differently, and mean divergence; all networks answer some samples at a time."""
    differ, apart = np.zeros(len(first)), np.zeros(len(first))
    classes = predict(zoo.architecture, zoo.rows([0]), inputs[:1], buffers=zoo.buffer_rows([0])).shape[2]
    parts = torch.split(inputs, max(1, MEMORY // (4 * len(zoo) * classes)))
    for number, part in enumerate(parts):
        answers = torch.empty(len(zoo), len(part), classes)
        done = 0
        for architecture, rows in zoo.groups():
            for some in _batches(len(rows), cut_for(architecture, device.type, MEMORY).rows):
                here = rows[some]
                weights, buffers = zoo.rows(here).to(device), zoo.buffer_rows(here).to(device)
                answers[here] = predict(architecture, weights, part.to(device), buffers=buffers).cpu()
                done += len(here)
                share = (number + done / len(zoo)) / len(parts)
                on_step(share, f"{len(zoo):,} networks answered {share:.0%} of the samples")
        said = answers.argmax(2)
        broken = ~torch.isfinite(answers).flatten(1).all(1)
        answers[broken] = torch.nan
        for batch in _batches(len(first), MEMORY // (64 * len(part) * classes)):
            a, b = torch.from_numpy(first[batch]), torch.from_numpy(second[batch])
            wrong = (said[a] != said[b]).double().sum(1)
            differ[batch] += torch.where(broken[a] | broken[b], torch.nan, wrong).numpy()
            apart[batch] += jensen_shannon(answers[a], answers[b]).sum(1).numpy()
    return differ / len(inputs), apart / len(inputs)
