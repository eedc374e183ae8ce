import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wsexplore.jobs import Jobs, keeper, store
from wsexplore.zoo import Recipe

HOME = Path(__file__).resolve().parents[2]


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setattr(keeper, "EVERY", 0.05)
    return tmp_path / "jobs"


@pytest.fixture
def app(home):
    """Opens the app on one folder; all are closed in the end."""
    pools = []

    def opened(**options):
        pools.append(Jobs(**{"home": home, **options}))
        return pools[-1]

    yield opened
    for pool in pools:
        pool.close()


def until(found, seconds=10.0):
    end = time.monotonic() + seconds
    while not (value := found()) and time.monotonic() < end:
        time.sleep(0.01)
    assert value
    return value


def ended(pool, job):
    return until(lambda: (status := pool.status(job)).ended and status)


def counting(progress):
    """Counts to ten, from where it was; it stops at five the first time."""
    start = 0 if progress.earlier is None else int(progress.earlier["done"][-1])
    for step in range(start + 1, 11):
        progress(step / 10, f"step {step}")
        progress.partial({"done": np.arange(step + 1)})
        while step == 5 and start == 0:
            progress(0.5, "step 5")
            time.sleep(0.01)
    return pd.DataFrame({"from": [start]})


def at_five(pool, job):
    return until(lambda: (status := pool.status(job)).partial is not None and status.updates == 5 and status)


def records(home):
    return [json.loads(json.loads(path.read_text())["record"]) for path in home.glob("*/record.json")]


def test_a_result_is_there_after_a_restart(app):
    first = app()
    made = Recipe.of("count", arguments={"to": 3}, seed=4)
    job = first.start("Counting", lambda p: np.arange(3), name="n", recipe=made, link="count?to=3", cost=2.5)
    ended(first, job)
    first.close()
    second, ran = app(), []
    (listed,) = second.listed()
    assert (listed.state, listed.title, listed.link, listed.cost) == ("done", "Counting", "count?to=3", 2.5)
    assert listed.recipe == made
    assert second.start("Counting", ran.append, name="n") == job
    status = second.status(job)
    assert (status.state, status.fraction, status.result.tolist()) == ("done", 1.0, [0, 1, 2])
    assert ran == []


def test_an_interrupted_job_goes_on_from_its_partial_result(app):
    first = app()
    job = first.start("Counting", counting, name="count")
    at_five(first, job)
    first.close()
    assert first.status(job).state == "interrupted"
    second = app()
    assert second.start("Counting", counting, name="count") == job
    status = second.status(job)
    assert (status.state, status.fraction, status.message) == ("interrupted", 0.5, "step 5")
    assert status.partial["done"].tolist() == [0, 1, 2, 3, 4, 5]
    before = status.seconds
    second.start("Counting", counting, name="count", again=True)
    status = ended(second, job)
    assert (status.state, status.result["from"].tolist()) == ("done", [5])
    assert status.seconds >= before


def test_a_cancelled_job_keeps_what_it_did_and_goes_on(app):
    pool = app()
    job = pool.start("Counting", counting, name="count")
    at_five(pool, job)
    pool.cancel(job)
    status = ended(pool, job)
    assert (status.state, status.fraction, len(status.partial["done"])) == ("cancelled", 0.5, 6)
    pool.start("Counting", counting, name="count")
    assert pool.status(job).state == "cancelled"
    pool.start("Counting", counting, name="count", again=True)
    assert ended(pool, job).result["from"].tolist() == [5]


def test_a_failed_job_keeps_what_it_did(app):
    def failing(progress):
        progress.partial((1, 2))
        raise ValueError("the grid ends here")

    pool = app()
    job = pool.start("Failing", failing, name="fail")
    status = ended(pool, job)
    assert (status.state, status.error, status.partial) == ("failed", "the grid ends here", (1, 2))
    pool.close()
    assert app().status(job).error == "the grid ends here"


def test_a_killed_app_leaves_an_interrupted_job(app, home):
    code = f"""
import time
from pathlib import Path
from wsexplore.jobs import Jobs, keeper
keeper.EVERY = 0.05
def work(progress):
    progress(0.4, "two of five")
    progress.partial((1, 2))
    print("there", flush=True)
    while True:
        progress(0.4, "two of five")
        time.sleep(0.01)
Jobs(home=Path({str(home)!r})).start("Long", work, name="long")
time.sleep(60)
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=HOME)
    try:
        assert process.stdout.readline() == b"there\n"
        until(lambda: any(record["partial"] for record in records(home)))
        beside, ran = app(), []
        assert beside.listed() == []
        mine = beside.start("Long", lambda p: ran.append(p.earlier) or object(), name="long")
        assert ended(beside, mine).state == "done"
        assert ran == [None]
        beside.close()
        assert [record["state"] for record in records(home)] == ["running"]
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    after = app()
    (status,) = after.listed()
    assert (status.state, status.fraction) == ("interrupted", 0.4)
    assert after.status(status.id).partial == (1, 2)


def test_the_end_of_the_app_waits_for_no_work_and_keeps_what_was_done(home):
    code = f"""
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from wsexplore.jobs import Jobs, pool
pool.PATIENCE = 1.0
def listening(progress):
    with ThreadPoolExecutor(1) as threads:
        stop = []
        inner = threads.submit(lambda: [time.sleep(0.01) for _ in iter(lambda: bool(stop), True)])
        try:
            progress.partial((1, 2))
            while True:
                progress(0.5, "half")
                time.sleep(0.01)
        finally:
            stop.append(1)
def deaf(progress):
    progress.partial((3,))
    while True:
        time.sleep(0.01)
jobs = Jobs(home=Path({str(home)!r}))
for work in (listening, deaf, listening):
    jobs.start(work.__name__, work, name=str(len(jobs.listed())))
while sum(status.updates for status in jobs.listed()) < 2:
    time.sleep(0.01)
"""
    began = time.monotonic()
    ended = subprocess.run([sys.executable, "-c", code], cwd=HOME, capture_output=True, timeout=60)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert time.monotonic() - began < 30
    found = {(record["title"], record["state"], record["updates"]) for record in records(home)}
    assert found == {("listening", "interrupted", 1), ("deaf", "interrupted", 1), ("listening", "interrupted", 0)}


def test_what_was_interrupted_without_a_partial_result_starts_anew(app):
    def endless(progress):
        while True:
            progress(0.5, "")
            time.sleep(0.01)

    first = app()
    job = first.start("Endless", endless, name="endless")
    until(lambda: first.status(job).fraction)
    first.close()
    second = app()
    assert [status.state for status in second.listed()] == ["interrupted"]
    second.start("Endless", lambda p: p.earlier, name="endless")
    assert ended(second, job).state == "done"


def test_what_cannot_be_kept_starts_anew_after_a_restart(app, home):
    first = app()
    job = first.start("Opening", lambda p: object(), name="handle")
    ended(first, job)
    first.close()
    assert list(home.glob("*/record.json")) == []
    second = app()
    assert second.listed() == []
    second.start("Opening", lambda p: 3, name="handle")
    assert ended(second, job).result == 3


def test_jobs_without_a_name_and_quiet_ones_leave_nothing_on_the_disk(app, home):
    pool = app()
    for job in (pool.start("A", lambda p: 1), pool.start("B", lambda p: 1, name="b", quiet=True)):
        ended(pool, job)
    assert [status.title for status in pool.listed()] == ["A"]
    pool.close()
    assert not home.exists()


def test_results_of_other_code_are_not_found(app):
    first = app(stamp="1")
    ended(first, first.start("Counting", lambda p: 1, name="n"))
    first.close()
    second = app(stamp="2")
    assert second.listed() == []
    assert ended(second, second.start("Counting", lambda p: 2, name="n")).result == 2
    second.close()
    third = app(stamp="1")
    assert third.status(third.id_of("n")).result == 1


def test_a_forgotten_job_is_gone_from_the_disk(app, home):
    pool = app()
    job = pool.start("Counting", lambda p: 1, name="n")
    ended(pool, job)
    until(lambda: list(home.glob("*/record.json")))
    pool.forget(job)
    assert pool.status(job) is None
    assert list(home.glob("*/record.json")) == []
    pool.close()
    assert app().listed() == []


def test_only_the_newest_jobs_are_kept(app, home, monkeypatch):
    monkeypatch.setattr(store, "MOST_RECORDS", 4)
    pool = app()
    for number in range(7):
        ended(pool, pool.start("Counting", lambda p, n=number: n, name=f"n{number}"))
        until(lambda n=number: any(r["title"] == "Counting" for r in records(home)) and _written(home, pool, n))
        time.sleep(0.02)
    pool.close()
    again = app()
    assert len(again.listed()) == 4
    assert again.status(again.id_of("n6")).result == 6
    assert again.status(again.id_of("n2")) is None


def _written(home, pool, number):
    return (home / pool.id_of(f"n{number}") / "record.json").exists()


def test_large_results_make_room_for_newer_ones(app, home, monkeypatch):
    monkeypatch.setattr(store, "MOST_BYTES", 3 << 20)
    pool = app()
    for number in range(5):
        job = pool.start("Large", lambda p: np.zeros(1 << 20, np.uint8), name=f"n{number}")
        ended(pool, job)
        until(lambda n=number: _written(home, pool, n))
        time.sleep(0.02)
    pool.close()
    assert len(app().listed()) == 2
    assert sum(path.stat().st_size for path in home.rglob("*") if path.is_file()) <= 3 << 20


def test_a_running_job_is_never_made_room_of(app, home, monkeypatch):
    monkeypatch.setattr(store, "MOST_RECORDS", 1)
    pool, go = app(), threading.Event()
    long = pool.start("Long", lambda p: go.wait(10), name="long")
    until(lambda: (home / long / "record.json").exists())
    for number in range(3):
        ended(pool, pool.start("Short", lambda p: 1, name=f"n{number}"))
        until(lambda n=number: _written(home, pool, n) or n < 2)
    assert (home / long / "record.json").exists()
    go.set()
    ended(pool, long)


def test_two_apps_on_one_folder_share_what_is_done_and_not_what_runs(app):
    one, other, go = app(), app(), threading.Event()
    done = one.start("Done", lambda p: 7, name="done")
    ended(one, done)
    assert until(lambda: other.status(done)).result == 7
    job = one.start("Long", lambda p: go.wait(10) and "one", name="long")
    until(lambda: any(status.title == "Long" for status in one.listed()) and one.status(job).state == "running")
    assert other.status(job) is None
    assert ended(other, other.start("Long", lambda p: "other", name="long")).result == "other"
    go.set()
    assert ended(one, job).result == "one"


def test_a_folder_that_cannot_be_written_keeps_nothing_and_stops_nothing(tmp_path, app, caplog):
    (tmp_path / "file").write_text("")
    pool = app(home=tmp_path / "file" / "jobs")
    assert ended(pool, pool.start("Counting", lambda p: 5, name="n")).result == 5
    pool.close()
    assert "is not kept" in caplog.text


def _fail_with_ones(progress):
    progress.partial(np.ones(3))
    raise ValueError("no more")


@settings(deadline=None, max_examples=80)
@given(
    name=st.sampled_from(["done", "part"]),
    kind=st.sampled_from(["record.json", "*.safetensors"]),
    how=st.sampled_from(["flip", "cut", "gone", "empty"]),
    place=st.floats(0, 1, exclude_max=True),
    bit=st.integers(0, 7),
)
def test_broken_files_are_as_if_there_were_no_earlier_result(tmp_path_factory, name, kind, how, place, bit):
    home = tmp_path_factory.mktemp("jobs")
    first = Jobs(home=home)
    ended(first, first.start("done", lambda p: np.ones(2), name="done"))
    ended(first, first.start("part", _fail_with_ones, name="part"))
    first.close()
    (file,) = (home / first.id_of(name)).glob(kind)
    whole = bytearray(file.read_bytes())
    if how == "flip":
        whole[int(place * len(whole))] ^= 1 << bit
    if how == "gone":
        file.unlink()
    else:
        file.write_bytes({"flip": whole, "cut": whole[: int(place * len(whole))], "empty": b""}[how])
    second = Jobs(home=home)
    try:
        second.listed()
        for other, count in (("done", 2), ("part", 3)):
            status = second.status(second.id_of(other))
            assert other == name or status is not None
            if status is not None and (kept := status.result if other == "done" else status.partial) is not None:
                assert kept.tolist() == [1.0] * count
        for other in ("done", "part"):
            job = second.start(other, lambda p: np.ones(2), name=other, again=True)
            assert ended(second, job).result.tolist() == [1.0, 1.0]
    finally:
        second.close()


@pytest.mark.parametrize(
    "changes",
    [
        {"state": "asleep"},
        {"state": ["running"]},
        {"fraction": "much"},
        {"fraction": float("nan")},
        {"seconds": float("inf")},
        {"title": 3},
        {"recipe": []},
        {"result": {"file": "../../etc/passwd", "size": 3, "sha256": "x"}},
        {"result": {"file": "0123456789ab.safetensors", "size": "x", "sha256": "x"}},
        {"updates": None},
        {"owner": "../../x"},
        {"stamp": None},
    ],
)
def test_a_record_that_says_nonsense_is_no_record(app, home, changes):
    first = app()
    job = first.start("Counting", lambda p: 1, name="n")
    ended(first, job)
    first.close()
    path = home / job / "record.json"
    record = {**json.loads(json.loads(path.read_text())["record"]), **changes}
    text = json.dumps(record)
    path.write_text(json.dumps({"sha256": store._digest(text), "record": text}))
    second = app()
    assert [status.id for status in second.listed()] in ([], [job])
    assert ended(second, second.start("Counting", lambda p: 2, name="n")).result in (1, 2)


def test_the_record_is_written_while_the_work_goes_on(app, home):
    go, took = threading.Event(), []

    def work(progress):
        progress.partial(np.zeros(1 << 22))
        began = time.perf_counter()
        for step in range(20):
            progress(step / 20, "")
        took.append(time.perf_counter() - began)
        go.wait(10)

    pool = app()
    job = pool.start("Long", work, name="long")
    until(lambda: any(record["partial"] for record in records(home)))
    assert took[0] < 2
    go.set()
    ended(pool, job)
