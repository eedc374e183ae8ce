"""What cannot be answered: a status and one sentence."""

import resource
import socket
from urllib.parse import urlsplit

import httpx
from serve_flows import served
from serve_http import ask, said

from wsexplore.generate import WeightFlow

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
    ({"flow": "nothing"}, 404, "there is no flow called 'nothing'; there is asked, deep, normed, wide"),
    ({"flow": "../wide"}, 404, "there is no flow"),
    ({"flow": ""}, 422, "flow: "),
    ({"flow": "x" * 500}, 422, "flow: "),
    ({"flow": "deep", "judge": True}, 422, "names no data set"),
    ({"colour": "red"}, 422, "colour: "),
    ({"solver": "adaptive", "trajectory": True}, 422, "gives no trajectory"),
    ({"trajectory": True, "n": 1000, "steps": 100}, 422, "n must be at most"),
    ({"trajectory": True, "n": 1, "steps": 1000}, 422, "answer; ask for up to 9 with POST /v1/jobs"),
    ({"condition": {"lr": 1}}, 422, "does not listen to lr"),
    ({"condition": {"lr": None}}, 422, "condition.lr"),
    ({"condition": {"lr": [1]}}, 422, "condition.lr"),
    ({"condition": {"lr": True}}, 422, "condition.lr"),
    ({"condition": {f"c{i}": 1 for i in range(100)}}, 422, "at most 64 columns"),
    ({"flow": "asked", "condition": {"kind": "c"}}, 422, "kind 'c' is unknown"),
    ({"guidance": -1}, 422, "guidance: "),
    ({"tolerance": 0}, 422, "tolerance: "),
]


RAW = [
    (b"", 422),
    (b"{", 422),
    (b"[]", 422),
    (b"null", 422),
    (b"[" * 50_000, 422),
    (b"\xff\xfe", 422),
    (b'{"flow": "wide", "temperature": NaN}', 422),
    (b'{"flow": "wide", "temperature": Infinity}', 422),
    (b'{"flow": "wide", "temperature": 1e400}', 422),
    (b'{"flow": "wide", "seed": 1' + b"0" * 5000 + b"}", 422),
    (b'{"flow": "asked", "condition": {"lr": NaN}}', 422),
    (b'{"flow": "asked", "condition": ' + b"{" * 5000, 422),
    (b'{"flow": "wide", "n": 1' + b"0" * 5000 + b"}", 422),
]


def test_every_wrong_request_has_a_status_and_one_sentence(url, host):
    with httpx.Client(base_url=url, timeout=30) as client:
        for fields, status, sentence in BAD:
            for path in ("/v1/samples", "/v1/jobs"):
                response = client.post(path, json={"flow": "wide", **fields})
                if path == "/v1/jobs" and path in sentence:
                    assert response.status_code == 202
                    continue
                assert response.status_code == status, (fields, response.text)
                assert sentence in said(response)
        for body, status in RAW:
            response = client.post("/v1/samples", content=body, headers={"content-type": "application/json"})
            assert response.status_code == status, (body[:40], response.text)
            said(response)
        plain = client.post("/v1/samples", content=b'{"flow": "wide"}', headers={"content-type": "text/plain"})
        assert plain.status_code == 422
        assert "sent as application/json, got text/plain" in said(plain)
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


def test_a_body_that_does_not_come_is_408(host, monkeypatch):
    monkeypatch.setattr("wsexplore.serve.guard.BODY_SECONDS", 0.2)
    with served(host) as url:
        address = urlsplit(url)
        with socket.create_connection((address.hostname, address.port), timeout=10) as line:
            line.sendall(b"POST /v1/samples HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{")
            assert line.recv(4096).startswith(b"HTTP/1.1 408")


def test_a_broken_flow_is_500_and_the_others_are_served(make_host, shelf, tmp_path):
    WeightFlow.open(shelf["wide"]).save(tmp_path / "bad")
    (tmp_path / "bad" / "flow.safetensors").write_bytes(b"nothing")
    host = make_host()
    host.sampler.shelf._folders = lambda: {**shelf, "bad": tmp_path / "bad"}
    with served(host) as url:
        assert "'bad' cannot be read" in said(ask(url, flow="bad"))
        told = httpx.get(f"{url}/v1/flows").json()["flows"]
        assert [bool(flow["problem"]) for flow in told] == [False, True, False, False, False]
        assert ask(url, flow="wide").status_code == 200
