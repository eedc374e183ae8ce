"""The sampler behind HTTP: the same bytes, a status and a sentence for everything else."""

import http.client
import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import httpx
import pytest
import torch
from prometheus_client.parser import text_string_to_metric_families
from serve_flows import Gate, served, until

from wsexplore.generate import WeightFlow
from wsexplore.serve import Limits, SampleRequest
from wsexplore.serve.wire import decode, metrics_of

TOKEN = "a-secret-of-the-test"


@pytest.fixture
def url(host):
    with served(host) as address:
        yield address


def ask(url, path="/v1/samples", **fields):
    return httpx.post(f"{url}{path}", json={"flow": "wide", **fields}, timeout=30)


def measured(url, **headers):
    text = httpx.get(f"{url}/metrics", headers=headers).text
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def said(response):
    """The one sentence of an error."""
    assert list(response.json()) == ["detail"]
    sentence = response.json()["detail"]
    assert isinstance(sentence, str)
    assert "\n" not in sentence
    assert len(sentence) < 300
    return sentence


def test_a_sample_is_a_file_of_networks(url, host):
    response = ask(url, n=5, seed=4)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/vnd.safetensors"
    assert response.headers["content-disposition"] == 'attachment; filename="wide-4.safetensors"'
    assert response.headers["server-timing"].startswith("sample;dur=")
    zoo = decode(response.content)
    assert torch.equal(zoo.weights, host.sampler.sample_batch([SampleRequest("wide", n=5, seed=4)])[0].weights)
    assert zoo.recipe.seed == 4
    assert metrics_of(response.content)["networks"] == 5
    until(lambda: host.batcher.held == 0)


def test_judged_samples_carry_their_accuracy(url):
    data = ask(url, n=3, judge=True).content
    table = decode(data).table
    assert table["test_accuracy"].between(0, 1).all()
    assert metrics_of(data)["best_test_accuracy"] == pytest.approx(table["test_accuracy"].max())
    assert data == ask(url, n=3, judge=True).content


def test_flows_are_listed_and_described(url):
    told = httpx.get(f"{url}/v1/flows").json()
    assert [flow["name"] for flow in told["flows"]] == ["deep", "wide"]
    assert told["device"] == "cpu"
    cold = httpx.get(f"{url}/v1/flows/wide").json()
    assert (cold["warm"], cold["seconds_per_network"], cold["parameters"]) == (False, None, 460)
    assert [slot["shape"] for slot in cold["layout"]] == [[6, 64], [6], [10, 6], [10]]
    assert cold["recipe"]["action"] == "fit_flow"
    ask(url)
    warm = httpx.get(f"{url}/v1/flows/wide").json()
    assert warm["warm"]
    assert warm["seconds_per_network"] > 0


BAD = [
    ({"n": 0}, 422, "n: "),
    ({"n": -3}, 422, "n: "),
    ({"n": 10**9}, 422, "n must be at most"),
    ({"n": 1001}, 422, "POST /v1/jobs"),
    ({"n": 2.5}, 422, "n: "),
    ({"n": "3"}, 422, "n: "),
    ({"n": True}, 422, "n: "),
    ({"n": None}, 422, "n: "),
    ({"steps": 0}, 422, "steps: "),
    ({"steps": 10**6}, 422, "steps must be at most"),
    ({"seed": -1}, 422, "seed: "),
    ({"seed": 2**64}, 422, "seed: "),
    ({"solver": "rk9"}, 422, "solver: "),
    ({"temperature": -1}, 422, "temperature: "),
    ({"temperature": "hot"}, 422, "temperature: "),
    ({"flow": "nothing"}, 404, "there is no flow called 'nothing'; there is deep, wide"),
    ({"flow": "../wide"}, 404, "there is no flow"),
    ({"flow": ""}, 422, "flow: "),
    ({"flow": "x" * 500}, 422, "flow: "),
    ({"flow": "deep", "judge": True}, 422, "names no data set"),
    ({"colour": "red"}, 422, "colour: "),
]

RAW = [
    (b"", 422),
    (b"{", 422),
    (b"[]", 422),
    (b"null", 422),
    (b"[" * 50_000, 400),
    (b"\xff\xfe", 422),
    (b'{"flow": "wide", "temperature": NaN}', 422),
    (b'{"flow": "wide", "temperature": Infinity}', 422),
    (b'{"flow": "wide", "temperature": 1e400}', 422),
    (b'{"flow": "wide", "n": 1' + b"0" * 5000 + b"}", 400),
]


def test_every_wrong_request_has_a_status_and_one_sentence(url, host):
    with httpx.Client(base_url=url, timeout=30) as client:
        for fields, status, sentence in BAD:
            for path in ("/v1/samples", "/v1/jobs"):
                response = client.post(path, json={"flow": "wide", **fields})
                if path == "/v1/jobs" and fields == {"n": 1001}:
                    assert response.status_code == 202
                    continue
                assert response.status_code == status, (fields, response.text)
                if "POST /v1/jobs" not in sentence:
                    assert sentence in said(response)
        for body, status in RAW:
            response = client.post("/v1/samples", content=body, headers={"content-type": "application/json"})
            assert response.status_code == status, (body[:40], response.text)
            said(response)
        for method, path, status in (
            ("GET", "/v1/nothing", 404),
            ("PUT", "/v1/samples", 405),
            ("GET", "/v1/flows/nothing", 404),
            ("GET", "/v1/jobs/nothing", 404),
            ("DELETE", "/v1/jobs/nothing", 404),
            ("GET", "/v1/jobs/nothing/result", 404),
        ):
            response = client.request(method, path)
            assert response.status_code == status
            said(response)
        assert client.post("/v1/samples", json={"flow": "wide", "n": 1}).status_code == 200


def test_a_body_of_100_mb_is_refused_and_not_held(url):
    import resource

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    piece = b" " * (1 << 20)
    headers = {"content-type": "application/json", "content-length": str(100 << 20)}
    response = httpx.post(f"{url}/v1/samples", content=(piece for _ in range(100)), headers=headers, timeout=60)
    assert response.status_code == 413
    assert "at most 65,536 bytes" in said(response)
    chunked = httpx.post(f"{url}/v1/samples", content=(piece for _ in range(100)), timeout=60)
    assert chunked.status_code == 413
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 40 << 10
    assert ask(url, n=1).status_code == 200


def test_a_caller_who_asks_first_need_not_send_a_large_body(url):
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as line:
        line.sendall(
            b"POST /v1/samples HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: 104857600\r\n\r\n"
        )
        assert line.recv(4096).startswith(b"HTTP/1.1 413")


def test_without_a_token_only_this_machine_is_served_by_its_own_name(url):
    for name in ("evil.example", "10.0.0.1:80", "[::2]:80"):
        response = httpx.get(f"{url}/v1/flows", headers={"host": name})
        assert response.status_code == 403
        assert "WSEXPLORE_SERVE_TOKEN" in said(response)
    for name in ("localhost:1", "127.0.0.1", "[::1]:80"):
        assert httpx.get(f"{url}/v1/flows", headers={"host": name}).status_code == 200


def test_the_token_is_asked_for_everywhere_but_at_the_probes(host):
    with served(host, token=TOKEN) as url:
        for given in (None, "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer", TOKEN):
            headers = {} if given is None else {"authorization": given}
            for method, path in (("GET", "/v1/flows"), ("POST", "/v1/samples"), ("GET", "/metrics"), ("GET", "/x")):
                response = httpx.request(method, f"{url}{path}", headers=headers)
                assert response.status_code == 401
                assert response.headers["www-authenticate"] == "Bearer"
                said(response)
        assert httpx.get(f"{url}/healthz").status_code == 200
        assert httpx.get(f"{url}/readyz").status_code == 200
        right = {"authorization": f"bearer {TOKEN}", "host": "wsexplore.example"}
        assert httpx.get(f"{url}/v1/flows", headers=right).status_code == 200


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


def test_a_job_tells_its_progress_and_gives_its_networks_once(url, host):
    response = ask(url, "/v1/jobs", n=60, seed=8)
    assert response.status_code == 202
    place = f"{url}{response.headers['location']}"
    seen = []

    def done():
        seen.append(httpx.get(place).json())
        return seen[-1]["state"] == "done"

    until(done)
    assert [told["progress"] for told in seen] == sorted(told["progress"] for told in seen)
    assert seen[-1]["progress"] == 1
    assert httpx.get(f"{place}/result").content == ask(url, n=60, seed=8).content
    until(lambda: host.batcher.held == 0)
    assert httpx.get(place).status_code == 404


def test_a_job_can_be_cancelled_and_is_not_ready_before_its_time(make_host):
    host = make_host(workers=1)
    gate = Gate(host)
    with served(host) as url:
        place = f"{url}{ask(url, '/v1/jobs', n=2000).headers['location']}"
        assert httpx.get(f"{place}/result").status_code == 409
        assert httpx.delete(place).status_code == 204
        assert httpx.get(place).status_code == 404
        assert (host.batcher.queue, host.batcher.held) == (0, 0)
        gate.open.set()


def test_results_nobody_fetches_are_forgotten(make_host):
    host = make_host(limits=Limits(keep=0.3))
    with served(host) as url:
        place = f"{url}{ask(url, '/v1/jobs', n=10).headers['location']}"
        until(lambda: host.batcher.queue == 0)
        assert host.batcher.held > 0
        until(lambda: httpx.get(place).status_code == 404)
        assert host.batcher.held == 0


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


def test_a_body_that_does_not_come_is_408(host, monkeypatch):
    monkeypatch.setattr("wsexplore.serve.guard.BODY_SECONDS", 0.2)
    with served(host) as url:
        address = urlsplit(url)
        with socket.create_connection((address.hostname, address.port), timeout=10) as line:
            line.sendall(b"POST /v1/samples HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{")
            assert line.recv(4096).startswith(b"HTTP/1.1 408")


def test_a_killed_worker_is_500_and_the_next_request_is_served(make_host):
    host = make_host(workers=1)
    run = host.sampler.run

    def dies(pieces, on_step=None):
        if any(piece.wanted.request.seed == 13 for piece in pieces):
            raise SystemExit("killed")
        run(pieces, on_step)

    host.sampler.run = dies
    with served(host) as url:
        response = ask(url, seed=13)
        assert response.status_code == 500
        assert "died (killed); send it again" in said(response)
        assert ask(url, seed=14).status_code == 200
        assert httpx.get(f"{url}/healthz").status_code == 200
        assert measured(url)["wsexplore_worker_deaths_total",] == 1


def test_a_broken_flow_is_500_and_the_others_are_served(make_host, shelf, tmp_path):
    WeightFlow.open(shelf["wide"]).save(tmp_path / "bad")
    (tmp_path / "bad" / "flow.safetensors").write_bytes(b"nothing")
    host = make_host()
    host.sampler.shelf._folders = lambda: {**shelf, "bad": tmp_path / "bad"}
    with served(host) as url:
        assert "'bad' cannot be read" in said(ask(url, flow="bad"))
        told = httpx.get(f"{url}/v1/flows").json()["flows"]
        assert [bool(flow["problem"]) for flow in told] == [True, False, False]
        assert ask(url, flow="wide").status_code == 200


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


def test_every_field_of_the_api_is_described(url):
    told = httpx.get(f"{url}/v1/openapi.json").json()
    body = told["components"]["schemas"]["SampleBody"]
    assert all(
        (field["description"] and "default" in field) or name == "flow" for name, field in body["properties"].items()
    )
    assert all(field.get("examples") for field in body["properties"].values())
    for path, methods in told["paths"].items():
        for method, facts in methods.items():
            assert facts["summary"], (path, method)
            assert facts["responses"]
    assert set(told["paths"]["/v1/samples"]["post"]["responses"]) >= {"200", "401", "404", "413", "422", "429", "503"}


def test_metrics_add_up(url):
    start = time.monotonic()
    ask(url, n=3)
    ask(url, n=0)
    found = measured(url)
    assert found["wsexplore_samples_total", "answered"] == 1
    assert found["wsexplore_networks_total",] == 3
    assert found["wsexplore_block_places_total",] == 8
    assert found["wsexplore_http_requests_total", "/v1/samples", "200"] == 1
    assert found["wsexplore_http_requests_total", "/v1/samples", "422"] == 1
    assert 0 < found["wsexplore_http_seconds_sum", "/v1/samples"] < time.monotonic() - start
    assert found["wsexplore_workers",] == 2
