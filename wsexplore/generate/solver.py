"""From noise to data: integrating the velocity over the angle."""

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

SOLVERS: dict[str, int] = {"euler": 1, "midpoint": 2, "heun": 2}
"""Solvers, and how often a step evaluates the velocity."""

STEPS, SOLVER = 10, "euler"
"""How networks are sampled unless said otherwise (measured: `benchmarks/flow.py`)."""

VelocityField = Callable[[Tensor, Tensor], Tensor]


@torch.no_grad()
def integrate(
    velocity: VelocityField,
    noise: Float[Tensor, "models parameters"],
    *,
    steps: int,
    solver: str,
    on_step: Callable[[int], None] | None = None,
) -> Float[Tensor, "models parameters"]:
    r"""The state at angle $\pi/2$ that starts as `noise` at angle 0, in `steps` equal steps.

    The Gaussian part of the flow is solved exactly by the trigonometric path, so the steps only resolve what the
    network adds.

    Args:
        velocity: `(state, angle (1,)) -> velocity` per radian.
        noise: the start.
        steps: equal steps from 0 to $\pi/2$.
        solver: a key of `SOLVERS`: Euler is of first order, midpoint and Heun of second.
        on_step: told the number of steps done; it may raise to cancel.

    Raises:
        ValueError: the solver is unknown or `steps` is below 1.
    """
    if solver not in SOLVERS:
        raise ValueError(f"solver {solver!r} is unknown; choose one of {', '.join(SOLVERS)}")
    if steps < 1:
        raise ValueError(f"a sample takes at least 1 step, got {steps}")
    angles = torch.linspace(0, math.pi / 2, steps + 1, device=noise.device)
    state = noise
    for number in range(steps):
        start, stop = angles[number : number + 1], angles[number + 1 : number + 2]
        length = stop - start
        slope = velocity(state, start)
        if solver == "midpoint":
            slope = velocity(state + length / 2 * slope, start + length / 2)
        elif solver == "heun":
            slope = (slope + velocity(state + length * slope, stop)) / 2
        state = state + length * slope
        if on_step is not None:
            on_step(number + 1)
    return state
