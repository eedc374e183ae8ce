"""What classifiers say about test samples: their errors, and what they say together."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Float, Int
from numpy import ndarray as Array
from torch import Tensor

from wsexplore.datasets import Split
from wsexplore.population import device_of, logits_of
from wsexplore.zoo import Zoo

BINS = 15
"""Bins of equal width, by confidence, of the expected calibration error."""

MEMORY = 128 << 20
"""Bytes of answers that are looked at together."""


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """Of some classifiers on one split.

    Attributes:
        wrong: whether each network is wrong about each sample.
        loss: mean cross-entropy of each network, in nats.
        together: mean of the class probabilities over the networks that were asked to answer together.
    """

    wrong: Bool[Array, "networks samples"]
    loss: Float[Array, " networks"]
    together: Float[Array, "samples classes"]

    @property
    def accuracy(self) -> Float[Array, " networks"]:
        """Share of samples that each network classifies correctly."""
        found: Float[Array, " networks"] = 1 - self.wrong.mean(1)
        return found

    @property
    def item_errors(self) -> Float[Array, " samples"]:
        """Share of the networks that are wrong about each sample."""
        found: Float[Array, " samples"] = self.wrong.mean(0)
        return found


@torch.no_grad()
def answers_of(zoo: Zoo, split: Split, *, together: int = 0, device: str = "cpu") -> Answers:
    """Run all networks of a zoo on a split once.

    Args:
        zoo: classifiers.
        split: samples with their classes.
        together: so many of the first networks make up the ensemble.
        device: "auto", "cpu" or "cuda".

    Raises:
        ValueError: the data have more classes than the networks, or do not fit them.
    """
    target, truth = device_of(device), split.targets
    wrong = np.zeros((len(zoo), len(split)), bool)
    loss, total = np.zeros(len(zoo)), torch.zeros(len(split), 0, dtype=torch.float64)
    for architecture, rows in zoo.groups():
        classes = int(architecture.forward(zoo.rows(rows[:1]), split.inputs[:1]).shape[-1]) if len(rows) else 0
        size = max(1, MEMORY // (4 * max(1, len(split) * classes)))
        for start in range(0, len(rows), size):
            part = rows[start : start + size]
            weights, buffers = zoo.rows(part).to(target), zoo.buffer_rows(part).to(target)
            logits = logits_of(architecture, weights, split.inputs, buffers=buffers).cpu()
            wrong[part], loss[part] = _judged(logits, truth)
            first = torch.from_numpy(np.flatnonzero(part < together))
            if len(first):
                more = logits[first].softmax(-1).sum(0).double()
                total = total + more if total.shape[1] else more
    mean = total / max(1, min(together, len(zoo)))
    return Answers(wrong, loss, mean.numpy())


def _judged(
    logits: Float[Tensor, "networks samples classes"], truth: Int[Tensor, " samples"]
) -> tuple[Bool[Array, "networks samples"], Float[Array, " networks"]]:
    """Errors, and mean cross-entropies."""
    if len(truth) and int(truth.max()) >= logits.shape[2]:
        raise ValueError(
            f"the networks tell {logits.shape[2]} classes apart, the data have at least {int(truth.max()) + 1}"
        )
    picked = logits.gather(2, truth.expand(len(logits), -1).unsqueeze(2)).squeeze(2)
    loss = (logits.logsumexp(2) - picked).double().mean(1)
    return (logits.argmax(2) != truth).numpy(), loss.numpy()


@dataclass(frozen=True, slots=True, eq=False)
class Ensemble:
    """How good networks are together: the mean of their class probabilities.

    Attributes:
        accuracy: share of samples classified correctly.
        ece: expected calibration error, the mean gap between confidence and accuracy over 15 bins of equal width,
            weighted by their samples (Guo et al. 2017): 0 to 1.
        nll: mean negative log-likelihood of the true class, in nats.
        brier: mean squared error of the probabilities, summed over the classes: 0 to 2.
        reliability: a row per bin that has samples: `confidence` (mean), `accuracy`, `samples`.
        networks: how many answered together.
    """

    accuracy: float
    ece: float
    nll: float
    brier: float
    reliability: pd.DataFrame
    networks: int


def ensemble_of(
    probabilities: Float[Array, "samples classes"], truth: Int[Tensor, " samples"], networks: int = 1
) -> Ensemble:
    """Accuracy and calibration of mean class probabilities."""
    labels = truth.numpy()
    confidence, said = probabilities.max(1), probabilities.argmax(1)
    right = said == labels
    place = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    table = pd.DataFrame({"bin": place, "confidence": confidence, "accuracy": right.astype(float)})
    grouped = table.groupby("bin").agg(
        confidence=("confidence", "mean"), accuracy=("accuracy", "mean"), samples=("accuracy", "size")
    )
    gaps = (grouped["confidence"] - grouped["accuracy"]).abs() * grouped["samples"]
    picked = probabilities[np.arange(len(labels)), labels]
    goal = np.eye(probabilities.shape[1])[labels]
    return Ensemble(
        float(right.mean()),
        float(gaps.sum() / len(labels)),
        float(-np.log(np.maximum(picked, np.finfo(float).tiny)).mean()),
        float(np.square(probabilities - goal).sum(1).mean()),
        grouped.reset_index(drop=True),
        networks,
    )
