"""What a classifier of real images says about networks that are pictures."""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from numpy import ndarray as Array
from torch import Tensor

from wsexplore.datasets import Dataset, dataset
from wsexplore.nets import Architecture, architecture
from wsexplore.population import pictures_of, train_zoo
from wsexplore.zoo import Zoo

ACCEPTED = 0.9
"""Confidence from which the classifier accepts a picture."""

FEATURES, HIDDEN = 32, 64
"""Units of the last and of the first hidden layer of the classifier."""

STEPS = 1500
"""Training steps of the classifier, at least, and one pass over the data."""

RESAMPLED = 40
"""Resamplings of the pictures that the error of a Frechet distance comes from."""


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What the classifier says about some pictures.

    Attributes:
        confidence: largest class probability of each picture.
        said: class number of each.
        features: activations of the last hidden layer, in units of the spread of those of real images.
    """

    confidence: Float[Array, " pictures"]
    said: Int[Array, " pictures"]
    features: Float[Array, "pictures features"]

    @property
    def accepted(self) -> float:
        """Share of pictures with a confidence of at least 0.9."""
        return float((self.confidence >= ACCEPTED).mean())

    def classes(self, count: int) -> Int[Array, " classes"]:
        """Accepted pictures of each class."""
        found: Int[Array, " classes"] = np.bincount(self.said[self.confidence >= ACCEPTED], minlength=count)
        return found

    def entropy(self, count: int) -> float:
        """Entropy of the classes of the accepted pictures over its largest value: 1 where all are equally frequent."""
        shares = self.classes(count) / max(1, self.classes(count).sum())
        return float(-(shares * np.log(np.maximum(shares, 1e-30))).sum() / np.log(count))


@dataclass(frozen=True, slots=True, eq=False)
class FieldJudge:
    """A classifier trained on the real training images of a data set, and real images that it never saw.

    A picture that is no digit may still be accepted, so acceptance is read beside the Frechet distance.

    Attributes:
        network: a perceptron of the pixels with two hidden layers.
        weights: of the perceptron.
        unit: the spread of the features of real images: the root of their summed variances.
        accuracy: on the real test images, a fraction of 1.
        shape: height and width of the pictures, the data set's own.
        mean: of the data set, subtracted from intensities.
        std: of the data set, divided by.
        classes: their names.
        goal: what it says about one half of the real test images, which Frechet distances are measured to.
        rest: rows of the other half in the data set, training split first, and what it says about them.
    """

    network: Architecture
    weights: Float[Tensor, " parameters"]
    unit: float
    accuracy: float
    shape: tuple[int, int]
    mean: float
    std: float
    classes: tuple[str, ...]
    goal: Seen
    rest_rows: Int[Array, " rest"]
    rest: Seen

    @classmethod
    def of(cls, data: str | Dataset, *, seed: int = 0) -> "FieldJudge":
        """Train the classifier; the same data and seed give the same one, which is kept for the next call.

        Raises:
            ValueError: the data are no grey images, or the test split has fewer than 8.
        """
        return _trained(data if isinstance(data, str) else data.name, seed)

    def see(self, networks: Zoo, left_out: list[Int[Array, " _"]] | None = None) -> Seen:
        """What the classifier says about fields, drawn at the data set's own resolution, intensities cut to 0 to 1."""
        height, width = self.shape
        pictures = pictures_of(networks, np.arange(len(networks)), height=height, width=width).clamp(0, 1)
        return self.look((pictures.flatten(1) - self.mean) / self.std)

    def look(self, inputs: Float[Tensor, "pictures pixels"]) -> Seen:
        """What the classifier says about normalised images."""
        return _seen(self.network, self.weights, inputs, self.unit)

    def frechet(self, features: Float[Array, "pictures features"]) -> float:
        """Frechet distance of pictures to the real ones of `goal`; 1 is the summed variance of the real features."""
        return frechet_distance(features, self.goal.features)

    def frechet_error(self, features: Float[Array, "pictures features"], *, seed: int = 0) -> float:
        """Standard error of `frechet` over the choice of pictures, from 40 resamplings of half of them.

        The spread over halves without replacement is that over samples of the whole size, to first order.
        """
        draw = np.random.default_rng([seed, 13])
        half = max(2, len(features) // 2)
        found = [self.frechet(features[draw.permutation(len(features))[:half]]) for _ in range(RESAMPLED)]
        return float(np.std(found, ddof=1))

    def floor(self, pictures: int) -> float:
        """Frechet distance of so many other real images to the real ones: what no generator gets below.

        It is above 0 because both are few; at most as many as there are.
        """
        return self.frechet(self.rest.features[:pictures])

    def own_rows(self, zoo: Zoo) -> Int[Array, " rows"]:
        """Fields of real images that the classifier was not trained on and that are not among `goal`.

        Without the column `sample`, all rows.
        """
        if "sample" not in zoo.table:
            return np.arange(len(zoo))
        return np.flatnonzero(np.isin(zoo.table["sample"].to_numpy(), self.rest_rows))

    def columns(self, seen: Seen, own: Seen) -> dict[str, float]:
        """What the classifier says of a population; `own` is what it says of the zoo's fields."""
        count = len(self.classes)
        return {
            "accepted": seen.accepted,
            "classes": int((seen.classes(count) > 0).sum()),
            "class_entropy": seen.entropy(count),
            "frechet": self.frechet(seen.features),
            "frechet_error": self.frechet_error(seen.features),
            "frechet_floor": self.floor(len(seen.said)),
            "frechet_own": self.frechet(own.features),
        }

    def compared(self, seen: Seen, judged: Seen) -> dict[str, float]:
        """By how much the judged pictures are nearer to real ones than these, with its standard error."""
        return {
            "difference": self.frechet(seen.features) - self.frechet(judged.features),
            "difference_error": math.hypot(self.frechet_error(judged.features), self.frechet_error(seen.features)),
        }

    def more_columns(self, seen: Seen) -> dict[str, float]:
        """Nothing more."""
        return {}

    def per_network(self, seen: Seen) -> dict[str, Any]:
        """Columns with a value for each network."""
        return {"confidence": seen.confidence.astype(float), "class": [self.classes[number] for number in seen.said]}

    def frame(self, seen: dict[str, Seen]) -> pd.DataFrame:
        """A row per generator and class: `generator`, `class`, `pictures`, `share` of all its pictures accepted so."""
        rows = [
            {"generator": name, "class": label, "pictures": int(count), "share": float(count / len(one.said))}
            for name, one in seen.items()
            for label, count in zip(self.classes, one.classes(len(self.classes)), strict=True)
        ]
        return pd.DataFrame(rows)


def frechet_distance(one: Float[Array, "first features"], other: Float[Array, "second features"]) -> float:
    r"""Squared Frechet distance of two normal distributions with the means and covariances of some features.

    $|\mu_1 - \mu_2|^2 + \operatorname{tr}(C_1 + C_2 - 2 (C_1^{1/2} C_2 C_1^{1/2})^{1/2})$ (Heusel et al. 2017). It is
    biased upwards for few points, so compare it between equally many.
    """
    means = one.mean(0, dtype=np.float64) - other.mean(0, dtype=np.float64)
    first, second = (np.atleast_2d(np.cov(part.astype(np.float64).T)) for part in (one, other))
    values, vectors = np.linalg.eigh(first)
    root = vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T
    crossed = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ second @ root), 0)).sum()
    return float(max(0.0, means @ means + np.trace(first) + np.trace(second) - 2 * crossed))


@lru_cache(maxsize=4)
def _trained(name: str, seed: int) -> FieldJudge:
    data = dataset(name)
    if data.image_shape is None or data.image_shape[0] != 1:
        raise ValueError(f"fields are judged by grey images, {data.name} has samples of shape {data.input_shape}")
    if len(data.test) < 8:
        raise ValueError(f"judging fields takes at least 8 test images, {data.name} has {len(data.test)}")
    _, height, width = data.image_shape
    kind = architecture("mlp", widths=[height * width, HIDDEN, FEATURES, len(data.classes)])
    epochs = max(1, -(-STEPS * 64 // len(data.train)))
    recipe: dict[str, Any] = {"batch_size": 64, "weight_decay": 1e-3, "optimizer": "adamw"}
    made = train_zoo(kind, data.name, models=1, epochs=epochs, seed=seed, device="cpu", **recipe)
    weights, half = made.weights[0], len(data.test) // 2
    order = np.random.default_rng([seed, 14]).permutation(len(data.test))
    goal, rest = np.sort(order[:half]), np.sort(order[half:])
    inputs = data.test.inputs.flatten(1)
    real = _seen(kind, weights, inputs[torch.from_numpy(goal)], 1.0).features
    unit = max(float(real.var(0).sum() ** 0.5), 1e-12)
    goal_seen, rest_seen = (_seen(kind, weights, inputs[torch.from_numpy(rows)], unit) for rows in (goal, rest))
    return FieldJudge(
        kind,
        weights,
        unit,
        float(made.table["test_accuracy"].iloc[0]),
        (height, width),
        data.mean,
        data.std,
        data.classes,
        goal_seen,
        rest + len(data.train),
        rest_seen,
    )


@torch.no_grad()
def _seen(
    network: Architecture, weights: Float[Tensor, " parameters"], inputs: Float[Tensor, "pictures pixels"], unit: float
) -> Seen:
    """The classifier's answers and the activations before its last layer."""
    parts = {name: value[0] for name, value in network.layout.unflatten(weights.unsqueeze(0)).items()}
    last, x = len(network.config["widths"]) - 2, inputs
    for layer in range(last):
        x = torch.relu(x @ parts[f"layers.{layer}.weight"].T + parts[f"layers.{layer}.bias"])
    logits = x @ parts[f"layers.{last}.weight"].T + parts[f"layers.{last}.bias"]
    best = logits.softmax(-1).max(dim=1)
    return Seen(best.values.numpy(), best.indices.numpy(), (x / unit).numpy())
