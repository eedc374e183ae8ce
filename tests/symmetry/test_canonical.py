"""One representative for all weights of a function."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from wsexplore.align import spec_of
from wsexplore.nets import architecture
from wsexplore.symmetry import (
    canonical,
    minimum_norm,
    permute_weights,
    random_permutation,
    random_scaling,
    rescale_weights,
    unit_norm,
)

DEEP = architecture("mlp", widths=[6, 9, 7, 4])
PLAIN = architecture("resnet", depth=8, width=4, norm="none", input=[1, 8, 8])
NORMED = architecture("resnet", depth=8, width=4, norm="layer", input=[1, 8, 8])
VIT = architecture("vit", input=[1, 8, 8], patch=4, dim=12, depth=1, heads=3)
GRU = architecture("gru")
KINDS = pytest.mark.parametrize("arch", [DEEP, PLAIN, NORMED, VIT, GRU], ids=lambda arch: arch.name)


def networks(arch, seed=0, models=3):
    draw = torch.Generator().manual_seed(seed)
    weights = torch.stack([arch.initial_weights(seed=seed + k) for k in range(models)])
    return weights + 0.05 * torch.randn(weights.shape, generator=draw)


def rescaled(arch, weights, spread=1.0, seed=1):
    factors = random_scaling(spec_of(arch), seed=seed, models=len(weights), spread=spread)
    return rescale_weights(weights, {n: f.abs() for n, f in factors.items()}, spec_of(arch), arch.layout)


@KINDS
def test_the_least_norm_is_one_point_of_an_orbit_and_the_same_function(arch):
    weights, spec = networks(arch), spec_of(arch)
    least = canonical(weights, spec, arch.layout, form="minimum-norm")
    again = canonical(rescaled(arch, weights), spec, arch.layout, form="minimum-norm")
    torch.testing.assert_close(again, least, atol=2e-4, rtol=1e-4)
    torch.testing.assert_close(canonical(least, spec, arch.layout, form="minimum-norm"), least, atol=1e-5, rtol=1e-5)
    assert bool((least.norm(dim=1) <= weights.norm(dim=1) * (1 + 1e-6)).all())
    inputs = arch.example_input(5)
    outputs = arch.forward(weights, inputs)
    torch.testing.assert_close(arch.forward(least, inputs), outputs, atol=1e-4 * float(outputs.abs().max()), rtol=0)


@settings(max_examples=25, deadline=None)
@given(units=st.integers(1, 12), seed=st.integers(0, 10_000))
def test_with_one_hidden_layer_the_factors_have_a_closed_form(units, seed):
    arch = architecture("mlp", widths=[5, units, 3])
    weights = torch.randn(arch.layout.size, generator=torch.Generator().manual_seed(seed))
    parts = arch.layout.unflatten(weights.double())
    into = (parts["layers.0.weight"] ** 2).sum(1) + parts["layers.0.bias"] ** 2
    out = (parts["layers.1.weight"] ** 2).sum(0)
    if units > 1:
        (factors,) = minimum_norm(weights, spec_of(arch), arch.layout).values()
        torch.testing.assert_close(factors.double(), (out / into) ** 0.25, atol=1e-5, rtol=1e-5)


def test_no_nearby_factors_give_a_smaller_norm():
    weights, spec = networks(DEEP, models=1), spec_of(DEEP)
    least = canonical(weights, spec, DEEP.layout, form="minimum-norm")
    for seed in range(20):
        assert rescaled(DEEP, least, spread=0.02, seed=seed).norm() > least.norm()


def test_a_unit_without_weights_keeps_its_scale():
    weights = networks(DEEP, models=1)
    parts = DEEP.layout.unflatten(weights.clone())
    parts["layers.1.weight"][:, :, 2] = 0
    factors = minimum_norm(DEEP.layout.flatten(parts), spec_of(DEEP), DEEP.layout)
    assert factors["layers.0"][0, 2] == 1


def test_incoming_weights_of_unit_norm():
    weights, spec = networks(DEEP), spec_of(DEEP)
    factors = unit_norm(weights, spec, DEEP.layout)
    parts = DEEP.layout.unflatten(rescale_weights(weights, factors, spec, DEEP.layout))
    for layer in range(2):
        norms = (parts[f"layers.{layer}.weight"] ** 2).sum(2) + parts[f"layers.{layer}.bias"] ** 2
        torch.testing.assert_close(norms, torch.ones_like(norms), atol=1e-5, rtol=1e-5)


@KINDS
def test_permuted_and_rescaled_copies_are_sorted_alike(arch):
    weights, spec = networks(arch), spec_of(arch)
    drawn = random_permutation(spec, seed=4, models=len(weights))
    moved = permute_weights(rescaled(arch, weights, spread=0.5), drawn, spec, arch.layout)
    one, other = (canonical(w, spec, arch.layout, form="sorted") for w in (weights, moved))
    torch.testing.assert_close(other, one, atol=2e-4, rtol=1e-4)


def test_an_unknown_form_is_refused():
    with pytest.raises(ValueError, match="choose one of none, minimum-norm, unit-norm, sorted"):
        canonical(networks(DEEP), spec_of(DEEP), DEEP.layout, form="round")
