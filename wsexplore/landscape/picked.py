"""Networks of a zoo and samples of a split, picked to be compared: checked, and the same for the same seed."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray as Array
from torch import Tensor

from wsexplore.datasets import Split
from wsexplore.nets import Architecture
from wsexplore.zoo import Zoo


def picked_network(
    zoo: Zoo, row: int
) -> tuple[str, Architecture, Float[Tensor, "1 parameters"], Float[Tensor, "1 buffers"]]:
    """Id, architecture, weights and running statistics of one network of a zoo of classifiers.

    Raises:
        ValueError: the row is out of range, or the networks are fields.
    """
    check_rows(zoo, [row])
    check_classifies(zoo)
    name = str(zoo.entries.part(["id"])["id"].iloc[row])
    return name, zoo.architecture_of(row), zoo.rows([row]), zoo.buffer_rows([row])


def check_classifies(zoo: Zoo) -> None:
    """Check that the networks of a zoo tell classes apart.

    Raises:
        ValueError: they are fields.
    """
    if zoo.architecture.task == "field":
        raise ValueError(
            f"{zoo.architecture.name} networks are pictures and give no classes; choose a zoo of classifiers to "
            "compare what they answer"
        )


def check_samples(architecture: Architecture, samples: Split) -> None:
    """Check that networks can be judged on the samples of a split.

    Raises:
        ValueError: the networks are fields, there are no samples, or inputs or classes do not fit.
    """
    if architecture.task == "field":
        raise ValueError(f"{architecture.name} networks are pictures and have no loss on classes; choose classifiers")
    if not len(samples):
        raise ValueError("this split of the data set is empty, so there is nothing to judge networks on")
    weights = architecture.initial_weights(seed=0)[None]
    classes = architecture.forward(weights, samples.inputs[:1]).shape[-1]
    if (most := int(samples.targets.max()) + 1) > classes:
        raise ValueError(f"the networks tell {classes} classes apart, the data have at least {most}")


def check_rows(zoo: Zoo, rows: Sequence[int]) -> None:
    """Check that these are rows of a zoo.

    Raises:
        ValueError: one is not.
    """
    if outside := [row for row in rows if not 0 <= row < len(zoo)]:
        raise ValueError(f"rows run from 0 to {len(zoo) - 1:,}, got {outside[0]:,}")


def picked_samples(split: Split, samples: int | None, *, seed: int) -> Int[Array, " samples"]:
    """So many rows of a split, drawn without putting back and in rising order; all where it has no more, or for `None`.

    Raises:
        ValueError: none is asked for, or the split is empty.
    """
    if samples is not None and samples < 1:
        raise ValueError(f"networks are compared on at least 1 sample, got {samples}")
    if not len(split):
        raise ValueError("this split of the data set is empty, so there is nothing to compare networks on")
    if samples is None or samples >= len(split):
        return np.arange(len(split))
    order = torch.randperm(len(split), generator=torch.Generator().manual_seed(seed))
    return order[:samples].sort().values.numpy()


def class_names(classes: Sequence[str], outputs: int) -> tuple[str, ...]:
    """Names of as many classes as networks tell apart; those that the data do not name are numbered."""
    return (*classes, *(f"class {place}" for place in range(len(classes), outputs)))[:outputs]
