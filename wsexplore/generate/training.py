"""Train a velocity network on standardised weights."""

import copy
import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from wsexplore.generate.config import FlowConfig
from wsexplore.generate.coupling import orbit_coupling
from wsexplore.generate.solver import SOLVER, STEPS, integrate
from wsexplore.generate.tokens import UnitTokens
from wsexplore.generate.velocity import Velocity
from wsexplore.population import OnStep

CHECKS = 10
"""How often, over the whole training, the held-out loss and the dispersion are measured."""

ROUNDS = 200
"""Pairs of noise and held-out network per check, at least."""

SAMPLES = 64
"""Networks sampled per check."""


NARROWEST, WIDEST = 0.9, 1.1
"""Bounds of the noise scale: a flow whose spread is further off is not repaired, its dispersion says so."""


@dataclass(frozen=True, slots=True)
class FitStep:
    """What was measured at one point of the training.

    Attributes:
        step: optimiser steps done.
        loss: mean training loss since the last check, per parameter; 1 is the independent Gaussian's.
        held_out_loss: the same on networks kept out of the training; `None` without such networks.
        dispersion: spread of samples over the spread of the zoo, in standardised weights; 1 is right.
    """

    step: int
    loss: float
    held_out_loss: float | None
    dispersion: float


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """A trained velocity network.

    Attributes:
        network: the moving average of the weights at the check with the lowest held-out loss, on the CPU.
        scale: spread of the noise that gives samples the spread of the zoo; near 1.
        history: every check.
    """

    network: Velocity
    scale: float
    history: tuple[FitStep, ...]


def train_velocity(
    data: Float[Tensor, "models parameters"],
    weight: Float[Tensor, " parameters"],
    tokens: UnitTokens,
    config: FlowConfig,
    *,
    seed: int,
    on_step: OnStep | None = None,
) -> Trained:
    """Flow matching on `data`, states of mean 0 and variance 1, on the device where they lie.

    Errors count each coordinate with its `weight`, 1 on average.
    """
    goal = _Goal(weight, tokens, config.coupling == "orbit" and tokens.exclusive)
    device, generator = data.device, torch.Generator().manual_seed(seed)
    network = Velocity(tokens, config, seed=seed)
    average = copy.deepcopy(network).requires_grad_(False)
    order = torch.randperm(len(data), generator=generator)
    kept = max(1, round(config.held_out * len(data))) if config.held_out else 0
    train = data[order[kept:].to(device)]
    check = _Check.of(data[order[:kept].to(device)], goal, seed)
    optimiser = torch.optim.AdamW(
        network.parameters(), config.learning_rate, betas=(0.9, 0.99), weight_decay=config.weight_decay
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _one_cycle(step, config.steps))
    history: list[FitStep] = []
    losses: list[float] = []
    best = copy.deepcopy(average.state_dict())
    every = max(1, config.steps // CHECKS)
    for step in range(1, config.steps + 1):
        rows = torch.randint(len(train), (config.batch,), generator=generator).to(device)
        noise = torch.randn(config.batch, data.shape[1], generator=generator).to(device)
        angle = _angles(config.batch, generator).to(device)
        loss = flow_loss(network, goal.coupled(noise, train[rows]), train[rows], angle, weight)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(network.parameters(), config.clip)
        optimiser.step()
        schedule.step()
        _follow(average, network, min(config.average, step / (step + 9)))
        losses.append(loss.item())
        if step % every == 0 or step == config.steps:
            record = FitStep(step, sum(losses) / len(losses), check.loss(average), check.dispersion(average))
            losses = []
            if not math.isfinite(record.loss):
                raise ValueError("the fit diverged: its loss is not finite; choose a smaller learning_rate")
            if record.held_out_loss is None or all(record.held_out_loss < _held_out(one) for one in history):
                best = copy.deepcopy(average.state_dict())
            history.append(record)
        if on_step is not None:
            on_step(step / config.steps, _message(step, config.steps, history))
    average.load_state_dict(best)
    scale = _calibrated(average, check)
    return Trained(average.on(torch.device("cpu")), scale, tuple(history))


def flow_loss(
    network: Velocity,
    noise: Float[Tensor, "models parameters"],
    data: Float[Tensor, "models parameters"],
    angle: Float[Tensor, " models"],
    weight: Float[Tensor, " parameters"],
) -> Float[Tensor, ""]:
    """Weighted mean squared error of the velocity, per parameter.

    A network that answers 0 has loss 1, if noise and data are independent and the weights are 1 on average.
    """
    cosine, sine = angle.cos().unsqueeze(1), angle.sin().unsqueeze(1)
    error = network(cosine * noise + sine * data, angle) - (cosine * data - sine * noise)
    return torch.mean(weight * error.square())


@dataclass(frozen=True, slots=True, eq=False)
class _Goal:
    """Which noise goes to which network, and how much each coordinate counts."""

    weight: Tensor
    tokens: UnitTokens
    orbit: bool

    def coupled(self, noise: Tensor, data: Tensor) -> Tensor:
        return orbit_coupling(noise, data, self.weight, self.tokens) if self.orbit and len(data) else noise


def _angles(count: int, generator: torch.Generator) -> Tensor:
    """One angle in each of `count` equal parts of 0 to a right angle, in random order."""
    parts = torch.randperm(count, generator=generator) + torch.rand(count, generator=generator)
    return parts * (math.pi / 2) / count


@dataclass(frozen=True, slots=True, eq=False)
class _Check:
    """The same held-out networks, noise and angles at every check."""

    start: Tensor
    noise: Tensor
    data: Tensor
    angle: Tensor
    weight: Tensor

    @classmethod
    def of(cls, held_out: Tensor, goal: _Goal, seed: int) -> "_Check":
        generator = torch.Generator().manual_seed(seed + 1)
        device, parameters = held_out.device, len(goal.weight)
        start = torch.randn(SAMPLES, parameters, generator=generator).to(device)
        data = held_out.repeat(-(-ROUNDS // len(held_out)), 1) if len(held_out) else held_out
        noise = goal.coupled(torch.randn(len(data), parameters, generator=generator).to(device), data)
        return cls(start, noise, data, _angles(len(data), generator).to(device), goal.weight)

    @torch.no_grad()
    def loss(self, network: Velocity) -> float | None:
        if len(self.data) == 0:
            return None
        return float(flow_loss(network, self.noise, self.data, self.angle, self.weight))

    def dispersion(self, network: Velocity, scale: float = 1.0) -> float:
        sampled = integrate(network, scale * self.start, steps=STEPS, solver=SOLVER)
        return float((self.weight * sampled.square()).mean().sqrt())


def _calibrated(network: Velocity, check: _Check) -> float:
    """The noise scale whose samples have dispersion 1, by two secant steps, within bounds."""
    scale, last, slope = 1.0, check.dispersion(network), 1.0
    for _ in range(2):
        new = min(max(scale + (1 - last) / slope, NARROWEST), WIDEST)
        if new == scale:
            break
        found = check.dispersion(network, new)
        slope = max((found - last) / (new - scale), 0.5)
        scale, last = new, found
    return scale


def _one_cycle(step: int, steps: int) -> float:
    """Linear rise over the first tenth, then half a cosine to 0."""
    rise = max(1, steps // 10)
    if step < rise:
        return (step + 1) / rise
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise)))


@torch.no_grad()
def _follow(average: Velocity, network: Velocity, decay: float) -> None:
    for slow, fast in zip(average.parameters(), network.parameters(), strict=True):
        slow.lerp_(fast, 1 - decay)


def _held_out(record: FitStep) -> float:
    return math.inf if record.held_out_loss is None else record.held_out_loss


def _message(step: int, steps: int, history: list[FitStep]) -> str:
    done = f"step {step:,} of {steps:,}"
    if not history:
        return done
    last = history[-1]
    loss = f"loss {last.loss:.3f}" if last.held_out_loss is None else f"held-out loss {last.held_out_loss:.3f}"
    return f"{done}: {loss}, dispersion {last.dispersion:.2f}"
