"""What a fit will take: seconds, measured on a few of its steps, and memory, counted."""

import time
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from wsexplore.align import align, spec_of
from wsexplore.embed import Encoder
from wsexplore.generate import FlowConfig, UnitTokens, fit_flow
from wsexplore.generate.conditions import Conditions
from wsexplore.generate.networks import network_of
from wsexplore.generate.training import CHECKS
from wsexplore.population import OnStep
from wsexplore.zoo import Zoo

FEW = 40
"""Steps of the fit that is timed; it is left after `TIMED` of them, every other one followed by a check."""

TIMED = 6
MEASURED = 1000
"""Networks, and `NUMBERS` weights, of which the timed fit sees at most so many."""

NUMBERS = 20_000_000
ALIGNED = 64
"""Networks whose alignment is timed."""

COVARIED = 1000
"""Networks whose covariance the Gaussian takes, at most."""

COPIES = 5
"""Times that the weights lie in memory: as read, aligned, apart for training, as states, and while these are made."""

STATES = 7
"""Times that the parameters lie in memory: themselves, gradient, two moments, the average, the best, a margin."""


@dataclass(frozen=True, slots=True)
class FitCost:
    """What to expect of a fit.

    Attributes:
        seconds: until it ends, on this machine as it is loaded now, without an early stop.
        start: seconds of these before the first step: aligning, decomposing.
        step: seconds per optimiser step.
        check: seconds per check, of which there are twenty.
        bytes: of memory, about.
        parameters: of the velocity network.
    """

    seconds: float
    start: float
    step: float
    check: float
    bytes: int
    parameters: int


SEED = 1 << 31
"""Of the timed fit: one that no visitor can ask for, so that it never shares its alignment with a fit under way."""


class _Enough(Exception):
    """The steps that are timed are done."""


def fit_cost(part: Zoo, config: FlowConfig, encoder: Encoder | None, on_step: OnStep, *, gaussian: bool) -> FitCost:
    """The cost of `fit_flow` with these arguments, from a few steps on at most `MEASURED` of the networks.

    With `gaussian`, networks are aligned for the Gaussian first, as the job does where samples can be tested.

    Raises:
        ValueError: what `fit_flow` would raise for these networks.
    """
    size = part.architecture.layout.size
    some = min(len(part), MEASURED, max(64, NUMBERS // size))
    rows = np.linspace(0, len(part) - 1, some).astype(int)
    begun, done = time.perf_counter(), [0.0]

    def hear(fraction: float, message: str) -> None:
        on_step(min(1.0, len(done) / TIMED), "timing a few steps")
        if fraction == 0:  # what comes before the first step: aligning tells how far it is
            return
        done.append(time.perf_counter() - begun)
        if len(done) > TIMED:
            raise _Enough

    timed = replace(config, steps=FEW, patience=0, conditions=())
    with suppress(_Enough):
        fit_flow(part.select(rows), seed=SEED, config=timed, encoder=encoder, on_step=hear, device="auto")
    took = np.diff(done)
    step = float(np.mean(took[2::2]))
    check = max(0.0, float(np.mean(took[1::2])) - step)
    start = max(0.0, float(took[0]) - step) * len(part) / some
    start += _aligning(part) if gaussian else 0.0
    parameters, activations = _numbers(part, config, encoder)
    steps = start + config.steps * step + min(CHECKS, config.steps) * check
    held = 4 * (COPIES * len(part) * size + STATES * parameters + activations)
    return FitCost(steps, start, step, check, held, parameters)


def _aligning(part: Zoo) -> float:
    """Seconds to align the networks of the Gaussian."""
    some = part.select(range(min(len(part), ALIGNED)))
    begun = time.perf_counter()
    align(some, seed=SEED)
    return (time.perf_counter() - begun) * min(len(part), COVARIED) / len(some)


def _numbers(part: Zoo, config: FlowConfig, encoder: Encoder | None) -> tuple[int, int]:
    """Parameters of the velocity network, and numbers between its layers that a step keeps.

    It is built without memory. Of a latent flow both are upper bounds.
    """
    architecture = part.groups()[0][0]
    tokens = UnitTokens.of(spec_of(architecture), architecture.layout)
    size, most = architecture.layout.size, len(part) - round(config.held_out * len(part)) - 1
    if config.kind == "latent" and encoder is not None:
        reader = encoder.reader_of(architecture)
        size = encoder.config.latent * (1 if encoder.config.latent_of == "network" else reader.tokens.count)
    if config.kind in ("latent", "preconditioned") or (config.kind == "plain" and config.basis == "principal"):
        size = min(size, most, config.components or most)
    listens = Conditions.of(part.table, config.conditions)
    network = network_of(config, tokens, size, listens.width, seed=None)
    each = config.width * config.layers * (12 + 2 * config.expansion)
    between = config.batch * each * (tokens.count if config.kind == "tokens" else 1)
    return sum(parameter.numel() for parameter in network.parameters()), between
