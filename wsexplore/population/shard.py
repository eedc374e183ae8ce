"""Train one shard: a stack of networks that share every matrix product."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from torch import Tensor

from wsexplore.datasets import Dataset
from wsexplore.nets import Architecture, initial_weights
from wsexplore.population.evaluate import score
from wsexplore.population.optimizers import Rates, optimizer_step

SHARED = ("activation", "optimizer", "batch_size")
"""Hyper-parameters that all networks of a shard have in common."""

METRICS = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")


@dataclass(frozen=True, slots=True)
class TrainedShard:
    """Checkpoints of one shard.

    Attributes:
        weights: of every checkpoint.
        metrics: `METRICS` of every checkpoint; losses in nats, accuracies as fractions of 1.
    """

    weights: Float[Tensor, "checkpoints models parameters"]
    metrics: Float[Tensor, "checkpoints models metrics"]


def train_shard(
    architecture: Architecture,
    data: Dataset,
    networks: pd.DataFrame,
    *,
    checkpoints: tuple[int, ...],
    device: torch.device,
    on_epoch: Callable[[int], None],
) -> TrainedShard:
    """Train the networks of a shard together, each with its own initialisation, order of samples and rates.

    An epoch is as many steps as the whole training split needs at the shard's batch size. A network that sees only
    a share of the data passes over that share again, so all networks take the same number of steps. The result of a
    network depends on its own row and the device, not on the others in the shard.

    Args:
        architecture: of all networks, its `activation` already set.
        data: trained on `data.train`; metrics on both splits with their true labels.
        networks: rows of `hyper_parameters`, equal in the columns of `SHARED`.
        checkpoints: epochs to keep, rising; 0 is the initialisation.
        device: where to train.
        on_epoch: called after each epoch; it may raise to cancel.
    """
    size, samples = int(networks["batch_size"].iloc[0]), len(data.train)
    seeds = [int(seed) for seed in networks["seed"]]
    start = torch.stack(
        [
            initial_weights(architecture.layout, init=init, seed=_stream(seed, 0))
            for init, seed in zip(networks["init"], seeds, strict=True)
        ]
    ).to(device)
    parameters = {name: value.clone().requires_grad_() for name, value in architecture.layout.unflatten(start).items()}
    moments = {name: (torch.zeros_like(value), torch.zeros_like(value)) for name, value in parameters.items()}
    rates = Rates(
        lr=_column(networks, "lr", device),
        weight_decay=_column(networks, "weight_decay", device),
        momentum=_column(networks, "momentum", device),
        decays=bool(networks["weight_decay"].any()),
    )
    orders = [torch.Generator().manual_seed(_stream(seed, 1)) for seed in seeds]
    seen, labels = _seen_data(data, networks, seeds)
    inputs, labels = data.train.inputs.flatten(1).to(device), labels.to(device)
    split_inputs = architecture.input_shape

    kept: list[Tensor] = []
    metrics: list[Tensor] = []

    def keep() -> None:
        weights = architecture.layout.flatten({name: value.detach() for name, value in parameters.items()})
        scores = [score(architecture, weights, data.split(name)) for name in ("train", "test")]
        kept.append(weights.cpu())
        metrics.append(torch.stack([value for s in scores for value in (s.loss, s.accuracy)], dim=1))

    if 0 in checkpoints:
        keep()
    step = 0
    for epoch in range(1, max(checkpoints) + 1):
        order = _epoch_order(seen, samples, orders).to(device)
        targets = labels.gather(1, order)
        for begin in range(0, samples, size):
            step += 1
            index = order[:, begin : begin + size]
            batch = inputs.index_select(0, index.reshape(-1)).view(*index.shape, *split_inputs)
            truth = targets[:, begin : begin + size]
            logits = architecture.forward_parameters(parameters, batch)
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), truth.reshape(-1), reduction="sum")
            gradients = torch.autograd.grad(loss / index.shape[1], list(parameters.values()))
            with torch.no_grad():
                for (name, value), gradient in zip(parameters.items(), gradients, strict=True):
                    optimizer_step(networks["optimizer"].iloc[0], value, gradient, moments[name], rates, step)
        if epoch in checkpoints:
            keep()
        on_epoch(epoch)
    return TrainedShard(torch.stack(kept), torch.stack(metrics))


def _stream(seed: int, stream: int) -> int:
    return int(np.random.SeedSequence([seed, stream]).generate_state(1, np.uint64)[0] >> 1)


def _column(networks: pd.DataFrame, name: str, device: torch.device) -> Tensor:
    return torch.tensor(networks[name].to_numpy(), dtype=torch.float32, device=device)


def _seen_data(
    data: Dataset, networks: pd.DataFrame, seeds: list[int]
) -> tuple[list[Int[Tensor, " _"]], Int[Tensor, "models samples"]]:
    """Each network's own part of the training data, and its own labels."""
    samples, classes = len(data.train), len(data.classes)
    seen, labels = [], []
    for seed, share, noise in zip(seeds, networks["data_share"], networks["label_noise"], strict=True):
        draw = np.random.default_rng([seed, 2])
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
