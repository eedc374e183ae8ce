"""Paths between two networks, and what the networks on them say."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray as Array
from torch import Tensor

from wsexplore.datasets import Split
from wsexplore.nets import Architecture
from wsexplore.population import predict


def linear_path(
    start: Float[Tensor, " parameters"], end: Float[Tensor, " parameters"], alphas: Float[Tensor, " steps"]
) -> Float[Tensor, "steps parameters"]:
    """Networks on the straight line, `(1 - alpha) start + alpha end`; the ends themselves are met exactly."""
    return torch.lerp(start.unsqueeze(0), end.unsqueeze(0), alphas.unsqueeze(1))


@dataclass(frozen=True, slots=True, eq=False)
class PathFrames:
    """What the networks on a path say, step by step, for scrubbing in a browser.

    Attributes:
        samples: rows of the split that were chosen.
        probabilities: of each class for the chosen samples.
        confusion: share of each true class (row) that is predicted as each class (column), over the whole split.
        filters: incoming weights of every unit of the first layer.
    """

    samples: tuple[int, ...]
    probabilities: Float[Array, "steps samples classes"]
    confusion: Float[Array, "steps classes classes"]
    filters: Float[Array, "steps units inputs"]


@torch.no_grad()
def path_frames(
    architecture: Architecture,
    path: Float[Tensor, "steps parameters"],
    split: Split,
    samples: Sequence[int] | None,
    *,
    classes: int,
    shown: int = 8,
    buffers: Float[Tensor, "steps buffers"] | None = None,
) -> PathFrames:
    """Predictions, confusion matrix and first-layer weights of every network on a path.

    Args:
        architecture: of the networks.
        path: one network per row.
        split: the samples that are classified.
        samples: rows of the split whose probabilities are kept; `None` for the `shown` rows that change most along
            the path.
        classes: number of classes.
        shown: how many rows are chosen where `samples` is `None`.
        buffers: running statistics of the networks, where the architecture has some.

    Raises:
        ValueError: a sample is not in the split.
    """
    if samples is not None and any(not 0 <= sample < len(split) for sample in samples):
        raise ValueError(f"samples run from 0 to {len(split) - 1}, got {list(samples)}")
    probabilities = predict(architecture, path, split.inputs, buffers=buffers)
    if samples is None:
        change = probabilities.diff(dim=0).abs().sum((0, 2)).nan_to_num()
        samples = change.argsort(descending=True, stable=True)[:shown].sort().values.tolist()
    predicted = probabilities.argmax(-1).numpy()
    truth = split.targets.numpy()
    counts = np.stack(
        [np.bincount(truth * classes + row, minlength=classes * classes).reshape(classes, classes) for row in predicted]
    )
    confusion = counts / np.maximum(counts.sum(-1, keepdims=True), 1)
    first = architecture.layout.slots[0]
    filters = path[:, first.start : first.stop].reshape(len(path), first.shape[0], -1)
    return PathFrames(
        tuple(samples),
        probabilities[:, list(samples)].numpy(),
        confusion.astype(np.float32),
        filters.numpy().astype(np.float32),
    )
