"""What networks do with data, as features and per class: function space."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from numpy import ndarray as Array
from torch import Tensor

from wsexplore.datasets import Dataset, dataset
from wsexplore.nets import Architecture
from wsexplore.population import OnStep, field_grid, predict
from wsexplore.population.budget import cut_for
from wsexplore.population.evaluate import MEMORY
from wsexplore.zoo import Zoo


@torch.no_grad()
def function_features(
    zoo: Zoo,
    data: str | Dataset | None = None,
    samples: int = 64,
    seed: int = 0,
    *,
    memory: int = MEMORY,
    on_step: OnStep | None = None,
) -> Float[Array, "models outputs"]:
    """Outputs of every network for the same few inputs: an embedding of the function, not of the weights.

    Classifiers: the square roots of the class probabilities (softmax) for `samples` inputs, one after the other,
    classes within a sample. So the squared distance of two networks is twice the sum of their squared Hellinger
    distances, and no number exceeds 1; centred logits, which an over-confident network stretches, were predicted from
    less well (R2 of test accuracy on the digits by ridge regression 0.81 against 0.96, plain probabilities 0.94).
    The inputs are drawn from the train split and come without their classes, so they are never those on which a test
    accuracy was measured. Fields: the outputs on an even grid of about `samples` points; no data are needed. Two
    networks that differ by a permutation of hidden units have the same features. A network that diverged has features
    that are not finite.

    Args:
        zoo: classifiers or fields.
        data: the data set, or its name.
        samples: inputs, at most all of the split.
        seed: of their choice.
        memory: bytes that weights and activations may take; the result, 4 bytes a number, comes on top.
        on_step: told the share done; it may raise to cancel.

    Raises:
        ValueError: there are no networks or no samples, or the data are missing or do not fit the architecture.
    """
    if len(zoo) == 0:
        raise ValueError("the zoo is empty; function space needs at least one network")
    if samples < 1:
        raise ValueError(f"function space needs at least 1 sample, got {samples}")
    field = zoo.architecture.task == "field"
    if not field and data is None:
        raise ValueError("function space runs the networks on samples: give it a data set")
    inputs = _grid(samples) if field or data is None else _drawn(data, samples, seed)
    found: Float[Array, "models outputs"] | None = None
    for architecture, rows, weights, buffers in _networks(zoo, memory, on_step):
        if field:
            outputs = architecture.forward(weights, inputs, buffers=buffers)
        else:
            outputs = predict(architecture, weights, inputs, buffers=buffers).sqrt()
        flat = outputs.flatten(1).numpy()
        if found is None:
            found = np.empty((len(zoo), flat.shape[1]), np.float32)
        found[rows] = flat
    assert found is not None
    return found


@torch.no_grad()
def class_accuracies(
    zoo: Zoo,
    data: str | Dataset,
    *,
    split: str = "test",
    memory: int = MEMORY,
    on_step: OnStep | None = None,
) -> pd.DataFrame:
    """Of each class, the share of its samples that every network classifies correctly.

    Returns:
        Column `id`, then `<split>_accuracy_<class>` (fraction of 1) per class, letters that a filter cannot read as _.
        Not a number where a network diverged, and for classes without samples.

    Raises:
        ValueError: the networks are fields, or the data set does not fit them.
    """
    if zoo.architecture.task == "field":
        raise ValueError(f"{zoo.architecture.name} does not classify, so there is no accuracy of a class")
    source = dataset(data) if isinstance(data, str) else data
    part = source.split(split)
    classes = len(source.classes)
    member = torch.nn.functional.one_hot(part.targets, classes).double()
    found = np.full((len(zoo), classes), np.nan)
    most = max(1, memory // (4 * len(part) * classes))
    for architecture, rows, weights, buffers in _networks(zoo, memory, on_step, most=most):
        outputs = predict(architecture, weights, part.inputs, buffers=buffers)
        if outputs.shape[2] < classes:
            raise ValueError(f"the networks tell {outputs.shape[2]} classes apart, the data have {classes}")
        hits = (outputs.argmax(2) == part.targets).double() @ member
        hits[~outputs.isfinite().flatten(1).all(1)] = torch.nan
        found[rows] = (hits / member.sum(0)).numpy()
    columns = _column_names(split, source.classes)
    ids = zoo.entries.part(["id"])["id"].to_numpy()
    return pd.DataFrame({"id": ids, **{name: found[:, place] for place, name in enumerate(columns)}})


def _networks(
    zoo: Zoo, memory: int, on_step: OnStep | None, *, most: int | None = None
) -> Iterator[tuple[Architecture, Int[Array, " rows"], Tensor, Tensor]]:
    """Rows of one architecture that fit `memory`, at most `most` at once, with weights and running statistics."""
    done = 0
    for architecture, rows in zoo.groups():
        size = min(cut_for(architecture, "cpu", memory).rows, most or len(zoo))
        for start in range(0, len(rows), size):
            part = rows[start : start + size]
            yield architecture, part, zoo.rows(part), zoo.buffer_rows(part)
            done += len(part)
            if on_step is not None:
                on_step(done / len(zoo), f"ran {done:,} of {len(zoo):,} networks")


def _drawn(data: str | Dataset, samples: int, seed: int) -> Tensor:
    """Inputs of the train split, in their order."""
    source = dataset(data) if isinstance(data, str) else data
    order = torch.randperm(len(source.train), generator=torch.Generator().manual_seed(seed))
    return source.train.inputs[order[:samples].sort().values]


def _grid(samples: int) -> Float[Tensor, "points 2"]:
    side = max(1, round(samples**0.5))
    return field_grid(side, side)


def _column_names(split: str, classes: tuple[str, ...]) -> list[str]:
    """A plain and unique column name per class; where two become one, the class number is added."""
    plain = ["".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in name) for name in classes]
    twice = {name for name in plain if plain.count(name) > 1}
    return [f"{split}_accuracy_{name}" + (f"_{place}" if name in twice else "") for place, name in enumerate(plain)]
