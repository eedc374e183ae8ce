import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from wsexplore.generate.judge import (
    coverage_of,
    ensemble_of,
    frechet_distance,
    memory_of,
    overlap_of,
)


def cloud(count, axes=6, seed=0, scale=1.0, shift=0.0):
    return torch.randn(count, axes, generator=torch.Generator().manual_seed(seed)) * scale + shift


def errors(rates, count, seed=0):
    return np.random.default_rng(seed).random((count, len(rates))) < rates


def test_two_samples_of_one_distribution_cover_each_other_and_no_test_tells_them_apart():
    found = [coverage_of(cloud(80, seed=seed), cloud(80, seed=seed + 100), seed=seed) for seed in range(12)]
    assert np.mean([one.coverage for one in found]) == pytest.approx(1 - 0.5**5, abs=0.04)
    assert np.mean([one.density for one in found]) == pytest.approx(1, abs=0.15)
    assert abs(np.mean([one.mmd for one in found])) < 0.005
    assert np.mean([one.p_value < 0.05 for one in found]) < 0.3


def test_points_of_a_corner_cover_little_and_are_told_apart():
    real = cloud(100)
    corner = coverage_of(cloud(100, seed=1, scale=0.3, shift=1.0), real)
    assert corner.coverage < 0.5
    assert corner.p_value < 0.01
    assert corner.mmd > 0.05


def test_a_crowd_in_the_middle_is_dense():
    real = cloud(100)
    assert coverage_of(cloud(100, seed=1, scale=0.3), real).density > 2


def test_far_points_cover_nothing():
    found = coverage_of(cloud(20, seed=1, shift=100.0), cloud(20))
    assert found.coverage == 0
    assert found.density == 0


def test_networks_of_one_run_are_no_neighbours_of_each_other():
    points = cloud(30)
    twins, runs = torch.cat([points, points + 1e-4]), np.tile(np.arange(30), 2)
    others = cloud(60, seed=3)
    assert coverage_of(others, twins).coverage < coverage_of(others, twins, runs=runs).coverage


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_the_discrepancy_is_that_of_the_definition_where_few_axes_are_left(seed):
    one, other = cloud(9, 3, seed).double(), cloud(7, 3, seed + 1, shift=0.5).double()
    both = torch.cat([one, other])
    apart = torch.cdist(both, both)
    bandwidth = apart[*torch.triu_indices(16, 16, 1)].median()
    kernel = torch.exp(-apart.square() / (2 * bandwidth**2))
    off = kernel - torch.eye(16, dtype=torch.float64)
    expected = off[:9, :9].sum() / 72 + off[9:, 9:].sum() / 42 - 2 * kernel[:9, 9:].mean()
    assert coverage_of(one, other).mmd == pytest.approx(float(expected), abs=1e-6)


def test_overlap_is_the_definition_and_the_largest_counts():
    wrong = np.array([[1, 1, 0, 0], [0, 0, 0, 1]], bool)
    zoo = np.array([[1, 0, 1, 0], [1, 1, 1, 0], [0, 0, 0, 0]], bool)
    np.testing.assert_allclose(overlap_of(wrong, zoo).seen, [2 / 3, 0])
    left_out = [np.array([1]), np.array([], int)]
    np.testing.assert_allclose(overlap_of(wrong, zoo, left_out=left_out).seen, [1 / 3, 0])


def test_a_network_without_errors_has_no_overlap():
    found = overlap_of(np.zeros((3, 5), bool), errors(np.full(5, 0.5), 4))
    assert np.isnan(found.seen).all()
    assert found.faultless == 3


def test_networks_that_share_nothing_but_hard_samples_overlap_as_expected():
    rates = np.random.default_rng(0).beta(0.3, 2, 300)
    found = overlap_of(errors(rates, 60, seed=1), errors(rates, 200, seed=2))
    assert found.seen.mean() == pytest.approx(found.expected.mean(), abs=0.03)


def test_copies_overlap_more_than_expected_and_worse_networks_less_than_better_ones():
    rates = np.random.default_rng(0).beta(0.3, 2, 300)
    zoo = errors(rates, 100, seed=2)
    copies = overlap_of(zoo[:40], zoo)
    assert (copies.seen == 1).all()
    assert copies.expected.mean() < 0.8
    worse = overlap_of(zoo[:40] | errors(np.full(300, 0.3), 40, seed=3), zoo)
    assert worse.seen.mean() < 0.5 < copies.seen.mean()
    assert worse.seen.mean() == pytest.approx(worse.expected.mean(), abs=0.05)


def test_an_ensemble_that_is_as_sure_as_right_is_calibrated():
    draw = np.random.default_rng(0)
    sure = draw.uniform(0.55, 0.95, 20_000)
    right = draw.random(20_000) < sure
    found = ensemble_of(np.stack([sure, 1 - sure], 1), torch.from_numpy((~right).astype(np.int64)))
    assert found.ece < 0.02
    assert found.accuracy == pytest.approx(0.75, abs=0.01)
    assert found.brier == pytest.approx(float((2 * sure * (1 - sure)).mean()), abs=0.02)
    assert found.reliability["samples"].sum() == 20_000


def test_an_ensemble_that_is_sure_and_wrong_has_the_largest_errors():
    found = ensemble_of(np.array([[1.0, 0.0]] * 4), torch.ones(4, dtype=torch.int64))
    assert (found.accuracy, found.ece, found.brier) == (0, 1, 2)
    assert np.isfinite(found.nll)


def test_samples_like_unseen_networks_are_no_memorisation():
    draw = np.random.default_rng(0)
    own = draw.normal(10, 1, 100)
    memory = memory_of(draw.normal(10, 1, 100), draw.normal(10, 1, 50), own, held_out=True)
    assert not memory.memorises
    assert memory.nearer == pytest.approx(0.5, abs=0.12)
    assert "no sign of memorisation" in memory.sentence
    assert "held-out networks" in memory.sentence


def test_samples_much_nearer_than_unseen_networks_are_memorisation():
    draw = np.random.default_rng(0)
    own = draw.normal(10, 0.5, 100)
    memory = memory_of(draw.normal(8, 0.5, 100), own, own, held_out=False)
    assert memory.memorises
    assert memory.copies == 0
    assert "it memorises" in memory.sentence
    assert "each left out once" in memory.sentence


def test_samples_a_little_nearer_are_told_as_that():
    draw = np.random.default_rng(0)
    own = draw.normal(10, 0.2, 200)
    memory = memory_of(draw.normal(9.8, 0.2, 200), own, own, held_out=True)
    assert not memory.memorises
    assert "a little nearer" in memory.sentence


def test_copies_are_counted():
    own = np.full(20, 10.0)
    memory = memory_of(np.r_[np.zeros(3), np.full(17, 10.0)], own, own, held_out=True)
    assert memory.copies == 3
    assert memory.memorises
    assert "3 of 20 samples are copies" in memory.sentence


def test_nearer_is_the_chance_that_a_sample_is_nearer():
    draw = np.random.default_rng(0)
    memory = memory_of(draw.normal(0, 1, 3000), draw.normal(1, 1, 3000), np.ones(3), held_out=True)
    assert memory.nearer == pytest.approx(float(norm.cdf(1 / 2**0.5)), abs=0.02)


@given(st.integers(0, 10_000), st.floats(-3, 3), st.floats(0.2, 3))
@settings(max_examples=20, deadline=None)
def test_the_frechet_distance_of_moved_and_stretched_points_is_known(seed, shift, stretch):
    points = np.random.default_rng(seed).normal(size=(50, 4))
    assert frechet_distance(points, points) == pytest.approx(0, abs=1e-6)
    assert frechet_distance(points, points + shift) == pytest.approx(4 * shift**2, rel=1e-6, abs=1e-6)
    centred = points - points.mean(0)
    spread = float(np.trace(np.cov(centred.T)))
    assert frechet_distance(centred, stretch * centred) == pytest.approx(
        (1 - stretch) ** 2 * spread, rel=1e-5, abs=1e-6
    )
