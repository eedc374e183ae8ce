import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import spearmanr

from wsexplore import landscape
from wsexplore.align import spec_of
from wsexplore.datasets import dataset
from wsexplore.landscape import agreement, apart, distance_pairs, distances
from wsexplore.landscape.ranks import rank_correlations
from wsexplore.nets import architecture
from wsexplore.population import train_zoo
from wsexplore.symmetry import permute_weights, random_permutation
from wsexplore.zoo import Zoo


@pytest.fixture(scope="module")
def zoo():
    return train_zoo("mlp", "digits", models=4, epochs=4, checkpoints=[1, 2, 4], seed=0)


def test_all_pairs_are_taken_where_there_are_no_more(zoo):
    found = distance_pairs(zoo, "digits", pairs=1000)
    assert len(found) == 66
    assert found.ids == tuple(zoo.table["id"])
    assert found.same_run.sum() == 4 * 3
    assert len(set(zip(found.first, found.second, strict=True))) == 66
    assert (found.first < found.second).all()


def test_distances_are_those_of_the_two_networks(zoo):
    found = distance_pairs(zoo, "digits", pairs=1000)
    weights = zoo.weights.double().numpy()
    one, other = weights[found.first], weights[found.second]
    np.testing.assert_allclose(found.distances, np.linalg.norm(one - other, axis=1), rtol=1e-5)
    cosines = (one * other).sum(1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)
    np.testing.assert_allclose(found.cosines, cosines, atol=1e-6)
    for place in (0, 17, 65):
        two = agreement(zoo, int(found.first[place]), int(found.second[place]), "digits")
        assert found.disagreements[place] == pytest.approx(two.disagreement)
        assert found.divergences[place] == pytest.approx(two.divergence, rel=1e-4)
    table = found.table()
    assert table["divergence_nats"].tolist() == found.divergences.tolist()


@pytest.mark.parametrize("frame", ["pair", "network", "mean"])
def test_a_permuted_copy_lies_at_distance_0_once_it_is_matched(zoo, frame):
    arch, few = zoo.architecture, zoo.weights[[2, 5]]
    order = random_permutation(spec_of(arch), seed=3, models=2)
    doubled = Zoo.from_weights(arch, torch.cat([few, permute_weights(few, order, spec_of(arch), arch.layout)]))
    found = distance_pairs(doubled, "digits", align=True, frame=frame, samples=50)
    twins = found.second - found.first == 2
    assert (found.distances[twins] > 5).all()
    assert found.matched_distances[twins].max() < 1e-4
    assert found.matched_cosines[twins].min() > 0.9999
    assert found.divergences[twins].max() < 1e-6
    assert found.disagreements[twins].max() == 0


def test_matching_pair_by_pair_never_lies_further_than_as_trained(zoo):
    found = distance_pairs(zoo, "digits", align=True)
    assert (found.matched_distances <= found.distances * (1 + 1e-6)).all()
    assert found.matched_distances[~found.same_run].mean() < 0.9 * found.distances[~found.same_run].mean()
    assert set(found.correlations["weights"]) == {"as trained", "matched"}


def test_without_matching_there_are_no_matched_distances(zoo):
    found = distance_pairs(zoo, "digits", samples=40)
    assert found.matched_distances is None
    assert "matched_distance" not in found.table()
    assert found.samples == 40


def test_the_same_seed_draws_the_same_pairs(zoo):
    one, same, other = (distance_pairs(zoo, "digits", pairs=20, samples=60, seed=seed) for seed in (1, 1, 2))
    assert len(one) == 20
    assert one.table().equals(same.table())
    assert not one.table().equals(other.table())
    again = eval(one.recipe.python, {"wx": landscape, "zoo": zoo})
    assert again.table().equals(one.table())
    pd.testing.assert_frame_equal(again.correlations, one.correlations)
    rows = distance_pairs(zoo, "digits", rows=[5, 0, 7], samples=60)
    assert rows.rows.tolist() == [0, 5, 7]
    assert eval(rows.recipe.python, {"wx": landscape, "zoo": zoo}).table().equals(rows.table())


def test_pieces_of_any_size_give_the_same(zoo, monkeypatch):
    whole = distance_pairs(zoo, "digits", align=True)
    monkeypatch.setattr(apart, "MEMORY", 1 << 20)
    parts = distance_pairs(zoo, "digits", align=True)
    for name in ("distances", "matched_distances", "disagreements", "divergences"):
        np.testing.assert_allclose(getattr(parts, name), getattr(whole, name), rtol=1e-4, atol=1e-6)


def large_zoo(runs, epochs):
    arch = architecture("mlp", widths=[64, 2, 10])
    weights = torch.randn(runs * epochs, arch.layout.size, generator=torch.Generator().manual_seed(0))
    table = pd.DataFrame({"run": np.repeat(np.arange(runs), epochs), "epoch": np.tile(np.arange(epochs), runs)})
    return Zoo.from_weights(arch, weights, table)


@pytest.mark.parametrize(("runs", "epochs", "most"), [(400, 10, 4), (1000, 1, 1), (20, 100, 20)])
def test_of_a_large_zoo_some_networks_of_many_runs_are_taken(runs, epochs, most):
    found = distance_pairs(large_zoo(runs, epochs), "digits", pairs=400, samples=5)
    assert len(found.ids) == distances.NETWORKS == len(set(found.rows.tolist()))
    drawn = np.bincount(found.rows // epochs)
    assert drawn.max() <= max(most, -(-distances.NETWORKS // runs) + 4)
    assert len(found) == 400
    assert found.same_run.sum() == (100 if epochs > 1 else 0)


def test_networks_that_diverged_have_no_function_and_are_left_out_of_the_correlation(zoo):
    weights = zoo.weights.clone()
    weights[0] *= 1e30
    found = distance_pairs(Zoo.from_weights(zoo.architecture, weights, zoo.table), "digits")
    touched = found.first == 0
    assert np.isnan(found.divergences[touched]).all()
    assert np.isnan(found.disagreements[touched]).all()
    assert np.isfinite(found.divergences[~touched]).all()
    assert found.correlations["count"].max() == (~touched).sum()


def test_the_correlation_is_that_of_scipy_and_lies_within_its_interval(zoo):
    found = distance_pairs(zoo, "digits")
    row = found.correlations.query("function == 'divergence' and pairs == 'all'").iloc[0]
    assert row["rho"] == pytest.approx(spearmanr(found.distances, found.divergences).statistic)
    assert row["low"] <= row["rho"] <= row["high"]
    other = found.correlations.query("function == 'disagreement' and pairs == 'other runs'").iloc[0]
    some = ~found.same_run
    assert other["rho"] == pytest.approx(spearmanr(found.distances[some], found.disagreements[some]).statistic)
    assert other["count"] == some.sum()


def test_intervals_know_that_pairs_share_networks():
    """Of 30 networks with random features, the interval covers the rank correlation that 400 networks have."""
    draw = np.random.default_rng(0)

    def measured(count):
        shared, own = draw.normal(size=(count, 2)), draw.normal(size=(2, count, 2))
        first, second = np.triu_indices(count, 1)
        sets = [np.linalg.norm((shared + part)[first] - (shared + part)[second], axis=1) for part in own]
        return sets[0], sets[1], first, second

    a, b, _, _ = measured(400)
    truth = spearmanr(a, b).statistic
    covered, plain = 0, 0
    for trial in range(20):
        a, b, first, second = measured(30)
        row = rank_correlations({"w": a}, {"f": b}, first, second, np.arange(30), seed=trial).iloc[0]
        covered += row["low"] <= truth <= row["high"]
        spread = 1.96 / np.sqrt(len(a) - 3)
        plain += abs(np.arctanh(spearmanr(a, b).statistic) - np.arctanh(truth)) <= spread
    assert covered >= 16
    assert plain < covered


def test_distances_that_are_all_the_same_have_no_correlation():
    first, second = np.triu_indices(6, 1)
    flat, draw = np.ones(15), np.random.default_rng(0).random(15)
    frame = rank_correlations({"w": flat}, {"f": draw}, first, second, np.arange(6))
    assert frame[["rho", "low", "high"]].isna().all(axis=None)
    assert frame["count"].tolist() == [15, 0, 15]


def test_networks_of_two_activations_are_measured_too(zoo):
    table = zoo.table.copy()
    table["activation"] = ["relu", "tanh"] * 6
    assert len(distance_pairs(zoo.with_table(table), "digits", align=True, samples=20)) == 66


def test_it_says_how_far_it_is_and_can_be_stopped(zoo):
    told = []
    distance_pairs(zoo, "digits", align=True, samples=20, on_step=lambda fraction, message: told.append(fraction))
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1)

    def stop(fraction, message):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        distance_pairs(zoo, "digits", on_step=stop)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pairs": 0}, "pairs must be at least 1, got 0"),
        ({"samples": 0}, "at least 1 sample, got 0"),
        ({"rows": []}, "two or more networks, got 0"),
        ({"rows": [3]}, "two or more networks, got 1"),
        ({"rows": [0, 12]}, "rows run from 0 to 11, got 12"),
        ({"rows": [0, 1, 0]}, "comes twice"),
        ({"frame": "median"}, "choose one of pair, network, mean, cycle"),
        ({"split": "dev"}, "choose train or test"),
    ],
)
def test_wrong_arguments_are_refused_with_a_sentence(zoo, options, message):
    with pytest.raises(ValueError, match=message):
        distance_pairs(zoo, "digits", **options)


def test_data_that_do_not_fit_are_refused():
    arch = architecture("mlp", widths=[5, 4, 3])
    weights = torch.stack([arch.initial_weights(seed=seed) for seed in range(2)])
    with pytest.raises(ValueError, match="do not fit mlp"):
        distance_pairs(Zoo.from_weights(arch, weights), dataset("digits"))
