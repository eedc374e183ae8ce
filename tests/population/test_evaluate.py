"""Scores of a population do not depend on how it is cut, and what is cut fits the memory."""

import subprocess
import sys
import textwrap

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from wsexplore.datasets import Dataset, Split
from wsexplore.nets import architecture
from wsexplore.population import evaluate, predict, score
from wsexplore.population.budget import activation_values, cut_for
from wsexplore.zoo import Zoo

ARCHITECTURES = {
    "mlp": architecture("mlp", widths=[64, 20, 10]),
    "small-cnn": architecture("small-cnn"),
    "normed": architecture("cnn", input=[1, 12, 12], channels=[4, 4], hidden=[8], norm="batch"),
    "vit": architecture("vit", input=[1, 8, 8], patch=4, dim=16, heads=2, depth=1),
}
MEMORY = {"mlp": 1 << 17, "small-cnn": 15 << 20, "normed": 1 << 18, "vit": 1 << 18}


def population(name, models=5):
    arch = ARCHITECTURES[name]
    weights = torch.stack([arch.initial_weights(seed=seed) for seed in range(models)])
    buffers = torch.rand(models, arch.buffers.size, generator=torch.Generator().manual_seed(0)) + 0.5
    return Zoo.from_weights(arch, weights, buffers=buffers)


def samples(name, count=90):
    draw = torch.Generator().manual_seed(1)
    inputs = torch.randn(count, *ARCHITECTURES[name].input_shape, generator=draw)
    split = Split(inputs, torch.randint(0, 10, (count,), generator=draw))
    return Dataset("noise", split, split, tuple("0123456789"), 0.0, 1.0)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_scores_are_the_same_however_they_are_cut_and_those_of_plain_modules(name):
    zoo, data = population(name), samples(name)
    small, large = cut_for(zoo.architecture, "cpu", MEMORY[name]), cut_for(zoo.architecture, "cpu", 1 << 28)
    assert small.samples < len(data.test) <= large.samples or small.samples < large.samples
    scores = [evaluate(zoo, data, memory=memory) for memory in (MEMORY[name], 1 << 28)]
    assert scores[0]["test_accuracy"].tolist() == scores[1]["test_accuracy"].tolist()
    np.testing.assert_allclose(scores[0]["test_loss"], scores[1]["test_loss"], rtol=1e-6)
    for row in range(len(zoo)):
        with torch.no_grad():
            logits = zoo.module(row)(data.test.inputs)
        loss = torch.nn.functional.cross_entropy(logits.double(), data.test.targets)
        np.testing.assert_allclose(scores[0]["test_loss"][row], loss, rtol=1e-5)
        assert scores[0]["test_accuracy"][row] == pytest.approx((logits.argmax(1) == data.test.targets).double().mean())


@settings(max_examples=20, deadline=None)
@given(rows=st.lists(st.integers(0, 4), unique=True, min_size=1), memory=st.integers(1 << 17, 1 << 24))
def test_a_network_scores_alone_as_in_a_crowd(rows, memory):
    zoo, data = population("mlp"), samples("mlp")
    whole = evaluate(zoo, data)
    part = evaluate(zoo.select(rows), data, memory=memory)
    assert part["test_accuracy"].tolist() == whole["test_accuracy"][rows].tolist()
    np.testing.assert_allclose(part["test_loss"], whole["test_loss"][rows], rtol=1e-6)


def test_running_statistics_enter_the_scores():
    zoo, data = population("normed"), samples("normed")
    fresh = Zoo.from_weights(zoo.architecture, zoo.weights)
    assert (evaluate(zoo, data)["test_loss"] != evaluate(fresh, data)["test_loss"]).all()
    given = score(zoo.architecture, zoo.weights, data.test, buffers=zoo.buffers)
    np.testing.assert_array_equal(evaluate(zoo, data)["test_loss"], given.loss.double())
    probabilities = predict(zoo.architecture, zoo.weights, data.test.inputs, buffers=zoo.buffers)
    assert (probabilities.argmax(2) == data.test.targets).float().mean(1).tolist() == given.accuracy.tolist()


@pytest.mark.parametrize(
    ("name", "widest"),
    [("mlp", 64 + 20), ("vit", 5 * 2 * 16)],
)
def test_an_activation_is_at_least_as_wide_as_the_widest_layer(name, widest):
    assert activation_values(ARCHITECTURES[name], "cpu", 1) >= widest


def test_the_cut_of_samples_follows_the_widest_activation():
    narrow, wide = (cut_for(architecture("mlp", widths=[4, width, 2]), "cpu", 1 << 26) for width in (16, 1024))
    assert wide.samples < narrow.samples
    assert all(
        cut_for(ARCHITECTURES[name], "cpu", 1 << 30).rows % cut_for(ARCHITECTURES[name], "cpu", 1 << 30).networks == 0
        for name in ARCHITECTURES
    )


def test_too_little_memory_for_one_network_is_said():
    with pytest.raises(ValueError, match=r"one small-cnn of 2,464 parameters takes .* MiB to run"):
        evaluate(population("small-cnn"), samples("small-cnn"), memory=1 << 20)


def test_data_of_more_classes_and_networks_that_are_pictures_are_refused():
    arch = architecture("mlp", widths=[64, 4])
    with pytest.raises(ValueError, match="tell 4 classes apart, the data have at least 10"):
        evaluate(Zoo.from_weights(arch, torch.zeros(1, arch.layout.size)), samples("mlp"))
    siren = architecture("siren")
    with pytest.raises(ValueError, match="have no column sample"):
        evaluate(Zoo.from_weights(siren, torch.zeros(1, siren.layout.size)), samples("mlp"))


def test_a_network_that_overflows_has_no_finite_loss_and_leaves_the_others_alone():
    zoo, data = population("mlp"), samples("mlp")
    wild = zoo.with_weights(zoo.weights * torch.tensor([1, 1e25, 1, 1, 1])[:, None], zoo.recipe)
    before, after = evaluate(zoo, data), evaluate(wild, data)
    assert not np.isfinite(after["test_loss"][1])
    pd.testing.assert_frame_equal(after.drop(index=1), before.drop(index=1))


def test_an_empty_zoo_has_no_scores():
    assert len(evaluate(population("mlp").select([]), samples("mlp"))) == 0


def test_a_small_cnn_on_ten_thousand_images_stays_within_the_memory():
    script = textwrap.dedent(
        """
        import re, torch
        from wsexplore.datasets import Split
        from wsexplore.nets import architecture
        from wsexplore.population import score
        def held(key):
            return int(re.search(key + r":\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024
        torch.set_num_threads(1)
        arch = architecture("small-cnn")
        weights = torch.stack([arch.initial_weights(seed=0)])
        score(arch, weights, Split(torch.randn(4, 1, 28, 28), torch.arange(4)))
        split = Split(torch.randn(10_000, 1, 28, 28), torch.arange(10_000) % 10)
        open("/proc/self/clear_refs", "w").write("5")
        before = held("VmRSS")
        score(arch, weights, split, memory=64 << 20)
        print(held("VmHWM") - before)
        """
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 64
