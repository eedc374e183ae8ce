"""What a caller holds while a request is on its way."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress

from wsexplore.serve.line import Wanted
from wsexplore.serve.refusals import Cancelled
from wsexplore.serve.sampler import Sampled


class Ticket:
    """A request that a batcher accepted.

    Attributes:
        wanted: the request.
        future: of the networks; it fails with `Cancelled`, `SamplerFailed` or `BrokenFlow`.
        size: bytes promised for its weights, until `release`.
        since: when it was accepted, seconds of the monotonic clock.
        until: when it ended, `None` before.
    """

    def __init__(self, wanted: Wanted, size: int, on_end: Callable[["Ticket"], None]):
        self.wanted, self.size, self.since = wanted, size, time.monotonic()
        self.until: float | None = None
        self.future: Future[Sampled] = Future()
        self.future.set_running_or_notify_cancel()
        self.share = 0.0
        self._on_end, self._released, self._lock = on_end, False, threading.Lock()

    @property
    def progress(self) -> float:
        """Share done, 0 to 1, counted in steps of the solver."""
        return 1.0 if self.future.done() else min(1.0, self.wanted.done / self.wanted.request.n + self.share)

    @property
    def message(self) -> str:
        """Where the request is, in words."""
        if self.future.done():
            return "ended"
        n = self.wanted.request.n
        return f"{self.wanted.done:,} of {n:,} networks" if self.wanted.taken else "waiting"

    @property
    def released(self) -> bool:
        """Whether its networks are handed over or given up."""
        return self._released

    def result(self, timeout: float | None = None) -> Sampled:
        """The networks, when they are done.

        Raises:
            TimeoutError: they are not done in time; the request goes on.
            Cancelled: it was taken back.
            SamplerFailed: the sampling broke.
            BrokenFlow: the flow cannot be read.
        """
        return self.future.result(timeout)

    def cancel(self) -> None:
        """Take the request back; nothing more is done for it alone, and its memory is given up."""
        self.fail(Cancelled("the request was taken back"))
        self.release()

    def finish(self) -> None:
        """Hand the networks to whoever waits."""
        self._end(lambda: self.future.set_result(Sampled.of(self.wanted)))

    def fail(self, error: BaseException) -> None:
        """Tell whoever waits why there are no networks."""
        self.wanted.dropped = True
        self._end(lambda: self.future.set_exception(error))

    def release(self) -> None:
        """Give up the memory; to be called when the networks are handed over. A second call does nothing."""
        with self._lock:
            first, self._released = not self._released, True
        if first:
            self._on_end(self)

    def _end(self, settle: Callable[[], None]) -> None:
        with suppress(InvalidStateError):
            settle()
            self.until = time.monotonic()
            self._on_end(self)
