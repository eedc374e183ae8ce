"""From noise to data: integrating the velocity over time."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from jaxtyping import Float
from torch import Tensor

SOLVERS: Mapping[str, int] = MappingProxyType({"euler": 1, "midpoint": 2, "heun": 2, "rk4": 4, "adaptive": 3})
"""Solvers, and how often a step evaluates the velocity."""

STEPS, SOLVER = 10, "euler"
"""How networks are sampled unless said otherwise (measured: `benchmarks/flow.py`)."""

TOLERANCE = 1e-2
"""Of the adaptive solver, unless said otherwise."""

MOST = 10_000
"""Steps of the adaptive solver after which it gives up."""

VelocityField = Callable[[Tensor, Tensor], Tensor]


@torch.no_grad()
def integrate(
    velocity: VelocityField,
    noise: Float[Tensor, "models state"],
    *,
    end: float,
    steps: int,
    solver: str,
    tolerance: float = TOLERANCE,
    on_step: Callable[[int], None] | None = None,
    on_state: Callable[[Tensor], None] | None = None,
) -> Float[Tensor, "models state"]:
    r"""The state at time `end` that starts as `noise` at time 0.

    Where the velocity is fitted along the variance-preserving path, the Gaussian part of the flow is 0, so the steps
    only resolve what the network adds.

    Args:
        velocity: `(state, time) -> velocity` per unit of time; one time for all networks or one for each.
        noise: the start.
        end: time of the data.
        steps: equal steps; the adaptive solver reports in this many and begins with steps of this length.
        solver: a key of `SOLVERS`: Euler is of first order, midpoint and Heun of second, rk4 of fourth. "adaptive" is
            the pair of orders 3 and 2 of Bogacki and Shampine (1989) with a step length for each network, so that a
            network's numbers do not depend on its company.
        tolerance: of the adaptive solver: root mean square error per step, where states have unit variance.
        on_step: told the number of steps done, by the adaptive solver after each of its tries; it may raise to cancel.
        on_state: given the start and the state after each step.

    Raises:
        ValueError: the solver is unknown, `steps` is below 1, the tolerance is not above 0, or the adaptive solver
            does not come to the end.
    """
    if solver not in SOLVERS:
        raise ValueError(f"solver {solver!r} is unknown; choose one of {', '.join(SOLVERS)}")
    if steps < 1:
        raise ValueError(f"a sample takes at least 1 step, got {steps}")
    if not 0 < tolerance < float("inf"):
        raise ValueError(f"tolerance must be above 0, got {tolerance}")
    tell, watch = on_step or (lambda step: None), on_state or (lambda state: None)
    watch(noise)
    if solver == "adaptive":
        return _adaptive(velocity, noise, end, steps, tolerance, tell, watch)
    times = torch.linspace(0, end, steps + 1, dtype=noise.dtype, device=noise.device)
    state, increment = noise, _INCREMENTS[solver]
    for number in range(steps):
        start, stop = times[number : number + 1], times[number + 1 : number + 2]
        state = state + increment(velocity, state, start, stop)
        watch(state)
        tell(number + 1)
    return state


def _euler(velocity: VelocityField, state: Tensor, start: Tensor, stop: Tensor) -> Tensor:
    return (stop - start) * velocity(state, start)


def _midpoint(velocity: VelocityField, state: Tensor, start: Tensor, stop: Tensor) -> Tensor:
    length = stop - start
    return length * velocity(state + length / 2 * velocity(state, start), start + length / 2)


def _heun(velocity: VelocityField, state: Tensor, start: Tensor, stop: Tensor) -> Tensor:
    length = stop - start
    slope = velocity(state, start)
    return length * (slope + velocity(state + length * slope, stop)) / 2


def _rk4(velocity: VelocityField, state: Tensor, start: Tensor, stop: Tensor) -> Tensor:
    length = stop - start
    first = velocity(state, start)
    second = velocity(state + length / 2 * first, start + length / 2)
    third = velocity(state + length / 2 * second, start + length / 2)
    fourth = velocity(state + length * third, stop)
    return length * (first + 2 * second + 2 * third + fourth) / 6


_INCREMENTS = {"euler": _euler, "midpoint": _midpoint, "heun": _heun, "rk4": _rk4}


def _adaptive(
    velocity: VelocityField,
    state: Tensor,
    end: float,
    steps: int,
    tolerance: float,
    tell: Callable[[int], None],
    watch: Callable[[Tensor], None],
) -> Tensor:
    """Every network has a time and a step length of its own; those that are done take steps of length 0."""
    time = torch.zeros(len(state), device=state.device)
    length, told = torch.full_like(time, end / steps), 0
    slope = velocity(state, time)
    for _ in range(MOST):
        step = torch.minimum(length, end - time)
        h = step.unsqueeze(1)
        second = velocity(state + h / 2 * slope, time + step / 2)
        third = velocity(state + 3 * h / 4 * second, time + 3 * step / 4)
        ahead = state + h * (2 * slope + 3 * second + 4 * third) / 9
        fourth = velocity(ahead, time + step)
        error = h * (-5 * slope / 72 + second / 12 + third / 9 - fourth / 8)
        off = error.square().mean(1).sqrt() / tolerance
        if not off.isfinite().all():
            raise ValueError("the velocity is not finite; take a lower temperature or guidance")
        taken = off <= 1
        state = torch.where(taken.unsqueeze(1), ahead, state)
        slope = torch.where(taken.unsqueeze(1), fourth, slope)
        time = torch.where(taken, torch.where(length >= end - time, end, time + step), time)
        length = step.clamp_min(1e-6 * end) * (0.9 * off.clamp_min(1e-6) ** (-1 / 3)).clamp(0.2, 4.0)
        done = int(steps * float(time.min()) / end + 1e-4)
        for _ in range(told, done):
            watch(state)
        told = max(told, done)
        tell(told)
        if done >= steps:
            return state
    raise ValueError(f"the adaptive solver did not come to the end in {MOST:,} steps; choose a larger tolerance")
