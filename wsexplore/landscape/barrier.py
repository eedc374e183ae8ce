"""The barrier: how much worse the networks between two others are."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from numpy import ndarray as Array
from torch import Tensor

from wsexplore.align import match_population, spec_of
from wsexplore.datasets import Dataset, dataset
from wsexplore.landscape.display import barrier_html, matrix_html
from wsexplore.landscape.path import linear_path
from wsexplore.nets import Architecture
from wsexplore.population import score
from wsexplore.symmetry import permute_weights
from wsexplore.zoo import Recipe, Zoo


@dataclass(frozen=True, slots=True, eq=False)
class Barrier:
    """Loss and accuracy along the straight path between two networks.

    Attributes:
        first: id of the network at 0.
        second: id of the network at 1.
        aligned: whether the second's units were matched to the first's.
        alphas: positions on the path.
        losses: mean cross-entropy at each position, in nats.
        accuracies: at each position, fractions of 1.
        recipe: how the curve was made.
    """

    first: str
    second: str
    aligned: bool
    alphas: Float[Array, " steps"]
    losses: Float[Array, " steps"]
    accuracies: Float[Array, " steps"]
    recipe: Recipe

    @property
    def excess(self) -> Float[Array, " steps"]:
        """Loss above the chord, the straight line between the losses of the two ends, in nats."""
        above: Float[Array, " steps"] = self.losses - np.interp(self.alphas, [0, 1], [self.losses[0], self.losses[-1]])
        return above

    @property
    def height(self) -> float:
        """Largest excess of the loss over the chord, in nats; never negative."""
        return float(self.excess.max())

    @property
    def alpha_at_height(self) -> float:
        """Where on the path the excess is largest, 0 to 1."""
        return float(self.alphas[int(self.excess.argmax())])

    @property
    def accuracy_drop(self) -> float:
        """Largest fall of the accuracy below the chord between the ends, as a fraction of 1; never negative."""
        chord = np.interp(self.alphas, [0, 1], [self.accuracies[0], self.accuracies[-1]])
        return float((chord - self.accuracies).max())

    def frame(self) -> pd.DataFrame:
        """Position, loss (nats), excess over the chord (nats) and accuracy, a row per step."""
        columns = {"position": self.alphas, "loss": self.losses, "excess": self.excess, "accuracy": self.accuracies}
        return pd.DataFrame(columns)

    def _repr_html_(self) -> str:
        return barrier_html(self.first, self.second, self.aligned, self.alphas, self.losses, self.height)


@dataclass(frozen=True, slots=True, eq=False)
class BarrierMatrix:
    """Barriers between all pairs of a handful of networks.

    Attributes:
        ids: the networks.
        aligned: whether each pair was matched first, the later network to the earlier.
        heights: in nats, symmetric, zero on the diagonal.
        accuracy_drops: fractions of 1, likewise.
        recipe: how the matrix was made.
    """

    ids: tuple[str, ...]
    aligned: bool
    heights: Float[Array, "networks networks"]
    accuracy_drops: Float[Array, "networks networks"]
    recipe: Recipe

    def _repr_html_(self) -> str:
        return matrix_html(self.ids, self.heights)


def pair_weights(
    zoo: Zoo, first: int, second: int, *, align: bool, seed: int = 0
) -> tuple[Architecture, Float[Tensor, "2 parameters"]]:
    """The two ends of a path, the second matched to the first if asked.

    Raises:
        ValueError: the two networks differ in a field of their architecture or carry running statistics, or a row is
            out of range.
    """
    if zoo.architecture.buffers.size:
        raise ValueError(
            "these networks carry running statistics, which mean nothing half-way; choose a zoo without BatchNorm"
        )
    ends = zoo.rows([first, second])
    one, other = zoo.architecture_of(first), zoo.architecture_of(second)
    if one != other:
        fields = [f"{name} {one.config[name]} and {other.config[name]}" for name in one.row_fields]
        raise ValueError(f"a straight path needs two networks of one kind; these have {', '.join(fields)}")
    if align:
        spec = spec_of(one)
        found = match_population(ends[1:], ends[0], spec, one.layout, seed=seed)
        ends = torch.cat([ends[:1], permute_weights(ends[1:], found.permutations, spec, one.layout)])
    return one, ends


def barrier(
    zoo: Zoo,
    first: int,
    second: int,
    data: str | Dataset,
    *,
    steps: int = 25,
    split: str = "test",
    align: bool = False,
    seed: int = 0,
) -> Barrier:
    r"""Loss and accuracy along $(1-\alpha)\theta_A + \alpha\theta_B$, all positions evaluated at once.

    The barrier is the largest excess over the chord between the end losses (Frankle et al. 2020; Entezari et al. 2022).

    Args:
        zoo: it holds both networks.
        first: row of the network at 0.
        second: row of the network at 1.
        data: name of a data set, or the data set.
        steps: positions, both ends included.
        split: "train" or "test".
        align: match the second network's units to the first's before walking.
        seed: of the matching.

    Raises:
        ValueError: fewer than 2 steps, a row out of range, networks of two kinds, or data that do not fit.
    """
    samples = (dataset(data) if isinstance(data, str) else data).split(split)
    architecture, ends = pair_weights(zoo, first, second, align=align, seed=seed)
    alphas = _positions(steps)
    scores = score(architecture, linear_path(ends[0], ends[1], alphas), samples)
    ids = [str(zoo.table["id"].iloc[row]) for row in (first, second)]
    name = data if isinstance(data, str) else data.name
    flags = f"--dataset {name} --split {split} --steps {steps}{' --align' if align else ''} --seed {seed}"
    keywords = f"steps={steps}, split={split!r}, align={align}, seed={seed}"
    recipe = Recipe.of(
        "barrier",
        inputs={"zoo": zoo.fingerprint},
        arguments={"first": ids[0], "second": ids[1], "dataset": name, "split": split, "steps": steps, "align": align},
        seed=seed,
        cli=f"wsexplore barrier ZOO {ids[0]} {ids[1]} {flags}",
        python=f"wx.barrier(zoo, {first}, {second}, {name!r}, {keywords})",
    )
    return Barrier(ids[0], ids[1], align, alphas.numpy(), scores.loss.numpy(), scores.accuracy.numpy(), recipe)


def barrier_matrix(
    zoo: Zoo,
    rows: Sequence[int],
    data: str | Dataset,
    *,
    steps: int = 11,
    split: str = "test",
    align: bool = False,
    seed: int = 0,
) -> BarrierMatrix:
    """Barriers between all pairs of 2 to 30 networks, every network on every path evaluated at once.

    Raises:
        ValueError: fewer than 2 or more than 30 networks, one of them twice, or what `barrier` refuses.
    """
    if not 2 <= len(rows) <= 30 or len(set(rows)) < len(rows):
        raise ValueError(f"a barrier matrix takes 2 to 30 different networks, got {len(rows)}")
    samples = (dataset(data) if isinstance(data, str) else data).split(split)
    alphas = _positions(steps)
    pairs = [(a, b) for a in range(len(rows)) for b in range(a + 1, len(rows))]
    paths = []
    for a, b in pairs:
        architecture, ends = pair_weights(zoo, rows[a], rows[b], align=align, seed=seed)
        paths.append(linear_path(ends[0], ends[1], alphas))
    scores = score(architecture, torch.cat(paths), samples)
    heights, drops = np.zeros((len(rows), len(rows)), np.float32), np.zeros((len(rows), len(rows)), np.float32)
    ids = tuple(str(zoo.table["id"].iloc[row]) for row in rows)
    name = data if isinstance(data, str) else data.name
    keywords = f"steps={steps}, split={split!r}, align={align}, seed={seed}"
    recipe = Recipe.of(
        "barrier_matrix",
        inputs={"zoo": zoo.fingerprint},
        arguments={"networks": list(ids), "dataset": name, "split": split, "steps": steps, "align": align},
        seed=seed,
        python=f"wx.barrier_matrix(zoo, {list(rows)}, {name!r}, {keywords})",
    )
    for place, (a, b) in enumerate(pairs):
        part = slice(place * steps, (place + 1) * steps)
        curve = Barrier(
            ids[a], ids[b], align, alphas.numpy(), scores.loss[part].numpy(), scores.accuracy[part].numpy(), recipe
        )
        heights[a, b] = heights[b, a] = curve.height
        drops[a, b] = drops[b, a] = curve.accuracy_drop
    return BarrierMatrix(ids, align, heights, drops, recipe)


def _positions(steps: int) -> Float[Tensor, " steps"]:
    if not 2 <= steps <= 1001:
        raise ValueError(f"a path takes 2 to 1,001 steps, got {steps}")
    return torch.linspace(0, 1, steps)
