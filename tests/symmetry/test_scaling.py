import pytest
import sequence_networks
import torch
import vision_networks
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from verified import in_double

from wsexplore.nets import architecture
from wsexplore.symmetry import (
    orbit_size,
    random_scaling,
    rescale,
    rescale_weights,
    shaken,
    symmetry_of,
)

KINDS = {
    "positive": lambda: (architecture("mlp", widths=[3, 6, 5, 2]).build(), torch.randn(4, 3)),
    "sign": lambda: (architecture("mlp", widths=[3, 6, 5, 2], activation="tanh").build(), torch.randn(4, 3)),
    "nonzero": lambda: (nn.Sequential(nn.Linear(3, 6), nn.Linear(6, 2)), torch.randn(4, 3)),
    "heads": sequence_networks.NETWORKS["timm vit unbind"],
    "groups": vision_networks.NETWORKS["transposed in groups"],
    "branches": vision_networks.NETWORKS["densenet"],
    "recurrent": sequence_networks.NETWORKS["packed gru"],
}


def made(kind):
    torch.manual_seed(0)
    module, inputs = KINDS[kind]()
    return symmetry_of(module, inputs), shaken(module, seed=0).eval().double(), in_double(inputs)


def outputs(module, inputs):
    with torch.no_grad():
        return module(*inputs)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 10_000), spread=st.floats(0.0, 3.0))
def test_rescaling_units_keeps_the_function(kind, seed, spread):
    spec, module, inputs = made(kind)
    twin = rescale(module, random_scaling(spec, seed=seed, spread=spread), spec)
    torch.testing.assert_close(outputs(twin, inputs), outputs(module, inputs), rtol=1e-7, atol=1e-7)


def test_factors_are_what_the_activation_admits():
    spread = 0.5
    positive = random_scaling(made("positive")[0], seed=1, spread=spread)
    assert all(bool((factors > 0).all()) for factors in positive.values())
    signs = random_scaling(made("sign")[0], seed=1, spread=spread)
    assert {float(x) for factors in signs.values() for x in factors} == {-1.0, 1.0}
    both = torch.cat(list(random_scaling(made("nonzero")[0], seed=1, spread=spread).values()))
    assert both.min() < 0 < both.max()
    assert both.abs().std() > 0


def test_a_unit_is_multiplied_on_the_way_in_and_divided_on_the_way_out():
    spec, module, _ = made("positive")
    factors = torch.tensor([1.0, 2, 4, 8, 0.5, 1])
    twin = rescale(module, {"layers.0": factors}, spec)
    torch.testing.assert_close(twin.layers[0].weight, module.layers[0].weight * factors[:, None].double())
    torch.testing.assert_close(twin.layers[0].bias, module.layers[0].bias * factors.double())
    torch.testing.assert_close(twin.layers[1].weight, module.layers[1].weight / factors.double())
    assert torch.equal(twin.layers[2].weight, module.layers[2].weight)


def test_classes_that_are_absent_keep_their_scale():
    spec, module, inputs = made("branches")
    name = spec.rescaling.classes[0]
    twin = rescale(module, {name: random_scaling(spec, seed=0)[name]}, spec)
    torch.testing.assert_close(outputs(twin, inputs), outputs(module, inputs), rtol=1e-9, atol=1e-9)


def test_stacks_modules_and_single_networks_are_rescaled_alike():
    arch = architecture("resnet", depth=8, width=4)
    module = arch.build()
    spec = symmetry_of(module, arch.example_input())
    weights = torch.randn(3, arch.layout.size, generator=torch.Generator().manual_seed(0))
    many = random_scaling(spec, seed=0, models=3)
    together = rescale_weights(weights, many, spec, arch.layout)
    for row in range(3):
        one = {name: factors[row] for name, factors in many.items()}
        assert torch.equal(together[row], rescale_weights(weights[row], one, spec, arch.layout))
        twin = rescale(arch.module(weights[row]), one, spec)
        values = {name: value.detach() for name, value in twin.named_parameters()}
        assert torch.equal(arch.layout.flatten(values), together[row])


def test_rescaling_back_by_the_inverse_factors_changes_nothing():
    spec, module, _ = made("groups")
    there = random_scaling(spec, seed=0)
    back = rescale(rescale(module, there, spec), {name: 1 / factors for name, factors in there.items()}, spec)
    for one, other in zip(back.parameters(), module.parameters(), strict=True):
        torch.testing.assert_close(one, other)


def test_running_statistics_keep_their_scale():
    torch.manual_seed(0)
    arch = architecture("resnet", depth=8, width=4)
    module, inputs = shaken(arch.build(), seed=0).eval().double(), in_double(arch.example_input())
    spec = symmetry_of(module, inputs)
    assert spec.buffers
    assert spec.rescaling.axes.keys() == spec.axes.keys()
    twin = rescale(module, random_scaling(spec, seed=0), spec)
    assert not torch.equal(twin.bn1.weight, module.bn1.weight)
    assert all(torch.equal(*pair) for pair in zip(twin.buffers(), module.buffers(), strict=True))
    torch.testing.assert_close(outputs(twin, inputs), outputs(module, inputs), rtol=1e-9, atol=1e-9)


def test_two_operations_that_have_no_factor_in_common_are_both_named():
    module = nn.Sequential(nn.Conv2d(1, 4, 3), nn.MaxPool2d(2), nn.Tanh(), nn.Conv2d(4, 2, 1))
    reasons = dict(symmetry_of(module, torch.randn(2, 1, 8, 8)).rescaling.fixed)
    both = "max_pool2d lets positive factors through, but tanh lets signs through"
    assert reasons["0.weight, axis 0"] == both

    class Added(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.other, self.last = nn.Linear(3, 5), nn.Linear(3, 5), nn.Linear(5, 2)

        def forward(self, x):
            return self.last(torch.relu(self.one(x)) + torch.tanh(self.other(x)))

    reasons = dict(symmetry_of(Added(), torch.randn(2, 3)).rescaling.fixed)
    assert {reasons["one.weight, axis 0"], reasons["other.weight, axis 0"]} <= {
        "relu lets positive factors through, but tanh lets signs through",
        "tanh lets signs through, but relu lets positive factors through",
    }
    gelu = symmetry_of(nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.GELU(), nn.Linear(4, 2)), torch.randn(2, 3))
    assert dict(gelu.rescaling.fixed)["0.weight, axis 0"] == "gelu lets no factor through"


@pytest.mark.parametrize("kind", KINDS)
def test_an_axis_whose_places_a_class_rescales_is_not_said_to_be_fixed(kind):
    spec, _, _ = made(kind)
    said = {what for what, _ in spec.rescaling.fixed}
    for name, axes in spec.rescaling.axes.items():
        for place, axis in enumerate(axes):
            if all(any(factor.group in spec.rescaling.shapes for factor in piece) for piece in axis):
                assert f"{name}, axis {place}" not in said


def test_what_a_class_multiplies_and_divides_is_listed():
    spec, _, _ = made("positive")
    assert spec.rescaling.members("layers.0", 1) == [("layers.0.weight", 0), ("layers.0.bias", 0)]
    assert spec.rescaling.members("layers.0", -1) == [("layers.1.weight", 1)]


def test_a_factor_of_what_goes_into_a_normalisation_is_not_free():
    arch = architecture("resnet", depth=8, width=4)
    spec = symmetry_of(arch.build(), arch.example_input())
    reasons = dict(spec.rescaling.fixed)
    assert reasons["conv1.weight, axis 0"] == "batch_norm adds a number to the variance"


def test_every_free_factor_is_a_dimension_of_the_orbit():
    # the weights move along as many independent directions as there are scales
    for kind in ("positive", "heads", "groups", "nonzero"):
        spec, module, _ = made(kind)
        sizes = {name: spec.rescaling.shapes[name] for name in spec.rescaling.classes}

        def moved(logs, spec=spec, module=module, sizes=sizes):
            parts = torch.split(logs, [torch.Size(shape).numel() for shape in sizes.values()])
            scaling = {n: torch.exp(p).view(s) for (n, s), p in zip(sizes.items(), parts, strict=True)}
            twin = rescale(module, scaling, spec)
            return torch.cat([value.detach().abs().log().flatten() for value in twin.parameters()])

        count = sum(torch.Size(shape).numel() for shape in sizes.values())
        start = moved(torch.zeros(count, dtype=torch.float64))
        columns = [moved(row) - start for row in torch.eye(count, dtype=torch.float64)]
        assert int(torch.linalg.matrix_rank(torch.stack(columns))) == count == orbit_size(spec).scales


@pytest.mark.parametrize(
    ("kind", "scaling", "message"),
    [
        ("positive", {"layers.9": torch.ones(6)}, r"layers\.9 cannot be rescaled; it is no layer of this network"),
        ("positive", {"layers.2": torch.ones(2)}, r"layers\.2 cannot be rescaled: output of the network"),
        ("positive", {"layers.0": torch.ones(5)}, r"the factors of layers\.0 have shape \(5,\), it takes \(6,\)"),
        ("positive", {"layers.0": torch.ones(2, 2, 6)}, r"the factors of layers\.0 have shape"),
        ("positive", {"layers.0": torch.zeros(6)}, r"layers\.0 must be finite and not zero"),
        ("positive", {"layers.0": torch.full((6,), float("nan"))}, r"layers\.0 must be finite and not zero"),
        ("positive", {"layers.0": torch.full((6,), float("inf"))}, r"layers\.0 must be finite and not zero"),
        ("positive", {"layers.0": -torch.ones(6)}, r"layers\.0 admits positive factors only"),
        ("sign", {"layers.0": torch.full((6,), 2.0)}, r"layers\.0 admits the factors 1 and -1 only"),
        ("nonzero", {"0": torch.zeros(6)}, "must be finite and not zero"),
    ],
)
def test_factors_that_change_the_function_are_refused_by_name(kind, scaling, message):
    spec, module, _ = made(kind)
    with pytest.raises(ValueError, match=message):
        rescale(module, scaling, spec)


def test_a_spec_of_another_network_is_refused():
    spec = made("positive")[0]
    other = architecture("mlp", widths=[3, 7, 5, 2])
    with pytest.raises(ValueError, match=r"layers\.0\.weight has shape \(7, 3\), in the spec \(6, 3\)"):
        rescale(other.build(), random_scaling(spec, seed=0), spec)
    weights = other.initial_weights(seed=0)
    with pytest.raises(ValueError, match="the spec does not fit the networks"):
        rescale_weights(weights, random_scaling(spec, seed=0), spec, other.layout)


def test_an_activation_that_admits_no_factor_is_named():
    arch = architecture("mlp", widths=[3, 4, 2], activation="gelu")
    spec = symmetry_of(arch.build(), arch.example_input())
    with pytest.raises(ValueError, match=r"layers\.0 cannot be rescaled: gelu lets no factor through"):
        rescale(arch.build(), {"layers.0": torch.ones(4)}, spec)


def test_as_many_scalings_as_networks_are_needed():
    arch = architecture("mlp")
    spec = symmetry_of(arch.build(), arch.example_input())
    with pytest.raises(ValueError, match=r"there are 4 networks and 3 scalings of layers\.0"):
        rescale_weights(torch.zeros(4, arch.layout.size), random_scaling(spec, seed=0, models=3), spec, arch.layout)
