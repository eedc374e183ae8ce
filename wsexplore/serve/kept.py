"""Long requests that a caller comes back for."""

import secrets
import threading
import time
from dataclasses import dataclass

from wsexplore.serve.refusals import Refused
from wsexplore.serve.ticket import Ticket


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """A request with a name, to be asked after.

    Attributes:
        id: cannot be guessed.
        ticket: the request.
    """

    id: str
    ticket: Ticket

    @property
    def state(self) -> str:
        """One of "waiting", "running", "done" and "failed"."""
        if not self.ticket.future.done():
            return "running" if self.ticket.wanted.taken else "waiting"
        return "failed" if self.ticket.future.exception() else "done"


class KeptJobs:
    """Jobs by id: at most so many, and each for so long after its end.

    Args:
        most: jobs held at once.
        keep: seconds that a job is held after its end.
    """

    def __init__(self, most: int, keep: float):
        self._most, self._keep = most, keep
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._jobs)

    def check_room(self) -> None:
        """Forget jobs whose time is over.

        Raises:
            Refused: no further job can be held.
        """
        self.sweep()
        if len(self._jobs) >= self._most:
            raise Refused(f"{self._most:,} jobs are held already; delete one or try again later", 5.0)

    def add(self, ticket: Ticket) -> Job:
        """Hold a request under a new id."""
        job = Job(secrets.token_urlsafe(16), ticket)
        with self._lock:
            self._jobs[job.id] = job
        return job

    def get(self, name: str) -> Job | None:
        """The job of this id."""
        self.sweep()
        with self._lock:
            return self._jobs.get(name)

    def drop(self, job: Job) -> None:
        """Cancel a job and forget it."""
        with self._lock:
            self._jobs.pop(job.id, None)
        job.ticket.cancel()

    def sweep(self) -> None:
        """Forget jobs that ended long ago."""
        now = time.monotonic()
        with self._lock:
            old = [
                job
                for job in self._jobs.values()
                if job.ticket.until is not None and now - job.ticket.until > self._keep
            ]
        for job in old:
            self.drop(job)

    def unfetched(self) -> int:
        """Jobs that run, or whose networks nobody has fetched."""
        with self._lock:
            return sum(not (job.ticket.released or job.state == "failed") for job in self._jobs.values())
