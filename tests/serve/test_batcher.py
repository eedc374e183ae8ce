"""The micro-batcher: everyone gets their own, nobody is lost, and what breaks says so."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from serve_flows import Gate, SlowFlow, until

from wsexplore.serve import (
    Cancelled,
    Closing,
    Limits,
    MicroBatcher,
    Refused,
    SampleRequest,
    SamplerFailed,
    UnknownFlow,
)


def weights_of(host, request):
    return host.sampler.sample_batch([request])[0].weights


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    asked=st.lists(st.tuples(st.integers(1, 20), st.integers(0, 5), st.integers(1, 2)), min_size=1, max_size=12),
    workers=st.integers(1, 3),
)
def test_each_caller_gets_the_bytes_of_a_lone_request(host, asked, workers):
    batcher = MicroBatcher(host.sampler, workers=workers)
    requests = [SampleRequest("wide", n=n, seed=seed, steps=steps) for n, seed, steps in asked]
    tickets = [batcher.submit(request) for request in requests]
    for request, ticket in zip(requests, tickets, strict=True):
        assert torch.equal(ticket.result(20.0).weights, weights_of(host, request))
        ticket.release()
    assert (batcher.queue, batcher.held, batcher.waiting) == (0, 0, 0)
    assert batcher.close(timeout=10.0)


def test_requests_share_blocks(make_host):
    host = make_host(workers=1)
    gate = Gate(host)
    tickets = [host.batcher.submit(SampleRequest("wide", n=1, seed=9))]
    until(lambda: gate.blocks)
    tickets += [host.batcher.submit(SampleRequest("wide", n=2, seed=seed)) for seed in range(4)]
    gate.open.set()
    assert all(ticket.result(10.0).weights.shape[0] in (1, 2) for ticket in tickets)
    assert [len(block) for block in gate.blocks] == [1, 4]


def test_a_small_request_overtakes_a_large_one(make_host):
    host = make_host(workers=1)
    gate = Gate(host)
    large = host.batcher.submit(SampleRequest("wide", n=800))
    until(lambda: gate.blocks)
    small = host.batcher.submit(SampleRequest("wide", n=1, seed=1))
    gate.open.set()
    small.result(10.0)
    assert 1 in [request.seed for block in gate.blocks[1:3] for request, _ in block]
    assert len(large.result(20.0).weights) == 800


def test_a_cancelled_request_costs_nothing(make_host):
    host = make_host(workers=1)
    gate = Gate(host)
    first = host.batcher.submit(SampleRequest("wide", n=8))
    until(lambda: gate.blocks)
    second = host.batcher.submit(SampleRequest("wide", n=8, seed=1))
    second.cancel()
    assert (host.batcher.queue, host.batcher.waiting) == (1, 0)
    gate.open.set()
    first.result(10.0)
    with pytest.raises(Cancelled):
        second.result(10.0)
    assert len(gate.blocks) == 1


def test_cancelling_stops_between_two_steps(host):
    ticket = host.batcher.submit(SampleRequest("wide", n=8, steps=1000, solver="heun"))
    until(lambda: ticket.progress > 0)
    ticket.cancel()
    host.batcher.submit(SampleRequest("wide", n=1)).result(10.0)
    until(lambda: host.batcher.tally["networks"] == 9)
    assert ticket.wanted.done == 0


def test_a_full_queue_refuses_at_once_and_says_when(make_host):
    host = make_host(workers=1, limits=Limits(queue=3))
    gate = Gate(host)
    tickets = [host.batcher.submit(SampleRequest("wide", n=500)) for _ in range(3)]
    with pytest.raises(Refused, match="3 requests wait already") as caught:
        host.batcher.submit(SampleRequest("wide", n=1))
    assert 1 <= caught.value.retry_after <= 600
    tickets[2].cancel()
    host.batcher.submit(SampleRequest("wide", n=1))
    gate.open.set()


def test_memory_counts_until_it_is_handed_over(make_host):
    host = make_host(limits=Limits(memory=4 * 460 * 10))
    ticket = host.batcher.submit(SampleRequest("wide", n=10))
    ticket.result(10.0)
    with pytest.raises(Refused):
        host.batcher.submit(SampleRequest("wide", n=1))
    ticket.release()
    ticket.release()
    host.batcher.submit(SampleRequest("wide", n=10)).result(10.0)


def test_an_error_fails_its_request_alone(make_host):
    host = make_host(workers=1)
    gate, run = Gate(host), host.sampler.run

    def breaks(pieces, on_step=None):
        if any(piece.wanted.request.seed == 13 for piece in pieces):
            raise RuntimeError("out of memory\nand more")
        return run(pieces, on_step)

    first = host.batcher.submit(SampleRequest("wide"))
    until(lambda: gate.blocks)
    host.sampler.run = breaks
    tickets = [host.batcher.submit(SampleRequest("wide", n=2, seed=seed)) for seed in (12, 13, 14)]
    gate.open.set()
    with pytest.raises(SamplerFailed, match=r"^the sampling broke: out of memory$"):
        tickets[1].result(10.0)
    for ticket in (first, tickets[0], tickets[2]):
        assert torch.equal(ticket.result(10.0).weights, weights_of(host, ticket.wanted.request))
        ticket.release()
    assert host.batcher.tally["failed"] == 1
    assert host.batcher.held == 0


def test_a_lone_request_runs_in_the_smallest_block(make_host):
    host = make_host(workers=1)
    host.batcher.submit(SampleRequest("wide", n=1)).result(10.0)
    smallest = min(host.sampler.shelf.load(host.sampler.shelf.facts("wide")).sizes)
    assert (host.batcher.tally["networks"], host.batcher.tally["places"]) == (1, smallest)


def test_idle_workers_share_a_request(make_host):
    host = make_host(workers=2)
    host.batcher.submit(SampleRequest("wide", n=1)).result(10.0)
    until(lambda: host.batcher.idle == 2)
    gate = Gate(host)
    ticket = host.batcher.submit(SampleRequest("wide", n=16))
    until(lambda: len(gate.blocks) == 2)
    gate.open.set()
    ticket.result(10.0)
    assert [rows for block in gate.blocks for _, rows in block] == [range(8), range(8, 16)]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_worker_fails_its_requests_and_is_started_again(make_host, workers):
    host = make_host(workers=workers)
    run = host.sampler.run

    def dies(pieces, on_step=None):
        if any(piece.wanted.request.seed == 13 for piece in pieces):
            raise SystemExit("killed")
        return run(pieces, on_step)

    host.sampler.run = dies
    for _ in range(3):
        with pytest.raises(SamplerFailed, match=r"worker of the sampler died \(killed\); send it again"):
            host.batcher.submit(SampleRequest("wide", seed=13)).result(10.0)
    assert len(host.batcher.submit(SampleRequest("wide", n=2)).result(10.0).weights) == 2
    until(lambda: host.batcher.alive == workers)
    assert host.batcher.tally["died"] >= 3


def test_closing_finishes_what_was_accepted(make_host):
    host = make_host(workers=2)
    tickets = [host.batcher.submit(SampleRequest("wide", n=30, seed=seed)) for seed in range(10)]
    closer = threading.Thread(target=host.batcher.close)
    closer.start()
    until(lambda: host.batcher.closing)
    with pytest.raises(Closing):
        host.batcher.submit(SampleRequest("wide", n=1))
    assert all(len(ticket.result(20.0).weights) == 30 for ticket in tickets)
    closer.join(10)
    assert host.batcher.alive == 0


def test_closing_at_once_says_so_to_those_who_wait(make_host):
    host = make_host(workers=1)
    gate = Gate(host)
    tickets = [host.batcher.submit(SampleRequest("wide", n=30, seed=seed)) for seed in range(3)]
    until(lambda: gate.blocks)
    assert not host.batcher.close(finish=False, timeout=0.0)
    gate.open.set()
    for ticket in tickets:
        with pytest.raises(Closing, match="shut down"):
            ticket.result(10.0)
    assert host.batcher.close(timeout=10.0)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_cold_flow_blocks_nobody(make_host, monkeypatch, workers):
    host = make_host(workers=workers)
    host.batcher.submit(SampleRequest("wide", n=1)).result(10.0)
    with SlowFlow(monkeypatch) as slow:
        cold = [host.batcher.submit(SampleRequest(flow, n=1)) for flow in ("deep", "asked")]
        assert slow.begun.wait(30)
        warm = [host.batcher.submit(SampleRequest("wide", n=30, seed=seed)) for seed in range(3)]
        assert all(len(ticket.result(10.0).weights) == 30 for ticket in warm)
        assert not any(ticket.future.done() for ticket in cold)
    assert all(len(ticket.result(30.0).weights) == 1 for ticket in cold)


def test_more_flows_than_are_held_are_all_served(make_host):
    host = make_host(workers=2, warm=1)
    flows = ("wide", "deep", "asked", "normed")
    tickets = [host.batcher.submit(SampleRequest(flow, n=30, seed=seed)) for seed in range(2) for flow in flows]
    assert all(len(ticket.result(60.0).weights) == 30 for ticket in tickets)


def test_closing_waits_for_a_flow_that_is_read(make_host, monkeypatch):
    host = make_host(workers=1)
    with SlowFlow(monkeypatch) as slow:
        ticket = host.batcher.submit(SampleRequest("wide", n=1))
        assert slow.begun.wait(30)
        ticket.cancel()
        assert not host.batcher.close(timeout=0.2)
        assert host.batcher.alive == 0
    assert host.batcher.close(timeout=20.0)


def test_an_unknown_flow_is_refused_before_it_waits(host):
    with pytest.raises(UnknownFlow):
        host.batcher.submit(SampleRequest("nothing"))
    assert host.batcher.queue == 0


def test_fifty_callers_at_once_get_their_own(host):
    requests = [SampleRequest("wide", n=1 + seed % 5, seed=seed) for seed in range(50)]
    with ThreadPoolExecutor(50) as pool:
        found = list(pool.map(lambda request: host.batcher.submit(request).result(30.0), requests))
    for request, sampled in zip(requests, found, strict=True):
        assert torch.equal(sampled.weights, weights_of(host, request))
