"""Who is served next: requests that share a setting wait in one line, and long ones are cut."""

import threading
from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from wsexplore.generate import WeightFlow
from wsexplore.serve.flows import FlowFacts
from wsexplore.serve.request import SampleRequest


@dataclass(frozen=True, slots=True)
class Setting:
    """What requests must share to run in one block."""

    flow: str
    version: int
    steps: int
    solver: str
    guidance: float
    tolerance: float


@dataclass(slots=True, eq=False)
class Wanted:
    """A request on its way.

    Attributes:
        request: what was asked for.
        facts: of its flow.
        weights: filled as blocks run, network by network and point by point; no rows before the first.
        flow: that made them, after the first block.
        taken: networks given to a block.
        done: networks sampled.
        dropped: whether nobody waits for it any more.
        lock: held while networks are counted, for two workers may finish blocks of one request at once.
    """

    request: SampleRequest
    facts: FlowFacts
    weights: Float[Tensor, "models parameters"] = field(default_factory=lambda: torch.empty(0, 0))
    flow: WeightFlow | None = None
    taken: int = 0
    done: int = 0
    dropped: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def setting(self) -> Setting:
        """What it must share with others of its block."""
        request = self.request
        tolerance = request.tolerance if request.solver == "adaptive" else 0.0
        return Setting(
            request.flow, self.facts.version, request.steps_taken, request.solver, request.guidance, tolerance
        )

    def open(self, parameters: int) -> None:
        """Make room for the networks."""
        with self.lock:
            if not len(self.weights):
                self.weights = torch.empty(self.request.networks, parameters)

    def put(self, rows: range, point: int, sampled: Float[Tensor, "models parameters"]) -> None:
        """Take in one point of the way of some networks."""
        points = self.request.points
        self.weights[rows.start * points + point : rows.stop * points : points] = sampled

    def close(self, rows: range, flow: WeightFlow) -> None:
        """Count the networks of a finished block."""
        with self.lock:
            self.flow = flow
            self.done += len(rows)


@dataclass(frozen=True, slots=True)
class Piece:
    """Some networks of a request."""

    wanted: Wanted
    rows: range


class Line:
    """Requests that wait, a line for each setting.

    Settings take turns. Within a line the first comes first, and a request that is not finished by a block goes to the
    end, so that it delays each other request by one block at most per turn.
    """

    def __init__(self) -> None:
        self._lines: OrderedDict[Setting, deque[Wanted]] = OrderedDict()

    def __bool__(self) -> bool:
        return any(self._lines.values())

    def __len__(self) -> int:
        return sum(map(len, self._lines.values()))

    @property
    def networks(self) -> int:
        """Networks that no block has taken."""
        return sum(each.request.n - each.taken for line in self._lines.values() for each in line)

    def add(self, wanted: Wanted) -> None:
        """Let a request wait."""
        self._lines.setdefault(wanted.setting, deque()).append(wanted)

    def drop(self, wanted: Wanted) -> bool:
        """Take a request out; whether it waited."""
        line = self._lines.get(wanted.setting)
        if line is None or wanted not in line:
            return False
        line.remove(wanted)
        if not line:
            del self._lines[wanted.setting]
        return True

    def heads(self) -> list[Wanted]:
        """The first of every line, in the order of their turns."""
        return [line[0] for line in self._lines.values() if line]

    def first(self) -> Wanted | None:
        """The request that the next block begins with."""
        return next(iter(self.heads()), None)

    def networks_beside(self, first: Wanted) -> int:
        """Networks that wait in the line of a request."""
        line: Iterable[Wanted] = self._lines.get(first.setting, ())
        return sum(each.request.n - each.taken for each in line)

    def take(self, space: int, first: Wanted | None = None) -> list[Piece]:
        """The next block: pieces of one setting, `space` networks at most; nothing where nobody waits.

        Args:
            space: most networks.
            first: one of `heads`, whose line is served; by default the one whose turn it is.
        """
        first = first or self.first()
        if first is None:
            return []
        setting = first.setting
        line, pieces = self._lines[setting], []
        while line and space:
            wanted = line[0]
            rows = range(wanted.taken, min(wanted.taken + space, wanted.request.n))
            wanted.taken, space = rows.stop, space - len(rows)
            pieces.append(Piece(wanted, rows))
            line.popleft()
            if wanted.taken < wanted.request.n:
                line.append(wanted)
        if line:
            self._lines.move_to_end(setting)
        else:
            del self._lines[setting]
        return pieces
