import threading
import time

import pytest

from wsexplore.jobs import Jobs


@pytest.fixture
def jobs():
    pool = Jobs()
    yield pool
    pool.close()


def ended(pool, job, seconds=5.0):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        status = pool.status(job)
        if status.ended:
            return status
        time.sleep(0.01)
    raise AssertionError("the job did not end")


def test_a_job_ends_with_its_result(jobs):
    status = ended(jobs, jobs.start("adding", lambda on_step: 1 + 1))
    assert (status.state, status.result, status.fraction) == ("done", 2, 1.0)


def test_progress_is_seen_while_the_job_runs(jobs):
    go = threading.Event()

    def work(on_step):
        on_step(0.5, "half")
        go.wait(5)

    job = jobs.start("waiting", work)
    until = time.monotonic() + 5
    while jobs.status(job).fraction < 0.5 and time.monotonic() < until:
        time.sleep(0.01)
    status = jobs.status(job)
    assert (status.state, status.message, status.title) == ("running", "half", "waiting")
    go.set()
    assert ended(jobs, job).state == "done"


def test_a_cancelled_job_stops_within_a_second(jobs):
    def work(on_step):
        while True:
            on_step(0.1, "")
            time.sleep(0.01)

    job = jobs.start("forever", work)
    time.sleep(0.05)
    begun = time.monotonic()
    jobs.cancel(job)
    assert ended(jobs, job).state == "cancelled"
    assert time.monotonic() - begun < 1


def test_a_failure_is_kept_with_its_reason(jobs):
    def work(on_step):
        raise ValueError("the zoo is empty")

    status = ended(jobs, jobs.start("failing", work))
    assert (status.state, status.message) == ("failed", "the zoo is empty")


def test_an_unknown_job_has_no_status(jobs):
    assert jobs.status("nobody") is None
    jobs.cancel("nobody")


def test_a_waiting_job_can_be_cancelled_before_it_begins(jobs):
    go = threading.Event()
    blockers = [jobs.start("blocking", lambda on_step: go.wait(5)) for _ in range(2)]
    ran = []
    job = jobs.start("late", lambda on_step: ran.append(1))
    jobs.cancel(job)
    go.set()
    assert ended(jobs, job).state == "cancelled"
    assert ran == []
    assert all(ended(jobs, blocker).state == "done" for blocker in blockers)


def test_closing_ends_the_workers():
    pool = Jobs()

    def work(on_step):
        while True:
            on_step(0.1, "")
            time.sleep(0.01)

    job = pool.start("forever", work)
    time.sleep(0.05)
    pool.close()
    assert pool.status(job).state == "cancelled"


def test_a_named_job_runs_once_until_it_is_forgotten(jobs):
    runs = []
    for _ in range(3):
        job = jobs.start("counting", lambda on_step: runs.append(1), name="count")
        ended(jobs, job)
    assert (job, len(runs)) == ("count", 1)
    jobs.forget("count")
    ended(jobs, jobs.start("counting", lambda on_step: runs.append(1), name="count"))
    assert len(runs) == 2


def test_a_running_job_is_not_forgotten(jobs):
    go = threading.Event()
    job = jobs.start("waiting", lambda on_step: go.wait(5), name="wait")
    jobs.forget(job)
    assert jobs.status(job) is not None
    go.set()
    assert ended(jobs, job).state == "done"
