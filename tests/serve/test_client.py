"""One client, in this process or over HTTP: the same calls and the same bytes."""

import socket

import pytest
from serve_flows import Gate, served, until

from wsexplore.serve import Limits, Refused, SamplerClient, SampleRequest, SamplerFailed, UnknownFlow
from wsexplore.serve.server import address_of


@pytest.fixture
def clients(host):
    with (
        served(host, token="t") as url,
        SamplerClient.local(host) as local,
        SamplerClient.http(url, token="t") as remote,
    ):
        yield local, remote


@pytest.mark.parametrize(
    "asked",
    [
        {"n": 3},
        {"n": 150, "steps": 2},
        {"n": 4, "judge": True},
        {"n": 1200, "steps": 1, "temperature": 0.5},
        {"n": 30, "steps": 40, "trajectory": True},
        {"flow": "asked", "n": 4, "condition": {"kind": "a", "lr": 0.003}, "guidance": 2.0},
        {"flow": "normed", "n": 3, "solver": "adaptive"},
    ],
)
def test_both_seats_give_the_same_bytes(clients, asked):
    request = SampleRequest(**({"flow": "wide", "seed": 5} | asked))
    local, remote = (client.sample_bytes(request) for client in clients)
    assert local == remote
    told = []
    assert clients[1].sample_bytes(request, on_step=lambda share, words: told.append(share)) == remote
    assert told == sorted(told)
    assert told[-1] == 1


def test_both_give_a_zoo(clients):
    local, remote = (client.sample("wide", 4, seed=2) for client in clients)
    assert len(local) == 4
    assert local.fingerprint == remote.fingerprint
    assert local.recipe == remote.recipe


def test_both_know_the_flows(clients):
    local, remote = ([flow["name"] for flow in client.flows()] for client in clients)
    assert local == remote == ["asked", "deep", "normed", "wide"]
    assert clients[0].describe("wide")["layout"] == clients[1].describe("wide")["layout"]


def test_arguments_travel(clients):
    asked = {"condition": {"kind": "b"}, "guidance": 1.5, "trajectory": True, "steps": 3, "solver": "rk4"}
    for client in clients:
        zoo = client.sample("asked", 2, seed=3, **asked)
        assert len(zoo) == 8
        assert zoo.table["epoch"].tolist() == [0, 1, 2, 3] * 2
        assert set(zoo.table["asked_kind"]) == {"b"}
        assert {name: zoo.recipe.arguments[name] for name in asked} == asked


@pytest.mark.parametrize("place", [0, 1])
def test_the_cost_is_known_once_the_flow_is_warm(clients, place):
    client, one = clients[place], SampleRequest("wide", n=1)
    assert client.cost(one) is None
    client.sample_bytes(one)
    few, many = (client.cost(SampleRequest("wide", n=n)) for n in (24, 9600))
    assert 0 < few < many
    for more in ({"steps": 500}, {"solver": "rk4", "steps": 500}, {"guidance": 2.0, "steps": 500}):
        assert few < client.cost(SampleRequest("wide", n=24, **more))
    with pytest.raises(UnknownFlow):
        client.cost(SampleRequest("nothing"))


def test_those_who_wait_are_part_of_the_cost(make_host):
    host = make_host(workers=1)
    with SamplerClient.local(host) as client:
        client.sample("wide", 1)
        gate, request = Gate(host), SampleRequest("wide", n=1)
        before = client.cost(request)
        ticket = host.batcher.submit(SampleRequest("wide", n=9000))
        until(lambda: gate.blocks)
        assert client.cost(request) > before
        ticket.cancel()
        gate.open.set()


@pytest.mark.parametrize("place", [0, 1])
def test_both_refuse_alike(clients, place):
    with pytest.raises(UnknownFlow, match="there is no flow called 'no such'"):
        clients[place].sample("no such")
    with pytest.raises(UnknownFlow):
        clients[place].describe("../wide")
    with pytest.raises(ValueError, match="n must be at most 10,000"):
        clients[place].sample("wide", 10**9)
    with pytest.raises(ValueError, match="names no data set"):
        clients[place].sample("deep", 1, judge=True)


@pytest.mark.parametrize("place", [0, 1])
def test_progress_may_cancel(clients, host, place):
    class Enough(Exception):
        pass

    def stop(share, words):
        raise Enough

    with pytest.raises(Enough):
        clients[place].sample("wide", 5000, steps=100, on_step=stop)
    until(lambda: host.batcher.queue == 0)
    assert host.batcher.held == 0


@pytest.mark.parametrize("place", [0, 1])
def test_a_broken_worker_is_told(clients, host, place):
    def dies(pieces, on_step=None):
        raise SystemExit("killed")

    host.sampler.run = dies
    with pytest.raises(SamplerFailed, match="send it again"):
        clients[place].sample("wide", 1)


def test_a_forgotten_job_is_no_unknown_flow(clients, host, monkeypatch):
    def forget(share, words):
        monkeypatch.setattr(host.jobs, "get", lambda name: None)

    with pytest.raises(SamplerFailed, match="has forgotten the job; send the request again"):
        clients[1].sample("wide", 1000, steps=10, on_step=forget)


def test_a_full_server_is_asked_again_for_a_while(make_host):
    host = make_host(workers=1, limits=Limits(queue=1))
    gate = Gate(host)
    with served(host) as url, SamplerClient.http(url, patience=0.0) as hasty, SamplerClient.http(url) as patient:
        ticket = host.batcher.submit(SampleRequest("wide"))
        with pytest.raises(Refused, match="try again later"):
            hasty.sample("wide", 1)
        gate.open.set()
        assert len(patient.sample("wide", 1)) == 1
        ticket.release()


def test_an_address_that_does_not_answer_is_one_sentence():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = address_of(free)
    with (
        SamplerClient.http(url) as client,
        pytest.raises(ConnectionError, match=f"nothing answers at {url}.*start `wsexplore serve` there$"),
    ):
        client.sample("wide", 1)


def test_a_wrong_token_and_a_wrong_address_are_told(host):
    with served(host, token="right") as url:
        with SamplerClient.http(url, token="wrong") as client, pytest.raises(PermissionError, match="token"):
            client.sample("wide", 1)
        with SamplerClient.http(f"{url}/elsewhere", token="right") as client, pytest.raises(UnknownFlow):
            client.sample("wide", 1)
    for wrong in ("", "ftp://x", "127.0.0.1:8000", "http://"):
        with pytest.raises(ValueError, match="a server is named like"):
            SamplerClient.http(wrong)


def test_a_server_that_is_silent_is_one_sentence(monkeypatch):
    monkeypatch.setattr("wsexplore.serve.http.SILENCE", 0.2)
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        with (
            SamplerClient.http(address_of(deaf)) as client,
            pytest.raises(ConnectionError, match=r"nothing answers at http.*check the address"),
        ):
            client.flows()
