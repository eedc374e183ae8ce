"""Zoos aligned to a mean, to a common order, with signs and scales; lazily, and after a kill."""

import numpy as np
import pytest
import torch

from wsexplore.align import Alignment, align, align_permutations, medoid, spec_of
from wsexplore.nets import architecture
from wsexplore.symmetry import permute_weights, random_permutation, random_scaling, rescale_weights
from wsexplore.zoo import Zoo


def copies(arch, models=6, *, noise=0.05, seed=0, signs=False, spread=0.0):
    """Noisy copies of one network, each with its units in another order (and flipped, and rescaled)."""
    draw = torch.Generator().manual_seed(seed)
    spec, one = spec_of(arch), torch.randn(arch.layout.size, generator=draw)
    weights = one + noise * torch.randn(models, len(one), generator=draw)
    if signs or spread:
        factors = random_scaling(spec, seed=seed, models=models, spread=spread)
        factors = factors if signs else {name: f.abs() for name, f in factors.items()}
        weights = rescale_weights(weights, factors, spec, arch.layout)
    weights = permute_weights(weights, random_permutation(spec, seed=seed, models=models), spec, arch.layout)
    statistics = torch.rand(models, arch.buffers.size, generator=draw) + 0.5
    return Zoo.from_weights(arch, weights, buffers=statistics)


def spread_of(zoo):
    return float(zoo.weights.double().std(0).norm())


def same_functions(zoo, aligned, tolerance=1e-4):
    inputs = zoo.architecture.example_input(8)
    for row in range(len(zoo)):
        before, after = (one.module(row)(inputs).detach() for one in (zoo, aligned))
        torch.testing.assert_close(after, before, atol=tolerance * float(before.abs().max()), rtol=0)


DEEP = architecture("mlp", widths=[6, 12, 10, 4])
TANH = architecture("mlp", widths=[6, 12, 10, 4], activation="tanh")
NORMED = architecture("cnn", input=[1, 8, 8], channels=[4, 6], pool=1, hidden=[5], classes=3, norm="batch")
VIT = architecture("vit", input=[1, 8, 8], patch=4, dim=12, depth=1, heads=3)


@pytest.mark.parametrize("arch", [DEEP, TANH, NORMED, VIT], ids=["mlp", "tanh", "batchnorm", "vit"])
@pytest.mark.parametrize("frame", ["network", "mean", "cycle"])
def test_every_frame_keeps_the_functions_and_brings_copies_together(arch, frame):
    zoo = copies(arch)
    aligned = align(zoo, frame=frame)
    same_functions(zoo, aligned)
    assert spread_of(aligned) < 0.2 * spread_of(zoo)


def test_maps_through_a_common_order_close_every_cycle():
    zoo = copies(DEEP, noise=1.0)
    found = align_permutations(zoo, frame="cycle")
    assert found.reference_id == found.frame == "cycle"
    for units in found.permutations.values():
        a, b, c = (torch.from_numpy(units[row].astype(np.int64)) for row in range(3))
        to_b, to_c, back = b[a.argsort()], c[b.argsort()], a[c.argsort()]
        assert torch.equal(back[to_c[to_b]], torch.arange(len(a)))


@pytest.mark.parametrize("frame", ["mean", "cycle"])
def test_the_mean_of_networks_only_grows(frame):
    zoo = copies(DEEP, models=8, noise=1.5)
    to_one, to_all = align(zoo), align(zoo, frame=frame)
    assert to_all.weights.mean(0).norm() >= to_one.weights.mean(0).norm() * (1 - 1e-6)


def test_many_networks_are_matched_to_the_mean_of_all_at_once():
    zoo = copies(architecture("mlp", widths=[4, 6, 3]), models=80, noise=0.5)
    found = align_permutations(zoo, frame="mean")
    mean = found.apply(zoo).weights.mean(0)
    np.testing.assert_allclose(mean.numpy(), found.reference, atol=1e-4)


def test_flipped_units_are_found_where_the_activation_is_odd():
    zoo = copies(TANH, signs=True, noise=0.01)
    found = align_permutations(zoo)
    aligned = found.apply(zoo)
    assert {name: signs.shape for name, signs in found.signs.items()} == {"layers.0": (6, 12), "layers.1": (6, 10)}
    same_functions(zoo, aligned)
    assert spread_of(aligned) < 0.05 * spread_of(zoo)


def test_rescaled_copies_come_together_at_the_least_norm():
    zoo = copies(DEEP, spread=1.0, noise=0.0)
    raw, canonical = align(zoo), align(zoo, canonical="minimum-norm")
    same_functions(zoo, canonical)
    assert spread_of(canonical) < 1e-3 * spread_of(raw)


def test_networks_of_several_activations_are_permuted_but_not_flipped_or_rescaled():
    zoo = copies(TANH)
    mixed = zoo.with_table(zoo.table.assign(activation=["tanh", "relu"] * 3))
    found = align_permutations(mixed)
    assert found.signs == {}
    same_functions(mixed, found.apply(mixed))
    with pytest.raises(ValueError, match="several activations"):
        align_permutations(mixed, canonical="minimum-norm")


@pytest.mark.parametrize("arch", [TANH, NORMED], ids=["tanh", "batchnorm"])
def test_a_lazy_view_is_the_zoo_written_out(arch, tmp_path):
    zoo = copies(arch, signs=True)
    found = align_permutations(zoo)
    view, written = found.view(zoo), found.apply(zoo, out=tmp_path / "aligned")
    assert torch.equal(view.weights, written.weights)
    assert torch.equal(view.buffers, written.buffers)
    assert torch.equal(view.rows([4, 1]), written.weights[[4, 1]])
    assert torch.equal(view.select([5, 2]).weights, written.weights[[5, 2]])
    assert view.fingerprint == written.fingerprint
    with pytest.raises(ValueError, match="another zoo"):
        found.view(copies(arch, seed=1))


def test_an_alignment_with_signs_heads_and_scales_is_stored(tmp_path):
    for arch, canonical in ((TANH, "none"), (VIT, "minimum-norm")):
        zoo = copies(arch, signs=True)
        found = align_permutations(zoo, frame="mean", canonical=canonical)
        again = Alignment.open(found.save(tmp_path / arch.name))
        assert (again.frame, again.canonical, again.reference_id) == ("mean", canonical, "mean")
        assert torch.equal(again.apply(zoo).weights, found.apply(zoo).weights)
        placed = again.place(zoo.weights, arch)
        same_functions(zoo, zoo.with_weights(placed, zoo.recipe, zoo.buffers))
        assert float((placed.numpy() @ found.reference).sum()) >= 0.9 * float(found.after.sum())


def test_the_medoid_is_the_network_closest_to_the_others():
    arch = architecture("mlp", widths=[4, 8, 3])
    zoo = copies(arch, models=7, noise=0.4)
    weights = zoo.weights.clone()
    weights[3] = copies(arch, models=1, noise=0.0).weights[0]
    zoo = Zoo.from_weights(arch, weights)
    assert medoid(zoo, spec_of(arch), np.arange(len(zoo))) == 3
    assert align_permutations(zoo, reference="medoid").reference_id == str(zoo.table["id"].iloc[3])
    with pytest.raises(ValueError, match="or 'medoid'"):
        align_permutations(zoo, reference="best")


def test_alignment_goes_on_after_it_was_stopped(tmp_path):
    zoo = copies(DEEP, models=9)
    seen = []

    def stop(fraction, message):
        seen.append(message)
        if message.startswith("permuted"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        align(zoo, out=tmp_path / "aligned", on_step=stop)
    assert not (tmp_path / "aligned").exists()
    kept = sorted(file.name for file in (tmp_path / "aligned.partial").glob("*.safetensors"))
    assert kept
    again = align(zoo, out=tmp_path / "aligned")
    assert torch.equal(again.weights, align(zoo).weights)
    assert not (tmp_path / "aligned.partial").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"frame": "moon"}, "choose one of network, mean, cycle"),
        ({"canonical": "sorted"}, "choose one of none, minimum-norm, unit-norm"),
        ({"reference": 6}, "rows run from 0 to 5"),
    ],
)
def test_wrong_words_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        align_permutations(copies(DEEP), **arguments)


def test_weights_that_are_not_finite_are_refused():
    weights = torch.randn(2, DEEP.layout.size)
    weights[1, 3] = float("nan")
    from wsexplore.align import match_population

    with pytest.raises(ValueError, match="not finite"):
        match_population(weights, weights[0], spec_of(DEEP), DEEP.layout)


def test_what_does_not_fit_together_is_said():
    zoo = copies(DEEP)
    layout = DEEP.layout
    each = 96 * layout.size + 80 * (12**2 + 10**2)
    with pytest.raises(ValueError, match="the frame 'mean'"):
        align_permutations(zoo, frame="cycle", memory=2 * each + 1)
