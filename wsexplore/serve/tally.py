"""What a batcher counts and measures."""

import threading
from collections import Counter

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
        self._each: dict[str, float] = {}
        self._usual: float | None = None
        self._lock = threading.Lock()

    def measured(self, request: SampleRequest, seconds: float, block: int) -> None:
        """Take in the time of one block with the flow and setting of `request`."""
        each = seconds / block
        with self._lock:
            once = each / request.evaluations
            self._each[request.flow] = MEMORY * self._each.get(request.flow, once) + (1 - MEMORY) * once
            self._usual = MEMORY * (self._usual or each) + (1 - MEMORY) * each

    def seconds(self, request: SampleRequest) -> float | None:
        """Seconds of one worker per network of such a request, in a full block; `None` before its flow ran."""
        with self._lock:
            once = self._each.get(request.flow)
        return None if once is None else once * request.evaluations

    def usual(self) -> float:
        """Seconds of one worker per network, whatever was asked for of late."""
        with self._lock:
            return FIRST_GUESS if self._usual is None else self._usual
