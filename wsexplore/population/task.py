"""What the networks of a shard are trained for: the samples of each step, the loss, and the metrics."""

from collections.abc import Callable, Iterator
from typing import Protocol, runtime_checkable

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from torch import Tensor

from wsexplore.datasets import Dataset
from wsexplore.nets import Architecture
from wsexplore.population.evaluate import score
from wsexplore.population.fields import field_errors, field_grid, field_targets, psnr, render


@runtime_checkable
class Task(Protocol):
    """What the networks of a shard are trained for."""

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of what `measure` tells, in order."""
        ...

    def steps(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Inputs and targets `(models, batch, ...)` of one epoch's steps; inputs that all share lack the first axis."""
        ...

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Sum over networks and samples; divided by the batch it is the sum of the networks' mean losses."""
        ...

    def measure(
        self, weights: Tensor, buffers: Tensor, on_part: Callable[[], None] = lambda: None
    ) -> Float[Tensor, "models metrics"]:
        """The metrics of every network; `on_part` is called now and then, and may raise to cancel."""
        ...


class Classification:
    """Samples in an order of each network's own, cross-entropy, and the scores on both splits with true labels.

    An epoch is as many steps as the whole training split needs. A network that sees only a share of the data passes
    over that share again, so all networks take the same number of steps.
    """

    metrics = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")

    def __init__(self, architecture: Architecture, data: Dataset, networks: pd.DataFrame, device: torch.device):
        self._architecture, self._data, self._device = architecture, data, device
        self._batch = int(networks["batch_size"].iloc[0])
        self._orders = [torch.Generator().manual_seed(stream_of(int(seed), 1)) for seed in networks["seed"]]
        self._seen, labels = _seen_data(data, networks)
        self._inputs, self._labels = data.train.inputs.flatten(1).to(device), labels.to(device)

    def steps(self) -> Iterator[tuple[Tensor, Tensor]]:
        """One pass in a fresh order."""
        samples = len(self._inputs)
        order = _epoch_order(self._seen, samples, self._orders).to(self._device)
        targets = self._labels.gather(1, order)
        for begin in range(0, samples, self._batch):
            index = order[:, begin : begin + self._batch]
            inputs = self._inputs.index_select(0, index.reshape(-1))
            yield (
                inputs.view(*index.shape, *self._architecture.input_shape),
                targets[:, begin : begin + self._batch],
            )

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Cross-entropy, in nats."""
        return torch.nn.functional.cross_entropy(outputs.flatten(0, 1), targets.reshape(-1), reduction="sum")

    def measure(
        self, weights: Tensor, buffers: Tensor, on_part: Callable[[], None] = lambda: None
    ) -> Float[Tensor, "models metrics"]:
        """Loss in nats and accuracy as a fraction of 1, on the training and the test split."""
        scores = [
            score(self._architecture, weights, self._data.split(name), buffers=buffers, on_part=on_part)
            for name in ("train", "test")
        ]
        return torch.stack([value for s in scores for value in (s.loss, s.accuracy)], dim=1)


class FieldFitting:
    """All pixels of each network's own image in every step, and the squared error."""

    metrics = ("mse", "psnr")

    def __init__(self, architecture: Architecture, data: Dataset, networks: pd.DataFrame, device: torch.device):
        self._architecture, self._shape = architecture, (data.input_shape[-2], data.input_shape[-1])
        self._grid = field_grid(*self._shape).to(device)
        chosen = torch.tensor(networks["sample"].tolist())
        self._targets = field_targets(data)[chosen].unsqueeze(-1).to(device)

    def steps(self) -> Iterator[tuple[Tensor, Tensor]]:
        """One step: an epoch of a field is one look at every pixel."""
        yield self._grid, self._targets

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Squared error of the intensity."""
        return (outputs - targets).square().sum()

    def measure(
        self, weights: Tensor, buffers: Tensor, on_part: Callable[[], None] = lambda: None
    ) -> Float[Tensor, "models metrics"]:
        """Mean squared error of the intensity (0 to 1), and the peak signal-to-noise ratio in dB."""
        height, width = self._shape
        pictures = render(self._architecture, weights, height=height, width=width)
        error = field_errors(pictures, self._targets.squeeze(-1))
        return torch.stack([error, psnr(error)], dim=1)


def task_of(architecture: Architecture, data: Dataset, networks: pd.DataFrame, device: torch.device) -> Task:
    """The task of these networks' architecture."""
    kind: type[FieldFitting] | type[Classification] = FieldFitting if architecture.task == "field" else Classification
    return kind(architecture, data, networks, device)


def metrics_of(architecture: Architecture) -> tuple[str, ...]:
    """Names of the metrics of an architecture's task."""
    return FieldFitting.metrics if architecture.task == "field" else Classification.metrics


def stream_of(seed: int, stream: int) -> int:
    """Seed of one of a network's random streams: 0 initialisation, 1 order of samples, 2 its data, 3 dropout."""
    return int(np.random.SeedSequence([seed, stream]).generate_state(1, np.uint64)[0] >> 1)


def _seen_data(data: Dataset, networks: pd.DataFrame) -> tuple[list[Int[Tensor, " _"]], Int[Tensor, "models samples"]]:
    """Each network's own part of the training data, and its own labels."""
    samples, classes = len(data.train), len(data.classes)
    seen, labels = [], []
    for seed, share, noise in zip(networks["seed"], networks["data_share"], networks["label_noise"], strict=True):
        draw = np.random.default_rng([int(seed), 2])
        seen.append(torch.from_numpy(draw.permutation(samples)[: max(1, round(share * samples))]))
        own = data.train.targets.clone()
        flipped = torch.from_numpy(draw.permutation(samples)[: round(noise * samples)])
        shift = torch.from_numpy(draw.integers(1, classes, len(flipped)))
        own[flipped] = (own[flipped] + shift) % classes
        labels.append(own)
    return seen, torch.stack(labels)


def _epoch_order(
    seen: list[Int[Tensor, " _"]], samples: int, generators: list[torch.Generator]
) -> Int[Tensor, "models samples"]:
    """For each network the samples of one epoch, its share repeated until the epoch is full."""
    rows = []
    for own, generator in zip(seen, generators, strict=True):
        passes = [own[torch.randperm(len(own), generator=generator)] for _ in range(-(-samples // len(own)))]
        rows.append(torch.cat(passes)[:samples])
    return torch.stack(rows)
