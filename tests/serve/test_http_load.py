"""Many callers, and those who leave: nobody is lost, nothing is held."""

import http.client
import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import httpx
from serve_flows import Gate, served, until
from serve_http import ask, measured, said

from wsexplore.serve import Limits, SampleRequest


def test_fifty_callers_at_once_get_their_own_bytes(url, host):
    def one(seed):
        with httpx.Client(base_url=url, timeout=60) as client:
            return client.post("/v1/samples", json={"flow": "wide", "n": 1 + seed % 4, "seed": seed})

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(one, range(50)))
    assert [answer.status_code for answer in answers] == [200] * 50
    for seed, answer in enumerate(answers):
        alone = host.sampler.sample_batch([SampleRequest("wide", n=1 + seed % 4, seed=seed)])[0]
        assert answer.content == bytes(host.finish(alone))
    until(lambda: host.batcher.held == 0)


def test_a_full_queue_is_429_and_says_when(make_host):
    host = make_host(workers=1, limits=Limits(queue=2, jobs=2))
    gate = Gate(host)
    with served(host) as url:
        jobs = [ask(url, "/v1/jobs", n=100) for _ in range(2)]
        assert [job.status_code for job in jobs] == [202, 202]
        response = ask(url, n=1)
        assert response.status_code == 429
        assert 1 <= int(response.headers["retry-after"]) <= 600
        assert "try again later" in said(response)
        assert httpx.get(f"{url}/readyz").status_code == 503
        assert ask(url, "/v1/jobs", n=1).status_code == 429
        gate.open.set()
        until(lambda: httpx.get(f"{url}/readyz").status_code == 200)
        for job in jobs:
            httpx.delete(f"{url}{job.headers['location']}")
        assert ask(url, n=1).status_code == 200


def test_a_caller_who_leaves_is_dropped(make_host):
    host = make_host(workers=1)
    gate = Gate(host)
    with served(host) as url:
        address, body = urlsplit(url), json.dumps({"flow": "wide", "n": 500}).encode()
        leaving = http.client.HTTPConnection(address.hostname, address.port)
        leaving.request("POST", "/v1/samples", body, {"content-type": "application/json"})
        until(lambda: gate.blocks)
        assert host.batcher.queue == 1
        leaving.close()
        until(lambda: host.batcher.queue == 0)
        gate.open.set()
        assert ask(url, n=1).status_code == 200
        until(lambda: host.batcher.held == 0)
        assert len(gate.blocks) == 2
        assert measured(url)["wsexplore_samples_total", "cancelled"] == 1


def test_a_caller_who_leaves_in_the_middle_of_the_answer_frees_its_memory(make_host):
    host = make_host(limits=Limits(direct=5000))
    with served(host) as url:
        address, body = urlsplit(url), json.dumps({"flow": "wide", "n": 4000, "steps": 1}).encode()
        line = socket.socket()
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.connect((address.hostname, address.port))
        head = "POST /v1/samples HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json"
        line.sendall(f"{head}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
        assert line.recv(1000).startswith(b"HTTP/1.1 200")
        assert host.batcher.held > 0
        line.close()
        until(lambda: host.batcher.held == 0)


def test_a_request_that_takes_too_long_is_504(make_host):
    host = make_host(limits=Limits(patience=0.2))
    gate = Gate(host)
    with served(host) as url:
        response = ask(url, n=8)
        assert response.status_code == 504
        assert "POST /v1/jobs" in said(response)
        until(lambda: (host.batcher.queue, host.batcher.held) == (0, 0))
        gate.open.set()


def test_a_killed_worker_is_500_and_the_next_request_is_served(make_host):
    host = make_host(workers=1)
    run = host.sampler.run

    def dies(pieces, on_step=None):
        if any(piece.wanted.request.seed == 13 for piece in pieces):
            raise SystemExit("killed")
        return run(pieces, on_step)

    host.sampler.run = dies
    with served(host) as url:
        response = ask(url, seed=13)
        assert response.status_code == 500
        assert "died (killed); send it again" in said(response)
        assert ask(url, seed=14).status_code == 200
        assert httpx.get(f"{url}/healthz").status_code == 200
        assert measured(url)["wsexplore_worker_deaths_total",] == 1


def test_shutting_down_finishes_what_runs(make_host):
    host = make_host(workers=1)
    gate, answers = Gate(host), []
    with served(host) as url:
        callers = [threading.Thread(target=lambda s=s: answers.append(ask(url, n=9, seed=s))) for s in range(4)]
        for caller in callers:
            caller.start()
        until(lambda: host.batcher.queue == 4)
        threading.Timer(0.3, gate.open.set).start()
        host.batcher.stop_taking()
        late = ask(url, n=1)
        assert late.status_code == 503
        assert "shutting down" in said(late)
    for caller in callers:
        caller.join(20)
    assert [answer.status_code for answer in answers] == [200] * 4
    assert host.batcher.alive == 0


def test_what_is_promised_and_held_is_bounded(make_host):
    host = make_host(workers=2, limits=Limits(memory=4 * 460 * 500, queue=64))
    most, over = 0, threading.Event()

    def watch():
        nonlocal most
        while not over.is_set():
            most = max(most, host.batcher.held)

    watcher = threading.Thread(target=watch)
    watcher.start()
    with served(host) as url, ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(lambda seed: ask(url, n=100, seed=seed, steps=1), range(80)))
    over.set()
    watcher.join()
    assert {answer.status_code for answer in answers} == {200, 429}
    assert 0 < most <= 4 * 460 * 500
    assert host.batcher.held == 0
