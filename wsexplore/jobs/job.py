"""A job with what its pool needs to run it."""

import threading
import time
from collections import deque
from dataclasses import dataclass, field, replace

from wsexplore.jobs.record import Status, Work
from wsexplore.jobs.words import Entry, Stored


@dataclass(slots=True, eq=False)
class Job:
    """A job and what the pool needs to run and to keep it; guarded by the lock of its pool.

    Attributes:
        status: what is known of it, without the seconds of the attempt that runs.
        named: whether it is kept on the disk.
        here: whether it began in this process.
        work: until it has ended.
        stop: set by a cancel.
        since: when this attempt began, by the clock that never goes back.
        unread: whether its values lie on the disk only.
        partial: the file with its partial result.
        result: the file with its result.
        kept: number of partial results when `partial` was written.
        due: when it is written next, at the earliest.
        changed: whether it was not written since it changed.
    """

    status: Status
    named: bool = False
    here: bool = True
    work: Work | None = None
    stop: threading.Event = field(default_factory=threading.Event)
    since: float = 0.0
    unread: bool = False
    partial: Entry | None = None
    result: Entry | None = None
    kept: int = 0
    due: float = 0.0
    changed: bool = False

    @classmethod
    def of(cls, stored: Stored) -> "Job":
        """One that lies on the disk."""
        values = stored.partial is not None or stored.result is not None
        return cls(stored.status, named=True, here=False, unread=values, partial=stored.partial, result=stored.result)

    def now(self) -> Status:
        """What is known at this moment."""
        if self.status.state != "running":
            return self.status
        return replace(self.status, seconds=self.status.seconds + time.monotonic() - self.since)


@dataclass(slots=True, eq=False)
class Lane:
    """Workers with a queue of their own."""

    workers: int
    queue: deque[Job] = field(default_factory=deque)
    threads: list[threading.Thread] = field(default_factory=list)
    idle: int = 0
