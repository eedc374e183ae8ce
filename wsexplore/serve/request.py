"""What a caller asks of the sampler, and how much one may ask."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from wsexplore.generate import SOLVER, SOLVERS, STEPS, TOLERANCE
from wsexplore.generate.told import OPEN

HIGHEST_SEED = 2**32 - 1
LONGEST_NAME = 240
MOST_CONDITIONS = 64
LEAST_TOLERANCE = 1e-6

Wish = int | float | str
"""What may be asked of a column."""


@dataclass(frozen=True, slots=True)
class SampleRequest:
    """New networks of one flow. The same request gives the same bytes on one kind of device, in any company.

    Raises:
        ValueError: a field is out of range; the sentence says which.
    """

    flow: str
    """Name of a flow on the shelf."""
    n: int = 16
    """Number of networks."""
    seed: int = 0
    """Of the noise: network i depends on the seed and on i, not on `n`."""
    steps: int | None = None
    """Equal steps of the solver; `None` for as many as the flow is made for."""
    solver: str = SOLVER
    """"euler", "midpoint", "heun", "rk4" or "adaptive"."""
    temperature: float = 1.0
    """Factor on the spread of the noise."""
    judge: bool = False
    """Whether to measure loss and accuracy of every network on the data set of the flow."""
    condition: Mapping[str, Wish] = field(default_factory=dict, hash=False)
    """What is asked for, by column that the flow listens to; what is not named stays open."""
    guidance: float = OPEN
    """How strongly it is asked: 0 not at all, 1 as learnt. Any other number than 1 evaluates the velocity twice."""
    trajectory: bool = False
    """Whether the networks on the way are given too, `steps + 1` for each."""
    tolerance: float = TOLERANCE
    """Of the adaptive solver; the others ignore it."""

    def __post_init__(self) -> None:
        if not isinstance(self.flow, str) or not 0 < len(self.flow) <= LONGEST_NAME:
            raise ValueError(f"flow is a name of 1 to {LONGEST_NAME} letters, got {str(self.flow)[:40]!r}")
        for name, least in (("n", 1), ("seed", 0), ("steps", 1)):
            value = getattr(self, name)
            if name == "steps" and value is None:
                continue
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise ValueError(f"{name} must be a whole number of at least {least}, got {_short(value)}")
        if self.seed > HIGHEST_SEED:
            raise ValueError(f"seed must be at most {HIGHEST_SEED:,}, got {_short(self.seed)}")
        if self.solver not in SOLVERS:
            raise ValueError(f"solver {_short(self.solver)} is unknown; choose one of {', '.join(SOLVERS)}")
        for name, most in (("temperature", 1e6), ("guidance", 1e3), ("tolerance", 1.0)):
            value = getattr(self, name)
            if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= most:
                raise ValueError(f"{name} must be a number from 0 to {most:,.0f}, got {_short(value)}")
            object.__setattr__(self, name, float(value))
        if self.tolerance < LEAST_TOLERANCE:
            raise ValueError(f"tolerance must be at least {LEAST_TOLERANCE:g}, got {self.tolerance:g}")
        for name in ("judge", "trajectory"):
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"{name} must be true or false, got {_short(getattr(self, name))}")
        if self.trajectory and self.solver == "adaptive":
            raise ValueError("the adaptive solver has no steps in common, so it gives no trajectory; choose another")
        object.__setattr__(self, "condition", _checked(self.condition))

    @property
    def points(self) -> int:
        """Networks in the answer for each that is asked for."""
        return self.steps_taken + 1 if self.trajectory else 1

    @property
    def networks(self) -> int:
        """Networks in the answer."""
        return self.n * self.points

    @property
    def steps_taken(self) -> int:
        """Steps of the solver; the usual number where that is left to the flow."""
        return STEPS if self.steps is None else self.steps

    @property
    def evaluations(self) -> int:
        """How often the velocity is evaluated for one network; about, with the adaptive solver."""
        return self.steps_taken * SOLVERS[self.solver] * (1 if self.guidance == OPEN else 2)

    def settled(self, steps: int) -> "SampleRequest":
        """The same request with the steps of its flow where it leaves them open."""
        return self if self.steps is not None else replace(self, steps=steps)

    def chosen(self) -> dict[str, Any]:
        """The arguments of `WeightFlow.sample` beside n and seed."""
        names = ("temperature", "solver", "condition", "guidance", "tolerance", "trajectory")
        return {"steps": self.steps_taken} | {name: getattr(self, name) for name in names}

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much the sampler takes on. Together they bound its memory.

    Raises:
        ValueError: a field is not above 0.
    """

    networks: int = 10_000
    """Networks of one request."""
    direct: int = 1_000
    """Networks of one request that is answered at once; more are asked for as a job."""
    steps: int = 1_000
    """Steps of the solver."""
    queue: int = 512
    """Requests that wait or run."""
    memory: int = 1 << 30
    """Bytes of weights that are promised or not yet handed over."""
    jobs: int = 64
    """Jobs whose state or result is held."""
    body: int = 64 << 10
    """Bytes of a request's body."""
    patience: float = 300.0
    """Seconds that a direct answer may take, and as many to hand it over."""
    keep: float = 600.0
    """Seconds that the result of a job is held for its caller."""

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if not isinstance(value, int | float) or isinstance(value, bool) or not (0 < value < math.inf):
                raise ValueError(f"{each.name} must be above 0, got {value!r}")

    def check(self, request: SampleRequest, parameters: int) -> int:
        """Bytes of the weights that the request asks for.

        Raises:
            ValueError: it asks for too much.
        """
        if request.steps_taken > self.steps:
            raise ValueError(f"steps must be at most {self.steps:,}, got {_short(request.steps)}")
        each = f" with {request.points:,} points of a trajectory each" if request.trajectory else ""
        if request.networks > self.networks:
            most = self.networks // request.points
            if not most:
                raise ValueError(
                    f"one network{each.removesuffix(' each')} is more than the limit of {self.networks:,} networks; "
                    "choose fewer steps"
                )
            raise ValueError(f"n must be at most {most:,}{each}, got {_short(request.n)}")
        size = 4 * parameters * request.networks
        if size > self.memory:
            most = self.memory // (4 * parameters * request.points)
            if not most:
                raise ValueError(
                    f"one network of this flow{each.removesuffix(' each')} has {size // request.n:,} bytes, more than "
                    f"the limit of {self.memory:,}"
                )
            raise ValueError(
                f"n must be at most {most:,} for networks of {parameters:,} weights{each}, got {request.n:,}"
            )
        return size


def _checked(condition: object) -> dict[str, Wish]:
    """A copy of the condition, once it is known to be small and finite."""
    if not isinstance(condition, Mapping) or len(condition) > MOST_CONDITIONS:
        raise ValueError(f"condition names at most {MOST_CONDITIONS} columns and their values, got {_short(condition)}")
    for name, value in condition.items():
        if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME:
            raise ValueError(f"condition names columns of 1 to {LONGEST_NAME} letters, got {_short(name)}")
        word = isinstance(value, str) and len(value) <= LONGEST_NAME
        number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300
        if not word and not number:
            raise ValueError(f"condition {name[:40]} must be a finite number or a short word, got {_short(value)}")
    return dict(condition)


def _short(value: object) -> str:
    if isinstance(value, int) and value.bit_length() > 200:
        return f"a number of {value.bit_length():,} bits"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
