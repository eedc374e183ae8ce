"""Planes of weight space: the loss on a grid of networks, and where to look for it."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from numpy import ndarray as Array
from torch import Tensor

from wsexplore.landscape.subspace import Subspace
from wsexplore.zoo import Recipe

MOST = 401
"""Points per side."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A network that a plane is about.

    Attributes:
        name: of the network, or of what it is.
        x: its coordinate.
        y: its other coordinate.
        loss: of the network itself, with its own running statistics, in nats; not of its shadow on the plane.
        accuracy: of the network itself, a fraction of 1.
        distance: between the network and the plane, in L2.
        kind: "network", "bend" (learned, of a curve) or "checkpoint".
    """

    name: str
    x: float
    y: float
    loss: float
    accuracy: float
    distance: float
    kind: str = "network"


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """Loss and accuracy on a grid of networks.

    Attributes:
        kind: "random", "networks", "trajectory" or "curve".
        xs: coordinates of the columns.
        ys: coordinates of the rows.
        unit: of both axes.
        losses: mean cross-entropy, in nats; not a number where nothing was judged yet, or where a network is broken.
        accuracies: fractions of 1.
        samples: how many each point was judged on.
        of: samples in the split.
        marks: the networks that the plane is about.
        paths: broken lines on the plane, by name: a trajectory, a learned curve.
        split: "train" or "test".
        repaired: "reset" where running statistics were estimated anew at every point, else "none".
        lengths: L2 length of one unit along each axis.
        explained: share of the variance of a trajectory along each axis, else empty.
        evaluator: the way to judge that was chosen by measurement.
        recipe: how this was made.
    """

    kind: str
    xs: Float[Array, " columns"]
    ys: Float[Array, " rows"]
    unit: str
    losses: Float[Array, "rows columns"]
    accuracies: Float[Array, "rows columns"]
    samples: Int[Array, "rows columns"]
    of: int
    marks: tuple[Mark, ...]
    paths: dict[str, Float[Array, "places 2"]]
    split: str
    repaired: str
    lengths: tuple[float, float]
    explained: tuple[float, ...]
    evaluator: str
    recipe: Recipe

    @property
    def done(self) -> bool:
        """Whether every point was judged on the whole split."""
        return bool((self.samples == self.of).all())

    @property
    def lowest(self) -> tuple[float, float, float]:
        """Coordinates and loss of the best point judged so far; not numbers where there is none."""
        if not np.isfinite(self.losses).any():
            return (float("nan"),) * 3
        row, column = np.unravel_index(
            np.nanargmin(np.where(np.isfinite(self.losses), self.losses, np.nan)), self.losses.shape
        )
        return float(self.xs[column]), float(self.ys[row]), float(self.losses[row, column])

    def thinned(self, side: int) -> "Plane":
        """Every second, fourth or eighth row and column, so that at most about so many are left; for a quick look."""
        stride = next((stride for stride in (1, 2, 4) if len(self.xs) <= side * stride), 8)
        some = slice(None, None, stride)
        grids = {name: getattr(self, name)[some, some] for name in ("losses", "accuracies", "samples")}
        return replace(self, xs=self.xs[some], ys=self.ys[some], **grids)

    def frame(self) -> pd.DataFrame:
        """Coordinates, loss (nats), accuracy and samples, a row per point."""
        xs, ys = np.meshgrid(self.xs, self.ys)
        columns = {"x": xs, "y": ys, "loss": self.losses, "accuracy": self.accuracies, "samples": self.samples}
        return pd.DataFrame({name: values.ravel() for name, values in columns.items()})

    def marks_frame(self) -> pd.DataFrame:
        """The networks that the plane is about, a row for each."""
        names = ("name", "kind", "x", "y", "loss", "accuracy", "distance")
        return pd.DataFrame([{name: getattr(mark, name) for name in names} for mark in self.marks], columns=names)


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """A plane before anything on it was judged: an origin, two directions, and where to look.

    Attributes:
        kind: of the plane.
        subspace: its vectors are the origin and the two directions.
        xs: coordinates of the columns.
        ys: coordinates of the rows.
        unit: of both axes.
        networks: weights of the networks that the plane is about.
        statistics: their running statistics.
        names: of these networks, and what each is.
        recipe: of the result.
        explained: as in `Plane`.
        paths: as in `Plane`.
    """

    kind: str
    subspace: Subspace
    xs: Float[Tensor, " columns"]
    ys: Float[Tensor, " rows"]
    unit: str
    networks: Float[Tensor, "networks parameters"]
    statistics: Float[Tensor, "networks buffers"]
    names: tuple[tuple[str, str], ...]
    recipe: Recipe
    explained: tuple[float, ...] = ()
    paths: dict[str, Float[Array, "places 2"]] | None = None

    @property
    def coordinates(self) -> Float[Tensor, "points vectors"]:
        """Of the grid, row by row."""
        ys, xs = torch.meshgrid(self.ys, self.xs, indexing="ij")
        return torch.stack([torch.ones_like(xs), xs, ys], dim=-1).reshape(-1, 3)

    def places(self, weights: Float[Tensor, "networks parameters"]) -> tuple[Array, Array]:
        """Coordinates of networks by least squares, and their distances from the plane."""
        origin, axes = self.subspace.vectors[0].double(), self.subspace.vectors[1:].double()
        moved = weights.double() - origin
        places = torch.linalg.lstsq(axes.T, moved.T).solution.T
        return places.numpy(), (moved - places @ axes).norm(dim=1).numpy()


def check_points(points: int) -> int:
    """The number of points per side, if it is one.

    Raises:
        ValueError: it is not.
    """
    if isinstance(points, bool) or not isinstance(points, int) or not 3 <= points <= MOST:
        raise ValueError(f"a plane takes 3 to {MOST} points per side, got {points}")
    return points
