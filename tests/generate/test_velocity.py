import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from wsexplore.generate import FlowConfig
from wsexplore.generate.coupling import orbit_coupling
from wsexplore.generate.loss import flow_loss
from wsexplore.generate.paths import PATHS
from wsexplore.generate.solver import SOLVERS, integrate
from wsexplore.generate.tokens import UnitTokens
from wsexplore.generate.velocity import TokenVelocity
from wsexplore.nets import architecture
from wsexplore.symmetry import permute_weights, random_permutation, symmetry_of

CONFIG = FlowConfig(width=16, layers=2, heads=2)
ARCH = architecture("mlp", widths=[7, 6, 4])
SPEC = symmetry_of(ARCH.build(), ARCH.example_input())
TOKENS = UnitTokens.of(SPEC, ARCH.layout)
EVEN = torch.ones(ARCH.layout.size)
END = torch.pi / 2


def stirred(tokens: UnitTokens) -> TokenVelocity:
    """A velocity network whose zero-initialised parts are not zero any more."""
    network = TokenVelocity(tokens, CONFIG, seed=0).requires_grad_(False)
    draw = torch.Generator().manual_seed(1)
    for parameter in network.parameters():
        parameter.add_(0.2 * torch.randn(parameter.shape, generator=draw))
    return network


def noise(models: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(models, ARCH.layout.size, generator=torch.Generator().manual_seed(seed))


@settings(deadline=None)
@given(seed=st.integers(0, 10_000))
def test_permuting_the_units_of_the_state_permutes_the_velocity(seed):
    network, state, angle = stirred(TOKENS), noise(3, seed), torch.rand(3)
    moved = random_permutation(SPEC, seed=seed, models=3)
    before = permute_weights(network(state, angle), moved, SPEC, ARCH.layout)
    after = network(permute_weights(state, moved, SPEC, ARCH.layout), angle)
    assert before.abs().max() > 0.1
    torch.testing.assert_close(after, before, atol=1e-4, rtol=1e-4)


def test_a_deeper_network_has_positions_and_its_velocity_does_not_follow_permutations():
    arch = architecture("mlp", widths=[7, 6, 5, 4])
    spec = symmetry_of(arch.build(), arch.example_input())
    network = stirred(UnitTokens.of(spec, arch.layout))
    state = torch.randn(2, arch.layout.size, generator=torch.Generator().manual_seed(0))
    moved = random_permutation(spec, seed=1, models=2)
    before = permute_weights(network(state, torch.ones(1)), moved, spec, arch.layout)
    after = network(permute_weights(state, moved, spec, arch.layout), torch.ones(1))
    assert network.position is not None
    assert (after - before).abs().max() > 0.01


def test_an_untrained_velocity_is_zero_everywhere():
    network = TokenVelocity(TOKENS, CONFIG, seed=0)
    assert torch.equal(network(noise(2), torch.ones(1)), torch.zeros(2, ARCH.layout.size))


@pytest.mark.parametrize("solver", SOLVERS)
def test_an_untrained_flow_leaves_the_gaussian_as_it_is(solver):
    start = noise(4)
    assert torch.equal(integrate(TokenVelocity(TOKENS, CONFIG, seed=0), start, end=END, steps=3, solver=solver), start)


@pytest.mark.parametrize(("solver", "order"), [("euler", 1), ("midpoint", 2), ("heun", 2), ("rk4", 4)])
def test_halving_the_steps_shrinks_the_error_by_the_solvers_order(solver, order):
    start = torch.ones(1, 1, dtype=torch.float64)

    def error(steps: int) -> float:
        end = integrate(lambda state, angle: -state * angle.cos(), start, end=END, steps=steps, solver=solver)
        return abs(float(end) - float(torch.exp(torch.tensor(-1.0, dtype=torch.float64))))

    assert error(10) / error(20) == pytest.approx(2**order, rel=0.2)


def test_the_loss_of_an_untrained_velocity_on_gaussian_pairs_is_one():
    network, angle = TokenVelocity(TOKENS, CONFIG, seed=0), torch.rand(500) * torch.pi / 2
    loss = flow_loss(network, PATHS["preserving"], noise(500, 1), noise(500, 2), angle, EVEN).detach()
    assert float(loss) == pytest.approx(1, abs=0.02)


def test_one_seed_gives_one_network_and_leaves_the_global_generator_alone():
    before = torch.get_rng_state()
    first, second, other = (TokenVelocity(TOKENS, CONFIG, seed=seed).state_dict() for seed in (4, 4, 5))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(first["embed.0.weight"], other["embed.0.weight"])
    assert torch.equal(torch.get_rng_state(), before)


@given(seed=st.integers(0, 10_000))
def test_orbit_coupling_only_permutes_units_and_never_lengthens_a_path(seed):
    source, target = noise(3, seed), noise(3, seed + 1)
    matched = orbit_coupling(source, target, EVEN, TOKENS)
    assert ((matched - target).norm(dim=1) <= (source - target).norm(dim=1) + 1e-5).all()
    for before, after in zip(TOKENS.split(source), TOKENS.split(matched), strict=True):
        for network in range(3):
            assert torch.equal(before[network].sort(0).values, after[network].sort(0).values)


def test_orbit_coupling_undoes_a_permutation_of_the_network_itself():
    data = noise(3)
    moved = permute_weights(data, random_permutation(SPEC, seed=2, models=3), SPEC, ARCH.layout)
    assert torch.equal(orbit_coupling(moved, data, EVEN, TOKENS), data)


def test_orbit_coupling_of_a_deeper_network_is_refused():
    arch = architecture("mlp", widths=[7, 6, 5, 4])
    tokens = UnitTokens.of(symmetry_of(arch.build(), arch.example_input()), arch.layout)
    weights = torch.zeros(1, arch.layout.size)
    with pytest.raises(ValueError, match="use coupling independent"):
        orbit_coupling(weights, weights, weights[0], tokens)


def test_an_unknown_solver_and_no_steps_are_refused():
    with pytest.raises(ValueError, match="choose one of euler, midpoint, heun"):
        integrate(TokenVelocity(TOKENS, CONFIG, seed=0), noise(1), end=END, steps=2, solver="rk45")
    with pytest.raises(ValueError, match="at least 1 step, got 0"):
        integrate(TokenVelocity(TOKENS, CONFIG, seed=0), noise(1), end=END, steps=0, solver="euler")


@pytest.mark.parametrize(
    ("field", "sentence"),
    [
        ({"width": 10}, "multiple of heads"),
        ({"steps": 0}, "steps must be a whole number"),
        ({"learning_rate": 0.0}, "learning_rate must be above 0"),
        ({"average": 1.0}, "average must be"),
        ({"coupling": "none"}, "choose one of orbit"),
        ({"held_out": 0.9}, "held_out must be a share"),
        ({"weight_decay": float("nan")}, "weight_decay must be 0 or more"),
    ],
)
def test_a_configuration_out_of_range_is_refused(field, sentence):
    with pytest.raises(ValueError, match=sentence):
        FlowConfig(**field)
