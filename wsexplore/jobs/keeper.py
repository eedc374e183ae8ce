"""Brings jobs to the disk, in a thread of its own so that no work and no page waits for it."""

import logging
import threading
import time
from collections.abc import Mapping

from wsexplore.jobs.exit import at_exit
from wsexplore.jobs.job import Job
from wsexplore.jobs.store import Store

EVERY = 3.0
"""Seconds between two writes of a job that runs, at least."""

SHARE = 0.05
"""Of the time that writing may take, at most, while a job runs."""

PAUSE = 30.0
"""Seconds before the next try where a write failed."""

log = logging.getLogger(__name__)


class Keeper:
    """Writes the named jobs of a pool: those that run every few seconds, those that ended at once.

    Args:
        store: where they are kept.
        lock: of the pool.
        jobs: of the pool, by id.
    """

    def __init__(self, store: Store, lock: threading.RLock, jobs: Mapping[str, Job]):
        self._store, self._lock, self._jobs = store, lock, jobs
        self._disk = threading.Lock()
        self._call = threading.Event()
        self._closed = False
        self._thread: threading.Thread | None = None

    def wake(self) -> None:
        """Look for jobs to write now."""
        with self._lock:
            if self._thread is None and not self._closed and not at_exit():
                self._thread = threading.Thread(target=self._keep, name="job-keeper", daemon=True)
                self._thread.start()
        self._call.set()

    def drop(self, job_id: str) -> None:
        """Remove what the disk holds of a job that was forgotten."""
        try:
            with self._disk, self._store.turn():
                self._store.drop(job_id)
        except OSError as error:
            log.warning("a job that was forgotten is still on the disk: %s", error)

    def close(self) -> None:
        """Write what has changed, and end."""
        self._closed = True
        self._call.set()
        if self._thread is not None:
            self._thread.join()
        self._write_all(last=True)
        self._store.close()

    def _keep(self) -> None:
        while not self._closed:
            with self._lock:
                busy = any(job.changed or not job.status.ended for job in self._jobs.values() if job.named)
            self._call.wait(EVERY / 6 if busy else None)
            self._call.clear()
            self._write_all()

    def _write_all(self, *, last: bool = False) -> None:
        with self._lock:
            now = time.monotonic()
            ready = [job for job in self._jobs.values() if job.named and job.changed and (last or now >= job.due)]
        for job in ready:
            began, pause = time.monotonic(), EVERY
            try:
                with self._disk, self._store.turn():
                    self._write(job)
            except OSError as error:  # a full disk, perhaps, for now
                log.warning("the job %r is not kept: %s", job.status.title, error)
                job.changed, pause = True, PAUSE
            except Exception as error:  # what cannot be told in a record
                log.warning("the job %r is not kept: %s", job.status.title, error)
                job.named = False
            with self._lock:
                if pause == PAUSE or not job.status.ended:
                    job.due = time.monotonic() + max(pause, (time.monotonic() - began) / SHARE)

    def _write(self, job: Job) -> None:
        """Bring one job to the disk; the caller holds the lock of the disk."""
        with self._lock:
            if self._jobs.get(job.status.id) is not job:
                return
            status, job.changed = job.now(), False
            partial, result, kept = job.partial, job.result, job.kept
        if not self._store.claim(status.id):
            return
        if status.state == "done":
            result = self._store.put(status.id, status.result)
            if result is None:
                self._store.drop(status.id)
                return
            partial = None
        elif status.updates != kept:
            partial = self._store.put(status.id, status.partial)
        self._store.write(status, partial, result)
        with self._lock:
            job.partial, job.result, job.kept = partial, result, status.updates
