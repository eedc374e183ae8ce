"""How alike the layers of two networks are: linear CKA between all of them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from numpy import ndarray as Array
from torch import Tensor

from wsexplore.align.activations import shaped_inputs
from wsexplore.align.checks import check_word
from wsexplore.datasets import Dataset, dataset
from wsexplore.landscape.cka import ESTIMATORS, FEWEST, Answers, cka_matrix
from wsexplore.landscape.layers import Layer, answers_of, kept_bytes, layers_of
from wsexplore.landscape.picked import picked_network, picked_samples
from wsexplore.landscape.told import quoted
from wsexplore.landscape.walk import within
from wsexplore.population import OnStep, device_of
from wsexplore.zoo import Recipe, Zoo

KEPT = 1 << 30
"""Bytes that the answers of all layers may take."""


@dataclass(frozen=True, slots=True, eq=False)
class LayerSimilarity:
    """Linear CKA between the layers of two networks.

    Attributes:
        first: id of the network whose layers are rows.
        second: id of the network whose layers are columns; it may be the same.
        first_layers: names, in the order in which they run.
        second_layers: likewise.
        first_features: numbers that each layer gives for one sample, channels times places.
        second_features: likewise.
        matrix: CKA, 1 for answers that differ by rotation, reflection, scale and shift alone, 0 for unrelated ones;
            unbiased it scatters around 0 and may lie slightly below. Not a number where a layer gives the same to all
            samples, or what is not finite.
        estimator: "unbiased" or "biased".
        split: "train" or "test".
        samples: how many were used.
        recipe: how this was made.
    """

    first: str
    second: str
    first_layers: tuple[str, ...]
    second_layers: tuple[str, ...]
    first_features: tuple[int, ...]
    second_features: tuple[int, ...]
    matrix: Float[Array, "first_layers second_layers"]
    estimator: str
    split: str
    samples: int
    recipe: Recipe

    @property
    def counterparts(self) -> Float[Array, " shared"]:
        """CKA of the layers that have one name in both networks, in the order of the first."""
        places = {name: place for place, name in enumerate(self.second_layers)}
        shared = [(row, places[name]) for row, name in enumerate(self.first_layers) if name in places]
        return np.array([self.matrix[pair] for pair in shared], dtype=float)

    @property
    def identified(self) -> float:
        """Share of the first's layers whose most similar layer in the second is the one of the same name.

        The test that an index of similarity should pass on two runs of one recipe (Kornblith et al. 2019, section 6.1).
        Layers without a finite value are left out; not a number where none is left.
        """
        rows = [row for row in range(len(self.matrix)) if np.isfinite(self.matrix[row]).any()]
        hits = [self.first_layers[row] == self.second_layers[int(np.nanargmax(self.matrix[row]))] for row in rows]
        return float(np.mean(hits)) if hits else float("nan")

    def frame(self) -> pd.DataFrame:
        """`first_layer`, `second_layer` and `cka`, a row for each pair of layers."""
        rows, columns = len(self.first_layers), len(self.second_layers)
        return pd.DataFrame(
            {
                "first_layer": np.repeat(self.first_layers, columns),
                "second_layer": np.tile(self.second_layers, rows),
                "cka": self.matrix.ravel(),
            }
        )


@torch.no_grad()
def layer_similarity(
    zoo: Zoo,
    first: int,
    second: int,
    data: str | Dataset,
    *,
    split: str = "test",
    samples: int = 1000,
    estimator: str = "unbiased",
    seed: int = 0,
    device: str = "auto",
    on_step: OnStep | None = None,
) -> LayerSimilarity:
    """Linear CKA of every layer of one network with every layer of another, on the same samples.

    For the formula see `cka_matrix`, for which layers are read `layers_of`. The answers of a convolution are flattened,
    channels times places, so two layers are alike only where they see the same things at the same places. Layers with
    fewer features than samples are compared by their features, all others by the inner products of their samples,
    which gives the same. CKA does not change when units are permuted, so networks need not be matched first. The biased
    estimator is too high for layers with many features, the more so the fewer the samples.

    Args:
        zoo: it holds both networks.
        first: row of the network whose layers are rows.
        second: row of the other; the same row compares the layers of one network with each other.
        data: name of a data set, or the data set.
        split: "train" or "test".
        samples: at most so many, drawn by `seed`; all of the split where it has no more.
        estimator: "unbiased" (Nguyen et al. 2021) or "biased" (Kornblith et al. 2019).
        seed: of the samples.
        device: "auto", "cpu" or "cuda".
        on_step: told the share done, after each layer; it may raise to cancel.

    Raises:
        ValueError: a row is out of range, the networks are fields, the data do not fit, a word is unknown, there are
            too few samples, or so many that the layers' answers would take more than 1 GiB.
    """
    check_word(estimator, ESTIMATORS, "estimator of CKA")
    source, name = (dataset(data), data) if isinstance(data, str) else (data, data.name)
    part, target = source.split(split), device_of(device)
    rows = picked_samples(part, samples, seed=seed)
    least = FEWEST if estimator == "unbiased" else 2
    if len(rows) < least:
        raise ValueError(f"{estimator} CKA is measured on {least} or more samples, got {len(rows)}")
    picked = part.inputs[torch.from_numpy(rows)]
    first_id, one = _reader(zoo, first, picked, target, estimator)
    second_id, other = _reader(zoo, second, picked, target, estimator)
    _refuse_many([one.layers, other.layers], len(rows))
    ours = one.read(within(on_step, 0.0, 1.0 if first == second else 0.5))
    theirs = ours if first == second else other.read(within(on_step, 0.5, 1.0))
    matrix = cka_matrix(ours, theirs, estimator=estimator)
    return LayerSimilarity(
        first=first_id,
        second=second_id,
        first_layers=tuple(layer.name for layer in one.layers),
        second_layers=tuple(layer.name for layer in other.layers),
        first_features=tuple(layer.features for layer in one.layers),
        second_features=tuple(layer.features for layer in other.layers),
        matrix=matrix,
        estimator=estimator,
        split=split,
        samples=len(rows),
        recipe=_recipe(zoo, (first, second), (first_id, second_id), name, split, samples, estimator, seed),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Reader:
    """The layers of one network, and what reads their answers."""

    layers: list[Layer]
    read: Callable[[OnStep], list[Answers]]


def _reader(zoo: Zoo, row: int, inputs: Tensor, device: torch.device, estimator: str) -> tuple[str, _Reader]:
    name, architecture, weights, buffers = picked_network(zoo, row)
    shaped = shaped_inputs(inputs, architecture).to(device)
    module = architecture.module(weights[0], buffers[0]).to(device)
    layers = layers_of(module, shaped)
    return name, _Reader(
        layers, lambda on_step: answers_of(module, layers, shaped, estimator=estimator, on_step=on_step)
    )


def _refuse_many(networks: list[list[Layer]], samples: int) -> None:
    """Refuse what does not fit `KEPT`, before anything runs."""
    wanted = sum(kept_bytes(layers, samples) for layers in networks)
    if wanted > KEPT:
        fitting = int(samples * (KEPT / wanted) ** 0.5)
        raise ValueError(
            f"the answers of {sum(map(len, networks)):,} layers to {samples:,} samples take {wanted / (1 << 20):,.0f} "
            f"MiB, and {KEPT >> 20:,} MiB may be kept; take about {fitting:,} samples"
        )


def _recipe(
    zoo: Zoo,
    rows: tuple[int, int],
    ids: tuple[str, str],
    name: str,
    split: str,
    samples: int,
    estimator: str,
    seed: int,
) -> Recipe:
    other = {"estimator": estimator} if estimator != "unbiased" else {}
    told = {"split": split, "samples": samples, **other}
    flags = " ".join(f"--{key} {value}" for key, value in told.items())
    words = ", ".join(f"{key}={value!r}" for key, value in told.items())
    return Recipe.of(
        "layer_similarity",
        inputs={"zoo": zoo.fingerprint},
        arguments={"first": ids[0], "second": ids[1], "dataset": name, **told},
        seed=seed,
        cli=f"wsexplore landscape similarity ZOO {quoted(ids)} --dataset {name} {flags} --seed {seed}",
        python=f"wx.layer_similarity(zoo, {rows[0]}, {rows[1]}, {name!r}, {words}, seed={seed})",
    )
