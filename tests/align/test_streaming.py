"""Zoos aligned chunk by chunk, to a folder, within a bound."""

import numpy as np
import pytest
import torch

from wsexplore.align import align, align_permutations, spec_of
from wsexplore.nets import architecture
from wsexplore.zoo import Zoo

NORMED = architecture("cnn", input=[1, 8, 8], channels=[4, 6], pool=1, hidden=[5], classes=3, norm="batch")


def make(arch, models=7):
    draw = torch.Generator().manual_seed(0)
    weights = torch.randn(models, arch.layout.size, generator=draw)
    return Zoo.from_weights(arch, weights, buffers=torch.rand(models, arch.buffers.size, generator=draw) + 0.5)


@pytest.fixture(params=["mlp", "normed"])
def zoo(request):
    return make(architecture("mlp", widths=[4, 8, 6, 3]) if request.param == "mlp" else NORMED)


def one_at_a_time(zoo):
    """Bytes that allow for one network, but not for two."""
    pairs = sum(size**2 for size in spec_of(zoo.architecture).sizes.values())
    return 96 * (zoo.architecture.layout.size + zoo.architecture.buffers.size) + 80 * pairs + 1


def test_a_zoo_is_aligned_the_same_in_memory_and_in_a_stream(zoo, tmp_path):
    whole = align(zoo, reference=2)
    streamed = align(zoo, reference=2, out=tmp_path / "aligned", memory=one_at_a_time(zoo))
    assert torch.equal(streamed.weights, whole.weights)
    assert torch.equal(streamed.buffers, whole.buffers)
    assert streamed.fingerprint == whole.fingerprint == Zoo.open(tmp_path / "aligned").fingerprint
    assert streamed.recipe == whole.recipe


@pytest.mark.parametrize("by", ["network", "run"])
def test_permutations_do_not_depend_on_the_memory(zoo, by):
    runs = zoo.with_table(zoo.table.assign(run=np.arange(len(zoo)) // 3, epoch=np.arange(len(zoo)) % 3))
    large, small = (align_permutations(runs, by=by, memory=memory) for memory in (1 << 28, one_at_a_time(zoo)))
    for group, units in large.permutations.items():
        np.testing.assert_array_equal(units, small.permutations[group])
    np.testing.assert_allclose(large.before, small.before, rtol=1e-5)
    np.testing.assert_allclose(large.after, small.after, rtol=1e-5)


def test_running_statistics_move_with_their_units(tmp_path):
    zoo = make(NORMED)
    aligned, inputs = align(zoo, reference=1, out=tmp_path / "aligned"), torch.randn(6, 1, 8, 8)
    assert not torch.equal(aligned.buffers, zoo.buffers)
    for row in range(len(zoo)):
        torch.testing.assert_close(aligned.module(row)(inputs), zoo.module(row)(inputs), atol=1e-4, rtol=1e-4)


def test_what_does_not_fit_is_said_before_any_work(zoo, tmp_path):
    with pytest.raises(ValueError, match="give out="):
        align(zoo, memory=1000)
    with pytest.raises(ValueError, match="give it at least so much memory"):
        align(zoo, memory=1000, out=tmp_path / "aligned")
    assert list(tmp_path.iterdir()) == []


def test_a_cancelled_stream_writes_nothing(zoo, tmp_path):
    def stop(fraction, message):
        if message.startswith("permuted"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        align(zoo, out=tmp_path / "aligned", memory=one_at_a_time(zoo), on_step=stop)
    assert not (tmp_path / "aligned").exists()


def test_a_stream_may_replace_the_zoo_that_it_reads(zoo, tmp_path):
    opened, expected = Zoo.open(zoo.save(tmp_path / "zoo")), align(zoo, reference=1).weights
    assert torch.equal(align(opened, reference=1, out=tmp_path / "zoo").weights, expected)
    assert torch.equal(opened.rows([0, 3]), zoo.weights[[0, 3]])
