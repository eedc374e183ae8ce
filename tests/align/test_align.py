from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from inspect import unwrap

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from wsexplore.align import (
    METHODS,
    Alignment,
    align,
    align_permutations,
    match,
    match_pair,
    match_population,
    match_weights,
    spec_of,
)
from wsexplore.datasets import Dataset, Split, dataset
from wsexplore.landscape import compare_methods, pair_ends
from wsexplore.nets import architecture
from wsexplore.population import train_zoo
from wsexplore.symmetry import inverse, permute, permute_weights, random_permutation, rescale_weights
from wsexplore.zoo import Zoo


@pytest.fixture(scope="module")
def zoo():
    return train_zoo("mlp", "digits", models=8, epochs=3, checkpoints=[0, 3], seed=0, config={"widths": [64, 12, 10]})


@settings(max_examples=25, deadline=None)
@given(widths=st.lists(st.integers(2, 9), min_size=1, max_size=3), seed=st.integers(0, 10_000))
def test_matching_never_lowers_the_objective(widths, seed):
    arch = architecture("mlp", widths=[4, *widths, 3])
    weights = torch.randn(5, arch.layout.size, generator=torch.Generator().manual_seed(seed))
    found = match_population(weights, weights[0], spec_of(arch), arch.layout, seed=seed)
    steps = np.diff(found.objective, axis=1)
    assert (steps >= -1e-6 * np.abs(found.objective[:, :-1])).all()
    moved = permute_weights(weights, found.permutations, spec_of(arch), arch.layout)
    np.testing.assert_allclose((moved @ weights[0]).numpy(), found.objective[:, -1], rtol=1e-4, atol=1e-4)


@settings(max_examples=20, deadline=None)
@given(units=st.integers(2, 16), seed=st.integers(0, 10_000))
def test_with_one_hidden_layer_a_planted_permutation_is_found(units, seed):
    arch = architecture("mlp", widths=[4, units, 3])
    spec = spec_of(arch)
    weights = torch.randn(1, arch.layout.size, generator=torch.Generator().manual_seed(seed))
    planted = random_permutation(spec, seed=seed, models=1)
    found = match_population(permute_weights(weights, planted, spec, arch.layout), weights[0], spec, arch.layout)
    assert torch.equal(found.permutations["layers.0"], inverse(planted)["layers.0"])


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000))
def test_a_network_is_matched_alone_as_in_a_crowd(seed):
    arch = architecture("mlp", widths=[4, 8, 7, 3])
    spec = spec_of(arch)
    weights = torch.randn(6, arch.layout.size, generator=torch.Generator().manual_seed(seed))
    crowd = match_population(weights, weights[0], spec, arch.layout, seed=seed)
    own = match_population(weights, weights[:1].expand(6, -1), spec, arch.layout, seed=seed)
    for row in range(6):
        alone = match_population(weights[row : row + 1], weights[0], spec, arch.layout, seed=seed)
        for group in spec.groups:
            assert torch.equal(alone.permutations[group][0], crowd.permutations[group][row])
            assert torch.equal(own.permutations[group][row], crowd.permutations[group][row])


SMALL = {
    "mlp": architecture("mlp", widths=[4, 8, 7, 6, 3]),
    "tanh": architecture("mlp", widths=[4, 8, 7, 3], activation="tanh"),
    "resnet": architecture("resnet", depth=8, width=4, input=[1, 6, 6], classes=3),
    "vit": architecture("vit", input=[1, 8, 8], patch=4, dim=12, depth=2, heads=3, classes=3),
}


def some_networks(arch, models, seed=0):
    return torch.randn(models, arch.layout.size, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("method", ["auto", "weights", "frank-wolfe"])
@pytest.mark.parametrize("arch", SMALL.values(), ids=SMALL)
def test_what_was_matched_is_at_rest(arch, method):
    spec, weights = spec_of(arch), some_networks(arch, 4)
    found = match_population(weights, weights[0], spec, arch.layout, method=method, signs=True)
    moved = found.apply(weights, spec, arch.layout)
    again = match_population(moved, weights[0], spec, arch.layout, method="weights", signs=True)
    np.testing.assert_allclose(again.objective[:, -1], found.objective[:, -1], rtol=1e-6)
    for group in spec.groups:
        identity = torch.arange(spec.sizes[group]).expand(again.permutations[group].shape)
        assert torch.equal(again.permutations[group], identity)


@pytest.mark.parametrize("method", ["auto", "weights", "frank-wolfe"])
@pytest.mark.parametrize("arch", SMALL.values(), ids=SMALL)
def test_fixed_groups_stay_in_order_and_the_others_are_matched(arch, method):
    spec, weights = spec_of(arch), some_networks(arch, 3)
    for fixed in ((), spec.groups[:1], spec.groups[1:], spec.groups):
        found = match_population(weights, weights[0], spec, arch.layout, method=method, signs=True, fixed=fixed)
        assert tuple(found.permutations) == spec.groups
        for group in fixed:
            identity = torch.arange(spec.sizes[group]).expand(3, *spec.shape_of(group))
            assert torch.equal(found.permutations[group], identity)
        moved = found.apply(weights, spec, arch.layout)
        np.testing.assert_allclose((moved @ weights[0]).numpy(), found.objective[:, -1], rtol=1e-4, atol=1e-4)
        assert (found.objective[:, -1] >= found.objective[:, 0]).all()
        if set(fixed) != set(spec.groups):
            assert (found.objective[1:, -1] > found.objective[1:, 0]).all()


def test_heads_and_hidden_units_are_found_while_the_stream_stays():
    arch = SMALL["vit"]
    spec, weights = spec_of(arch), some_networks(arch, 1)[0]
    stream = str(spec.outline["patch_embed.proj.weight"][0])
    planted = random_permutation(spec, seed=3) | {stream: torch.arange(12)}
    other = permute_weights(weights, planted, spec, arch.layout)
    found = match_weights(arch.layout.unflatten(weights), arch.layout.unflatten(other), spec, fixed=[stream])
    assert torch.equal(permute_weights(other, found, spec, arch.layout), weights)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_leaves_fixed_groups_in_order(method):
    arch = architecture("vit", input=[1, 8, 8], patch=4, dim=6, depth=1, heads=2, classes=3)
    spec, weights, draw = spec_of(arch), some_networks(arch, 2), torch.Generator().manual_seed(0)
    split = Split(torch.randn(12, 1, 8, 8, generator=draw), torch.arange(12) % 3)
    data = Dataset("some", split, split, tuple("abc"), 0.0, 1.0)
    inner, heads = next(iter(spec.within.items()))
    choices = [[spec.groups[0], inner], [heads], [inner], list(spec.groups)]
    for fixed in choices[: 1 if method in ("ste", "sinkhorn-loss") else 4]:
        found = match(arch, weights[1:], weights[0], spec, method=method, data=data, fixed=fixed, samples=12)
        assert tuple(found.permutations) == spec.groups
        for group, units in found.permutations.items():
            same = torch.arange(spec.sizes[group]).expand(1, *spec.shape_of(group))
            assert group not in fixed or torch.equal(units, same)
        inputs = arch.example_input(4)
        moved = arch.forward(found.apply(weights[1:], spec, arch.layout), inputs)
        torch.testing.assert_close(moved, arch.forward(weights[1:], inputs), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("frame", ["network", "mean", "cycle"])
def test_a_zoo_is_aligned_with_a_group_in_order_and_so_are_further_networks(frame, tmp_path):
    arch = SMALL["mlp"]
    zoo = Zoo.from_weights(arch, some_networks(arch, 5))
    both = align_permutations(zoo, frame=frame, fixed=["layers.2", "layers.1"])
    assert "--fixed layers.1,layers.2 " in both.recipe.cli
    found = align_permutations(zoo, frame=frame, fixed=["layers.1"])
    assert (found.permutations["layers.1"] == np.arange(7)).all()
    assert not (found.permutations["layers.0"] == np.arange(8)).all()
    assert found.recipe.arguments["fixed"] == ["layers.1"]
    assert "fixed=['layers.1']" in found.recipe.python
    again = Alignment.open(found.save(tmp_path / "alignment"))
    assert again.fixed == ("layers.1",)
    placed = arch.layout.unflatten(again.place(zoo.weights, arch))["layers.1.bias"]
    assert torch.equal(placed, arch.layout.unflatten(zoo.weights)["layers.1.bias"])


def test_heads_of_a_zoo_may_be_paired_by_their_spectra():
    arch = SMALL["vit"]
    zoo = Zoo.from_weights(arch, some_networks(arch, 3))
    exact, spectral = (align_permutations(zoo, heads=heads) for heads in ("exact", "spectral"))
    assert spectral.recipe.arguments["heads"] == "spectral"
    assert exact.after.sum() > spectral.after.sum()
    weights, spec = zoo.weights, spec_of(arch)
    for heads, every in (("exact", exact), ("spectral", spectral)):
        alone = match(arch, weights[1:2], weights[0], spec, heads=heads).permutations
        assert all(np.array_equal(units[0].numpy(), every.permutations[group][1]) for group, units in alone.items())
    pair = [arch.layout.unflatten(row) for row in weights[:2]]
    one, other = (match_weights(*pair, spec, heads=heads) for heads in ("exact", "spectral"))
    assert any(not torch.equal(one[group], other[group]) for group in spec.groups)


def test_an_unknown_fixed_group_is_named():
    arch = SMALL["mlp"]
    weights = some_networks(arch, 2)
    with pytest.raises(ValueError, match=r"group 'moon' is unknown; choose among layers.0, layers.1, layers.2"):
        match_population(weights, weights[0], spec_of(arch), arch.layout, fixed=["moon"])


def test_two_modules_are_matched_by_one_call():
    arch = architecture("mlp", widths=[6, 10, 3])
    spec, module = spec_of(arch), arch.build()
    twin = permute(module, random_permutation(spec, seed=5), spec)
    back = permute(twin, match_weights(module, twin, spec), spec)
    for name, value in module.named_parameters():
        assert torch.equal(value, dict(back.named_parameters())[name])


def test_networks_of_two_architectures_are_not_matched():
    one, other = architecture("mlp", widths=[4, 3, 2]), architecture("mlp", widths=[4, 5, 2])
    message = (
        r"differ in layers\.0\.weight: the reference has shape \(3, 4\), the other shape \(5, 4\); match networks of"
    )
    with pytest.raises(ValueError, match=message):
        match_weights(one.build(), other.build(), spec_of(one))
    deeper = architecture("mlp", widths=[4, 3, 2, 2])
    with pytest.raises(ValueError, match=r"layers\.2\.weight: the reference has no such parameter"):
        match_weights(one.build(), deeper.build(), spec_of(one))
    with pytest.raises(ValueError, match=r"layers\.0\.weight has shape \(3, 4\), in the spec \(5, 4\)"):
        match_weights(one.build(), one.build(), spec_of(other))


def test_a_number_that_is_not_finite_is_named():
    arch = SMALL["mlp"]
    weights = some_networks(arch, 3)
    weights[2, -1] = float("inf")
    spec, layout = spec_of(arch), arch.layout
    with pytest.raises(ValueError, match=r"^network 2 has weights that are not finite in layers\.3\.bias"):
        match_population(weights, weights[0], spec, layout)
    with pytest.raises(ValueError, match=r"^the reference has weights that are not finite in layers\.3\.bias"):
        match_population(weights[:2], weights[2], spec, layout)
    with pytest.raises(ValueError, match=r"^the other network has weights that are not finite in layers\.3\.bias"):
        match_weights(layout.unflatten(weights[0]), layout.unflatten(weights[2]), spec)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"restarts": -1}, "restarts must be at least 0, got -1"),
        ({"sweeps": -1}, "sweeps must be at least 1, got -1"),
        ({"steps": 0}, "steps must be at least 1, got 0"),
        ({"heads": "guess"}, "choose one of exact, spectral"),
    ],
)
def test_numbers_out_of_range_are_refused(arguments, message):
    arch = SMALL["mlp"]
    weights = some_networks(arch, 2)
    with pytest.raises(ValueError, match=message):
        match_population(weights, weights[0], spec_of(arch), arch.layout, **arguments)
    with pytest.raises(ValueError, match=message):
        match_weights(arch.build(), arch.build(), spec_of(arch), **arguments)


def test_the_reference_is_a_whole_number(zoo):
    for reference in (1.7, True, None):
        with pytest.raises(ValueError, match=f"the row of a network, or 'medoid', got {reference}"):
            unwrap(align_permutations)(zoo, reference=reference)
    assert unwrap(align_permutations)(zoo, reference=np.int64(1)).reference_id == zoo.table["id"][1]


def test_an_aligned_zoo_computes_the_same_functions_closer_together(zoo):
    aligned, inputs = align(zoo), dataset("digits").test.inputs
    difference = zoo.architecture.forward(aligned.weights, inputs) - zoo.architecture.forward(zoo.weights, inputs)
    assert difference.abs().max() < 1e-4
    assert aligned.table.equals(zoo.table)
    assert aligned.weights.std(0).norm() < zoo.weights.std(0).norm()
    assert torch.equal(aligned.weights[0], zoo.weights[0])
    assert aligned.recipe.inputs == {"zoo": zoo.fingerprint}


def test_alignment_never_moves_a_network_away(zoo):
    found = align_permutations(zoo, reference=3)
    assert (found.after >= found.before - 1e-4).all()
    assert found.reference_id == zoo.table["id"][3]


def test_checkpoints_of_a_run_may_share_one_permutation(zoo):
    units = align_permutations(zoo, by="run").permutations["layers.0"]
    for run in range(8):
        rows = np.flatnonzero(zoo.table["run"] == run)
        assert (units[rows] == units[rows[-1]]).all()
    free = align_permutations(zoo, by="network").permutations["layers.0"]
    last = zoo.table["epoch"] == 3
    assert (free[last] == units[last]).all()


def test_an_alignment_is_stored_and_applied_to_its_zoo_only(zoo, tmp_path):
    found = align_permutations(zoo, reference=1)
    found.save(tmp_path / "alignment")
    again = Alignment.open(tmp_path / "alignment")
    assert torch.equal(again.apply(zoo).weights, found.apply(zoo).weights)
    with pytest.raises(ValueError, match="of 16 networks, this zoo has 2"):
        again.apply(zoo.select([0, 1]))
    with pytest.raises(ValueError, match="made for another zoo"):
        again.apply(zoo.select(list(range(16))[::-1]))


def test_further_networks_are_placed_in_the_same_frame(zoo):
    found = align_permutations(zoo, reference=1)
    torch.testing.assert_close(found.place(zoo.weights, zoo.architecture), found.apply(zoo).weights)
    with pytest.raises(ValueError, match="these have 26"):
        found.place(torch.zeros(1, 26), architecture("mlp", widths=[3, 4, 2]))


def test_networks_of_another_kind_are_not_placed(tmp_path):
    relu, tanh = (architecture("mlp", widths=[4, 8, 3], activation=name) for name in ("relu", "tanh"))
    weights = some_networks(relu, 3)
    found = align_permutations(Zoo.from_weights(relu, weights))
    again = Alignment.open(found.save(tmp_path / "alignment"))
    for one in (found, again):
        with pytest.raises(ValueError, match="of mlp networks with activation relu, these have tanh"):
            one.place(weights, tanh)
    older = replace(found, architecture=None)
    assert older.place(weights, relu).shape == weights.shape
    cnn = SMALL["resnet"]
    other = some_networks(cnn, 2)
    with pytest.raises(ValueError, match="of mlp networks, these are resnet"):
        replace(found, reference=other[0].numpy()).place(other, cnn)


def test_units_that_were_flipped_are_shown_whatever_their_class_is_called():
    arch = architecture("mlp", widths=[6, 8, 8, 3], activation="tanh", norm="layer")
    spec, one = spec_of(arch), some_networks(arch, 1)
    assert not set(spec.rescaling.classes) & set(spec.groups)
    signs = {name: torch.ones(1, 8) for name in spec.rescaling.classes}
    signs[spec.rescaling.classes[0]][0, [1, 4, 6]] = -1
    signs[spec.rescaling.classes[1]][0, :5] = -1
    zoo = Zoo.from_weights(arch, torch.cat([one, rescale_weights(one, signs, spec, arch.layout)]))
    for group, places in zip(spec.groups, ([1, 4, 6], [0, 1, 2, 3, 4]), strict=True):
        pair = match_pair(zoo, 0, 1, inputs=arch.example_input(3), group=group)
        assert np.flatnonzero(pair.flipped).tolist() == places


@pytest.mark.parametrize("form", ["sorted", "round"])
def test_a_form_that_matching_takes_the_place_of_is_refused_everywhere(zoo, form):
    message = f"canonical form '{form}' is unknown; choose one of none, minimum-norm, unit-norm"
    for refuse in (
        lambda: align_permutations(zoo, canonical=form),
        lambda: match_pair(zoo, 0, 1, inputs=dataset("digits").test.inputs[:3], canonical=form),
        lambda: pair_ends(zoo, 0, 1, align=True, canonical=form),
        lambda: compare_methods(zoo, 0, 1, "digits", methods=["weights"], canonical=form),
    ):
        with pytest.raises(ValueError, match=message):
            refuse()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "magic"}, "choose one of auto, weights"),
        ({"reference": 99}, "rows run from 0 to 15"),
        ({"by": "moon"}, "by network or by run"),
    ],
)
def test_wrong_arguments_are_refused_with_a_sentence(zoo, arguments, message):
    with pytest.raises(ValueError, match=message):
        align(zoo, **arguments)


def test_alignment_tells_how_far_it_is_and_can_be_cancelled(zoo):
    seen = []
    align(zoo, on_step=lambda fraction, message: seen.append(fraction))
    assert seen[-1] == 1

    def stop(fraction, message):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        align(zoo, on_step=stop)


def test_a_matched_pair_shows_a_diagonal_and_the_same_outputs(zoo):
    pair = match_pair(zoo, 1, 3, inputs=dataset("digits").test.inputs)
    assert np.diag(pair.similarity_after).sum() > np.diag(pair.similarity_before).sum()
    np.testing.assert_allclose(pair.similarity_before[:, pair.order], pair.similarity_after, atol=1e-5)
    assert pair.logit_difference < 1e-4
    assert pair.objective[-1] >= pair.objective[0]
    assert pair.units == 12
    assert pair.order_frame()["unit_of_second"].tolist() == pair.order.tolist()


def test_a_network_without_hidden_units_has_nothing_to_align():
    arch = architecture("mlp", widths=[64, 10])
    zoo = Zoo.from_weights(arch, torch.randn(2, arch.layout.size))
    with pytest.raises(ValueError, match="nothing to align"):
        match_pair(zoo, 0, 1, inputs=dataset("digits").test.inputs)


def test_two_callers_at_the_same_work_do_not_take_it_from_each_other(zoo):
    with ThreadPoolExecutor(4) as pool:
        found = [one.result() for one in [pool.submit(align, zoo, seed=1) for _ in range(8)]]
    assert len({one.fingerprint for one in found}) == 1
