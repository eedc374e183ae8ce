"""What a batcher counts and measures."""

import threading
from collections import Counter
from collections.abc import Mapping

from wsexplore.serve.request import SampleRequest

KINDS = ("accepted", "refused", "answered", "cancelled", "failed", "died", "blocks", "places", "networks")
"""Requests by what became of them, workers that died, blocks run, places in them, and networks in these places."""

FIRST_GUESS = 0.05
"""Seconds per network before anything was measured."""

MEMORY = 0.8
"""Share that the past keeps in a running mean."""


class Tally:
    """Counters that only rise."""

    def __init__(self) -> None:
        self._counts, self._lock = Counter[str](), threading.Lock()

    def add(self, kind: str, number: int = 1) -> None:
        """Count."""
        with self._lock:
            self._counts[kind] += number

    def __getitem__(self, kind: str) -> int:
        with self._lock:
            return self._counts[kind]


class Speeds:
    """Running means of how long blocks take."""

    def __init__(self) -> None:
        self._blocks: dict[str, dict[int, float]] = {}
        self._usual: float | None = None
        self._lock = threading.Lock()

    def known(self, flow: str, sizes: Mapping[int, float]) -> None:
        """Begin with what was measured when a flow was loaded: seconds of one evaluation by the size of the block."""
        with self._lock:
            if self._blocks.get(flow, {}).keys() != sizes.keys():
                self._blocks[flow] = dict(sizes)

    def measured(self, request: SampleRequest, seconds: float, size: int) -> None:
        """Take in the time of one block with the flow and setting of `request`."""
        once = seconds / request.evaluations
        with self._lock:
            blocks = self._blocks.setdefault(request.flow, {})
            blocks[size] = MEMORY * blocks.get(size, once) + (1 - MEMORY) * once
            self._usual = MEMORY * (self._usual or seconds / size) + (1 - MEMORY) * seconds / size

    def blocks(self, flow: str) -> dict[int, float]:
        """Seconds of one evaluation by the size of the block; nothing before the flow was loaded."""
        with self._lock:
            return dict(self._blocks.get(flow, {}))

    def usual(self) -> float:
        """Seconds of one worker per network, whatever was asked for of late."""
        with self._lock:
            return FIRST_GUESS if self._usual is None else self._usual


def seconds_of(networks: int, evaluations: int, blocks: Mapping[int, float], workers: int) -> float | None:
    """Seconds in which `workers` that share them make so many networks; `None` where nothing was measured.

    Args:
        networks: to be made.
        evaluations: of the velocity, for each.
        blocks: seconds of one evaluation by the size of the block.
        workers: that are free.
    """
    if not blocks:
        return None
    full, rest = divmod(-(-networks // workers), max(blocks))
    last = min((size for size in blocks if size >= rest), default=0) if rest else 0
    return evaluations * (full * blocks[max(blocks)] + (blocks[last] if last else 0.0))
