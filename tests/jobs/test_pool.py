import threading
import time

import pytest

from wsexplore.jobs import Jobs


@pytest.fixture
def jobs():
    pool = Jobs()
    yield pool
    pool.close()


def until(found, seconds=5.0):
    end = time.monotonic() + seconds
    while not found() and time.monotonic() < end:
        time.sleep(0.01)
    assert found()


def ended(pool, job):
    until(lambda: pool.status(job).ended)
    return pool.status(job)


def test_a_job_ends_with_its_result(jobs):
    status = ended(jobs, jobs.start("adding", lambda progress: 1 + 1))
    assert (status.state, status.result, status.fraction) == ("done", 2, 1.0)


def test_progress_is_seen_while_the_job_runs(jobs):
    go = threading.Event()

    def work(progress):
        progress(0.5, "half")
        go.wait(5)

    job = jobs.start("waiting", work)
    until(lambda: jobs.status(job).fraction == 0.5)
    status = jobs.status(job)
    assert (status.state, status.message, status.title) == ("running", "half", "waiting")
    go.set()
    assert ended(jobs, job).state == "done"


def test_a_cancelled_job_stops_within_a_second(jobs):
    def work(progress):
        while True:
            progress(0.1, "")
            time.sleep(0.01)

    job = jobs.start("forever", work)
    time.sleep(0.05)
    begun = time.monotonic()
    jobs.cancel(job)
    assert ended(jobs, job).state == "cancelled"
    assert time.monotonic() - begun < 1


def test_a_failure_is_kept_with_its_reason(jobs):
    def work(progress):
        raise ValueError("the zoo is empty")

    status = ended(jobs, jobs.start("failing", work))
    assert (status.state, status.error) == ("failed", "the zoo is empty")


def test_an_unknown_job_has_no_status(jobs):
    assert jobs.status("nobody") is None
    jobs.cancel("nobody")


def test_a_waiting_job_can_be_cancelled_before_it_begins(jobs):
    go = threading.Event()
    blockers = [jobs.start("blocking", lambda progress: go.wait(5)) for _ in range(2)]
    ran = []
    job = jobs.start("late", lambda progress: ran.append(1))
    jobs.cancel(job)
    go.set()
    assert ended(jobs, job).state == "cancelled"
    assert ran == []
    assert all(ended(jobs, blocker).state == "done" for blocker in blockers)


def test_closing_ends_the_workers():
    pool = Jobs()

    def work(progress):
        while True:
            progress(0.1, "")
            time.sleep(0.01)

    job = pool.start("forever", work)
    time.sleep(0.05)
    pool.close()
    assert pool.status(job).state == "interrupted"


def test_a_named_job_runs_once_until_it_is_forgotten(jobs):
    runs = []
    for _ in range(3):
        job = jobs.start("counting", lambda progress: runs.append(1), name="count")
        ended(jobs, job)
    assert (job, len(runs)) == (jobs.id_of("count"), 1)
    jobs.forget(job)
    ended(jobs, jobs.start("counting", lambda progress: runs.append(1), name="count"))
    assert len(runs) == 2


def test_a_running_job_is_not_forgotten(jobs):
    go = threading.Event()
    job = jobs.start("waiting", lambda progress: go.wait(5), name="wait")
    jobs.forget(job)
    assert jobs.status(job) is not None
    go.set()
    assert ended(jobs, job).state == "done"


def test_two_jobs_started_at_once_run_at_once(jobs):
    both = threading.Barrier(2)
    for job in [jobs.start("meeting", lambda progress: both.wait(5)) for _ in range(2)]:
        assert ended(jobs, job).state == "done"


def test_a_quiet_job_does_not_wait_for_the_others_and_is_in_no_list(jobs):
    go = threading.Event()
    busy = [jobs.start("busy", lambda progress: go.wait(5)) for _ in range(3)]
    assert ended(jobs, jobs.start("helping", lambda progress: 4, quiet=True)).result == 4
    assert [status.title for status in jobs.listed()] == ["busy"] * 3
    assert jobs.status(busy[2]).state == "waiting"
    go.set()
    for job in busy:
        assert ended(jobs, job).state == "done"


def test_a_job_that_waits_ends_at_once_when_it_is_cancelled(jobs):
    go = threading.Event()
    busy = [jobs.start("busy", lambda progress: go.wait(5)) for _ in range(2)]
    job = jobs.start("late", lambda progress: 1)
    jobs.cancel(job)
    assert jobs.status(job).state == "cancelled"
    go.set()
    assert [ended(jobs, one).state for one in busy] == ["done", "done"]


def test_a_cancelled_job_says_that_it_is_stopping(jobs):
    go = threading.Event()

    def work(progress):
        progress(0.2, "a long step")
        go.wait(5)
        progress(0.3, "never said")

    job = jobs.start("slow", work)
    until(lambda: jobs.status(job).fraction)
    jobs.cancel(job)
    assert (jobs.status(job).state, jobs.status(job).stopping) == ("running", True)
    go.set()
    status = ended(jobs, job)
    assert (status.state, status.stopping, status.message) == ("cancelled", False, "a long step")


def test_partial_results_are_seen_at_once_and_stay_after_the_end(jobs):
    go, seen = threading.Event(), threading.Event()

    def work(progress):
        for part in ((1,), (1, 2)):
            progress.partial(part)
        seen.set()
        go.wait(5)
        return (1, 2, 3)

    job = jobs.start("growing", work, name="growing", cost=5.0, link="zoo?a=b")
    assert seen.wait(5)
    status = jobs.status(job)
    assert (status.partial, status.updates, status.result) == ((1, 2), 2, None)
    assert (status.cost, status.link) == (5.0, "zoo?a=b")
    go.set()
    status = ended(jobs, job)
    assert (status.partial, status.result) == ((1, 2), (1, 2, 3))


def test_work_goes_on_from_its_partial_result_only_when_it_is_asked_to(jobs):
    def work(progress):
        if progress.earlier is None:
            progress.partial("half")
            raise ValueError("enough")
        return f"{progress.earlier} and half"

    job = jobs.start("halving", work, name="halves")
    assert ended(jobs, job).error == "enough"
    jobs.start("halving", work, name="halves")
    assert jobs.status(job).state == "failed"
    jobs.start("halving", work, name="halves", again=True)
    assert ended(jobs, job).result == "half and half"
    jobs.start("halving", work, name="halves", again=True)
    assert jobs.status(job).state == "done"


def test_the_share_done_stays_between_nothing_and_all(jobs):
    go = threading.Event()

    def work(progress):
        progress(7, "beyond")
        go.wait(5)

    job = jobs.start("beyond", work)
    until(lambda: jobs.status(job).message)
    assert jobs.status(job).fraction == 1.0
    go.set()
    ended(jobs, job)


def test_a_closed_pool_begins_nothing(jobs):
    jobs.close()
    with pytest.raises(ValueError, match="closing"):
        jobs.start("late", lambda progress: 1)
    assert jobs.status(jobs.id_of("late")) is None


def test_closing_does_not_wait_for_work_that_does_not_listen(monkeypatch):
    from wsexplore.jobs import pool as module

    monkeypatch.setattr(module, "PATIENCE", 0.1)
    pool, go = Jobs(), threading.Event()
    job = pool.start("deaf", lambda progress: go.wait(30))
    until(lambda: pool.status(job).state == "running")
    began = time.monotonic()
    pool.close()
    assert time.monotonic() - began < 2
    assert pool.status(job).state == "interrupted"
    go.set()


def test_what_ended_long_ago_is_forgotten(jobs):
    held = [jobs.start("counting", lambda progress, n=n: n, name=f"n{n}") for n in range(40)]
    for job in held[-30:]:
        ended(jobs, job)
    jobs.start("one more", lambda progress: 1)
    assert jobs.status(held[0]) is None
    assert jobs.status(held[-1]).result == 39
