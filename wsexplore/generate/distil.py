"""Few steps in place of many: a flow taught to jump as far as another one walks."""

import copy
import math
from dataclasses import dataclass, replace
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from wsexplore.generate.flow import WeightFlow
from wsexplore.generate.networks import on_device
from wsexplore.generate.solver import integrate
from wsexplore.generate.velocity import Velocity
from wsexplore.population import OnStep, device_of
from wsexplore.population.steps import threads_for
from wsexplore.zoo import Recipe

FINE = 16
"""Midpoint steps that the teacher takes from noise to data, at least."""

MOST = 32
"""Steps of a student; with more there is nothing to gain."""

MEMORY = 2 << 30
"""Bytes of states that the walks may take."""

WALKED = 0.4
"""Share of the work that the walks take, for the progress."""


def distil(
    flow: WeightFlow,
    steps: int = 2,
    *,
    walks: int = 4096,
    iterations: int = 3000,
    batch: int = 32,
    learning_rate: float = 1e-3,
    seed: int = 0,
    on_step: OnStep | None = None,
    device: str = "cpu",
) -> WeightFlow:
    r"""A flow whose `steps` Euler steps land where many steps of `flow` do (after Salimans and Ho 2022).

    The teacher walks from noise $y_0$ to data, and its states $y_i$ at the `steps + 1` times $t_i$ of the student are
    kept. The student starts as the teacher and learns, with the squared error that the fit used,
    $v(y_i, t_i) = (y_{i+1} - y_i) / (t_{i+1} - t_i)$. The map from noise to network is one function, so the error can
    go to 0: the student gives the networks of its teacher, not other ones. It is made for Euler steps of this
    number: with others it gives something else.

    Args:
        flow: the teacher.
        steps: of the student.
        walks: of the teacher.
        iterations: optimiser steps.
        batch: pairs per optimiser step.
        learning_rate: highest, of half a cosine to 0.
        seed: of noise and batches.
        on_step: told the share done; it may raise to cancel.
        device: "cpu", "cuda" or "auto".

    Raises:
        ValueError: a number is out of range.
    """
    if not isinstance(steps, int) or isinstance(steps, bool) or not 1 <= steps <= MOST:
        raise ValueError(f"steps must be a whole number from 1 to {MOST}, got {steps!r}")
    for name, value in (("walks", walks), ("iterations", iterations), ("batch", batch)):
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ValueError(f"{name} must be a whole number of at least 1, got {value!r}")
    if not 0 < learning_rate < 1:
        raise ValueError(f"learning_rate must be between 0 and 1, got {learning_rate!r}")
    held = 4 * walks * (steps + 1) * flow.coordinates.size
    if held > MEMORY:
        most = MEMORY // (4 * (steps + 1) * flow.coordinates.size)
        raise ValueError(
            f"walks must be at most {most:,} for states of {flow.coordinates.size:,} numbers, got {walks:,}"
        )
    tell, target = on_step or (lambda fraction, message: None), device_of(device)
    with threads_for(flow.architecture.layout.size):
        teacher = on_device(flow.network, target)
        walked = _walked(flow, teacher, steps, walks, seed, tell)
        student = _taught(flow, teacher, walked, iterations, batch, learning_rate, seed, tell)
    arguments = {"steps": steps, "walks": walks, "iterations": iterations, "batch": batch}
    recipe = Recipe.of(
        "distil",
        inputs={"flow": flow.fingerprint},
        arguments={**arguments, "learning_rate": learning_rate},
        seed=seed,
        cli=f"wsexplore flow distil FLOW --out STUDENT --steps {steps} --seed {seed}",
        python=f"wx.distil(flow, {steps}, seed={seed})",
    )
    return replace(flow, network=on_device(student, torch.device("cpu")), steps=steps, recipe=recipe)


@dataclass(frozen=True, slots=True, eq=False)
class _Walks:
    """States of the teacher on its way, at the times of the student."""

    states: Float[Tensor, "walks points state"]
    asked: Float[Tensor, "walks conditions"]
    times: Float[Tensor, " points"]


def _walked(flow: WeightFlow, teacher: nn.Module, steps: int, walks: int, seed: int, tell: OnStep) -> _Walks:
    device, fine = next(teacher.parameters()).device, steps * -(-FINE // steps)
    generator, parts = torch.Generator().manual_seed(seed), []
    asked = flow.listens.drawn(walks, flow.config.drop, generator).to(device)
    size = min(walks, flow.at_once)
    for start in range(0, walks, size):
        count, seen = min(size, walks - start), list[Tensor]()
        noise = flow.source.draw(count, generator, flow.coordinates, flow.architecture.layout).to(device)
        field = flow.field(teacher, asked[start : start + count])
        integrate(field, noise, end=flow.end, steps=fine, solver="midpoint", on_state=seen.append)
        parts.append(torch.stack(seen[:: fine // steps], 1))
        tell(WALKED * (start + count) / walks, f"{start + count:,} of {walks:,} networks walked by the teacher")
    return _Walks(torch.cat(parts), asked, torch.linspace(0, flow.end, steps + 1, device=device))


def _taught(
    flow: WeightFlow,
    teacher: nn.Module,
    walked: _Walks,
    iterations: int,
    batch: int,
    learning_rate: float,
    seed: int,
    tell: OnStep,
) -> nn.Module:
    student, average = (copy.deepcopy(teacher).requires_grad_(one) for one in (True, False))
    weight, length = flow.coordinates.variance.to(walked.states.device), float(walked.times[1])
    optimiser = torch.optim.AdamW(student.parameters(), learning_rate, betas=(0.9, 0.99), weight_decay=0.0)
    generator, velocity = torch.Generator().manual_seed(seed + 1), cast(Velocity, student)
    for number in range(iterations):
        for group in optimiser.param_groups:
            group["lr"] = learning_rate * 0.5 * (1 + math.cos(math.pi * number / iterations))
        rows = torch.randint(len(walked.states), (batch,), generator=generator)
        points = torch.randint(len(walked.times) - 1, (batch,), generator=generator)
        here, there = walked.states[rows, points], walked.states[rows, points + 1]
        asked = walked.asked[rows] if walked.asked.shape[1] else None
        error = velocity(here, walked.times[points], asked) - (there - here) / length
        loss = torch.mean(weight * error.square())
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(student.parameters(), flow.config.clip)
        optimiser.step()
        with torch.no_grad():
            for slow, fast in zip(average.parameters(), student.parameters(), strict=True):
                slow.lerp_(fast, 1 - min(flow.config.average, (number + 1) / (number + 10)))
        tell(WALKED + (1 - WALKED) * (number + 1) / iterations, f"lesson {number + 1:,} of {iterations:,}")
    return average.eval()
