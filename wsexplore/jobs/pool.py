"""The workers, and the records of what they did, do and will do."""

import hashlib
import threading
import time
import uuid
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path
from typing import Any

from wsexplore.jobs.exit import at_exit, close_at_exit, interrupt, still_alive
from wsexplore.jobs.job import Job, Lane
from wsexplore.jobs.keeper import Keeper
from wsexplore.jobs.record import Cancelled, Progress, Status, Work
from wsexplore.jobs.store import Store
from wsexplore.zoo import Recipe

KEPT = 32
"""Ended jobs whose results stay in memory; older ones are read from the disk again, or forgotten."""

PATIENCE = 5.0
"""Seconds that closing waits for work to come to its next step."""


class Jobs:
    """Workers of their own, and the record of each job.

    A job with a name is one that a page can ask for again: it is not started twice, and with a `home` its record, its
    partial results and its result are found again after a restart.

    Args:
        workers: jobs that run at the same time; the others wait for their turn. Quiet jobs have one worker of their
            own, so that a page's moment of help never waits for an hour of work.
        home: folder for the records; `None` keeps them in memory only.
        stamp: of the code that makes the results. What other code left is not found.
    """

    def __init__(self, workers: int = 2, *, home: Path | None = None, stamp: str = ""):
        self._stamp = stamp
        self._lock = threading.RLock()
        self._turn = threading.Condition(self._lock)
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._lanes = {False: Lane(workers), True: Lane(1)}
        self._closed = False
        self._store = Store(home, stamp) if home is not None else None
        self._keeper = Keeper(self._store, self._lock, self._jobs) if self._store is not None else None
        if self._store is not None:
            for stored in self._store.found():
                self._jobs[stored.status.id] = Job.of(stored)
        close_at_exit(self)

    def id_of(self, name: str) -> str:
        """The id of the job of this name, whether or not there is one: a digest."""
        return hashlib.sha256(f"{self._stamp}\0{name}".encode()).hexdigest()[:32]

    def start(
        self,
        title: str,
        work: Work,
        *,
        name: str | None = None,
        recipe: Recipe | None = None,
        link: str = "",
        cost: float | int | None = None,
        quiet: bool = False,
        again: bool = False,
    ) -> str:
        """Queue `work(progress)` and return the job's id.

        A job of this name that waits, runs, or has ended is left as it is, with two exceptions. With `again`, one that
        failed, was cancelled or interrupted goes on from its partial result. And where it ended in an earlier run of
        the app without a result of any kind, it starts anew.

        Args:
            title: what the job does.
            work: called in a thread of its own.
            name: says all that the result depends on; a job without one is known by its id alone and not kept.
            recipe: how the result can be had without the app.
            link: page and query that show the job.
            cost: seconds that it will take.
            quiet: whether it is a moment's help of a page, which no list shows and no disk keeps.
            again: whether an ended job without a result goes on.

        Raises:
            ValueError: the pool is closed.
        """
        job_id = uuid.uuid4().hex if name is None else self.id_of(name)
        self._known(job_id)
        with self._lock:
            if self._closed:
                raise ValueError("the app is closing, so no work begins")
            if (old := self._jobs.get(job_id)) is not None and not _goes_on(old, again):
                self._jobs.move_to_end(job_id)
                return job_id
            seconds = None if cost is None else float(cost)
            status = Status(job_id, title, recipe=recipe, link=link, cost=seconds, quiet=quiet)
            job = Job(
                status, named=name is not None and not quiet and self._keeper is not None, work=work, changed=True
            )
            if old is not None:
                before = old.status
                job.status = replace(
                    status,
                    fraction=before.fraction,
                    seconds=before.seconds,
                    partial=before.partial,
                    updates=before.updates,
                )
                job.partial, job.kept = old.partial, old.kept
            self._jobs[job_id] = job
            self._jobs.move_to_end(job_id)
            self._forget_oldest()
            self._enqueue(job)
        self._wake()
        return job_id

    def status(self, job_id: str) -> Status | None:
        """What is known of a job now; `None` for an id that is unknown or forgotten."""
        job = self._known(job_id)
        with self._lock:
            return None if job is None else job.now()

    def listed(self) -> list[Status]:
        """All jobs that are not quiet, the one that was asked for last first, without their values."""
        with self._lock:
            told = [job.now() for job in reversed(self._jobs.values()) if not job.status.quiet]
        return [replace(status, partial=None, result=None) for status in told]

    def cancel(self, job_id: str) -> None:
        """Ask a job to stop at its next step; one that waits ends at once, an ended one stays as it is."""
        with self._lock:
            if (job := self._jobs.get(job_id)) is None or job.status.ended:
                return
            job.stop.set()
            if job in (queue := self._lanes[job.status.quiet].queue):
                queue.remove(job)
                self._end(job, state="cancelled")
            else:
                job.status = replace(job.status, stopping=True)

    def forget(self, job_id: str) -> None:
        """Drop an ended job and all that it left, so that its name may start anew."""
        with self._lock:
            if (job := self._jobs.get(job_id)) is None or not job.status.ended:
                return
            del self._jobs[job_id]
        if self._keeper is not None and job.named:
            self._keeper.drop(job_id)

    def close(self) -> None:
        """Stop all work and wait until it has stopped; what was not finished is kept as interrupted."""
        with self._lock:
            self._closed = True
            for lane in self._lanes.values():
                while lane.queue:
                    self._end(lane.queue.popleft(), state="interrupted")
            for job in self._jobs.values():
                job.stop.set()
            self._turn.notify_all()
        workers = [thread for lane in self._lanes.values() for thread in lane.threads]
        if deaf := still_alive(workers, PATIENCE / 2):
            for thread in deaf:
                interrupt(thread, Cancelled)
            still_alive(deaf, PATIENCE / 2)
        with self._lock:
            for job in self._jobs.values():
                if not job.status.ended:
                    self._end(job, state="interrupted")
        if self._keeper is not None:
            self._keeper.close()

    def _known(self, job_id: str) -> Job | None:
        """The job with its values, read from the disk where they lie there only."""
        with self._lock:
            job = self._jobs.get(job_id)
        if self._store is None or (job is not None and not job.unread):
            return job
        stored = self._store.find(job_id)
        read = None if stored is None else self._store.read(stored)
        with self._lock:
            if self._jobs.get(job_id) is not job:
                return self._jobs.get(job_id)
            if read is None or stored is None:
                self._jobs.pop(job_id, None)
                return None
            found = Job.of(stored)
            found.status, found.unread, found.kept = read, False, read.updates
            self._jobs[job_id] = found
            return found

    def _enqueue(self, job: Job) -> None:
        """Let a worker of the job's lane take it up; the caller holds the lock."""
        lane = self._lanes[job.status.quiet]
        lane.queue.append(job)
        if lane.idle < len(lane.queue) and len(lane.threads) < lane.workers:
            thread = threading.Thread(target=self._labour, args=(lane,), name="job", daemon=True)
            lane.threads.append(thread)
            thread.start()
        self._turn.notify_all()

    def _labour(self, lane: Lane) -> None:
        """What each worker does all its life."""
        while True:
            with self._lock:
                lane.idle += 1
                self._turn.wait_for(lambda: lane.queue or self._closed)
                lane.idle -= 1
                if self._closed:
                    return
                job = lane.queue.popleft()
                job.since = time.monotonic()
                job.status = replace(job.status, state="running", began=time.time())
                job.changed = True
                work, earlier = job.work, job.status.partial
            self._run(job, work, earlier)
            del job, work, earlier

    def _run(self, job: Job, work: Work | None, earlier: Any) -> None:
        def say(**changes: Any) -> None:
            with self._lock:
                if job.status.state == "running":
                    more = 1 if "partial" in changes else 0
                    job.status = replace(job.status, updates=job.status.updates + more, **changes)
                    job.changed = True

        assert work is not None
        try:
            result = work(Progress(job.stop, say, earlier))
        except BaseException as error:  # the page shows it; a worker must not die of it
            if (self._closed or at_exit()) and not job.status.stopping:
                self._end(job, state="interrupted")
            elif isinstance(error, Cancelled):
                self._end(job, state="cancelled")
            else:
                self._end(job, state="failed", error=str(error) or type(error).__name__)
        else:
            self._end(job, state="done", fraction=1.0, result=result)

    def _end(self, job: Job, **changes: Any) -> None:
        with self._lock:
            if not job.status.ended:
                job.status = replace(job.now(), stopping=False, over=time.time(), **changes)
                job.work, job.changed, job.due = None, True, 0.0
        self._wake()

    def _wake(self) -> None:
        if self._keeper is not None:
            self._keeper.wake()

    def _forget_oldest(self) -> None:
        """Free the memory of what ended long ago; the caller holds the lock."""
        safe = [job for job in self._jobs.values() if job.status.ended and not (job.named and job.changed)]
        ended = [job for job in safe if not job.unread]
        for job in ended[:-KEPT]:
            if job.partial is None and job.result is None:
                del self._jobs[job.status.id]
            else:
                job.status, job.unread = replace(job.status, partial=None, result=None), True


def _goes_on(job: Job, again: bool) -> bool:
    """Whether a job that there is already begins once more."""
    if not job.status.ended or job.status.state == "done":
        return False
    return again or not (job.here or job.status.partial is not None)
