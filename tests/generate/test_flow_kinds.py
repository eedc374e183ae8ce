"""Every kind of flow fits, samples, is stored and comes back; paths, sources and couplings do what they say."""

import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from wsexplore.embed import EncoderConfig, fit_encoder
from wsexplore.generate import VARIANTS, FlowConfig, WeightFlow, fit_flow
from wsexplore.generate.coupling import transport_coupling
from wsexplore.generate.domain import moved_pictures
from wsexplore.generate.paths import PATHS
from wsexplore.generate.plain_coordinates import PlainCoordinates
from wsexplore.generate.prepare import kept_apart
from wsexplore.generate.principal_coordinates import PrincipalCoordinates
from wsexplore.generate.solver import integrate
from wsexplore.generate.sources import Source
from wsexplore.nets import architecture, initial_weights
from wsexplore.zoo import Zoo

TINY = {"width": 16, "heads": 2, "layers": 1, "steps": 20, "batch": 8}
ENCODER = EncoderConfig(width=16, layers=1, heads=2, latent=4, steps=4)


def fitted(zoo: Zoo, **settings) -> WeightFlow:
    encoder = fit_encoder(zoo, config=ENCODER) if settings.get("kind") == "latent" else None
    return fit_flow(zoo, seed=1, config=FlowConfig(**{**TINY, **settings}), encoder=encoder)


KINDS = [
    {},
    {"coupling": "transport"},
    {"source": "covariance"},
    {"source": "initialisation", "coupling": "independent"},
    {"frame": "aligned"},
    {"positions": True},
    {"kind": "plain", "frame": "raw", "path": "linear", "coupling": "independent", "dropout": 0.1},
    {"kind": "plain", "basis": "principal", "components": 5, "pool": 40, "source_scale": 0.01, "path": "linear"},
    {"kind": "plain", "frame": "raw", "augment": True},
    {"kind": "preconditioned", "coupling": "transport"},
    {"kind": "latent"},
]


@pytest.mark.parametrize("settings", KINDS, ids=lambda one: "-".join(map(str, one.values())) or "tokens")
def test_every_kind_fits_samples_and_comes_back_with_the_same_bits(settings, zoo, tmp_path):
    flow = fitted(zoo, **settings)
    sample = flow.sample(3, seed=2)
    assert sample.weights.isfinite().all()
    assert sample.weights.std(0).max() > 0
    again = WeightFlow.open(flow.save(tmp_path / "flow"))
    assert again.fingerprint == flow.fingerprint
    assert again.config == flow.config
    assert torch.equal(again.sample(3, seed=2).weights, sample.weights)
    assert fitted(zoo, **settings).fingerprint == flow.fingerprint


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_is_a_configuration_that_survives_json(name):
    assert FlowConfig.from_dict(VARIANTS[name].to_dict()) == VARIANTS[name]


def test_a_preconditioned_flow_that_has_learnt_nothing_is_the_zoos_gaussian(zoo):
    flow = fitted(zoo, kind="preconditioned", frame="raw", steps=1, learning_rate=1e-9, held_out=0.0)
    train = zoo.weights
    weights = flow.sample(3000, seed=1).weights
    assert (weights.mean(0) - train.mean(0)).abs().max() < 0.05
    apart = torch.cov(weights.T) - torch.cov(flow.coordinates.decode(flow.coordinates.encode(train)).T)
    assert apart.abs().max() < 0.02


def test_paths_begin_at_noise_end_at_data_and_move_as_they_say():
    noise, data = torch.randn(5, 3, dtype=torch.float64), torch.randn(5, 3, dtype=torch.float64)
    for path in PATHS.values():
        start, end = torch.zeros(5, dtype=torch.float64), torch.full((5,), path.end, dtype=torch.float64)
        torch.testing.assert_close(path.at(noise, data, start), noise)
        torch.testing.assert_close(path.at(noise, data, end), data)
        time, small = end * 0.3, 1e-6
        slope = (path.at(noise, data, time + small) - path.at(noise, data, time - small)) / (2 * small)
        torch.testing.assert_close(path.velocity(noise, data, time), slope, atol=1e-6, rtol=1e-6)


@given(seed=st.integers(0, 1000), models=st.integers(1, 8))
def test_transport_pairs_a_batch_no_worse_than_any_shuffle(seed, models):
    draw = torch.Generator().manual_seed(seed)
    noise, data = torch.randn(models, 4, generator=draw), torch.randn(models, 4, generator=draw)
    weight = torch.rand(4, generator=draw)
    paired = transport_coupling(noise, data, weight)
    shuffled = noise[torch.randperm(models, generator=draw)]

    def cost(source: torch.Tensor) -> float:
        return float((weight * (source - data).square()).sum())

    assert cost(paired) <= cost(shuffled) + 1e-4
    assert torch.equal(paired.sort(0).values, noise.sort(0).values)


def test_principal_components_hold_all_that_the_networks_span(zoo):
    weights = zoo.weights[:20]
    whole = PrincipalCoordinates.of(weights)
    assert whole.size == 19
    torch.testing.assert_close(whole.decode(whole.encode(weights)), weights, atol=1e-4, rtol=1e-4)
    states = whole.encode(weights)
    torch.testing.assert_close(torch.cov(states.T), torch.eye(19), atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(whole.basis @ whole.basis.T, torch.eye(19), atol=1e-4, rtol=1e-4)
    assert whole.explained.sum().item() == pytest.approx(1, abs=1e-4)
    few = PrincipalCoordinates.of(weights, components=5, whiten=False)
    assert (few.size, float(few.variance.std())) == (5, 0.0)


def test_principal_components_of_columns_read_apart_are_the_same(zoo, monkeypatch):
    weights = zoo.weights[:20]
    whole = PrincipalCoordinates.of(weights)
    monkeypatch.setattr("wsexplore.generate.principal_coordinates.COLUMNS", 37)
    apart = PrincipalCoordinates.of(weights)
    torch.testing.assert_close(apart.encode(weights).abs(), whole.encode(weights).abs(), atol=1e-3, rtol=1e-3)


def test_more_networks_than_weights_have_the_same_components_as_the_gram_matrix_gives(monkeypatch):
    weights = torch.randn(50, 12, generator=torch.Generator().manual_seed(0)) @ torch.randn(
        12, 12, generator=torch.Generator().manual_seed(1)
    )
    few = PrincipalCoordinates.of(weights)
    module = "wsexplore.generate.principal_coordinates"
    monkeypatch.setattr(f"{module}._by_weights", __import__(module, fromlist=["x"])._by_networks)
    many = PrincipalCoordinates.of(weights)
    torch.testing.assert_close(few.encode(weights).abs(), many.encode(weights).abs(), atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(few.explained, many.explained, atol=1e-5, rtol=1e-4)


def test_networks_that_are_all_the_same_cannot_be_fitted_in_a_principal_basis():
    with pytest.raises(ValueError, match="all networks are the same"):
        PrincipalCoordinates.of(torch.ones(5, 7))


def test_a_source_of_initialisations_draws_fresh_networks_of_the_scheme(zoo):
    coordinates, layout = PlainCoordinates.of(zoo.weights), zoo.architecture.layout
    source = Source.of("initialisation", 1.0, coordinates.encode(zoo.weights), "default")
    states = source.rows(range(2), seed=3, coordinates=coordinates, layout=layout)
    weights = coordinates.decode(states)
    bound = 64**-0.5
    assert weights[:, : 64 * 6].abs().max() <= bound + 1e-5
    assert (weights[0] - weights[1]).abs().max() > 0
    assert torch.equal(source.rows(range(1, 2), seed=3, coordinates=coordinates, layout=layout), states[1:])
    assert initial_weights(layout, seed=0).shape == weights[0].shape


def test_a_covariance_source_has_the_covariance_of_the_states():
    states = torch.randn(200, 6, generator=torch.Generator().manual_seed(0)) @ torch.randn(6, 6)
    states = states - states.mean(0)
    source = Source.of("covariance", 1.0, states, "default")
    torch.testing.assert_close(source.factor.T @ source.factor, torch.cov(states.T), atol=1e-2, rtol=1e-3)


def test_the_adaptive_solver_meets_its_tolerance_and_no_network_depends_on_its_company():
    def field(state: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        return -state * 5 * (5 * time).cos().unsqueeze(1)

    start = torch.tensor([[1.0], [0.1], [3.0]])
    options = {"end": 1.0, "steps": 4, "solver": "adaptive", "tolerance": 1e-4}
    seen: list[int] = []
    end = integrate(field, start, on_step=seen.append, **options)
    torch.testing.assert_close(end, start * torch.exp(-torch.sin(torch.tensor(5.0))), atol=2e-3, rtol=2e-3)
    assert sorted(set(seen))[-1] == 4
    assert seen == sorted(seen)
    assert torch.equal(integrate(field, start[1:2], **options), end[1:2])


def test_an_adaptive_solver_that_never_ends_says_so(monkeypatch):
    monkeypatch.setattr("wsexplore.generate.solver.MOST", 3)
    with pytest.raises(ValueError, match="did not come to the end in 3 steps; choose a larger tolerance"):
        integrate(lambda s, t: -1e3 * s, torch.ones(1, 1), end=1.0, steps=50, solver="adaptive")


def test_a_trajectory_holds_the_networks_on_the_way(flow):
    way = flow.sample(2, seed=1, steps=3, trajectory=True)
    assert list(way.table["run"]) == [0, 0, 0, 0, 1, 1, 1, 1]
    assert list(way.table["epoch"]) == [0, 1, 2, 3] * 2
    torch.testing.assert_close(way.weights[[3, 7]], flow.sample(2, seed=1, steps=3).weights)
    start = flow.decode(flow.noise(range(2), seed=1, temperature=1.0))
    torch.testing.assert_close(way.weights[[0, 4]], start)


def test_samples_with_running_statistics_have_them_estimated_on_training_data():
    arch = architecture("resnet", depth=8, width=2, classes=10, input=[1, 8, 8], norm="batch")
    draw = torch.Generator().manual_seed(0)
    weights = 0.3 * torch.randn(20, arch.layout.size, generator=draw)
    zoo = Zoo.from_weights(arch, weights, pd.DataFrame({"dataset": ["digits"] * 20}))
    flow = fit_flow(zoo, config=FlowConfig(**{**TINY, "kind": "preconditioned", "steps": 2}))
    sample = flow.sample(2)
    assert sample.buffers.shape == (2, arch.buffers.size)
    assert (sample.buffers != zoo.buffers[:2]).any()


def test_whole_runs_are_held_out_so_that_no_checkpoint_of_them_is_learnt():
    arch = architecture("mlp", widths=[4, 3, 2])
    weights = torch.randn(60, arch.layout.size, generator=torch.Generator().manual_seed(0))
    table = pd.DataFrame({"run": [i // 5 for i in range(60)], "epoch": list(range(5)) * 12})
    zoo = Zoo.from_weights(arch, weights, table)
    train, others = kept_apart(zoo, 0.1, 3)
    assert len(others) == 10
    assert not set(zoo.table["run"].iloc[others.numpy()]) & set(zoo.table["run"].iloc[train.numpy()])
    assert sorted([*train.tolist(), *others.tolist()]) == list(range(60))
    assert len(kept_apart(zoo.select(range(5)), 0.4, 0)[1]) == 2
    assert len(kept_apart(zoo, 0.0, 0)[1]) == 0


def test_with_positions_a_token_flow_is_not_equivariant(zoo):
    flow = fitted(zoo, positions=True)
    assert not flow.equivariant
    assert flow.network.position is not None


def test_a_velocity_that_is_not_finite_is_said_at_once():
    calls: list[int] = []

    def broken(state: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        calls.append(1)
        return state * float("nan")

    with pytest.raises(ValueError, match="the velocity is not finite"):
        integrate(broken, torch.ones(2, 1), end=1.0, steps=4, solver="adaptive")
    assert len(calls) < 10


def test_turned_fields_draw_the_turned_picture():
    arch = architecture("siren", widths=[2, 8, 1], w0=5.0)
    weights = torch.stack([initial_weights(arch.layout, seed=seed) for seed in range(3)])
    moved, (first, bias) = moved_pictures(arch, weights, seed=4), arch.layout.slots[:2]
    before, after = (arch.layout.unflatten(one) for one in (weights, moved))
    turn = torch.linalg.lstsq(before[first.name], after[first.name]).solution
    shift = torch.linalg.lstsq(before[first.name], (after[bias.name] - before[bias.name]).unsqueeze(2)).solution
    places = torch.rand(20, 2) * 2 - 1
    for row in range(3):
        there = places @ turn[row].T + shift[row].T
        new, old = arch.forward(moved[[row]], places), arch.forward(weights[[row]], there)
        torch.testing.assert_close(new, old, atol=1e-4, rtol=1e-4)
    assert (turn - torch.eye(2)).abs().max() > 0.001
    with pytest.raises(ValueError, match="only the pictures of siren fields"):
        moved_pictures(architecture("mlp", widths=[2, 3, 1]), torch.zeros(1, 13), seed=0)


def test_settings_that_do_not_go_together_are_refused():
    with pytest.raises(ValueError, match="cannot be permuted; leave augment out"):
        FlowConfig(kind="preconditioned", augment=True)
    with pytest.raises(ValueError, match="are not aligned; choose frame raw"):
        FlowConfig(kind="plain", frame="aligned", augment=True)
    with pytest.raises(ValueError, match="leave augment or basis out"):
        FlowConfig(kind="plain", basis="principal", augment=True)
    with pytest.raises(ValueError, match="no tokens, so no positions"):
        FlowConfig(kind="plain", positions=True)
    with pytest.raises(ValueError, match="kind 'gan' is unknown; choose one of tokens"):
        FlowConfig(kind="gan")
    with pytest.raises(ValueError, match="conditions must be names"):
        FlowConfig(conditions=("",))


def test_a_latent_flow_without_an_encoder_is_refused(zoo):
    with pytest.raises(ValueError, match="lives in the latents of an encoder; give one"):
        fit_flow(zoo, config=FlowConfig(**TINY, kind="latent"))
