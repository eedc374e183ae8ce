import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from wsexplore.nets import ACTIVATIONS, architecture, initial_weights
from wsexplore.symmetry import (
    PermutationSpec,
    compose,
    identity,
    inverse,
    orbit,
    orbit_size,
    permute,
    permute_weights,
    random_permutation,
    symmetry_of,
)

hidden = st.lists(st.integers(2, 9), min_size=1, max_size=3)


def traced(arch):
    return symmetry_of(arch.build(), arch.example_input())


class ResidualNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, 6, 3, padding=1)
        self.norm = nn.BatchNorm2d(6)
        self.inner = nn.Conv2d(6, 5, 3, padding=1)
        self.inner_norm = nn.BatchNorm2d(5)
        self.outer = nn.Conv2d(5, 6, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.head = nn.Linear(6 * 16, 4)

    def forward(self, x):
        x = torch.relu(self.norm(self.stem(x)))
        x = x + self.outer(torch.relu(self.inner_norm(self.inner(x))))
        return self.head(torch.flatten(self.pool(x), 1))


class FourierNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(3, 4)
        self.second = nn.Linear(4, 5)
        self.third = nn.Linear(5, 2)

    def forward(self, x):
        x = torch.fft.fft(self.first(x)).real
        return self.third(torch.relu(self.second(x)))


@pytest.mark.parametrize("norm", ["none", "layer"])
def test_each_hidden_layer_of_an_mlp_is_a_group_of_its_units(norm):
    spec = traced(architecture("mlp", widths=[7, 5, 4, 3], norm=norm))
    assert dict(spec.sizes) == {"layers.0": 5, "layers.1": 4}
    assert {("layers.0.weight", 0), ("layers.0.bias", 0), ("layers.1.weight", 1)} <= set(spec.members("layers.0"))
    assert (("norms.0.weight", 0) in spec.members("layers.0")) == (norm == "layer")


@settings(max_examples=25, deadline=None)
@given(
    widths=hidden,
    activation=st.sampled_from(sorted(ACTIVATIONS)),
    norm=st.sampled_from(["none", "layer"]),
    seed=st.integers(0, 10_000),
)
def test_permuting_hidden_units_keeps_the_function(widths, activation, norm, seed):
    arch = architecture("mlp", widths=[3, *widths, 2], activation=activation, norm=norm)
    spec = traced(arch)
    weights = torch.randn(4, arch.layout.size, generator=torch.Generator().manual_seed(seed))
    moved = permute_weights(weights, random_permutation(spec, seed=seed, models=4), spec, arch.layout)
    inputs = torch.randn(6, 3)
    torch.testing.assert_close(arch.forward(moved, inputs), arch.forward(weights, inputs), rtol=1e-4, atol=1e-4)


def test_a_residual_network_with_batch_norm_is_traced_and_verified():
    module = ResidualNet()
    module(torch.randn(16, 1, 8, 8))
    example = torch.randn(4, 1, 8, 8)
    spec = symmetry_of(module.eval(), example)
    assert dict(spec.sizes) == {"stem": 6, "inner": 5}
    assert ("outer.weight", 0) in spec.members("stem")
    assert ("head.weight", 1) in spec.members("stem")
    assert spec.verify(module, example) < 1e-5


def test_running_statistics_move_with_their_units():
    module = ResidualNet()
    module(torch.randn(16, 1, 8, 8))
    spec = symmetry_of(module.eval(), torch.randn(2, 1, 8, 8))
    permutation = random_permutation(spec, seed=1)
    twin = permute(module, permutation, spec)
    assert torch.equal(twin.norm.running_mean, module.norm.running_mean[permutation["stem"]])


def test_what_has_no_rule_is_fixed_and_said():
    spec = symmetry_of(FourierNet(), torch.randn(2, 3))
    assert dict(spec.sizes) == {"second": 5}
    assert any("first.weight" in what and "no rule" in why for what, why in spec.fixed)
    assert spec.verify(FourierNet(), torch.randn(2, 3)) < 1e-5


def test_inputs_and_outputs_are_fixed_and_said():
    reasons = dict(traced(architecture("mlp")).fixed)
    assert reasons["layers.0.weight, axis 1"] == "input of the network"
    assert reasons["layers.1.bias, axis 0"] == "output of the network"


def test_a_module_that_cannot_be_traced_or_fed_is_refused():
    class Branching(nn.Module):
        def forward(self, x):
            return x if x.sum() > 0 else -x

    with pytest.raises(ValueError, match="Branching cannot be traced"):
        symmetry_of(Branching(), torch.randn(2, 3))
    with pytest.raises(ValueError, match="does not take inputs like the example"):
        symmetry_of(architecture("mlp").build(), torch.randn(2, 3))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000))
def test_permutations_form_a_group(seed):
    arch = architecture("mlp", widths=[3, 6, 5, 2])
    spec = traced(arch)
    p, q = random_permutation(spec, seed=seed), random_permutation(spec, seed=seed + 1)
    weights = initial_weights(arch.layout, seed=seed)
    once = permute_weights(permute_weights(weights, p, spec, arch.layout), q, spec, arch.layout)
    assert torch.equal(permute_weights(weights, compose(p, q), spec, arch.layout), once)
    for group, units in compose(p, inverse(p)).items():
        assert torch.equal(units, identity(spec)[group])


def test_a_stack_is_permuted_as_one_by_one():
    arch = architecture("mlp", widths=[3, 6, 5, 2])
    spec, weights = traced(arch), torch.randn(4, arch.layout.size)
    many = random_permutation(spec, seed=0, models=4)
    together = permute_weights(weights, many, spec, arch.layout)
    for row in range(4):
        alone = permute_weights(weights[row], {g: u[row] for g, u in many.items()}, spec, arch.layout)
        assert torch.equal(together[row], alone)


def test_modules_and_weights_are_permuted_alike():
    arch = architecture("mlp", norm="layer")
    spec, module = traced(arch), arch.build()
    permutation = random_permutation(spec, seed=3)
    weights = arch.layout.flatten({k: v.detach() for k, v in module.named_parameters()})
    twin = dict(permute(module, permutation, spec).named_parameters())
    torch.testing.assert_close(
        arch.layout.flatten({k: v.detach() for k, v in twin.items()}),
        permute_weights(weights, permutation, spec, arch.layout),
    )


@pytest.mark.parametrize(
    ("permutation", "message"),
    [
        ({}, r"lacks the group layers\.0"),
        ({"layers.0": torch.arange(31)}, r"group layers\.0 are no permutation of 0 to 31"),
        ({"layers.0": torch.zeros(32, dtype=torch.long)}, "are no permutation"),
    ],
)
def test_what_is_no_permutation_is_refused_by_name(permutation, message):
    arch = architecture("mlp")
    with pytest.raises(ValueError, match=message):
        permute(arch.build(), permutation, traced(arch))


def test_an_orbit_holds_many_weights_and_one_function():
    arch = architecture("mlp")
    spec, weights = traced(arch), initial_weights(arch.layout, seed=0)
    copies, inputs = orbit(weights, spec, arch.layout, copies=10, seed=0), torch.randn(5, 64)
    outputs = arch.forward(copies, inputs)
    torch.testing.assert_close(outputs, outputs[:1].expand_as(outputs), rtol=1e-4, atol=1e-5)
    assert torch.cdist(copies, copies).add(torch.eye(10)).min() > 0.5


def test_an_orbit_has_a_factorial_of_places():
    spec = PermutationSpec({}, {"a": 4, "b": 3})
    assert math.exp(orbit_size(spec).log_orders) == pytest.approx(24 * 6)


def test_one_permutation_may_move_a_whole_stack():
    arch = architecture("mlp", widths=[3, 6, 5, 2])
    spec, weights = traced(arch), torch.randn(4, arch.layout.size)
    one = random_permutation(spec, seed=0)
    together = permute_weights(weights, one, spec, arch.layout)
    assert torch.equal(together[2], permute_weights(weights[2], one, spec, arch.layout))


@pytest.mark.parametrize(
    ("module", "shape"),
    [
        (lambda: [nn.Linear(4, 8), nn.BatchNorm1d(8, affine=False), nn.ReLU(), nn.Linear(8, 3)], (4,)),
        (
            lambda: [nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.BatchNorm1d(16), nn.Linear(16, 3)],
            (1, 4, 4),
        ),
    ],
)
def test_running_statistics_move_wherever_the_normalisation_stands(module, shape):
    torch.manual_seed(0)
    network = nn.Sequential(*module())
    for _ in range(3):
        network(torch.randn(16, *shape))
    inputs = torch.randn(5, *shape)
    spec = symmetry_of(network, inputs)
    assert spec.groups
    assert spec.verify(network.eval(), inputs) < 1e-5
