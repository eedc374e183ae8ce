"""The same request gives the same bytes, whatever it is batched with."""

import threading
from functools import cache

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from serve_flows import SlowFlow, field_flow

from wsexplore.generate import WeightFlow
from wsexplore.serve import BrokenFlow, FlowSampler, Limits, SampleRequest, UnknownFlow
from wsexplore.serve.flows import BLOCK, FlowShelf
from wsexplore.serve.line import Piece
from wsexplore.serve.sizes import agreeing_sizes

COMMON = {
    "n": st.integers(1, 11),
    "seed": st.integers(0, 3),
    "steps": st.integers(1, 2),
    "solver": st.sampled_from(["euler", "heun", "rk4"]),
    "temperature": st.sampled_from([0.0, 0.7, 1.0]),
    "trajectory": st.booleans(),
}
WISHES = st.sampled_from([{}, {"kind": "a"}, {"kind": "b", "lr": 0.002}, {"lr": 3e-3}])
REQUESTS = st.one_of(
    st.builds(SampleRequest, flow=st.sampled_from(["wide", "deep", "normed"]), **COMMON),
    st.builds(
        SampleRequest, flow=st.just("asked"), condition=WISHES, guidance=st.sampled_from([0.0, 1.0, 2.0]), **COMMON
    ),
)


@pytest.fixture(scope="module")
def sampler(shelf):
    return FlowSampler(device="cpu", folders=lambda: shelf)


@pytest.fixture(scope="module")
def alone(sampler):
    """The weights of a request that runs alone."""
    return cache(lambda request: sampler.sample_batch([request])[0].weights)


@settings(max_examples=25, deadline=None)
@given(requests=st.lists(REQUESTS, min_size=1, max_size=7))
def test_company_changes_no_bit(sampler, alone, requests):
    for request, sampled in zip(requests, sampler.sample_batch(requests), strict=True):
        assert sampled.request == request
        assert torch.equal(sampled.weights, alone(request))


@settings(max_examples=15, deadline=None)
@given(request=REQUESTS, more=st.integers(1, 20))
def test_more_networks_change_no_bit_of_the_first(sampler, alone, request, more):
    asked = {name: value for name, value in request.to_dict().items() if name != "n"}
    longer = SampleRequest(**asked, n=request.n + more)
    assert torch.equal(alone(longer)[: request.networks], alone(request))


@pytest.mark.parametrize(
    ("flow", "asked"),
    [
        ("wide", {"steps": 3, "solver": "midpoint", "temperature": 0.8}),
        ("deep", {"steps": 2, "trajectory": True}),
        ("normed", {"solver": "rk4", "steps": 2}),
        ("asked", {"condition": {"kind": "b", "lr": 0.004}, "guidance": 3.0}),
        ("asked", {"condition": {"kind": "a"}, "solver": "adaptive", "tolerance": 0.05}),
    ],
)
def test_they_are_the_networks_of_the_flow(sampler, shelf, flow, asked):
    told = WeightFlow.open(shelf[flow]).sample(11, seed=5, **asked)
    zoo = sampler.sample_batch([SampleRequest(flow, n=11, seed=5, **asked)])[0].zoo()
    torch.testing.assert_close(zoo.weights, told.weights, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(zoo.buffers, told.buffers, rtol=1e-3, atol=1e-4)
    assert zoo.table.equals(told.table)
    assert zoo.recipe == told.recipe


@settings(max_examples=15, deadline=None)
@given(
    flow=st.sampled_from(["wide", "deep", "asked"]),
    seeds=st.lists(st.integers(0, 40), min_size=1, max_size=6),
    tolerance=st.sampled_from([0.003, 0.03]),
)
def test_the_adaptive_solver_knows_no_company(sampler, alone, flow, seeds, tolerance):
    requests = [SampleRequest(flow, 2, seed, 3, "adaptive", 1.0 + seed, tolerance=tolerance) for seed in seeds]
    for request, sampled in zip(requests, sampler.sample_batch(requests), strict=True):
        assert torch.equal(sampled.weights, alone(request))


def test_the_steps_of_a_trajectory_end_in_the_networks(sampler, alone):
    request = SampleRequest("wide", n=3, seed=2, steps=4)
    whole = alone(SampleRequest("wide", n=3, seed=2, steps=4, trajectory=True)).view(3, 5, -1)
    assert torch.equal(whole[:, -1], alone(request))
    assert torch.equal(
        whole[:, 0], alone(SampleRequest("wide", n=3, seed=2, steps=1, trajectory=True)).view(3, 2, -1)[:, 0]
    )


def test_the_largest_block_changes_no_bit_where_a_size_agrees(sampler, shelf, alone):
    for flow in shelf:
        sizes = sampler.shelf.load(sampler.shelf.facts(flow)).sizes
        for block in (min(sizes), min(sizes) + 1):
            other = FlowSampler(device="cpu", folders=lambda: shelf, block=block)
            request = SampleRequest(flow, n=7, seed=4)
            assert torch.equal(other.sample_batch([request])[0].weights, alone(request))


@pytest.mark.parametrize("block", [1, 3])
def test_no_block_is_larger_than_was_asked_for(shelf, monkeypatch, block):
    def only_large(run, parameters, most):
        return agreeing_sizes(lambda rows: run(rows) + (len(rows) < 4) * 1e-3, parameters, most)

    monkeypatch.setattr("wsexplore.serve.flows.agreeing_sizes", only_large)
    usual, small = (FlowSampler(device="cpu", folders=lambda: shelf, block=most) for most in (None, block))
    assert min(usual.shelf.load(usual.shelf.facts("wide")).sizes) >= 4
    assert max(small.shelf.load(small.shelf.facts("wide")).sizes) <= block
    wanted = small.want(SampleRequest("wide", n=1))
    assert small.run([Piece(wanted, range(1))]) <= block
    told, request = WeightFlow.open(shelf["wide"]).sample(5, seed=2), SampleRequest("wide", n=5, seed=2)
    torch.testing.assert_close(small.sample_batch([request])[0].weights, told.weights, rtol=1e-4, atol=1e-5)


def test_what_a_flow_does_not_listen_to_is_one_sentence(sampler):
    for flow, condition, said in (
        ("wide", {"lr": 1.0}, "does not listen to lr; it was fitted without conditions"),
        ("asked", {"colour": 1.0}, "does not listen to colour; it listens to lr, kind"),
        ("asked", {"kind": "c"}, "kind 'c' is unknown; choose one of a, b"),
        ("asked", {"lr": "high"}, "lr must be a number"),
    ):
        with pytest.raises(ValueError, match=said):
            sampler.sample_batch([SampleRequest(flow, condition=condition)])


def test_threads_change_no_bit(sampler, alone):
    request, before = SampleRequest("wide", n=9, seed=1), torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = sampler.sample_batch([request])[0].weights
        torch.set_num_threads(2)
        assert torch.equal(sampler.sample_batch([request])[0].weights, one)
    finally:
        torch.set_num_threads(before)


def test_progress_rises_to_one_and_may_cancel(sampler):
    told = []
    sampler.sample_batch([SampleRequest("wide", n=60, steps=4)], on_step=lambda share, _: told.append(share))
    assert told == sorted(told)
    assert told[-1] == 1
    assert len(told) == 4 * 3

    class Enough(Exception):
        pass

    def stop(share, message):
        raise Enough

    with pytest.raises(Enough):
        sampler.sample_batch([SampleRequest("wide", n=20)], on_step=stop)


def test_a_bounded_number_of_flows_is_held(shelf):
    held = FlowShelf(device="cpu", warm=1, folders=lambda: shelf)
    held.load(held.facts("wide"))
    assert held.is_warm("wide")
    held.load(held.facts("deep"))
    assert not held.is_warm("wide")
    assert held.load(held.facts("deep")).block == BLOCK["cpu"]


def test_a_flow_in_memory_does_not_wait_for_one_that_is_read(shelf, monkeypatch):
    held = FlowShelf(device="cpu", folders=lambda: shelf)
    warm = held.load(held.facts("wide"))
    with SlowFlow(monkeypatch) as slow:
        reader = threading.Thread(target=held.load, args=(held.facts("deep"),), daemon=True)
        reader.start()
        assert slow.begun.wait(30)
        found = []
        other = threading.Thread(target=lambda: found.append(held.load(held.facts("wide"))), daemon=True)
        other.start()
        other.join(10)
        assert found == [warm]
    reader.join(30)
    assert held.is_warm("deep")


def test_networks_that_are_no_classifiers_are_not_judged(tmp_path):
    folder = field_flow(tmp_path / "fields")
    sampler = FlowSampler(device="cpu", folders=lambda: {"fields": folder})
    assert sampler.shelf.facts("fields").manifest["dataset"] == "digits"
    with pytest.raises(ValueError, match="the networks of 'fields' are no classifiers and have no accuracy; leave"):
        sampler.want(SampleRequest("fields", n=1, judge=True))
    assert len(sampler.sample_batch([SampleRequest("fields", n=1)])[0].weights) == 1


def test_a_flow_that_was_made_again_is_read_again(shelf, tmp_path):
    flow = WeightFlow.open(shelf["wide"])
    flow.save(tmp_path / "mine")
    sampler = FlowSampler(device="cpu", folders=lambda: {"mine": tmp_path / "mine"})
    request = SampleRequest("mine", n=1)
    before = sampler.sample_batch([request])[0].weights
    WeightFlow.open(shelf["deep"]).save(tmp_path / "mine")
    assert sampler.sample_batch([request])[0].weights.shape != before.shape


def test_unknown_and_broken_flows_are_told_apart(shelf, tmp_path):
    WeightFlow.open(shelf["wide"]).save(tmp_path / "bad")
    (tmp_path / "bad" / "flow.safetensors").write_bytes(b"nothing")
    sampler = FlowSampler(device="cpu", folders=lambda: {"bad": tmp_path / "bad"})
    with pytest.raises(UnknownFlow, match="there is bad"):
        sampler.sample_batch([SampleRequest("good")])
    with pytest.raises(BrokenFlow, match="'bad' cannot be read"):
        sampler.sample_batch([SampleRequest("bad")])


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"n": 0}, "n must be"),
        ({"n": True}, "n must be"),
        ({"n": 10**5000}, "a number of"),
        ({"seed": -1}, "seed must be"),
        ({"seed": 2**32}, "seed must be at most"),
        ({"steps": 0}, "steps must be"),
        ({"solver": "rk9"}, "solver 'rk9' is unknown"),
        ({"temperature": float("nan")}, "temperature must be"),
        ({"temperature": float("inf")}, "temperature must be"),
        ({"temperature": -0.1}, "temperature must be"),
        ({"guidance": -1.0}, "guidance must be"),
        ({"guidance": float("nan")}, "guidance must be"),
        ({"tolerance": 0.0}, "tolerance must be"),
        ({"tolerance": float("inf")}, "tolerance must be"),
        ({"trajectory": True, "solver": "adaptive"}, "gives no trajectory"),
        ({"condition": {"x" * 1000: 1.0}}, "condition names columns"),
        ({"condition": {"lr": float("nan")}}, "condition lr must be"),
        ({"condition": {f"c{i}": 1.0 for i in range(100)}}, "at most 64 columns"),
        ({"flow": ""}, "flow is a name"),
        ({"flow": "x" * 1000}, "flow is a name"),
    ],
)
def test_a_request_out_of_range_is_one_sentence(sampler, wrong, said):
    with pytest.raises(ValueError, match=said) as caught:
        sampler.sample_batch([SampleRequest(**({"flow": "wide"} | wrong))])
    assert len(str(caught.value)) < 200
    assert "\n" not in str(caught.value)


def test_limits_hold_for_one_and_for_all_together(shelf):
    sampler = FlowSampler(device="cpu", folders=lambda: shelf, limits=Limits(networks=50, steps=5, memory=4 * 460 * 40))
    with pytest.raises(ValueError, match="n must be at most 50"):
        sampler.sample_batch([SampleRequest("wide", n=51, steps=1)])
    with pytest.raises(ValueError, match="n must be at most 12 with 4 points of a trajectory each"):
        sampler.sample_batch([SampleRequest("deep", n=13, steps=3, trajectory=True)])
    with pytest.raises(ValueError, match="steps must be at most 5"):
        sampler.sample_batch([SampleRequest("wide", n=1, steps=6)])
    with pytest.raises(ValueError, match="n must be at most 40 for networks of 460 weights"):
        sampler.sample_batch([SampleRequest("wide", n=41, steps=1)])
    with pytest.raises(ValueError, match="one network with 61 points of a trajectory is more than the limit of 50"):
        Limits(networks=50).check(SampleRequest("wide", n=1, steps=60, trajectory=True), 460)
    with pytest.raises(ValueError, match=r"one network of this flow has 1,840 bytes, more than the limit of 1,000$"):
        Limits(memory=1000).check(SampleRequest("wide", n=3), 460)
    with pytest.raises(ValueError, match="together"):
        sampler.sample_batch([SampleRequest("wide", n=21, steps=1)] * 2)
    with pytest.raises(ValueError, match="names no data set"):
        sampler.sample_batch([SampleRequest("deep", n=1, steps=1, judge=True)])
