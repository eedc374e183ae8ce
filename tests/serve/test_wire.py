"""Networks as bytes."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load

from wsexplore.nets import architecture
from wsexplore.serve import FlowSampler, SampleRequest
from wsexplore.serve.wire import PIECE, decode, encode, encode_sample, metrics_of
from wsexplore.zoo import Zoo, to_safetensors


@pytest.fixture(scope="module")
def sampled(shelf):
    return FlowSampler(device="cpu", folders=lambda: shelf).sample_batch([SampleRequest("wide", n=5, seed=2)])[0]


def test_a_zoo_comes_back_as_it_was(sampled):
    zoo = sampled.zoo()
    data = bytes(encode_sample(sampled.flow, sampled.request, sampled.weights, {"a": 1}))
    back = decode(data)
    assert back.fingerprint == zoo.fingerprint
    assert back.recipe == zoo.recipe
    assert back.table.equals(zoo.table)
    assert metrics_of(data) == {"a": 1}
    assert decode(bytes(encode(zoo, {}))).fingerprint == zoo.fingerprint


def test_other_programs_read_the_state_of_each_network(sampled):
    zoo = sampled.zoo()
    ours, theirs = load(bytes(encode(zoo, {}))), load(to_safetensors(zoo))
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    zoo.module(3).load_state_dict({name: value[3] for name, value in ours.items()})


def test_running_statistics_travel_too():
    arch = architecture("cnn", input=[1, 8, 8], channels=[2], classes=3, norm="batch")
    assert arch.buffers.size
    draw = torch.Generator().manual_seed(0)
    buffers = torch.rand(3, arch.buffers.size, generator=draw)
    zoo = Zoo.from_weights(arch, torch.rand(3, arch.layout.size, generator=draw), buffers=buffers)
    back = decode(bytes(encode(zoo, {})))
    assert back.fingerprint == zoo.fingerprint
    assert torch.equal(back.buffers, buffers)


def test_a_large_file_goes_in_pieces():
    arch = architecture("mlp", widths=[300, 100, 10])
    zoo = Zoo.from_weights(arch, torch.ones(100, arch.layout.size))
    encoded = encode(zoo, {})
    sizes = [len(piece) for piece in encoded.pieces()]
    assert sum(sizes) == encoded.size
    assert max(sizes) <= 2 * PIECE
    assert len(sizes) > 10


@settings(max_examples=60, deadline=None)
@given(place=st.integers(0, 10**6), value=st.integers(0, 255), cut=st.integers(0, 10**6) | st.none())
def test_a_broken_file_is_one_sentence_or_still_a_zoo(sampled, place, value, cut):
    data = bytearray(bytes(encode_sample(sampled.flow, sampled.request, sampled.weights, {})))
    data[place % len(data)] = value
    if cut is not None:
        del data[cut % len(data) :]
    said = ""
    try:
        assert len(decode(bytes(data))) == 5
    except ValueError as error:
        said = str(error)
    assert "\n" not in said


def test_weights_that_are_not_finite_are_not_sent(sampled):
    weights = sampled.weights.clone()
    weights[1, 3] = np.nan
    with pytest.raises(ValueError, match="not finite"):
        encode_sample(sampled.flow, sampled.request, weights, {})
