"""Every way to walk between networks: by any method, at any scales, in any frame, with any repair."""

import numpy as np
import pytest
import torch

import wsexplore as wx
from wsexplore.align import align_permutations, spec_of
from wsexplore.landscape import barrier, barrier_curves, barrier_matrices, barrier_matrix, pair_ends
from wsexplore.population import train_zoo
from wsexplore.symmetry import canonical


@pytest.fixture(scope="module")
def zoo():
    return train_zoo("mlp", "digits", models=4, epochs=6, seed=0, lr=3e-3, config={"widths": [64, 24, 16, 10]})


@pytest.fixture(scope="module")
def normed():
    config = {"input": [1, 8, 8], "channels": [6, 6], "pool": [2, 1], "norm": "batch", "hidden": [12]}
    return train_zoo("cnn", "digits", models=3, epochs=2, config=config, seed=1)


def test_a_barrier_is_walked_by_every_method_and_at_every_scale(zoo):
    for method, form in (("activations", "none"), ("weights", "minimum-norm"), ("sinkhorn", "unit-norm")):
        curve = barrier(zoo, 0, 1, "digits", steps=3, align=True, method=method, canonical=form)
        again = eval(curve.recipe.python, {"wx": wx, "zoo": zoo})
        np.testing.assert_array_equal(again.losses, curve.losses)
        assert f"--method {method}" in curve.recipe.cli or method == "auto"
        assert f"--canonical {form}" in curve.recipe.cli or form == "none"
    plain, least = (barrier(zoo, 0, 1, "digits", steps=3, canonical=form) for form in ("none", "minimum-norm"))
    assert least.losses[1] != plain.losses[1]
    assert least.losses[[0, 2]] == pytest.approx(plain.losses[[0, 2]], rel=1e-3)


def test_both_ends_are_at_their_least_norm_where_that_is_asked(zoo):
    ends = pair_ends(zoo, 0, 1, align=False, canonical="minimum-norm")
    least = canonical(zoo.rows([0, 1]), spec_of(zoo.architecture), zoo.architecture.layout, form="minimum-norm")
    torch.testing.assert_close(ends.weights, least)


def test_the_four_curves_follow_method_and_scales_but_the_raw_one_is_as_trained(zoo):
    usual = barrier_curves(zoo, 0, 1, "digits", steps=3)
    other = barrier_curves(zoo, 0, 1, "digits", steps=3, method="activations", canonical="minimum-norm")
    np.testing.assert_array_equal(usual["naive"].losses, other["naive"].losses)
    assert other["aligned"].losses[1] != usual["aligned"].losses[1]
    for curve in other.values():
        np.testing.assert_array_equal(eval(curve.recipe.python, {"wx": wx, "zoo": zoo}).losses, curve.losses)


def test_the_matrices_are_those_of_every_curve(normed):
    told = []
    found = barrier_matrices(
        normed, [0, 2, 1], "digits", steps=3, calibration=60, on_step=lambda fraction, message: told.append(fraction)
    )
    curves = barrier_curves(normed, 0, 1, "digits", steps=3, calibration=60)
    assert list(found) == list(curves) == ["naive", "aligned", "aligned + reset", "aligned + REPAIR"]
    for way, matrix in found.items():
        assert matrix.heights[0, 2] == pytest.approx(curves[way].height, rel=1e-3)
        again = eval(matrix.recipe.python, {"wx": wx, "zoo": normed})
        np.testing.assert_allclose(again.heights, matrix.heights, rtol=1e-5)
        assert again.recipe == matrix.recipe
    assert told == sorted(told)
    assert told[-1] == 1


@pytest.mark.parametrize("frame", ["network", "mean", "cycle"])
def test_a_matrix_in_a_common_frame_joins_the_networks_as_they_lie_there(zoo, frame):
    matrix = barrier_matrix(zoo, [1, 3, 0], "digits", steps=3, align=True, frame=frame)
    some = zoo.select([1, 3, 0])
    reference = "medoid" if frame == "network" else 0
    moved = align_permutations(some, frame=frame, reference=reference).apply(some)
    assert matrix.frame == frame
    assert matrix.heights[0, 1] == pytest.approx(barrier(moved, 0, 1, "digits", steps=3).height, rel=1e-3)
    assert matrix.heights[1, 2] == pytest.approx(barrier(moved, 1, 2, "digits", steps=3).height, rel=1e-3)
    np.testing.assert_allclose(eval(matrix.recipe.python, {"wx": wx, "zoo": zoo}).heights, matrix.heights, rtol=1e-5)


def test_a_matrix_follows_method_and_scales(zoo):
    plain, least = (
        barrier_matrix(zoo, [0, 1, 2], "digits", steps=3, align=True, canonical=form)
        for form in ("none", "minimum-norm")
    )
    assert not np.allclose(plain.heights, least.heights)
    assert least.heights[0, 1] == pytest.approx(
        barrier(zoo, 0, 1, "digits", steps=3, align=True, canonical="minimum-norm").height, rel=1e-3
    )


def test_a_curve_and_a_matrix_end_when_they_are_told_to(zoo):
    def stop(fraction, message):
        raise KeyError("stop")

    for work, rows in ((barrier_curves, (0, 1)), (barrier, (0, 1)), (barrier_matrices, ([0, 1],))):
        with pytest.raises(KeyError):
            work(zoo, *rows, "digits", on_step=stop)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda zoo: barrier(zoo, 0, 1, "digits", method="ste"), "'ste' matches units only where the path is aligned"),
        (lambda zoo: barrier(zoo, 0, 1, "digits", align=True, method="magic"), "matching method 'magic' is unknown"),
        (lambda zoo: barrier(zoo, 0, 1, "digits", canonical="sorted"), "canonical form 'sorted' is unknown"),
        (lambda zoo: pair_ends(zoo, 0, 1, align=True, canonical="sorted"), "canonical form 'sorted' is unknown"),
        (lambda zoo: barrier(zoo, 0, 99999, "digits"), "rows run from 0 to 3, got 99,999$"),
        (lambda zoo: barrier_curves(zoo, 0, 9, "digits"), "rows run from 0 to 3, got 9$"),
        (lambda zoo: barrier_matrix(zoo, [3, 3], "digits"), "row 3 is among them twice"),
        (lambda zoo: barrier_matrices(zoo, [0, 1, 0], "digits"), "row 0 is among them twice"),
        (lambda zoo: barrier_matrices(zoo, [], "digits"), "2 to 30 different networks, got 0"),
        (lambda zoo: barrier_matrix(zoo, [0, 77], "digits"), "rows run from 0 to 3, got 77$"),
        (lambda zoo: barrier_matrix(zoo, [0, 1], "digits", frame="sky"), "frame 'sky' is unknown; choose one of pair"),
    ],
)
def test_what_cannot_be_walked_gets_one_sentence(zoo, call, message):
    with pytest.raises(ValueError, match=message):
        call(zoo)
