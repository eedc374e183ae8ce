"""`wsexplore serve` is up until it is told to stop, and then finishes what it accepted."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import httpx
import pytest
from typer.testing import CliRunner

from wsexplore.cli import cli
from wsexplore.settings import settings

RUN = "import sys; from wsexplore.cli import main; main()"


@contextmanager
def serving(*arguments, token=None):
    """A server of its own process, as its first line describes it."""
    more = {} if token is None else {"WSEXPLORE_SERVE_TOKEN": token}
    command = [sys.executable, "-c", RUN, "serve", "--port", "0", "--device", "cpu", "--json", *map(str, arguments)]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"} | more,
    )
    try:
        line = process.stdout.readline()
        assert line, process.stderr.read()
        yield process, json.loads(line)
    finally:
        process.kill()
        process.communicate(timeout=20)


def test_ctrl_c_finishes_requests_and_jobs_and_exits_with_0():
    with serving("--workers", 1) as (process, facts):
        url, answers = facts["url"], []
        assert facts["flows"] == ["digit-fields", "digits-mlp"]
        asked = {"flow": "digits-mlp", "n": 24, "seed": 1}
        job = httpx.post(f"{url}/v1/jobs", json=asked, timeout=30)
        assert job.status_code == 202
        place = f"{url}{job.headers['location']}"

        def one():
            answers.append(httpx.post(f"{url}/v1/samples", json=asked, timeout=60))

        callers = [threading.Thread(target=one) for _ in range(3)]
        for caller in callers:
            caller.start()
        end = time.monotonic() + 20
        while "wsexplore_queue_requests 4.0" not in httpx.get(f"{url}/metrics").text and not answers:
            assert time.monotonic() < end
        process.send_signal(signal.SIGINT)
        end = time.monotonic() + 10
        while httpx.get(f"{url}/readyz").status_code != 503:
            assert time.monotonic() < end
        assert httpx.post(f"{url}/v1/samples", json=asked).status_code == 503
        while httpx.get(place).json()["state"] != "done":
            time.sleep(0.05)
        kept = httpx.get(f"{place}/result")
        for caller in callers:
            caller.join(60)
        assert [answer.status_code for answer in answers] == [200] * 3
        assert {answer.content for answer in answers} == {kept.content}
        assert process.wait(20) == 0
        assert process.stderr.read() == ""


def test_servers_without_batching_give_the_same_bytes_whatever_their_workers():
    asked, answers = {"flow": "digits-mlp", "n": 3, "seed": 1}, []
    for options in (("--block", 1), ("--workers", 1, "--block", 1)):
        with serving(*options) as (_, facts):
            answers.append(httpx.post(f"{facts['url']}/v1/samples", json=asked, timeout=60))
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].content == answers[1].content


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_idle_server_ends_at_once(number):
    with serving(token="secret") as (process, facts):
        assert httpx.get(f"{facts['url']}/v1/flows").status_code == 401
        right = {"authorization": "Bearer secret"}
        assert httpx.get(f"{facts['url']}/v1/flows", headers=right).status_code == 200
        process.send_signal(number)
        assert process.wait(10) == 0


def test_a_second_ctrl_c_does_not_wait():
    with serving("--workers", 1) as (process, facts):
        asked = {"flow": "digits-mlp", "n": 5000, "steps": 100}
        assert httpx.post(f"{facts['url']}/v1/jobs", json=asked, timeout=30).status_code == 202
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(15) == 0


def test_a_port_in_use_is_one_sentence():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = CliRunner().invoke(cli, ["serve", "--port", str(port), "--device", "cpu"])
    assert result.exit_code == 2
    assert f"127.0.0.1 port {port} cannot be served" in result.stderr
    assert "choose another --port" in result.stderr
    assert result.stderr.strip().count("\n") == 0


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
def test_without_a_token_only_this_machine_is_served(host):
    result = CliRunner().invoke(cli, ["serve", "--host", host])
    assert result.exit_code == 2
    assert "without a token only 127.0.0.1 is served" in result.stderr


def test_the_token_is_not_shown(monkeypatch):
    monkeypatch.setenv("WSEXPLORE_SERVE_TOKEN", "hush")
    settings.cache_clear()
    try:
        assert "hush" not in repr(settings())
        assert settings().serve_token.get_secret_value() == "hush"
    finally:
        monkeypatch.delenv("WSEXPLORE_SERVE_TOKEN")
        settings.cache_clear()
