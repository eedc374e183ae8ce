"""The loss along straight lines through a network, beside what its first two derivatives say of it."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from numpy import ndarray as Array
from torch import Tensor

from wsexplore.landscape.hessian import HessianOperator
from wsexplore.population import OnStep

POINTS = 41
"""Positions on a line, the network itself in the middle."""

RISE = {"nats": 0.5, "squared intensity": 0.05}
"""What the second derivative alone adds to the loss at the ends of a line."""


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    r"""The loss at $\theta + s v$ for a direction $v$ of length 1.

    Attributes:
        curvature: $v^\top H v$, in the loss's unit.
        slope: $g^\top v$, in the loss's unit.
        distances: the $s$, in the unit of the weights; 0 in the middle.
        losses: at each distance.
        quadratic: $L(\theta) + g^\top v\,s + \tfrac12 v^\top H v\,s^2$.
    """

    curvature: float
    slope: float
    distances: Float[Array, " points"]
    losses: Float[Array, " points"]
    quadratic: Float[Array, " points"]

    def frame(self) -> pd.DataFrame:
        """Distance, loss and quadratic model, a row per position."""
        return pd.DataFrame({"distance": self.distances, "loss": self.losses, "quadratic": self.quadratic})


def profile_along(
    hessian: HessianOperator,
    vector: Float[Tensor, " parameters"],
    curvature: float,
    *,
    reach: float | None = None,
    points: int = POINTS,
    on_part: Callable[[], None] = lambda: None,
) -> Profile:
    """The loss along a direction.

    Args:
        hessian: of the network.
        vector: the direction, of length 1.
        curvature: along it.
        reach: largest distance. By default the second derivative alone then adds 0.5 nats (a field's 0.05 of squared
            intensity), but it is no further away than zero weights are.
        points: positions, made odd so that the network itself is one.
        on_part: called after each part of the samples at each position; it may raise to cancel.
    """
    weights = hessian.objective.weights
    if reach is None:
        reach = _reach(curvature, float(weights.norm()), RISE[hessian.objective.unit])
    distances = reach * np.linspace(-1, 1, points | 1)
    slope = float(hessian.gradient.double() @ vector.double())
    losses = np.array([hessian.loss_at(weights + float(s) * vector, on_part=on_part) for s in distances])
    quadratic = hessian.loss + slope * distances + 0.5 * curvature * distances**2
    return Profile(curvature, slope, distances, losses, quadratic)


def profiles_along(
    hessian: HessianOperator,
    vectors: Float[Tensor, "directions parameters"],
    curvatures: Float[Array, " eigenvalues"],
    *,
    on_step: OnStep,
) -> tuple[Profile, ...]:
    """The loss along several directions, as far as `profile_along` goes by default.

    Args:
        hessian: of the network.
        vectors: of length 1.
        curvatures: along them, and perhaps along more.
        on_step: told the share done; it may raise to cancel.
    """
    done, total = 0, len(vectors) * POINTS * len(hessian.parts)

    def on_part() -> None:
        nonlocal done
        done += 1
        on_step(done / total, "loss along the leading eigenvectors")

    return tuple(
        profile_along(hessian, vector, float(value), on_part=on_part)
        for vector, value in zip(vectors, curvatures, strict=False)
    )


def uphill(
    vectors: Float[Tensor, "directions parameters"], gradient: Float[Tensor, " parameters"]
) -> tuple[Float[Tensor, "directions parameters"], Float[Tensor, " directions"]]:
    """The directions with the sign along which the loss rises, and its slopes."""
    slopes = vectors.double() @ gradient.double()
    signs = torch.where(slopes < 0, -1.0, 1.0)
    return vectors * signs.to(vectors).unsqueeze(1), slopes * signs


def _reach(curvature: float, norm: float, rise: float) -> float:
    far = norm or 1.0
    return far if curvature == 0 else min(far, math.sqrt(2 * rise / abs(curvature)))
