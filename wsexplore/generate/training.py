"""Train a velocity network on states of networks."""

import copy
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from wsexplore.generate.checks import Check
from wsexplore.generate.config import FlowConfig
from wsexplore.generate.examples import Examples
from wsexplore.generate.loss import flow_loss, spread_times
from wsexplore.generate.networks import on_device
from wsexplore.generate.velocity import Velocity
from wsexplore.population import OnStep

CHECKS = 20
"""How often, over the whole training, the held-out loss and the samples are measured."""

State = dict[str, Any]
Judge = Callable[[Tensor], float | None]


@dataclass(frozen=True, slots=True)
class FitStep:
    """What was measured at one point of the training.

    Attributes:
        step: optimiser steps done.
        loss: mean training loss since the last check; 1 is that of a network that answers 0.
        held_out_loss: the same on networks kept out of the training; `None` without such networks.
        dispersion: spread of samples over the spread of the zoo, in states; 1 is right.
        accuracy: mean test accuracy of samples; `None` where they classify nothing, or without the data.
    """

    step: int
    loss: float
    held_out_loss: float | None
    dispersion: float
    accuracy: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """A trained velocity network.

    Attributes:
        network: the moving average of the weights at the check with the lowest held-out loss, on the CPU.
        scale: factor on the spread of the noise that gives samples the spread of the zoo; near 1.
        history: every check.
        stopped: why the training ended early; empty if it did not.
    """

    network: nn.Module
    scale: float
    history: tuple[FitStep, ...]
    stopped: str


@dataclass(slots=True, eq=False)
class Training:
    """A training that can be left at any check and gone on with: the same numbers follow.

    Attributes:
        network: that is trained, on the device of the examples.
        examples: what it is trained on.
        config: how.
        seed: of batches and noise.
        judge: mean accuracy of the networks of some states.
    """

    network: nn.Module
    examples: Examples
    config: FlowConfig
    seed: int
    judge: Judge = lambda states: None

    def run(
        self,
        *,
        on_step: OnStep | None = None,
        on_check: Callable[[FitStep], None] = lambda record: None,
        earlier: State | None = None,
        keep: Callable[[State], None] | None = None,
    ) -> Trained:
        """Train to the end.

        Args:
            on_step: told the share done; it may raise to cancel.
            on_check: told what each check measured, those of an earlier part first.
            earlier: what `keep` was given last; the training goes on from there.
            keep: given all that going on takes, after every check.

        Raises:
            ValueError: the loss is not finite.
        """
        course = _Course.of(self, earlier)
        check, every = Check.of(self.examples, self.seed), max(1, self.config.steps // CHECKS)
        stopped = self._stopped(course.history)
        for record in course.history:
            on_check(record)
        with torch.random.fork_rng(enabled=self.config.dropout > 0):
            while course.step < self.config.steps and not stopped:
                course.advance()
                if course.step % every == 0 or course.step == self.config.steps:
                    on_check(course.record(check))
                    stopped = self._stopped(course.history)
                    if keep is not None:
                        keep(course.state())
                if on_step is not None:
                    on_step(course.step / self.config.steps, _message(course.step, self.config.steps, course.history))
        course.average.load_state_dict(course.best)
        scale = check.calibrated(course.average)
        network = on_device(course.average, torch.device("cpu")).eval()
        return Trained(network, scale, tuple(course.history), stopped)

    def _stopped(self, history: list[FitStep]) -> str:
        patience = self.config.patience
        losses = [one.held_out_loss for one in history if one.held_out_loss is not None]
        if not patience or len(losses) <= patience or min(losses[-patience:]) < min(losses[:-patience]):
            return ""
        return f"{patience} checks in a row did not lower the held-out loss"


@dataclass(slots=True, eq=False)
class _Course:
    """What changes while a training runs."""

    training: Training
    average: nn.Module
    optimiser: torch.optim.AdamW
    schedule: torch.optim.lr_scheduler.LambdaLR
    generator: torch.Generator
    step: int
    history: list[FitStep]
    losses: list[Tensor]
    best: dict[str, Tensor]

    @classmethod
    def of(cls, training: Training, earlier: State | None) -> "_Course":
        network, config = training.network, training.config
        average = copy.deepcopy(network).requires_grad_(False).eval()
        optimiser = torch.optim.AdamW(
            network.parameters(), config.learning_rate, betas=(0.9, 0.99), weight_decay=config.weight_decay
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _one_cycle(step, config.steps))
        generator = torch.Generator().manual_seed(training.seed)
        best = copy.deepcopy(average.state_dict())
        course = cls(training, average, optimiser, schedule, generator, 0, [], [], best)
        if earlier is not None:
            course._go_on(earlier)
        return course

    def advance(self) -> None:
        """One optimiser step."""
        training, config, draw = self.training, self.training.config, self.generator
        network, examples = training.network, training.examples
        if config.dropout:
            torch.manual_seed(training.seed * 1_000_003 + self.step)
        data, condition = examples.batch(config.batch, draw)
        noise = examples.paired(examples.noise(config.batch, draw), data)
        time = spread_times(config.batch, examples.path.end, draw).to(data.device)
        network.train()
        velocity, weight = cast(Velocity, network), examples.weight
        loss = flow_loss(velocity, examples.path, noise, data, time, weight, condition) / examples.unit
        self.optimiser.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(network.parameters(), config.clip)
        self.optimiser.step()
        self.schedule.step()
        self.step += 1
        _follow(self.average, network, min(config.average, self.step / (self.step + 9)))
        self.losses.append(loss.detach())

    def record(self, check: Check) -> FitStep:
        """Measure, and remember the network if it is the best so far."""
        loss = float(torch.stack(self.losses).mean())
        self.losses.clear()
        if not math.isfinite(loss):
            raise ValueError("the fit diverged: its loss is not finite; choose a smaller learning_rate")
        states = check.sampled(self.average)
        record = FitStep(
            self.step,
            loss,
            check.loss(self.average),
            check.dispersion_of(states),
            self.training.judge(states),
        )
        if record.held_out_loss is None or all(record.held_out_loss < _held_out(one) for one in self.history):
            self.best = copy.deepcopy(self.average.state_dict())
        self.history.append(record)
        return record

    def state(self) -> State:
        """All that going on takes: tensors, numbers, lists and dicts."""
        return {
            "step": self.step,
            "network": self.training.network.state_dict(),
            "average": self.average.state_dict(),
            "best": self.best,
            "optimiser": self.optimiser.state_dict(),
            "schedule": {"last_epoch": self.schedule.last_epoch},
            "generator": self.generator.get_state(),
            "history": [asdict(one) for one in self.history],
        }

    def _go_on(self, earlier: State) -> None:
        self.training.network.load_state_dict(earlier["network"])
        self.average.load_state_dict(earlier["average"])
        self.best = earlier["best"]
        self.optimiser.load_state_dict(earlier["optimiser"])
        self.schedule.last_epoch = int(earlier["schedule"]["last_epoch"])
        self.generator.set_state(earlier["generator"])
        self.step = int(earlier["step"])
        self.history = [FitStep(**one) for one in earlier["history"]]


def _one_cycle(step: int, steps: int) -> float:
    """Linear rise over the first tenth, then half a cosine to 0."""
    rise = max(1, steps // 10)
    if step < rise:
        return (step + 1) / rise
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise)))


@torch.no_grad()
def _follow(average: nn.Module, network: nn.Module, decay: float) -> None:
    slow: list[Tensor] = list(average.parameters())
    fast: list[Tensor] = list(network.parameters())
    torch._foreach_lerp_(slow, fast, 1 - decay)


def _held_out(record: FitStep) -> float:
    return math.inf if record.held_out_loss is None else record.held_out_loss


def _message(step: int, steps: int, history: list[FitStep]) -> str:
    done = f"step {step:,} of {steps:,}"
    if not history:
        return done
    last = history[-1]
    loss = f"loss {last.loss:.3f}" if last.held_out_loss is None else f"held-out loss {last.held_out_loss:.3f}"
    accuracy = "" if last.accuracy is None else f", accuracy of samples {last.accuracy:.1%}"
    return f"{done}: {loss}, dispersion {last.dispersion:.2f}{accuracy}"
