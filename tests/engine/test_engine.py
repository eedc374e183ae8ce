import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
import torch

from wsexplore.datasets import dataset
from wsexplore.engine import Ledger, Shard, run_shards
from wsexplore.engine.worker import run_here
from wsexplore.nets import architecture
from wsexplore.population import hyper_parameters
from wsexplore.population.plan import Plan

TRAIN = "wsexplore.population.shard:train_to_file"


def shards(count=3, epochs=2):
    plan = Plan(
        architecture("mlp", widths=[64, 8, 10]),
        dataset("digits"),
        hyper_parameters(count, seed=1),
        (epochs,),
        torch.device("cpu"),
        "float32",
        1,
    )
    return plan.shards()


def files(ledger, work):
    return [ledger.file(shard).read_bytes() for shard in work]


@pytest.mark.parametrize("workers", [1, 2])
def test_threads_and_processes_write_the_same_bytes(tmp_path, workers):
    work, found = shards(), []
    for mode in ("threads", "processes"):
        with Ledger.open(tmp_path / f"{mode}{workers}", {}) as ledger:
            receipts = run_shards(TRAIN, work, ledger, workers=workers, mode=mode)
            assert [receipt.shard for receipt in receipts] == [shard.name for shard in work]
            found.append(files(ledger, work))
    assert found[0] == found[1]


def test_what_is_done_is_not_done_again(tmp_path):
    work, said = shards(), []
    with Ledger.open(tmp_path / "work", {}) as ledger:
        run_shards(TRAIN, work[:2], ledger, workers=1)
        run_shards(TRAIN, work, ledger, workers=1, on_tell=lambda shard, words: said.append((shard.name, dict(words))))
    assert [words for name, words in said if name in (work[0].name, work[1].name)] == [{"found": True}] * 2
    assert any("metrics" in words for name, words in said if name == work[2].name)


@pytest.mark.parametrize("harm", ["cut", "unsigned", "nonsense"])
def test_a_file_that_is_not_what_was_signed_is_made_again(tmp_path, harm):
    work = shards(count=1)
    with Ledger.open(tmp_path / "work", {}) as ledger:
        run_shards(TRAIN, work, ledger, workers=1)
        whole, file = ledger.file(work[0]).read_bytes(), ledger.file(work[0])
        if harm == "cut":
            file.write_bytes(whole[:-1])
        else:
            file.with_suffix(".json").write_text("{" if harm == "nonsense" else json.dumps({"shard": "?"}))
        assert ledger.receipt(work[0]) is None
        run_shards(TRAIN, work, ledger, workers=1)
        assert ledger.receipt(work[0]) is not None
        assert file.read_bytes() == whole


def test_a_folder_belongs_to_one_plan_and_one_process(tmp_path):
    def claim(seed):
        with Ledger.open(tmp_path / "work", {"seed": seed}):
            pass

    with Ledger.open(tmp_path / "work", {"seed": 1}), pytest.raises(ValueError, match="another process is at work"):
        claim(1)
    claim(1)
    with pytest.raises(ValueError, match="unfinished work with other arguments"):
        claim(2)


@pytest.mark.parametrize("mode", ["threads", "processes"])
def test_work_stops_within_a_second_when_the_caller_gives_up(tmp_path, mode):
    class StopError(Exception):
        pass

    begun, stopped = [], []

    def on_tick():
        if begun:
            stopped.append(time.monotonic())
            raise StopError

    with Ledger.open(tmp_path / "work", {}) as ledger, pytest.raises(StopError):
        run_shards(
            TRAIN,
            shards(epochs=100_000),
            ledger,
            workers=2,
            mode=mode,
            on_tell=lambda shard, words: begun.append(1),
            on_tick=on_tick,
        )
    assert time.monotonic() - stopped[0] < 1


@pytest.mark.parametrize("mode", ["threads", "processes"])
def test_bad_input_of_a_shard_is_its_one_sentence(tmp_path, mode):
    work = [Shard({**shards(count=1)[0].arguments, "data": "no-such-data"})]
    with Ledger.open(tmp_path / "work", {}) as ledger, pytest.raises(ValueError, match="data set 'no-such-data' is"):
        run_shards(TRAIN, work, ledger, workers=1, mode=mode)


def test_a_worker_that_is_killed_is_said(tmp_path):
    def kill(shard, words):
        subprocess.run(["pkill", "-KILL", "-P", str(os.getpid()), "-f", "wsexplore.engine.worker"], check=False)

    why = "a worker process ended with status -9 before its part was done"
    with Ledger.open(tmp_path / "work", {}) as ledger, pytest.raises(RuntimeError, match=why):
        run_shards(TRAIN, shards(count=1, epochs=100_000), ledger, workers=1, mode="processes", on_tell=kill)


def test_only_functions_of_this_package_run(tmp_path):
    with pytest.raises(ValueError, match="no shard function of wsexplore"):
        run_here("os:system", {}, tmp_path / "file", lambda words: None)


def test_workers_end_with_a_killed_parent(tmp_path):
    script = textwrap.dedent(
        """
        import sys
        sys.path.insert(0, sys.argv[2])
        from pathlib import Path
        from test_engine import TRAIN, shards
        from wsexplore.engine import Ledger, run_shards
        with Ledger.open(Path(sys.argv[1]), {}) as ledger:
            run_shards(TRAIN, shards(epochs=100_000), ledger, workers=2, mode="processes",
                       on_tell=lambda shard, words: print("begun", flush=True))
        """
    )
    here = str(Path(__file__).parent)
    parent = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "work"), here], stdout=subprocess.PIPE, text=True
    )
    parent.stdout.readline()
    children = subprocess.run(
        ["pgrep", "-P", str(parent.pid)], capture_output=True, text=True, check=True
    ).stdout.split()
    assert children
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    until = time.monotonic() + 10
    processes = [Path("/proc", child) for child in children]
    while any(process.exists() for process in processes) and time.monotonic() < until:
        time.sleep(0.1)
    assert not any(process.exists() for process in processes)
