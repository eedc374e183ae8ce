"""Long work in the background of the app: progress, cancel, and a result that outlives the page."""

import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any, Literal

from wsexplore.population import OnStep

State = Literal["waiting", "running", "done", "failed", "cancelled"]
KEPT = 32
"""Ended jobs whose results are kept; older ones are forgotten."""


@dataclass(frozen=True, slots=True)
class Status:
    """What is known of a job at one moment.

    Attributes:
        title: what the job does.
        state: "waiting", "running", "done", "failed" or "cancelled".
        fraction: share of the work done, 0 to 1.
        message: one line from the work itself, or why it failed.
        seconds: since it began.
        result: what the work returned, once it is done.
    """

    title: str
    state: State = "waiting"
    fraction: float = 0.0
    message: str = ""
    seconds: float = 0.0
    result: Any = None

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in ("done", "failed", "cancelled")


class Cancelled(Exception):
    """Raised inside the work at its next step after `Jobs.cancel`."""


@dataclass(slots=True)
class _Job:
    status: Status
    begun: float = 0.0
    stop: threading.Event = field(default_factory=threading.Event)


class Jobs:
    """A pool of workers and the record of what they did."""

    def __init__(self, workers: int = 2):
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="job")
        self._lock = threading.Lock()
        self._jobs: OrderedDict[str, _Job] = OrderedDict()

    def start(self, title: str, work: Callable[[OnStep], Any], *, name: str | None = None) -> str:
        """Queue `work(on_step)` and return the job's id.

        A name that says all that the result depends on is the id, and a job of that name is not started twice.
        """
        job_id, job = name or uuid.uuid4().hex, _Job(Status(title))
        with self._lock:
            if job_id in self._jobs:
                self._jobs.move_to_end(job_id)
                return job_id
            self._jobs[job_id] = job
            ended = [key for key, other in self._jobs.items() if other.status.ended]
            for key in ended[:-KEPT]:
                del self._jobs[key]
        self._pool.submit(self._run, job, work)
        return job_id

    def status(self, job_id: str) -> Status | None:
        """The job's state now; `None` for an id that is unknown or forgotten."""
        with self._lock:
            job = self._jobs.get(job_id)
            if job is None:
                return None
            if job.status.state == "running":
                return replace(job.status, seconds=monotonic() - job.begun)
            return job.status

    def cancel(self, job_id: str) -> None:
        """Ask a job to stop at its next step; an ended one stays as it is."""
        with self._lock:
            if (job := self._jobs.get(job_id)) is not None:
                job.stop.set()

    def forget(self, job_id: str) -> None:
        """Drop an ended job and its result, so that its name may start anew."""
        with self._lock:
            if (job := self._jobs.get(job_id)) is not None and job.status.ended:
                del self._jobs[job_id]

    def close(self) -> None:
        """Cancel everything and wait until the workers have stopped."""
        with self._lock:
            for job in self._jobs.values():
                job.stop.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _run(self, job: _Job, work: Callable[[OnStep], Any]) -> None:
        def on_step(fraction: float, message: str) -> None:
            if job.stop.is_set():
                raise Cancelled
            self._set(job, fraction=min(max(fraction, 0.0), 1.0), message=message)

        job.begun = monotonic()
        self._set(job, state="running")
        try:
            on_step(0.0, "")
            result = work(on_step)
        except Cancelled:
            self._set(job, state="cancelled", message="cancelled", seconds=monotonic() - job.begun)
        except Exception as error:  # the page shows it; a worker must not die silently
            self._set(
                job,
                state="failed",
                message=str(error) or type(error).__name__,
                seconds=monotonic() - job.begun,
            )
        else:
            self._set(job, state="done", fraction=1.0, result=result, seconds=monotonic() - job.begun)

    def _set(self, job: _Job, **changes: Any) -> None:
        with self._lock:
            job.status = replace(job.status, **changes)
