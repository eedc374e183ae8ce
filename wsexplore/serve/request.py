"""What a caller asks of the sampler, and how much one may ask."""

import math
from dataclasses import asdict, dataclass, fields
from typing import Any

from wsexplore.generate import SOLVER, STEPS
from wsexplore.generate.solver import SOLVERS

HIGHEST_SEED = 2**32 - 1
LONGEST_NAME = 240


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
    steps: int = STEPS
    """Equal steps of the solver."""
    solver: str = SOLVER
    """"euler", "midpoint" or "heun"."""
    temperature: float = 1.0
    """Factor on the spread of the noise."""
    judge: bool = False
    """Whether to measure loss and accuracy of every network on the data set of the flow."""

    def __post_init__(self) -> None:
        if not isinstance(self.flow, str) or not 0 < len(self.flow) <= LONGEST_NAME:
            raise ValueError(f"flow is a name of 1 to {LONGEST_NAME} letters, got {str(self.flow)[:40]!r}")
        for name, least in (("n", 1), ("seed", 0), ("steps", 1)):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise ValueError(f"{name} must be a whole number of at least {least}, got {_short(value)}")
        if self.seed > HIGHEST_SEED:
            raise ValueError(f"seed must be at most {HIGHEST_SEED:,}, got {_short(self.seed)}")
        if self.solver not in SOLVERS:
            raise ValueError(f"solver {_short(self.solver)} is unknown; choose one of {', '.join(SOLVERS)}")
        value = self.temperature
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1e6:
            raise ValueError(f"temperature must be a number from 0 to 1,000,000, got {_short(value)}")
        if not isinstance(self.judge, bool):
            raise ValueError(f"judge must be true or false, got {_short(self.judge)}")
        object.__setattr__(self, "temperature", float(self.temperature))

    @property
    def evaluations(self) -> int:
        """How often the velocity is evaluated for one network."""
        return self.steps * SOLVERS[self.solver]

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
        for field in fields(self):
            value = getattr(self, field.name)
            if not isinstance(value, int | float) or isinstance(value, bool) or not (0 < value < math.inf):
                raise ValueError(f"{field.name} must be above 0, got {value!r}")

    def check(self, request: SampleRequest, parameters: int) -> int:
        """Bytes of the weights that the request asks for.

        Raises:
            ValueError: it asks for too much.
        """
        if request.n > self.networks:
            raise ValueError(f"n must be at most {self.networks:,}, got {_short(request.n)}")
        if request.steps > self.steps:
            raise ValueError(f"steps must be at most {self.steps:,}, got {_short(request.steps)}")
        size = 4 * parameters * request.n
        if size > self.memory:
            most = self.memory // (4 * parameters)
            raise ValueError(f"n must be at most {most:,} for networks of {parameters:,} weights, got {request.n:,}")
        return size


def _short(value: object) -> str:
    if isinstance(value, int) and value.bit_length() > 200:
        return f"a number of {value.bit_length():,} bits"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
