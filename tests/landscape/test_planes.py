from dataclasses import replace

import numpy as np
import pytest
import torch

from wsexplore.datasets import Split, dataset
from wsexplore.landscape import (
    cost_of,
    curve_plane,
    fit_curve,
    networks_plane,
    random_plane,
    random_sheet,
    trajectory_plane,
)
from wsexplore.landscape.directions import principal_directions, random_directions
from wsexplore.landscape.drawing import draw_plane
from wsexplore.landscape.evaluators import EVALUATORS, candidates, choose
from wsexplore.landscape.subspace import Subspace
from wsexplore.nets import architecture
from wsexplore.population import evaluate, score, train_zoo
from wsexplore.zoo import Zoo, concat


@pytest.fixture(scope="module")
def zoo():
    return train_zoo("mlp", "digits", models=3, epochs=6, checkpoints=[0, 1, 2, 4, 6], seed=0)


@pytest.fixture(scope="module")
def last(zoo):
    return [int(row) for row in np.flatnonzero(zoo.table["epoch"] == 6)]


@pytest.fixture(scope="module")
def normalised():
    config = {"depth": 8, "width": 4, "input": [1, 8, 8]}
    return train_zoo("resnet", "digits", models=3, epochs=2, seed=0, lr=0.01, config=config)


def test_the_centre_of_a_plane_is_the_network_itself(zoo, last):
    plane, own = random_plane(zoo, last[0], "digits", points=11), evaluate(zoo, "digits")["test_loss"][last[0]]
    assert plane.losses[5, 5] == pytest.approx(own, abs=1e-6)
    assert plane.marks[0].loss == pytest.approx(own, abs=1e-6)
    assert plane.done
    assert plane.samples.min() == plane.of == 360


def test_a_network_is_bit_identical_after_its_plane_was_drawn(zoo, last):
    before = zoo.rows([last[0]]).clone()
    random_plane(zoo, last[0], "digits", points=5)
    assert torch.equal(zoo.rows([last[0]]), before)


def test_exchanging_the_axes_of_a_plane_transposes_it(zoo, last):
    sheet = random_sheet(zoo, last[0], "digits", points=9)
    turned = replace(
        sheet,
        subspace=Subspace(
            sheet.subspace.architecture, sheet.subspace.vectors[[0, 2, 1]], sheet.subspace.statistics[[0, 2, 1]]
        ),
    )
    data = dataset("digits")
    np.testing.assert_allclose(draw_plane(turned, data).losses, draw_plane(sheet, data).losses.T, rtol=1e-4)


def test_neighbouring_rows_are_as_alike_as_neighbouring_columns(zoo, last):
    """A known defect elsewhere: every other row is shifted by one column."""
    losses = np.log(random_plane(zoo, last[0], "digits", points=31).losses.astype(float))
    across = np.abs(losses[1:-1] - (losses[:-2] + losses[2:]) / 2).mean()
    along = np.abs(losses[:, 1:-1] - (losses[:, :-2] + losses[:, 2:]) / 2).mean()
    assert 0.5 < across / along < 2


def test_random_directions_are_orthogonal_on_average_and_have_no_favourite_sign(zoo, last):
    weights, layout = zoo.rows([last[0]])[0], zoo.architecture.layout
    drawn = torch.cat([random_directions(weights, layout, seed=seed) for seed in range(20)])
    cosines = torch.nn.functional.normalize(drawn, dim=1) @ torch.nn.functional.normalize(drawn, dim=1).T
    off = cosines[~torch.eye(len(drawn), dtype=torch.bool)]
    assert off.mean().abs() < 0.01
    assert off.abs().max() < 0.2
    assert float((drawn > 0).float().mean() - (drawn < 0).float().mean()) == pytest.approx(0, abs=0.02)


def test_filters_of_a_direction_are_as_long_as_those_of_the_network(zoo, last):
    weights, layout = zoo.rows([last[0]])[0], zoo.architecture.layout
    parts, own = layout.unflatten(random_directions(weights, layout, seed=1)[0]), layout.unflatten(weights)
    for name, value in own.items():
        if value.dim() < 2:
            assert not parts[name].any()
        else:
            torch.testing.assert_close(parts[name].flatten(1).norm(dim=1), value.flatten(1).norm(dim=1))
    whole = random_directions(weights, layout, normalise="none")
    torch.testing.assert_close(whole.norm(dim=1), weights.norm().expand(2))
    layers = layout.unflatten(random_directions(weights, layout, normalise="layer")[0])
    for name, value in own.items():
        torch.testing.assert_close(layers[name].norm(), value.norm())


def test_a_plane_through_three_networks_passes_through_them_at_true_distances(zoo, last):
    plane = networks_plane(zoo, last, "digits", points=9)
    places = np.array([[mark.x, mark.y] for mark in plane.marks])
    weights = zoo.rows(last)
    np.testing.assert_allclose(
        np.linalg.norm(places[:, None] - places[None], axis=-1), torch.cdist(weights, weights), rtol=1e-4, atol=1e-4
    )
    assert max(mark.distance for mark in plane.marks) < 1e-4
    assert places[1, 1] == pytest.approx(0, abs=1e-5)
    own = evaluate(zoo, "digits")["test_loss"][last]
    assert [mark.loss for mark in plane.marks] == pytest.approx(own.tolist(), rel=1e-5)
    assert plane.lengths == pytest.approx((1, 1), abs=1e-5)


def test_aligned_networks_lie_closer_on_their_plane(zoo, last):
    raw, aligned = (networks_plane(zoo, last, "digits", points=3, align=align) for align in (False, True))
    assert aligned.marks[1].x < raw.marks[1].x
    assert [mark.loss for mark in aligned.marks] == pytest.approx([mark.loss for mark in raw.marks], rel=1e-4)


def test_the_plane_of_a_trajectory_marks_checkpoints_with_their_true_losses(zoo):
    plane = trajectory_plane(zoo, 1, "digits", points=9)
    rows = np.flatnonzero(zoo.table["run"] == 1)
    own = evaluate(zoo, "digits")["test_loss"][rows]
    assert [mark.loss for mark in plane.marks] == pytest.approx(own.tolist(), rel=1e-5)
    assert plane.marks[-1].distance == pytest.approx(0, abs=1e-5)
    assert 0.5 < sum(plane.explained) <= 1.0001
    moved = zoo.rows(rows) - zoo.rows(rows)[-1]
    for mark, way in zip(plane.marks, moved, strict=True):
        assert mark.x**2 + mark.y**2 + mark.distance**2 == pytest.approx(float(way.norm() ** 2), rel=1e-3, abs=1e-6)
    assert plane.paths["training"].shape == (5, 2)


def test_the_principal_directions_are_orthonormal():
    axes, shares = principal_directions(torch.randn(7, 50, generator=torch.Generator().manual_seed(0)))
    torch.testing.assert_close(axes @ axes.T, torch.eye(2), atol=1e-5, rtol=0)
    assert shares[0] >= shares[1] > 0


def test_a_quadratic_curve_lies_in_the_plane_of_its_bend(zoo, last):
    curve = fit_curve(zoo, last[0], last[1], "digits", epochs=1)
    plane = curve_plane(zoo, curve, "digits", points=5)
    assert max(mark.distance for mark in plane.marks) < 1e-4
    assert [mark.kind for mark in plane.marks] == ["network", "network", "bend"]
    line = plane.paths["learned curve"]
    lengths = np.linalg.norm(np.diff(line, axis=0), axis=1).sum()
    assert lengths == pytest.approx(curve.length, rel=1e-3)


def test_what_is_looked_at_in_parts_is_what_is_looked_at_at_once(zoo, last):
    parts = []
    watched = random_plane(zoo, last[0], "digits", points=17, split="train", on_partial=parts.append)
    whole = random_plane(zoo, last[0], "digits", points=17, split="train")
    np.testing.assert_allclose(watched.losses, whole.losses, rtol=1e-5)
    np.testing.assert_array_equal(watched.samples, whole.samples)
    assert not parts[0].done
    assert np.isnan(parts[0].losses).any()


def test_a_plane_that_was_stopped_goes_on_where_it_was(zoo, last):
    class Stopped(Exception):
        pass

    def stop(fraction, message):
        if fraction > 0.3:
            raise Stopped

    parts, seen = [], []
    with pytest.raises(Stopped):
        random_plane(zoo, last[0], "digits", points=101, split="train", on_partial=parts.append, on_step=stop)
    again = random_plane(
        zoo,
        last[0],
        "digits",
        points=101,
        split="train",
        earlier=parts[-1],
        on_step=lambda fraction, message: seen.append(fraction),
    )
    assert seen[0] > parts[-1].samples.mean() / parts[-1].of
    np.testing.assert_allclose(
        again.losses, random_plane(zoo, last[0], "digits", points=101, split="train").losses, rtol=1e-5
    )


def test_other_calibration_is_another_plane(normalised):
    one = random_plane(normalised, 0, "digits", points=3, calibration=20)
    two = random_plane(normalised, 0, "digits", points=3, earlier=one)
    assert one.recipe != two.recipe
    assert not np.allclose(one.losses, two.losses)


def test_the_middle_of_a_random_plane_is_exactly_the_network(zoo, last):
    plane = random_plane(zoo, last[0], "digits", points=11, span=0.7)
    assert plane.xs[5] == plane.ys[5] == 0


def test_a_thinned_plane_holds_some_of_the_points(zoo, last):
    plane = random_plane(zoo, last[0], "digits", points=21)
    assert plane.thinned(21).losses.shape == (21, 21)
    few = plane.thinned(6)
    assert few.losses.shape == (6, 6)
    np.testing.assert_array_equal(few.losses, plane.losses[::4, ::4])
    np.testing.assert_array_equal(few.xs, plane.xs[::4])


def test_what_another_plane_had_found_is_not_taken_over(zoo, last):
    other = random_plane(zoo, last[1], "digits", points=5)
    mine = random_plane(zoo, last[0], "digits", points=5, earlier=other)
    np.testing.assert_array_equal(mine.losses, random_plane(zoo, last[0], "digits", points=5).losses)


def test_running_statistics_are_estimated_anew_at_every_point(normalised):
    reset = networks_plane(normalised, [0, 1, 2], "digits", points=5)
    mixed = networks_plane(normalised, [0, 1, 2], "digits", points=5, statistics="none")
    assert (reset.repaired, mixed.repaired) == ("reset", "none")
    between = reset.losses[1:-1, 1:-1] - mixed.losses[1:-1, 1:-1]
    assert between.mean() < 0, "networks between others are judged with statistics that are not theirs"


def test_the_centre_of_an_unrepaired_plane_keeps_its_own_statistics(normalised):
    plane = random_plane(normalised, 0, "digits", points=3, statistics="none")
    assert plane.losses[1, 1] == pytest.approx(evaluate(normalised, "digits")["test_loss"][0], abs=1e-6)


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("mlp", {"widths": [64, 16, 10]}),
        ("mlp", {"widths": [64, 20, 12, 10], "activation": "tanh"}),
        ("mlp", {"widths": [64, 16, 10], "norm": "layer", "activation": "gelu"}),
        ("resnet", {"depth": 8, "width": 4, "input": [1, 8, 8]}),
        ("vit", {"input": [1, 8, 8], "patch": 4, "dim": 8, "depth": 1, "heads": 2}),
    ],
)
def test_every_evaluator_counts_the_same(name, config):
    made, data = architecture(name, **config), dataset("digits")
    vectors = torch.stack([made.initial_weights(seed=seed) for seed in range(3)])
    subspace = Subspace(made, vectors, made.initial_buffers().repeat(3, 1))
    coordinates = torch.tensor([[1.0, 0, 0], [0.3, 0.3, 0.4], [0, 2, -1]])
    samples = Split(data.test.inputs[:100], data.test.targets[:100])
    direct = score(made, subspace.weights(coordinates), samples, buffers=subspace.buffers(coordinates))
    with torch.no_grad():
        for evaluator in candidates(made):
            sums = EVALUATORS[evaluator](subspace, coordinates, None, samples)
            torch.testing.assert_close(sums.loss.float() / 100, direct.loss, rtol=1e-4, atol=1e-5)
            torch.testing.assert_close(sums.hits.float() / 100, direct.accuracy)
    assert choose(subspace, samples).name in candidates(made)


def test_of_equal_logits_the_first_class_is_said():
    made, data = architecture("mlp", widths=[64, 8, 10]), dataset("digits")
    subspace = Subspace(made, torch.zeros(1, made.layout.size), torch.zeros(1, 0))
    with torch.no_grad():
        for evaluator in candidates(made):
            sums = EVALUATORS[evaluator](subspace, torch.ones(1, 1), None, data.test)
            assert int(sums.hits) == int((data.test.targets == 0).sum())


def test_networks_that_explode_do_not_break_a_plane(zoo, last):
    wild = zoo.with_weights(zoo.weights * 1e25, zoo.recipe)
    plane = random_plane(wild, last[0], "digits", points=5, span=100.0)
    assert not np.isfinite(plane.losses).all()
    assert plane.done
    assert np.isfinite(random_plane(zoo, last[0], "digits", points=3, span=100.0).losses[1, 1])


def test_networks_of_several_zoos_share_a_plane(zoo, last):
    other = train_zoo("mlp", "digits", models=1, epochs=1, seed=9)
    joined = concat([zoo.select(np.array(last[:2])), other])
    assert len(networks_plane(joined, [0, 1, 2], "digits", points=3).marks) == 3


def test_the_cost_of_a_plane_grows_with_its_points(zoo, last):
    data = dataset("digits")
    small, large = (cost_of(random_sheet(zoo, last[0], "digits", points=points), data) for points in (11, 101))
    assert large == pytest.approx(small * (101 / 11) ** 2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda zoo: random_plane(zoo, 99, "digits"), "rows run from 0 to 14"),
        (lambda zoo: random_plane(zoo, 0, "digits", points=2), "3 to 401 points per side, got 2"),
        (lambda zoo: random_plane(zoo, 0, "digits", span=0.0), "got span 0"),
        (lambda zoo: random_plane(zoo, 0, "digits", normalise="row"), "normalisation 'row' is unknown"),
        (lambda zoo: random_plane(zoo, 0, "digits", split="dev"), "choose train or test"),
        (lambda zoo: random_plane(zoo, 0, "digits", statistics="reset"), "no running statistics"),
        (lambda zoo: random_plane(zoo, 0, "digits", statistics="all"), "'all' is unknown"),
        (lambda zoo: networks_plane(zoo, [0, 1], "digits"), "three networks, got 2"),
        (lambda zoo: networks_plane(zoo, [0, 1, 1], "digits"), "three different networks"),
        (lambda zoo: trajectory_plane(zoo, 7, "digits"), "run 7 has 0 checkpoints"),
        (lambda zoo: random_plane(zoo, 0, "two-moons"), "do not fit mlp"),
        (lambda zoo: random_plane(zoo, 0, "digits", calibration=0), "2 or more samples, got calibration 0"),
    ],
)
def test_bad_input_gets_one_sentence(zoo, call, message):
    with pytest.raises(ValueError, match=message):
        call(zoo)


def test_an_empty_split_gets_one_sentence(zoo):
    data = dataset("digits")
    empty = replace(data, test=Split(data.test.inputs[:0], data.test.targets[:0]))
    with pytest.raises(ValueError, match="test split of digits is empty"):
        random_plane(zoo, 0, empty)


def test_three_networks_on_a_line_span_no_plane(zoo, last):
    weights = zoo.rows(last[:2])
    table = zoo.table.iloc[last].reset_index(drop=True)
    line = Zoo.from_weights(zoo.architecture, torch.cat([weights, weights.mean(0, keepdim=True)]), table)
    with pytest.raises(ValueError, match="on one line"):
        networks_plane(line, [0, 1, 2], "digits")
