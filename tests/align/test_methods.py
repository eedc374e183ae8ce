import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from wsexplore.align import match_population, spec_of
from wsexplore.align.activations import match_activations
from wsexplore.align.families import improve_family
from wsexplore.align.methods import METHODS, match
from wsexplore.align.problem import Problem
from wsexplore.align.relaxed import sinkhorn
from wsexplore.align.sinkhorn import match_sinkhorn
from wsexplore.align.ste import Midpoint, match_straight_through
from wsexplore.datasets import Dataset, Split, dataset
from wsexplore.nets import architecture, trust_factory
from wsexplore.population import train_zoo
from wsexplore.symmetry import (
    inverse,
    permute_buffers,
    permute_weights,
    random_permutation,
    random_scaling,
    rescale_weights,
)

HERE = __name__
SMALL = {"input": [1, 8, 8], "classes": 4}
NETWORKS = {
    "mlp": ("mlp", {"widths": [6, 9, 7, 4]}),
    "mlp, tanh": ("mlp", {"widths": [6, 9, 7, 4], "activation": "tanh"}),
    "cnn": ("cnn", {**SMALL, "channels": [4, 6], "pool": 1, "hidden": [5]}),
    "resnet, batch": ("resnet", {**SMALL, "depth": 8, "width": 4, "norm": "batch"}),
    "resnet, group": ("resnet", {**SMALL, "depth": 8, "width": 4, "norm": "group"}),
    "vit": ("vit", {**SMALL, "patch": 4, "dim": 8, "heads": 2, "depth": 1}),
    "gru": ("gru", {"length": 6, "embedding": 5, "hidden": 7}),
    "torch layers": ("factory", {"factory": f"{HERE}:TorchLayers", "input": [5, 6]}),
}
LIGHT = ["mlp", "mlp, tanh", "cnn", "resnet, batch", "vit"]


class TorchLayers(nn.Module):
    """Attention, which shows no heads, a recurrent stack both ways, and a cell."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(6, 8)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.recurrent = nn.LSTM(8, 5, num_layers=2, bidirectional=True, batch_first=True)
        self.cell, self.last = nn.GRUCell(10, 4), nn.Linear(4, 3)

    def forward(self, x):
        x = self.first(x)
        x = x + self.attention(x, x, x, need_weights=False)[0]
        states, _ = self.recurrent(x)
        return self.last(self.cell(states.mean(1)))


@pytest.fixture(autouse=True, scope="module")
def trusted():
    trust_factory(f"{HERE}:TorchLayers")


def made(name, models=2):
    """An architecture, networks that are not fresh, their running statistics, and inputs."""
    kind, config = NETWORKS[name]
    arch, draw = architecture(kind, **config), torch.Generator().manual_seed(0)
    weights = torch.stack([arch.initial_weights(seed=place) for place in range(models)])
    weights = weights + 0.1 * torch.randn(weights.shape, generator=draw)
    buffers = arch.initial_buffers() + 0.3 * torch.rand(models, arch.buffers.size, generator=draw)
    return arch, weights, buffers, arch.example_input(40)


def planted(arch, spec, weights, buffers, seed=1):
    moved = random_permutation(spec, seed=seed, models=len(weights))
    return permute_weights(weights, moved, spec, arch.layout), permute_buffers(buffers, moved, spec, arch.buffers)


def data_of(inputs, classes=4):
    split = Split(inputs.float(), torch.arange(len(inputs)) % classes)
    return Dataset("some", split, split, tuple("abcd"[:classes]), 0.0, 1.0)


@pytest.fixture(scope="module")
def trained():
    """Networks trained on digits, their data, and a spec."""
    zoo = train_zoo("mlp", "digits", models=3, epochs=8, seed=0, config={"widths": [64, 16, 12, 10]})
    last = zoo.select("epoch = 8")
    return last.architecture, last.weights, dataset("digits"), spec_of(last.architecture)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", LIGHT)
def test_every_method_keeps_the_functions(name, method):
    arch, weights, buffers, inputs = made(name)
    spec = spec_of(arch)
    if method == "ste":
        found = match_straight_through(arch, weights[0], weights, spec, data_of(inputs).train, steps=4)
    elif method == "sinkhorn":
        found = match_sinkhorn(arch, weights[0], weights, spec, steps=20, signs=True)
    else:
        found = match(arch, weights, weights[0], spec, method=method, data=data_of(inputs), buffers=buffers)
    moved = found.apply(weights, spec, arch.layout)
    before = arch.forward(weights, inputs, buffers=buffers)
    after = arch.forward(moved, inputs, buffers=found.apply_buffers(buffers, spec, arch.buffers))
    torch.testing.assert_close(after, before, atol=1e-4, rtol=1e-4)
    assert list(found.permutations) == list(spec.groups)
    assert found.objective.shape[0] == len(weights)
    inner = [(weights.double() @ weights[0].double()), (moved.double() @ weights[0].double())]
    torch.testing.assert_close(
        torch.from_numpy(found.objective[:, [0, -1]]), torch.stack(inner, 1), rtol=1e-5, atol=1e-4
    )


@pytest.mark.parametrize("by", ["correlation", "inner"])
@pytest.mark.parametrize("name", NETWORKS)
def test_activations_undo_a_planted_permutation_at_any_depth(name, by):
    arch, weights, buffers, inputs = made(name, models=1)
    spec = spec_of(arch)
    twins, statistics = planted(arch, spec, weights, buffers)
    found = match_activations(
        arch, weights[0], twins, spec, inputs, reference_buffers=buffers[0], buffers=statistics, by=by
    )
    torch.testing.assert_close(found.apply(twins, spec, arch.layout), weights)
    torch.testing.assert_close(found.apply_buffers(statistics, spec, arch.buffers), buffers)


@settings(max_examples=8, deadline=None)
@given(units=st.integers(2, 16), seed=st.integers(0, 10_000))
def test_with_one_hidden_layer_sinkhorn_and_activations_find_a_planted_permutation(units, seed):
    arch = architecture("mlp", widths=[5, units, 3])
    spec, draw = spec_of(arch), torch.Generator().manual_seed(seed)
    weights = torch.randn(1, arch.layout.size, generator=draw)
    moved = random_permutation(spec, seed=seed, models=1)
    twin = permute_weights(weights, moved, spec, arch.layout)
    inputs = torch.randn(50, 5, generator=draw)
    for found in (
        match_sinkhorn(arch, weights[0], twin, spec, polish=False),
        match_activations(arch, weights[0], twin, spec, inputs),
    ):
        assert torch.equal(found.permutations["layers.0"], inverse(moved)["layers.0"])


@pytest.mark.parametrize("method", ["auto", "weights", "frank-wolfe", "activations", "sinkhorn"])
def test_planted_sign_flips_of_a_tanh_network_are_found(method):
    arch, weights, buffers, inputs = made("mlp, tanh", models=1)
    spec = spec_of(arch)
    twins, _ = planted(arch, spec, weights, buffers)
    signs = {name: values.sign() for name, values in random_scaling(spec, seed=3, models=1).items()}
    twins = rescale_weights(twins, signs, spec, arch.layout)
    found = match(arch, twins, weights[0], spec, method=method, data=data_of(inputs), signs=True)
    torch.testing.assert_close(found.apply(twins, spec, arch.layout), weights)
    assert not match(arch, twins, weights[0], spec, method=method, data=data_of(inputs), signs=False).signs


def test_straight_through_is_no_worse_halfway_than_weight_matching(trained):
    arch, weights, data, spec = trained
    by_weights = match_population(weights[1:], weights[0], spec, arch.layout)
    split = Split(data.train.inputs[:300], data.train.targets[:300])
    found = match_straight_through(arch, weights[0], weights[1:], spec, split, steps=40, batch=250)
    midpoint = Midpoint.of(arch, weights[0], split, 300)
    losses = [[midpoint.whole(row) for row in one.apply(weights[1:], spec, arch.layout)] for one in (by_weights, found)]
    assert all(ours <= theirs + 1e-6 for theirs, ours in zip(*losses, strict=True))
    assert sum(losses[1]) < sum(losses[0])


def test_sinkhorn_on_samples_is_no_worse_halfway_than_where_it_starts(trained):
    arch, weights, data, spec = trained
    split = Split(data.train.inputs[:300], data.train.targets[:300])
    found = match_sinkhorn(arch, weights[0], weights[1:], spec, split=split, steps=60)
    midpoint = Midpoint.of(arch, weights[0], split, 300)
    moved = found.apply(weights[1:], spec, arch.layout)
    for before, after in zip(weights[1:], moved, strict=True):
        assert midpoint.whole(after) < midpoint.whole(before)


@settings(max_examples=8, deadline=None)
@given(widths=st.lists(st.integers(2, 7), min_size=1, max_size=3), seed=st.integers(0, 1000))
def test_sinkhorn_never_lowers_the_objective(widths, seed):
    arch = architecture("mlp", widths=[4, *widths, 3])
    weights = torch.randn(3, arch.layout.size, generator=torch.Generator().manual_seed(seed))
    found = match_sinkhorn(arch, weights[0], weights, spec_of(arch), steps=40)
    steps = found.objective[:, 1:] - found.objective[:, :-1]
    assert (steps >= -1e-5 * abs(found.objective[:, :1]).max()).all()


def test_relaxed_permutations_are_doubly_stochastic_and_have_the_gradient_of_the_limit():
    scores = torch.randn(2, 5, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0), requires_grad=True)
    matrices = sinkhorn(scores, 200)
    torch.testing.assert_close(matrices.sum(1), torch.ones(2, 5, dtype=torch.float64))
    torch.testing.assert_close(matrices.sum(2), torch.ones(2, 5, dtype=torch.float64))
    assert torch.autograd.gradcheck(lambda value: sinkhorn(value, 200), (scores,))


def test_correlations_do_not_care_how_units_are_scaled():
    arch, weights, _, inputs = made("mlp")
    spec = spec_of(arch)
    scaled = rescale_weights(weights, random_scaling(spec, seed=2, spread=1.0, models=2), spec, arch.layout)
    one, other = (match_activations(arch, weights[0], rows, spec, inputs) for rows in (weights, scaled))
    assert all(torch.equal(one.permutations[group], other.permutations[group]) for group in spec.groups)


def test_activations_are_the_same_in_parts(monkeypatch):
    arch, weights, buffers, inputs = made("resnet, batch", models=3)
    spec = spec_of(arch)
    whole = match_activations(arch, weights[0], weights[1:], spec, inputs, buffers=buffers[1:])
    monkeypatch.setattr(sys.modules[match_activations.__module__], "MEMORY", 1 << 14)
    parts = match_activations(arch, weights[0], weights[1:], spec, inputs, buffers=buffers[1:])
    assert all(torch.equal(whole.permutations[group], parts.permutations[group]) for group in spec.groups)


@pytest.mark.parametrize("by", ["correlation", "inner"])
def test_units_that_are_dead_are_matched_with_what_is_left(by):
    arch, weights, _, inputs = made("mlp", models=1)
    spec = spec_of(arch)
    values = arch.layout.unflatten(weights)
    values["layers.0.weight"][:, :3] = 0.0
    values["layers.0.bias"][:, :3] = torch.tensor([0.0, 5.0, -5.0])
    values["layers.1.weight"][:, :2] = 0.0
    twins, _ = planted(arch, spec, weights, torch.zeros(1, 0))
    found = match_activations(arch, weights[0], twins, spec, inputs, by=by)
    moved = found.apply(twins, spec, arch.layout)
    back = arch.layout.unflatten(moved)["layers.0.weight"]
    torch.testing.assert_close(back, arch.layout.unflatten(weights)["layers.0.weight"])
    torch.testing.assert_close(arch.forward(moved, inputs), arch.forward(twins, inputs))


def test_heads_paired_exactly_are_never_worse_than_by_their_spectra():
    arch = architecture("vit", input=[1, 8, 8], patch=4, dim=24, heads=4, depth=1, classes=4)
    spec, reference = spec_of(arch), arch.initial_weights(seed=0)
    draw = torch.Generator().manual_seed(0)
    order = random_permutation(spec, seed=1, models=1) | {"patch_embed.proj": torch.arange(24).unsqueeze(0)}
    for noise in (0.1, 1.0, 3.0):
        noisy = reference + noise * 0.02 * torch.randn(1, len(reference), generator=draw)
        twin, ends = permute_weights(noisy, order, spec, arch.layout), {}
        for heads in ("exact", "spectral"):
            problem = Problem.of(twin, reference.unsqueeze(0), spec, arch.layout, signs=False)
            start = problem.objective()
            gained = sum(improve_family(problem, owner, heads) for owner in problem.families)
            torch.testing.assert_close(problem.objective(), start + gained)
            assert (gained >= 0).all()
            ends[heads] = float(problem.objective()[0])
            if noise < 1:
                found = problem.units["blocks.0.attn.q.heads"]
                assert torch.equal(found, inverse(order, spec)["blocks.0.attn.q.heads"])
        assert ends["exact"] >= ends["spectral"] - 1e-9
    with pytest.raises(ValueError, match="choose one of exact, spectral"):
        improve_family(problem, next(iter(problem.families)), "guess")


@pytest.mark.parametrize("method", [name for name, each in METHODS.items() if each.needs_data])
def test_a_method_that_runs_the_networks_asks_for_data(method):
    arch, weights, _, _ = made("mlp")
    with pytest.raises(ValueError, match=f"'{method}' runs the networks on samples"):
        match(arch, weights, weights[0], spec_of(arch), method=method)


def test_what_cannot_be_matched_is_refused_in_one_sentence():
    arch, weights, _, inputs = made("mlp")
    spec, data = spec_of(arch), data_of(inputs)
    with pytest.raises(ValueError, match="'best' is unknown; choose one of auto, weights"):
        match(arch, weights, weights[0], spec, method="best")
    with pytest.raises(ValueError, match="samples must be at least 1"):
        match(arch, weights, weights[0], spec, method="activations", data=data, samples=0)
    with pytest.raises(ValueError, match=r"inputs of shape \(40, 5\) do not fit mlp"):
        match(arch, weights, weights[0], spec, method="activations", data=data_of(inputs[:, :5]))
    with pytest.raises(ValueError, match=r"inputs of shape \(40, 5\) do not fit mlp"):
        match(arch, weights, weights[0], spec, method="ste", data=data_of(inputs[:, :5]))
    with pytest.raises(ValueError, match="classes up to number 4"):
        match_straight_through(arch, weights[0], weights, spec, Split(inputs, torch.full((40,), 4)))
    broken = weights.clone()
    broken[1, 0] = torch.nan
    for method in METHODS:
        with pytest.raises(ValueError, match="not finite"):
            match(arch, broken, weights[0], spec, method=method, data=data)
    field = architecture("siren", widths=[2, 5, 5, 1])
    rows = torch.stack([field.initial_weights(seed=place) for place in range(2)])
    with pytest.raises(ValueError, match="siren are pictures"):
        match(field, rows, rows[0], spec_of(field), method="ste", data=data_of(torch.rand(10, 2)))


@pytest.mark.parametrize("method", ["activations", "ste", "sinkhorn"])
def test_long_work_is_told_and_can_be_cancelled(method):
    arch, weights, _, inputs = made("mlp")
    shares = []

    def stop(share, message):
        raise KeyboardInterrupt

    spec, data = spec_of(arch), data_of(inputs)
    match(arch, weights[1:], weights[0], spec, method=method, data=data, on_step=lambda share, _: shares.append(share))
    assert shares == sorted(shares)
    assert shares[0] >= 0
    assert 0.99 < shares[-1] < 1.01
    with pytest.raises(KeyboardInterrupt):
        match(arch, weights, weights[0], spec, method=method, data=data, on_step=stop)


def test_heads_may_be_paired_by_their_singular_values():
    arch = architecture("vit", input=[1, 8, 8], patch=4, dim=12, depth=1, heads=3)
    spec, one = spec_of(arch), arch.initial_weights(seed=0)[None]
    planted = permute_weights(one, random_permutation(spec, seed=3, models=1), spec, arch.layout)
    for heads in ("exact", "spectral"):
        found = match_population(planted, one[0], spec, arch.layout, heads=heads)
        torch.testing.assert_close(found.apply(planted, spec, arch.layout), one)
