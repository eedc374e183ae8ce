import pytest
import torch
from small_zoos import SMALL, made_zoo

from wsexplore.generate import UnitTokens
from wsexplore.generate.solver import integrate
from wsexplore.generate.sources import standard_noise
from wsexplore.generate.unit_coordinates import UnitCoordinates
from wsexplore.generate.velocity import TokenVelocity
from wsexplore.nets import architecture
from wsexplore.symmetry import permute_weights, random_permutation, symmetry_of
from wsexplore.zoo import Zoo


def tokens_of(zoo: Zoo) -> UnitTokens:
    arch = zoo.architecture
    return UnitTokens.of(symmetry_of(arch.build(), arch.example_input()), arch.layout)


def correlated_zoo(models: int = 400) -> Zoo:
    """Networks whose units have correlated weights: a common part in all weights of a unit."""
    arch, draw = architecture("mlp", widths=[5, 4, 3]), torch.Generator().manual_seed(0)
    common = torch.randn(models, 4, 1, generator=draw)
    state = {
        "layers.0.weight": common + 0.5 * torch.randn(models, 4, 5, generator=draw),
        "layers.0.bias": 2 + torch.randn(models, 4, generator=draw),
        "layers.1.weight": (common + 0.2 * torch.randn(models, 4, 3, generator=draw)).transpose(1, 2),
        "layers.1.bias": 3 * torch.randn(models, 3, generator=draw),
    }
    return Zoo.from_weights(arch, arch.layout.flatten(state))


@pytest.mark.parametrize("name", ["zoo", "deep_zoo"])
def test_decoding_undoes_encoding(name, request):
    weights = request.getfixturevalue(name).weights
    coordinates = UnitCoordinates.of(weights, tokens_of(request.getfixturevalue(name)))
    torch.testing.assert_close(coordinates.decode(coordinates.encode(weights)), weights, atol=1e-5, rtol=1e-5)


def test_the_features_of_a_unit_are_uncorrelated_with_variance_one_in_states():
    zoo = correlated_zoo()
    tokens = tokens_of(zoo)
    coordinates = UnitCoordinates.of(zoo.weights, tokens)
    units = tokens.split(coordinates.encode(zoo.weights))[0].flatten(0, 1)
    torch.testing.assert_close(units.mean(0), torch.zeros(9), atol=1e-4, rtol=0)
    torch.testing.assert_close(units.T @ units / len(units), torch.eye(9), atol=1e-3, rtol=0)
    assert float(coordinates.variance.mean()) == pytest.approx(1, abs=1e-3)


def test_permuting_the_units_of_the_weights_permutes_those_of_the_state(zoo):
    spec = symmetry_of(zoo.module(0), zoo.architecture.example_input())
    coordinates = UnitCoordinates.of(zoo.weights, tokens_of(zoo))
    moved = random_permutation(spec, seed=1, models=len(zoo))
    before = permute_weights(coordinates.encode(zoo.weights), moved, spec, zoo.architecture.layout)
    after = coordinates.encode(permute_weights(zoo.weights, moved, spec, zoo.architecture.layout))
    torch.testing.assert_close(after, before, atol=1e-4, rtol=1e-4)


def test_the_untrained_flow_is_the_gaussian_with_the_covariance_of_the_zoos_units():
    zoo = correlated_zoo()
    tokens = tokens_of(zoo)
    coordinates = UnitCoordinates.of(zoo.weights, tokens)
    start = standard_noise(range(4000), zoo.architecture.layout.size, seed=0)
    state = integrate(TokenVelocity(tokens, SMALL, seed=0), start, end=torch.pi / 2, steps=5, solver="heun")
    sampled, units = (tokens.split(weights)[0].flatten(0, 1) for weights in (coordinates.decode(state), zoo.weights))
    torch.testing.assert_close(sampled.mean(0), units.mean(0), atol=0.05, rtol=0)
    torch.testing.assert_close(torch.cov(sampled.T), torch.cov(units.T), atol=0.08, rtol=0)
    assert torch.cov(units.T)[0, 1] > 0.5


def test_an_aligned_deeper_zoo_is_standardised_weight_by_weight(deep_zoo):
    state = UnitCoordinates.of(deep_zoo.weights, tokens_of(deep_zoo)).encode(deep_zoo.weights)
    torch.testing.assert_close(state.mean(0), torch.zeros(state.shape[1]), atol=1e-4, rtol=0)
    torch.testing.assert_close(state.square().mean(0), torch.ones(state.shape[1]), atol=1e-3, rtol=0)


def test_fewer_units_than_features_still_decode_to_themselves():
    zoo = made_zoo([64, 2, 10], models=16)
    coordinates = UnitCoordinates.of(zoo.weights, tokens_of(zoo))
    state = coordinates.encode(zoo.weights)
    assert state.isfinite().all()
    torch.testing.assert_close(coordinates.decode(state), zoo.weights, atol=1e-4, rtol=1e-4)
    far = coordinates.decode(standard_noise(range(50), state.shape[1], seed=0))
    assert far.std() < 2 * zoo.weights.std()
