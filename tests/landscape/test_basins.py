import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.csgraph import connected_components

from wsexplore.landscape import barrier_matrix, basins
from wsexplore.landscape.basins import THRESHOLD
from wsexplore.population import train_zoo


def barriers(seed, count, *, broken=0.0):
    draw = np.random.default_rng(seed)
    values = draw.exponential(0.1, (count, count))
    values = (values + values.T) / 2
    lost = np.triu(draw.random((count, count)) < broken, 1)
    values[lost | lost.T] = draw.choice([np.inf, np.nan])
    np.fill_diagonal(values, 0)
    return values


def groups(labels):
    return {frozenset(np.flatnonzero(labels == label).tolist()) for label in np.unique(labels)}


cases = given(
    seed=st.integers(0, 10_000),
    count=st.integers(1, 15),
    broken=st.sampled_from([0.0, 0.3, 1.0]),
    threshold=st.sampled_from([0.0, 0.02, 0.05, 0.2]),
)


@settings(max_examples=80, deadline=None)
@cases
def test_single_basins_are_what_low_barriers_connect(seed, count, broken, threshold):
    heights = barriers(seed, count, broken=broken)
    found = basins(heights, threshold=threshold)
    with np.errstate(invalid="ignore"):
        joined = heights <= threshold
    _, expected = connected_components(joined, directed=False)
    assert groups(found.labels) == groups(expected)
    assert found.sizes.sum() == count
    assert (np.diff(found.sizes) <= 0).all()
    assert found.count(threshold) == len(found)


@settings(max_examples=80, deadline=None)
@cases
def test_in_a_complete_basin_every_barrier_is_low(seed, count, broken, threshold):
    heights = barriers(seed, count, broken=broken)
    found = basins(heights, threshold=threshold, kind="complete")
    for members in groups(found.labels):
        inside = heights[np.ix_(list(members), list(members))]
        assert (inside[~np.eye(len(inside), dtype=bool)] <= threshold).all()
    assert len(found) >= len(basins(heights, threshold=threshold))


@settings(max_examples=40, deadline=None)
@cases
def test_basins_lie_together_in_the_order_of_the_leaves(seed, count, broken, threshold):
    found = basins(barriers(seed, count, broken=broken), threshold=threshold)
    assert sorted(found.order.tolist()) == list(range(count))
    ordered = found.labels[found.order]
    assert (np.diff(ordered) != 0).sum() == len(found) - 1
    assert len(found.linkage) == count - 1
    assert np.isfinite(found.linkage).all()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), order=st.permutations(range(8)))
def test_the_order_of_the_networks_does_not_matter(seed, order):
    heights = barriers(seed, 8)
    found, turned = basins(heights), basins(heights[np.ix_(order, order)])
    assert {frozenset(order[place] for place in group) for group in groups(turned.labels)} == groups(found.labels)


def test_the_gap_tells_how_far_the_threshold_may_move():
    heights = np.array([[0, 0.01, 0.9, 0.9], [0.01, 0, 0.9, 0.9], [0.9, 0.9, 0, 0.03], [0.9, 0.9, 0.03, 0]])
    found = basins(heights)
    assert found.threshold == THRESHOLD
    assert found.gap == (0.03, 0.9)
    assert [found.count(t) for t in (0.0, 0.01, 0.03, 0.89, 0.9)] == [4, 3, 2, 2, 1]
    assert found.labels.tolist() == [0, 0, 1, 1]
    assert found.frame()["basin"].is_monotonic_increasing or found.frame()["basin"].is_monotonic_decreasing
    heights[:2, 2:] = heights[2:, :2] = np.inf
    assert basins(heights).gap == (0.03, np.inf)
    assert basins(heights).count(1e9) == 2


def test_the_largest_basin_comes_first():
    heights = np.ones((6, 6))
    for members in ([0, 4], [1, 2, 5]):
        heights[np.ix_(members, members)] = 0.0
    found = basins(heights)
    assert found.labels.tolist() == [1, 0, 0, 2, 1, 0]
    assert found.sizes.tolist() == [3, 2, 1]


def test_barriers_below_0_are_none():
    heights = np.full((3, 3), -0.001)
    assert basins(heights, threshold=0.0).sizes.tolist() == [3]


def test_checkpoints_of_a_run_share_a_basin_and_runs_do_not():
    zoo = train_zoo("mlp", "digits", models=2, epochs=10, checkpoints=[8, 9, 10], seed=0)
    found = basins(barrier_matrix(zoo, list(range(6)), "digits").heights)
    assert groups(found.labels) == groups(zoo.table["run"].to_numpy())


@pytest.mark.parametrize(
    ("heights", "options", "message"),
    [
        (np.zeros((2, 3)), {}, r"got \(2, 3\)"),
        (np.zeros(4), {}, r"got \(4,\)"),
        (np.zeros((0, 0)), {}, r"got \(0, 0\)"),
        (np.array([[0.0, 1.0], [2.0, 0.0]]), {}, "not symmetric"),
        (np.zeros((2, 2)), {"threshold": -1.0}, "0 or more, got -1"),
        (np.zeros((2, 2)), {"threshold": float("nan")}, "0 or more, got nan"),
        (np.zeros((2, 2)), {"kind": "average"}, "choose one of single, complete"),
    ],
)
def test_what_is_no_matrix_of_barriers_is_refused_with_a_sentence(heights, options, message):
    with pytest.raises(ValueError, match=message):
        basins(heights, **options)
