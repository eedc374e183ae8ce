import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import label

from wsexplore.landscape import merge_tree

AROUND = np.ones((3, 3), bool)


def pairs_of(tree):
    """Birth and death of every minimum, in any order."""
    return sorted(zip(tree.births.tolist(), tree.deaths.tolist(), strict=True))


def flooded(values):
    """The same from the definition: the components of every sub-level set, flooded level by level."""
    alive, pairs = {}, []
    for level in np.unique(values[np.isfinite(values)]):
        components, count = label(np.isfinite(values) & (values <= level), AROUND)
        older = {}
        for cell, birth in alive.items():
            older.setdefault(components[cell], []).append((birth, cell))
        alive = {}
        for number in range(1, count + 1):
            inside = sorted(older.get(number, []))
            if not inside:
                row, column = np.argwhere(components == number)[0]
                inside = [(level, (row, column))]
            alive[inside[0][1]] = inside[0][0]
            pairs += [(birth, level) for birth, _ in inside[1:]]
    return sorted([*pairs, *((birth, np.inf) for birth in alive.values())])


def cones(side, tips):
    """The lowest of some cones with square level sets, of slope 1; tips are row, column and depth."""
    row, column = np.indices((side, side))
    return np.min([np.maximum(abs(row - i), abs(column - j)) + low for i, j, low in tips], axis=0).astype(float)


def wells(side, places, depths):
    x = np.linspace(0, 1, side)
    down, across = np.meshgrid(x, x, indexing="ij")
    return -sum(
        depth * np.exp(-((down - i) ** 2 + (across - j) ** 2) / 0.01)
        for (i, j), depth in zip(places, depths, strict=True)
    )


rough = arrays(float, st.tuples(st.integers(1, 7), st.integers(1, 7)), elements=st.integers(0, 5).map(float))
torn = arrays(
    float,
    st.tuples(st.integers(1, 7), st.integers(1, 7)),
    elements=st.one_of(st.integers(0, 6).map(float), st.sampled_from([np.nan, np.inf, -np.inf])),
)


@settings(max_examples=300, deadline=None)
@given(values=torn)
def test_minima_and_saddles_are_those_of_a_flood_level_by_level(values):
    if not np.isfinite(values).any():
        with pytest.raises(ValueError, match="is finite"):
            merge_tree(values)
        return
    assert pairs_of(merge_tree(values)) == flooded(values)


@settings(max_examples=60, deadline=None)
@given(values=torn.filter(lambda v: np.isfinite(v).any()))
def test_every_cell_descends_to_the_minimum_of_its_basin(values):
    tree = merge_tree(values)
    np.testing.assert_array_equal(tree.labels == -1, ~np.isfinite(values))
    for place, (row, column) in enumerate(tree.cells):
        assert tree.labels[row, column] == place
        assert values[row, column] == tree.births[place]
    for cell in np.argwhere(np.isfinite(values)):
        below, _ = label(np.isfinite(values) & (values <= values[tuple(cell)]), AROUND)
        assert below[tuple(cell)] == below[tuple(tree.cells[tree.labels[tuple(cell)]])]


@settings(max_examples=60, deadline=None)
@given(values=torn.filter(lambda v: np.isfinite(v).any()))
def test_a_minimum_merges_at_its_saddle_into_a_deeper_one_that_lives_longer(values):
    tree = merge_tree(values)
    for place in range(len(tree)):
        parent = tree.parents[place]
        if parent == -1:
            assert tree.deaths[place] == np.inf
            assert (tree.saddles[place] == -1).all()
            continue
        assert values[tuple(tree.saddles[place])] == tree.deaths[place]
        assert tree.births[parent] <= tree.births[place]
        assert tree.deaths[parent] > tree.deaths[place]
        assert parent < place
        below, _ = label(np.isfinite(values) & (values <= tree.deaths[place]), AROUND)
        assert below[tuple(tree.cells[place])] == below[tuple(tree.cells[parent])]


def test_a_bowl_has_one_minimum_that_never_merges():
    x = np.linspace(-1, 1, 51)
    tree = merge_tree(x[:, None] ** 2 + x[None] ** 2)
    assert len(tree) == tree.count(1e9) == 1
    assert tree.cells.tolist() == [[25, 25]]
    assert tree.persistence.tolist() == [np.inf]
    assert (tree.labels == 0).all()
    assert tree.highest == pytest.approx(2)


def test_cones_merge_where_they_meet():
    tree = merge_tree(cones(41, [(20, 4, 0), (20, 16, 2), (20, 36, 4)]))
    # the first two meet at 0 + 7 = 2 + 5, the others at 2 + 11 = 4 + 9
    assert pairs_of(tree) == [(0, np.inf), (2, 7), (4, 13)]
    assert tree.births.tolist() == [0, 4, 2]
    assert tree.saddles[:, 1].tolist() == [-1, 27, 11]
    assert tree.parents.tolist() == [-1, 0, 0]
    assert tree.spills.tolist() == [-1, 2, 0]


@pytest.mark.parametrize("count", [1, 2, 5, 9])
def test_so_many_wells_are_so_many_minima(count):
    places = [(0.2 + 0.3 * (k // 3), 0.2 + 0.3 * (k % 3)) for k in range(count)]
    depths = 1 + 0.1 * np.arange(count)
    tree = merge_tree(wells(51, places, depths))
    assert tree.count(0.1) == count
    np.testing.assert_allclose(sorted(tree.births[:count]), sorted(-depths), atol=2e-3)


def test_a_ridge_is_crossed_at_its_pass():
    values = np.zeros((9, 9))
    values[:, :4], values[:, 5:] = 1.0, 2.0
    values[:, 4] = 10.0
    values[6, 4] = 5.0
    tree = merge_tree(values)
    assert tree.births.tolist() == [1, 2]
    assert tree.deaths.tolist() == [np.inf, 5]
    assert tree.saddles[1].tolist() == [6, 4]


def test_diagonal_neighbours_join_so_a_checkerboard_is_one_basin():
    assert len(merge_tree(np.indices((8, 8)).sum(0) % 2.0)) == 1


def test_a_plateau_is_one_minimum_whatever_its_shape():
    assert len(merge_tree(np.zeros((6, 9)))) == 1
    arms = np.ones((7, 7))
    arms[1:6, 1] = arms[1:6, 5] = arms[5, 1:6] = 0.0  # two arms that meet below: one flat valley
    assert len(merge_tree(arms)) == 1
    assert len(merge_tree(arms[::-1])) == 1
    shelf = np.zeros((5, 5))
    shelf[:, 3:] = 2.0
    shelf[2, 0] = -1.0
    assert len(merge_tree(shelf)) == 1


def test_cells_without_a_value_are_no_part_and_no_bridge():
    values = np.full((7, 7), np.nan)
    values[1:-1, 1:-1] = np.arange(25.0).reshape(5, 5)
    tree = merge_tree(values)
    assert (len(tree), tree.births[0]) == (1, 0)
    assert (tree.labels[0] == -1).all()
    values[3] = np.inf
    cut = merge_tree(values)
    assert cut.deaths.tolist() == [np.inf, np.inf]
    assert cut.births.tolist() == [0, 15]


@settings(max_examples=60, deadline=None)
@given(values=rough, shift=st.integers(-100, 100))
def test_shifts_flips_and_turns_change_nothing_else(values, shift):
    pairs = pairs_of(merge_tree(values))
    for turned in (values.T, values[::-1], values[:, ::-1], np.rot90(values)):
        assert pairs_of(merge_tree(turned)) == pairs
    moved = merge_tree(values + shift)
    assert pairs_of(moved) == [(birth + shift, death + shift) for birth, death in pairs]
    np.testing.assert_array_equal(moved.labels, merge_tree(values).labels)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_where_no_two_values_are_equal_cells_turn_with_the_grid(seed):
    values = np.random.default_rng(seed).permutation(48).reshape(6, 8).astype(float)
    tree, turned = merge_tree(values), merge_tree(values.T)
    for name in ("cells", "saddles"):
        np.testing.assert_array_equal(getattr(tree, name)[:, ::-1], getattr(turned, name))
    np.testing.assert_array_equal(tree.parents, turned.parents)
    np.testing.assert_array_equal(tree.labels.T, turned.labels)


@given(values=rough)
@settings(max_examples=40, deadline=None)
def test_a_rising_rescale_moves_births_and_deaths_and_joins_the_same(values):
    plain, bent = merge_tree(values), merge_tree(np.exp(values))
    assert pairs_of(bent) == [(float(np.exp(b)), float(np.exp(d))) for b, d in pairs_of(plain)]
    doubled = merge_tree(2 * values)
    np.testing.assert_array_equal(doubled.persistence, 2 * plain.persistence)
    np.testing.assert_array_equal(doubled.parents, plain.parents)


@settings(max_examples=100, deadline=None)
@given(values=torn.filter(lambda v: np.isfinite(v).any()))
def test_water_that_spills_ends_in_a_basin_that_never_merges(values):
    tree = merge_tree(values)
    for place in range(len(tree)):
        seen = [place]
        while tree.spills[seen[-1]] != -1:
            seen.append(int(tree.spills[seen[-1]]))
            assert len(seen) <= len(tree)
        assert tree.deaths[seen[-1]] == np.inf


@given(values=rough, threshold=st.integers(0, 4).map(float))
@settings(max_examples=60, deadline=None)
def test_small_basins_belong_to_a_neighbour(values, threshold):
    tree = merge_tree(values)
    found = tree.labels_above(threshold)
    kept = np.flatnonzero(tree.persistence > threshold)
    assert tree.count(threshold) == len(kept)
    assert set(np.unique(found)) == set(kept.tolist())
    for place in kept:
        assert label(found == place, AROUND)[1] == 1  # in one piece


@given(seed=st.integers(0, 10_000), threshold=st.sampled_from([0.0, 0.5, 1.5]))
@settings(max_examples=30, deadline=None)
def test_branches_of_the_drawn_tree_do_not_cross(seed, threshold):
    tree = merge_tree(np.random.default_rng(seed).normal(size=(14, 14)))
    places = tree.layout(threshold)
    drawn = np.flatnonzero(np.isfinite(places))
    assert len(drawn) == tree.count(threshold)
    assert sorted(places[drawn].tolist()) == list(range(len(drawn)))
    for place in drawn:
        parent, level = tree.parents[place], tree.deaths[place]
        if parent == -1:
            continue
        assert np.isfinite(places[parent])
        low, high = sorted((places[place], places[parent]))
        for other in drawn:
            if low < places[other] < high:
                assert not tree.births[other] < level < tree.deaths[other]


def test_the_frame_has_a_row_per_minimum():
    tree = merge_tree(cones(21, [(10, 3, 0), (10, 17, 1)]))
    frame = tree.frame()
    assert list(frame["persistence"]) == tree.persistence.tolist()
    assert frame["into"].tolist() == [-1, 0]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros(4), r"rows and columns, got shape \(4,\)"),
        (np.zeros((2, 2, 2)), "rows and columns"),
        (np.full((3, 3), np.nan), "none of the 9 cells"),
        (np.zeros((0, 3)), "none of the 0 cells"),
    ],
)
def test_what_is_no_surface_is_refused_with_a_sentence(values, message):
    with pytest.raises(ValueError, match=message):
        merge_tree(values)
