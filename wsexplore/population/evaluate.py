"""Loss and accuracy of a whole population at once."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from numpy import ndarray as Array
from torch import Tensor

from wsexplore.datasets import Dataset, Split, dataset
from wsexplore.nets import Architecture
from wsexplore.population.budget import cut_for
from wsexplore.population.fields import evaluate_fields
from wsexplore.population.steps import OnStep, device_of
from wsexplore.zoo import Zoo

MEMORY = 256 << 20
"""Bytes that weights and activations may take, where the caller does not say."""


@dataclass(frozen=True, slots=True)
class Scores:
    """How good each network is on one split.

    Attributes:
        loss: mean cross-entropy, in nats; not finite where a network diverged.
        accuracy: share of samples classified correctly, 0 to 1.
    """

    loss: Float[Tensor, " models"]
    accuracy: Float[Tensor, " models"]


@torch.no_grad()
def score(
    architecture: Architecture,
    weights: Float[Tensor, "models parameters"],
    split: Split,
    *,
    buffers: Float[Tensor, "models buffers"] | None = None,
    memory: int = MEMORY,
    on_part: Callable[[], None] = lambda: None,
) -> Scores:
    """Loss and accuracy of every row of `weights`.

    Networks and samples are cut so that activations fit `memory`; the scores do not depend on the cut, but for the
    rounding of single logits. Losses are summed in double precision.

    Args:
        architecture: of all networks.
        weights: one network per row.
        split: its samples, with their classes.
        buffers: running statistics, one network per row; by default those before the first batch.
        memory: bytes that activations may take.
        on_part: called after each part; it may raise to cancel.

    Raises:
        ValueError: the split does not fit the architecture, or one network takes more memory.
    """
    inputs, targets = split.inputs.to(weights.device), split.targets.to(weights.device)
    losses, accuracies = [torch.zeros(0)], [torch.zeros(0)]
    for rows, samples in _cuts(architecture, len(weights), len(inputs), weights.device.type, memory):
        statistics = None if buffers is None else buffers[rows].to(weights.device)
        loss = torch.zeros(rows.stop - rows.start, dtype=torch.float64, device=weights.device)
        hits = torch.zeros(rows.stop - rows.start, dtype=torch.int64, device=weights.device)
        for part in samples:
            logits = architecture.forward(weights[rows], inputs[part], buffers=statistics)
            lost, hit = _judged(logits, targets[part])
            loss, hits = loss + lost, hits + hit
            on_part()
        losses.append((loss / len(inputs)).float().cpu())
        accuracies.append((hits.double() / len(inputs)).float().cpu())
    return Scores(torch.cat(losses), torch.cat(accuracies))


def _judged(
    logits: Float[Tensor, "models samples classes"], targets: Int[Tensor, " samples"]
) -> tuple[Float[Tensor, " models"], Int[Tensor, " models"]]:
    """Sum of the cross-entropies, and the number of samples classified correctly."""
    if len(targets) and int(targets.max()) >= logits.shape[2]:
        raise ValueError(
            f"the networks tell {logits.shape[2]} classes apart, the data have at least {int(targets.max()) + 1}"
        )
    truth = targets.expand(len(logits), -1)
    picked = logits.gather(2, truth.unsqueeze(2)).squeeze(2)
    return (logits.logsumexp(2) - picked).double().sum(1), (logits.argmax(2) == truth).sum(1)


@torch.no_grad()
def logits_of(
    architecture: Architecture,
    weights: Float[Tensor, "models parameters"],
    inputs: Float[Tensor, "..."],
    *,
    buffers: Float[Tensor, "models buffers"] | None = None,
) -> Float[Tensor, "models samples classes"]:
    """Outputs of every network for every input, cut to fit `MEMORY`; they lie where the weights do."""
    parts, given = [], inputs.to(weights.device)
    for rows, samples in _cuts(architecture, len(weights), len(inputs), weights.device.type, MEMORY):
        statistics = None if buffers is None else buffers[rows].to(weights.device)
        outputs = [architecture.forward(weights[rows], given[part], buffers=statistics) for part in samples]
        parts.append(torch.cat(outputs, dim=1))
    return torch.cat(parts)


def predict(
    architecture: Architecture,
    weights: Float[Tensor, "models parameters"],
    inputs: Float[Tensor, "..."],
    *,
    buffers: Float[Tensor, "models buffers"] | None = None,
) -> Float[Tensor, "models samples classes"]:
    """Class probabilities of every network for every input."""
    return logits_of(architecture, weights, inputs, buffers=buffers).softmax(-1)


def evaluate(
    zoo: Zoo,
    data: str | Dataset,
    *,
    split: str = "test",
    device: str = "auto",
    memory: int = MEMORY,
    on_step: OnStep | None = None,
) -> pd.DataFrame:
    """Loss and accuracy of every network of a zoo, read piece by piece.

    Args:
        zoo: its networks classify; of fields see `evaluate_fields`.
        data: the data set, or its name.
        split: "train" or "test".
        device: "auto", "cpu" or "cuda".
        memory: bytes that weights and activations may take; the data, the table and the libraries come on top.
        on_step: told the share done; it may raise to cancel.

    Returns:
        Columns `id`, `<split>_loss` (nats) and `<split>_accuracy` (fraction of 1), in the zoo's order.

    Raises:
        ValueError: the data set does not fit the architecture, the split is unknown, or one network takes more memory.
    """
    source = dataset(data) if isinstance(data, str) else data
    samples, target = source.split(split), device_of(device)
    if zoo.architecture.task == "field":
        return evaluate_fields(zoo, source, device=target.type, memory=memory, on_step=on_step)
    loss, accuracy = np.full(len(zoo), np.nan), np.full(len(zoo), np.nan)
    done = 0
    for architecture, rows in zoo.groups():
        size = cut_for(architecture, target.type, memory).rows
        for start in range(0, len(rows), size):
            part = rows[start : start + size]
            scores = _scores_of(zoo, part, architecture, samples, target, memory)
            loss[part], accuracy[part] = scores.loss.numpy(), scores.accuracy.numpy()
            done += len(part)
            if on_step is not None:
                on_step(done / len(zoo), f"evaluated {done:,} of {len(zoo):,} networks")
    ids = zoo.entries.part(["id"])["id"].to_numpy()
    return pd.DataFrame({"id": ids, f"{split}_loss": loss, f"{split}_accuracy": accuracy})


def _scores_of(
    zoo: Zoo, rows: Int[Array, " rows"], architecture: Architecture, split: Split, device: torch.device, memory: int
) -> Scores:
    """Scores of some networks of a zoo, whose weights are given up before the next are read."""
    weights, buffers = zoo.rows(rows).to(device), zoo.buffer_rows(rows).to(device)
    return score(architecture, weights, split, buffers=buffers, memory=memory)


def _cuts(
    architecture: Architecture, models: int, samples: int, device: str, memory: int
) -> list[tuple[slice, list[slice]]]:
    """Networks that go together, each time with the samples that go together."""
    cut = cut_for(architecture, device, memory)
    parts = _slices(samples, cut.samples)
    return [(rows, parts) for rows in _slices(models, cut.networks)]


def _slices(whole: int, size: int) -> list[slice]:
    return [slice(start, min(start + size, whole)) for start in range(0, whole, size)]
