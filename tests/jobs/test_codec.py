import json
import string
import struct
import sys
from contextlib import suppress

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pandas.testing import assert_frame_equal
from safetensors.numpy import save

from wsexplore.align import match_pair
from wsexplore.datasets import dataset
from wsexplore.embed import Magnitude
from wsexplore.embed.training import EncoderStep
from wsexplore.jobs.codec import Broken, Unkept, decode, encode
from wsexplore.landscape import barrier, barrier_matrices
from wsexplore.nets import architecture
from wsexplore.population import train_zoo
from wsexplore.zoo import Recipe, Zoo

DTYPES = ["<f4", "<f8", ">f4", "<f2", "<i8", "|i1", "<u4", "|b1", "<c8", "<M8[us]", "<m8[s]", "<U3", "|S4"]
TENSORS = [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.bool, torch.complex64]


def same(one, other):
    """Whether two values are the same to the last bit."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return struct.pack("<d", one) == struct.pack("<d", other)
    if isinstance(one, np.ndarray | np.generic):
        return (one.dtype, one.shape) == (other.dtype, other.shape) and one.tobytes() == other.tobytes()
    if isinstance(one, torch.Tensor):
        if (one.dtype, one.shape) != (other.dtype, other.shape) or one.numel() == 0:
            return (one.dtype, one.shape) == (other.dtype, other.shape)
        return torch.equal(*(part.contiguous().reshape(-1).view(torch.uint8) for part in (one, other)))
    if isinstance(one, pd.DataFrame):
        assert_frame_equal(one, other, check_exact=True)
        floats = one.select_dtypes("float").columns
        return all(same(one[name].to_numpy(), other[name].to_numpy()) for name in floats)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if hasattr(one, "__dataclass_fields__"):
        return all(same(getattr(one, name), getattr(other, name)) for name in one.__dataclass_fields__)
    return one == other


arrays = st.sampled_from(DTYPES).flatmap(
    lambda dtype: hnp.arrays(np.dtype(dtype), hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
)
tensors = st.builds(
    lambda values, dtype: torch.from_numpy(values.copy()).to(dtype),
    hnp.arrays(
        np.float32, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4), elements=st.floats(width=32)
    ),
    st.sampled_from(TENSORS),
)
frames = st.builds(
    lambda n, words, values: pd.DataFrame(
        {
            "number": np.resize(values, n),
            "whole": np.arange(n),
            "word": pd.array(np.resize([*words, "x"], n).tolist(), dtype="str"),
            "object": pd.Series(np.resize([None, 1, "a", -0.0], n).tolist(), dtype=object),
            "kind": pd.Categorical(np.resize([*words, "y"], n).tolist()),
        }
    ),
    st.integers(0, 5),
    st.lists(st.text(max_size=3), max_size=3),
    hnp.arrays(np.float64, st.integers(1, 5)),
)
steps = st.builds(
    EncoderStep,
    step=st.integers(0, 9),
    loss=st.floats(),
    contrast=st.floats(),
    held_out_loss=st.none() | st.floats(),
    told=st.floats(),
    held_out_told=st.none() | st.floats(),
)
leaves = st.one_of(
    *(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(max_size=9)),
    *(arrays, tensors, frames, steps, arrays.filter(lambda a: a.size > 0).map(lambda a: a.reshape(-1)[0])),
)
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(string.printable, max_size=4) | st.integers(), inner, max_size=3)
    ),
    max_leaves=6,
)


def curve():
    return Magnitude(
        scales=np.array([0.5, 1.0, 2.0]),
        values=np.array([1.0, -0.0, np.nan]),
        rows=np.array([4, 2]),
        points=np.ones((2, 3), np.float32),
        given=9,
        drawn=5,
    )


@settings(deadline=None, max_examples=300)
@given(values)
def test_what_is_kept_comes_back_to_the_last_bit(value):
    assert same(decode(encode(value)), value)


@pytest.mark.parametrize("bits", [0x7FF8000000000001, 0xFFF8000000000000, 0x8000000000000000, 0x7FF0000000000000])
def test_every_bit_of_a_number_is_kept(bits):
    number = struct.unpack("<d", struct.pack("<Q", bits))[0]
    array = np.array([number])
    for value in (number, array, torch.from_numpy(array), pd.DataFrame({"x": array})):
        assert same(decode(encode(value)), value)


def test_a_result_of_the_package_is_kept():
    made = Recipe.of("magnitude", arguments={"steps": [3, None]}, seed=1)
    kept = decode(encode({"curve": curve(), "recipe": made}))
    assert isinstance(kept["curve"], Magnitude)
    assert same(kept["curve"], curve())
    assert kept["recipe"] == made


def test_what_pages_ask_for_is_kept():
    zoo, data = Zoo.open("digits-mlp"), dataset("digits")
    for found in (
        barrier(zoo, 2400, 2460, data, steps=3),
        barrier_matrices(zoo, [2400, 2460, 2490], data, steps=3),
        match_pair(zoo, 2400, 2460, inputs=data.test.inputs[:20], data=data),
    ):
        assert same(decode(encode(found)), found)


def test_strided_and_shared_arrays_are_kept():
    whole = np.arange(24.0).reshape(4, 6)
    view, moved = whole[::2, ::3], torch.arange(12).reshape(3, 4).T
    back = decode(encode([view, moved, whole, whole]))
    assert all(map(same, back, [view, moved, whole, whole]))
    assert len(encode([whole, whole])) < len(encode([whole, whole + 1])) - whole.nbytes // 2


def test_what_runs_or_points_elsewhere_is_not_kept():
    zoo = train_zoo("mlp", "digits", models=2, epochs=1, config={"widths": [64, 2, 10]})
    for value in (zoo, {"zoo": zoo}, print, object(), {1.5}, torch.nn.Linear(1, 1), np.array([object()]), {(1, 2): 3}):
        with pytest.raises(Unkept):
            encode(value)
    with pytest.raises(Unkept):
        encode(pd.DataFrame({"x": pd.array([1, None], dtype="Int64")}))


def test_a_value_that_is_nested_without_end_is_not_kept():
    endless = []
    endless.append(endless)
    with pytest.raises(Unkept):
        encode(endless)


def test_a_value_that_is_too_large_is_not_kept_and_not_copied():
    with pytest.raises(Unkept):
        encode(np.broadcast_to(np.zeros(1), (1 << 40,)))


@settings(deadline=None, max_examples=300)
@given(data=st.data())
def test_altered_bytes_are_broken_or_still_a_value(data):
    whole = bytearray(encode({"curve": curve(), "frame": pd.DataFrame({"a": [1.0], "b": ["x"]}), "t": torch.ones(3)}))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    cut = data.draw(st.integers(0, len(whole)))
    loaded = set(sys.modules)
    for some in (bytes(whole), bytes(whole[:cut])):
        with suppress(Broken):
            decode(some)
    assert all(name.startswith("wsexplore") for name in set(sys.modules) - loaded)


@pytest.mark.parametrize(
    "tree",
    [
        {"object": ["os:system", {"command": "true"}]},
        {"object": ["wsexplore.__main__:main", {}]},
        {"object": ["wsexplore.cli.frame:Device", {}]},
        {"object": ["wsexplore.zoo.recipe:Recipe.of", {}]},
        {"object": ["wsexplore.zoo.recipe:dataclass", {}]},
        {"object": ["wsexplore.zoo.recipe:Recipe", {"action": "x"}]},
        {"object": ["wsexplore.nowhere:Thing", {}]},
        {"object": ["subprocess:Popen", {"args": "true"}]},
        {"array": ["0", "O", [1]]},
        {"array": ["0", "<f4", [1 << 60]]},
        {"array": ["9", "<f4", [1]]},
        {"tensor": ["0", "quint8", [8]]},
        {"frame": {"dict": []}},
        {"list": None},
        {"nothing": 1},
        {"a": 1, "b": 2},
        [],
        {"float": "zz"},
    ],
)
def test_a_hostile_tree_builds_nothing(tree):
    with pytest.raises(Broken):
        decode(save({"0": np.zeros(8, np.uint8)}, {"tree": json.dumps(tree)}))


def test_a_tree_without_end_is_broken():
    for deep in ("[" * 100_000, '{"list":[' * 5000 + "]}" * 5000):
        with pytest.raises(Broken):
            decode(save({}, {"tree": deep}))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("scales", np.zeros((3, 3))),
        ("scales", np.zeros(2)),
        ("rows", np.zeros(2)),
        ("points", np.zeros((3, 3))),
        ("given", "many"),
        ("drawn", None),
    ],
)
def test_fields_of_another_type_or_shape_are_broken(field, value):
    arrays, parts = {}, {}
    for name in ("scales", "values", "rows", "points", "given", "drawn"):
        held = value if name == field else getattr(curve(), name)
        parts[name] = held
        if isinstance(held, np.ndarray):
            arrays[name] = np.ascontiguousarray(held).reshape(-1).view(np.uint8)
            parts[name] = {"array": [name, held.dtype.str, list(held.shape)]}
    with pytest.raises(Broken):
        decode(save(arrays, {"tree": json.dumps({"object": ["wsexplore.embed.magnitude:Magnitude", parts]})}))


def test_networks_of_the_package_are_no_results():
    with pytest.raises(Unkept):
        encode(architecture("mlp", widths=[2, 2]).build())
