"""Samples with their targets: as networks see them, and raw as a reader found them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from wsexplore.datasets.catalogue import Kind

PART = 1000
"""Samples handled at once, so that no large array is copied as a whole."""


@dataclass(frozen=True, slots=True)
class Split:
    """Inputs and targets, one sample per row.

    Attributes:
        inputs: normalised values; of texts, token numbers.
        targets: class numbers.
    """

    inputs: Float[Tensor, "samples ..."]
    targets: Int[Tensor, " samples"]

    def __len__(self) -> int:
        return len(self.targets)


@dataclass(frozen=True, slots=True)
class Dataset:
    """A labelled data set with a fixed split.

    Attributes:
        name: gives this data set again when `dataset` is asked for it; of a user's own data it holds a hash of the
            content.
        train: the samples that networks are trained on.
        test: the samples they are judged on.
        classes: a name per class number.
        mean: subtracted from the values (one number for all channels, from the training split; pixels lie in 0 to 1).
        std: the values' spread, by which they are divided.
        kind: "image", "sequence", "point" or "text". Texts are token numbers, neither shifted nor scaled.
        vocabulary: of texts, a character per token number; number 0 fills the end of a short text.
    """

    name: str
    train: Split
    test: Split
    classes: tuple[str, ...]
    mean: float
    std: float
    kind: Kind = "image"
    vocabulary: tuple[str, ...] = ()

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one input."""
        return tuple(self.train.inputs.shape[1:])

    @property
    def image_shape(self) -> tuple[int, int, int] | None:
        """(channels, height, width) where the samples are images; grey ones have one channel."""
        if self.kind != "image":
            return None
        channels, height, width = (1, 1, *self.input_shape)[-3:]
        return channels, height, width

    def split(self, name: str) -> Split:
        """The split called "train" or "test".

        Raises:
            ValueError: there is no such split.
        """
        if name not in ("train", "test"):
            raise ValueError(f"split {name!r} is unknown; choose train or test")
        return self.train if name == "train" else self.test

    def images(self, inputs: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """Pixels in 0 to 1 from normalised inputs."""
        return inputs * self.std + self.mean


@dataclass(frozen=True, slots=True)
class Raw:
    """What a reader found.

    Attributes:
        train: values and class numbers of the training samples. Pixels are bytes, or fractions of 1.
        test: the same of the test samples.
        classes: a name per class number.
        kind: what the samples are.
        vocabulary: of texts.
        digest: of a user's own data, a hash of the content.
    """

    train: tuple[NDArray[Any], NDArray[np.int64]]
    test: tuple[NDArray[Any], NDArray[np.int64]]
    classes: tuple[str, ...]
    kind: Kind = "image"
    vocabulary: tuple[str, ...] = ()
    digest: str = ""


def normalised(name: str, raw: Raw) -> Dataset:
    """The data set of these samples, shifted and scaled to mean 0 and spread 1 over the training split.

    Raises:
        ValueError: a split is empty, or all values are the same.
    """
    if not len(raw.train[1]) or not len(raw.test[1]):
        raise ValueError(f"{name} needs samples for training and for testing, got none; check its files")
    if raw.kind == "text":
        mean, std = 0.0, 1.0
    else:
        mean, std = _moments(raw.train[0])
    if std == 0:
        raise ValueError(f"all values of {name} are the same, so there is nothing to learn; check its files")

    def split(values: NDArray[Any], targets: NDArray[np.int64]) -> Split:
        return Split(_scaled(values, mean, std), torch.from_numpy(targets.astype(np.int64)))

    return Dataset(name, split(*raw.train), split(*raw.test), raw.classes, mean, std, raw.kind, raw.vocabulary)


def fractions(values: NDArray[Any]) -> NDArray[Any]:
    """Pixels in 0 to 1; what is no byte is one already."""
    return values.astype(np.float32) / np.float32(255) if values.dtype == np.uint8 else values


def stratified(targets: NDArray[np.int64], *, share: float = 0.2, seed: int = 0) -> tuple[NDArray[Any], NDArray[Any]]:
    """Rows for training and for testing, rising: of each class this share for testing, at least one, never all."""
    draw = np.random.default_rng(seed)
    test = np.zeros(len(targets), dtype=bool)
    for label in np.unique(targets):
        rows = draw.permutation(np.flatnonzero(targets == label))
        test[rows[: min(max(1, round(share * len(rows))), len(rows) - 1)]] = True
    return np.flatnonzero(~test), np.flatnonzero(test)


def _moments(values: NDArray[Any]) -> tuple[float, float]:
    if values.dtype == np.float64:
        return float(values.mean()), float(values.std())
    parts = [fractions(values[start : start + PART]) for start in range(0, len(values), PART)]
    mean = sum(float(part.sum(dtype=np.float64)) for part in parts) / values.size
    spread = sum(float(np.square(part - mean, dtype=np.float64).sum()) for part in parts) / values.size
    return mean, spread**0.5


def _scaled(values: NDArray[Any], mean: float, std: float) -> Tensor:
    if values.dtype == np.float64:
        return torch.from_numpy(((values - mean) / std).astype(np.float32))
    scaled = np.empty(values.shape, np.float32)
    for start in range(0, len(values), PART):
        scaled[start : start + PART] = (fractions(values[start : start + PART]) - np.float32(mean)) / np.float32(std)
    return torch.from_numpy(scaled)
