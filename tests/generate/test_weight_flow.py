import json
from dataclasses import replace

import pandas as pd
import pytest
import torch
from small_zoos import SMALL, made_zoo

from wsexplore.generate import FlowConfig, WeightFlow, control, fit_flow
from wsexplore.generate.sources import standard_noise
from wsexplore.nets import architecture
from wsexplore.zoo import Zoo
from wsexplore.zoo.shards import Matrix


def test_sampling_twice_gives_the_same_bits(flow):
    assert torch.equal(flow.sample(5, seed=7).weights, flow.sample(5, seed=7).weights)


def test_another_seed_gives_other_networks(flow):
    assert (flow.sample(5, seed=7).weights - flow.sample(5, seed=8).weights).abs().amax(1).min() > 0.01


def test_the_first_networks_do_not_depend_on_how_many_are_drawn(flow):
    few, many = flow.sample(3, seed=1), flow.sample(50, seed=1)
    assert torch.equal(standard_noise(range(3), 7, seed=1), standard_noise(range(50), 7, seed=1)[:3])
    torch.testing.assert_close(few.weights, many.weights[:3], atol=1e-5, rtol=1e-5)
    assert list(few.table["id"]) == list(many.table["id"][:3])


def test_chunks_do_not_change_the_networks(flow, monkeypatch):
    whole = flow.sample(7, seed=1).weights
    monkeypatch.setattr("wsexplore.generate.flow.MEMORY", 1)
    torch.testing.assert_close(flow.sample(7, seed=1).weights, whole, atol=1e-5, rtol=1e-5)


def test_at_temperature_zero_all_networks_are_one(flow):
    weights = flow.sample(6, temperature=0.0).weights
    torch.testing.assert_close(weights, weights[:1].expand_as(weights))


def test_a_higher_temperature_spreads_the_networks(flow):
    cool, warm = (flow.sample(40, temperature=t).weights.std(0).mean() for t in (0.5, 1.0))
    assert warm > 1.5 * cool


@pytest.mark.parametrize("name", ["flow", "deep_flow"])
def test_a_flow_read_back_samples_the_same_bits(name, request, tmp_path):
    flow = request.getfixturevalue(name)
    again = WeightFlow.open(flow.save(tmp_path / "flow"))
    assert again.fingerprint == flow.fingerprint
    assert (again.history, again.config, again.recipe, again.spec.outline) == (
        flow.history,
        flow.config,
        flow.recipe,
        flow.spec.outline,
    )
    assert torch.equal(again.sample(4, seed=2).weights, flow.sample(4, seed=2).weights)


def test_a_sample_is_a_zoo_that_can_be_kept_and_says_how_it_was_made(flow, tmp_path):
    sample = flow.sample(3, seed=5, steps=4, temperature=0.8)
    assert list(sample.table["id"]) == ["flow-5-0", "flow-5-1", "flow-5-2"]
    assert set(sample.table["dataset"]) == {"digits"}
    assert (sample.table["temperature"] == 0.8).all()
    assert sample.recipe.inputs == {"flow": flow.fingerprint}
    assert sample.recipe.cli.endswith("--models 3 --seed 5 --steps 4 --temperature 0.8")
    assert Zoo.open(sample.save(tmp_path / "sample")).fingerprint == sample.fingerprint


def test_the_python_line_of_a_sample_draws_it_again(flow):
    sample = flow.sample(3, seed=5, steps=4, solver="heun", temperature=0.8)
    again = eval(sample.recipe.python, {"flow": flow})
    assert torch.equal(again.weights, sample.weights)


def test_the_python_line_of_a_flow_fits_it_again(flow, zoo):
    import wsexplore

    again = eval(flow.recipe.python, {"wx": wsexplore, "wsexplore": wsexplore, "zoo": zoo})
    assert again.fingerprint == flow.fingerprint


def test_progress_rises_to_one_and_an_error_in_it_cancels(flow):
    seen: list[float] = []
    flow.sample(4, steps=5, on_step=lambda fraction, message: seen.append(fraction))
    assert seen == sorted(seen)
    assert seen[-1] == 1

    def stop(fraction: float, message: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        flow.sample(4, on_step=stop)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"n": 0}, "at least 1 network, got 0"),
        ({"n": 1, "temperature": -1.0}, "temperature must be 0 or more"),
        ({"n": 1, "temperature": float("nan")}, "temperature must be 0 or more"),
        ({"n": 1, "seed": -1}, "seed must be 0 or more"),
        ({"n": 1, "steps": 0}, "at least 1 step"),
        ({"n": 1, "solver": "rk5"}, "choose one of euler, midpoint, heun, rk4, adaptive"),
        ({"n": 1, "solver": "adaptive", "tolerance": 0.0}, "tolerance must be above 0"),
        ({"n": 1, "condition": {"colour": 1}}, "does not listen to colour; it was fitted without conditions"),
    ],
)
def test_a_sample_out_of_range_is_refused(flow, arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        flow.sample(**arguments)


def _edit(folder, **changes):
    file = folder / "manifest.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def test_a_flow_whose_parts_do_not_fit_is_refused_in_one_sentence(flow, zoo, tmp_path):
    folder = flow.save(tmp_path / "flow")
    _edit(folder, config={**flow.config.to_dict(), "width": 32})
    with pytest.raises(ValueError, match="does not hold a flow that fits its manifest"):
        WeightFlow.open(folder)
    _edit(folder, config={**flow.config.to_dict(), "colour": 1})
    with pytest.raises(ValueError, match="a flow has no setting colour"):
        WeightFlow.open(folder)
    zoo.save(tmp_path / "zoo")
    with pytest.raises(ValueError, match="holds a zoo, not a flow"):
        WeightFlow.open(tmp_path / "zoo")
    with pytest.raises(ValueError, match="there is no folder"):
        WeightFlow.open(tmp_path / "nothing")


def test_fitting_twice_gives_the_same_flow_and_another_seed_another(flow, zoo):
    assert fit_flow(zoo, seed=3, config=SMALL).fingerprint == flow.fingerprint
    assert fit_flow(zoo, seed=4, config=SMALL).fingerprint != flow.fingerprint


def test_the_number_of_threads_does_not_change_a_flow_and_is_left_as_it_was(flow, zoo):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        again = fit_flow(zoo, seed=3, config=SMALL)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert again.fingerprint == flow.fingerprint


def test_a_predicate_fits_the_networks_it_selects_and_is_told_by_the_recipe(zoo):
    half = zoo.with_table(zoo.table.assign(lr=[0.1, 0.2] * (len(zoo) // 2)))
    flow = fit_flow(half, where="lr > 0.15", config=SMALL)
    assert flow.fitted_on == half.select("lr > 0.15").fingerprint
    assert flow.fingerprint == fit_flow(half.select("lr > 0.15"), config=SMALL).fingerprint
    assert "where='lr > 0.15'" in flow.recipe.python


def test_the_command_line_of_a_flow_is_given_where_one_exists(zoo):
    flow = fit_flow(zoo, where="epoch = 0", config=replace(FlowConfig(), steps=1))
    assert flow.recipe.cli == "wsexplore flow fit ZOO --out FLOW --seed 0 --where 'epoch = 0' --set steps=1"
    assert fit_flow(zoo, config=replace(SMALL, width=8)).recipe.cli.startswith(
        "wsexplore flow fit ZOO --out FLOW --seed 0 --set width=8 --set layers=1 --set heads=2"
    )


def test_a_flow_knows_its_zoo_and_whether_it_is_equivariant(flow, deep_flow, zoo):
    assert flow.fitted_on == zoo.fingerprint
    assert (flow.networks, flow.dataset) == (len(zoo), "digits")
    assert flow.equivariant
    assert not deep_flow.equivariant


def test_a_flow_learns_that_units_come_in_two_kinds():
    arch, draw = architecture("mlp", widths=[8, 6, 3]), torch.Generator().manual_seed(0)
    kind = torch.randint(2, (60, 6, 1), generator=draw) * 2.0 - 1
    state = {
        "layers.0.weight": kind + 0.1 * torch.randn(60, 6, 8, generator=draw),
        "layers.0.bias": torch.randn(60, 6, generator=draw),
        "layers.1.weight": kind.transpose(1, 2) + 0.1 * torch.randn(60, 3, 6, generator=draw),
        "layers.1.bias": torch.randn(60, 3, generator=draw),
    }
    zoo = Zoo.from_weights(arch, arch.layout.flatten(state))
    flow = fit_flow(zoo, config=FlowConfig(width=32, layers=1, heads=2, steps=300, batch=16, learning_rate=1e-2))
    sampled = arch.layout.unflatten(flow.sample(50, seed=1).weights)["layers.0.weight"]
    gaussian = arch.layout.unflatten(control(zoo, "independent", 50, seed=1).weights)["layers.0.weight"]
    assert (gaussian.mean(2).abs() > 0.5).float().mean() < 0.3
    assert (sampled.mean(2).abs() > 0.5).float().mean() > 0.9
    assert 0.3 < (sampled > 0).float().mean() < 0.7
    assert flow.history[-1].held_out_loss < flow.history[0].held_out_loss


def test_weights_that_are_the_same_in_every_network_are_the_same_in_every_sample():
    zoo = made_zoo([64, 6, 10])
    slot = zoo.architecture.layout.slots[-1]
    weights = zoo.weights.clone()
    weights[:, slot.start : slot.stop] = 0.25
    sample = fit_flow(Zoo.from_weights(zoo.architecture, weights), config=SMALL).sample(5)
    torch.testing.assert_close(sample.weights[:, slot.start : slot.stop], torch.full((5, 10), 0.25))


def test_without_held_out_networks_the_last_average_is_kept(zoo):
    flow = fit_flow(zoo, config=replace(SMALL, held_out=0.0))
    assert all(step.held_out_loss is None for step in flow.history)
    assert flow.history[-1].step == SMALL.steps


def test_fitting_can_be_cancelled_and_tells_how_far_it_is(zoo):
    seen: list[float] = []

    def stop(fraction: float, message: str) -> None:
        seen.append(fraction)
        if len(seen) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit_flow(zoo, config=SMALL, on_step=stop)
    assert seen == [pytest.approx(step / SMALL.steps) for step in (1, 2, 3)]


def test_a_zoo_that_cannot_be_fitted_is_refused_with_what_would_be_right(zoo):
    with pytest.raises(ValueError, match="needs at least 16 networks, this zoo has 5"):
        fit_flow(zoo.select(range(5)), config=SMALL)
    kinds = zoo.with_table(pd.DataFrame({"activation": ["relu", "tanh"] * (len(zoo) // 2)}))
    with pytest.raises(ValueError, match=r"differ in activation; select one kind first.*activation = 'relu'"):
        fit_flow(kinds, config=SMALL)
    with pytest.raises(ValueError, match=r"reference must be a row from 0 to 39, got 40"):
        fit_flow(zoo, config=SMALL, reference=40)
    broken = zoo.weights.clone()
    broken[3, 5] = float("nan")
    with pytest.raises(ValueError, match="1 of 40 networks have weights that are not finite"):
        fit_flow(replace(zoo, stored=Matrix.of(broken)), config=SMALL)


def test_one_kind_selected_from_a_mixed_zoo_is_sampled_as_that_kind(zoo):
    kinds = zoo.with_table(pd.DataFrame({"activation": ["relu", "tanh"] * (len(zoo) // 2)}))
    flow = fit_flow(kinds.select("activation = 'tanh'"), config=SMALL)
    assert flow.sample(2).architecture.config["activation"] == "tanh"


@pytest.mark.gpu
def test_a_flow_fitted_on_the_gpu_samples_on_both(zoo):
    flow = fit_flow(zoo, config=SMALL, device="cuda")
    torch.testing.assert_close(flow.sample(3, device="cuda").weights, flow.sample(3).weights, atol=1e-2, rtol=1e-2)


def test_a_fit_that_diverges_is_refused():
    arch = architecture("mlp", widths=[4, 6, 3])
    zoo = Zoo.from_weights(arch, torch.randn(80, arch.layout.size, generator=torch.Generator().manual_seed(0)))
    config = FlowConfig(width=16, heads=2, layers=1, steps=20, batch=8, learning_rate=1e30, clip=1e30)
    with pytest.raises(ValueError, match="the fit diverged"):
        fit_flow(zoo, config=config)
