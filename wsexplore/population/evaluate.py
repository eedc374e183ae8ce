"""Loss and accuracy of a whole population at once."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from wsexplore.datasets import Dataset, Split, dataset
from wsexplore.nets import Architecture
from wsexplore.population.steps import OnStep, device_of
from wsexplore.zoo import Zoo

MEMORY = 64 << 20
"""Bytes of activations that one chunk of networks may take."""


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
def score(architecture: Architecture, weights: Float[Tensor, "models parameters"], split: Split) -> Scores:
    """Loss and accuracy of every row of `weights`, in chunks that fit a memory budget.

    Raises:
        ValueError: the split's inputs do not fit the architecture.
    """
    inputs, targets = split.inputs.to(weights.device), split.targets.to(weights.device)
    losses, accuracies = [], []
    for part in torch.split(weights, _chunk(architecture, len(split))):
        logits = architecture.forward(part, inputs)
        truth = targets.expand(len(part), -1)
        picked = logits.gather(2, truth.unsqueeze(2)).squeeze(2)
        losses.append((logits.logsumexp(2) - picked).mean(1))
        accuracies.append((logits.argmax(2) == truth).float().mean(1))
    if not losses:
        return Scores(torch.zeros(0), torch.zeros(0))
    return Scores(torch.cat(losses).cpu(), torch.cat(accuracies).cpu())


@torch.no_grad()
def predict(
    architecture: Architecture, weights: Float[Tensor, "models parameters"], inputs: Float[Tensor, "..."]
) -> Float[Tensor, "models samples classes"]:
    """Class probabilities of every network for every input."""
    parts = torch.split(weights, _chunk(architecture, len(inputs)))
    return torch.cat([architecture.forward(part, inputs).softmax(-1) for part in parts])


def evaluate(
    zoo: Zoo,
    data: str | Dataset,
    *,
    split: str = "test",
    device: str = "auto",
    on_step: OnStep | None = None,
) -> pd.DataFrame:
    """Loss and accuracy of every network of a zoo.

    Returns:
        Columns `id`, `<split>_loss` (nats) and `<split>_accuracy` (fraction of 1), in the zoo's order.

    Raises:
        ValueError: the data set does not fit the architecture, or the split is unknown.
    """
    samples = (dataset(data) if isinstance(data, str) else data).split(split)
    target = device_of(device)
    loss, accuracy = np.full(len(zoo), np.nan), np.full(len(zoo), np.nan)
    done = 0
    for architecture, rows in zoo.groups():
        for start in range(0, len(rows), 4096):
            part = rows[start : start + 4096]
            scores = score(architecture, zoo.rows(part).to(target), samples)
            loss[part], accuracy[part] = scores.loss.numpy(), scores.accuracy.numpy()
            done += len(part)
            if on_step is not None:
                on_step(done / len(zoo), f"evaluated {done:,} of {len(zoo):,} networks")
    return pd.DataFrame({"id": zoo.table["id"].to_numpy(), f"{split}_loss": loss, f"{split}_accuracy": accuracy})


def _chunk(architecture: Architecture, samples: int) -> int:
    widest = max(slot.shape[0] for slot in architecture.layout.slots)
    return max(1, MEMORY // (4 * samples * widest))
