import numpy as np
import pandas as pd
import pytest
import torch

from wsexplore.align import spec_of
from wsexplore.datasets import dataset
from wsexplore.landscape import barrier, barrier_matrix, linear_path, pair_weights, path_frames
from wsexplore.population import evaluate, train_zoo
from wsexplore.symmetry import permute_weights, random_permutation
from wsexplore.zoo import Zoo, concat


@pytest.fixture(scope="module")
def zoo():
    trained = train_zoo("mlp", "digits", models=4, epochs=8, seed=0)
    spec = spec_of(trained.architecture)
    moved = permute_weights(
        trained.weights[:1], random_permutation(spec, seed=1, models=1), spec, trained.architecture.layout
    )
    return concat([trained, Zoo.from_weights(trained.architecture, moved, trained.table[:1])])


def test_there_is_no_barrier_between_a_network_and_itself(zoo):
    curve = barrier(zoo, 1, 1, "digits")
    assert curve.height == pytest.approx(0, abs=1e-6)
    assert curve.accuracy_drop == pytest.approx(0, abs=1e-6)


def test_the_barrier_to_a_permuted_copy_vanishes_when_aligned(zoo):
    assert barrier(zoo, 0, 4, "digits").height > 0.05
    assert barrier(zoo, 0, 4, "digits", align=True).height < 1e-5


def test_the_way_back_is_the_way_there_reversed(zoo):
    there, back = barrier(zoo, 0, 1, "digits"), barrier(zoo, 1, 0, "digits")
    np.testing.assert_allclose(there.losses, back.losses[::-1], rtol=1e-4)
    assert there.height == pytest.approx(back.height, rel=1e-4)


@pytest.mark.parametrize("split", ["train", "test"])
def test_the_ends_of_a_path_score_as_the_networks_do(zoo, split):
    scores, curve = evaluate(zoo, "digits", split=split), barrier(zoo, 2, 3, "digits", split=split)
    assert curve.losses[[0, -1]] == pytest.approx(scores[f"{split}_loss"][[2, 3]].to_numpy(), rel=1e-4)
    assert curve.accuracies[[0, -1]] == pytest.approx(scores[f"{split}_accuracy"][[2, 3]].to_numpy())


def test_the_height_is_the_largest_excess_over_the_chord(zoo):
    curve = barrier(zoo, 0, 1, "digits", steps=9)
    chord = curve.losses[0] + (curve.losses[-1] - curve.losses[0]) * curve.alphas
    assert curve.height == pytest.approx((curve.losses - chord).max())
    assert curve.alpha_at_height == curve.alphas[(curve.losses - chord).argmax()]
    assert list(curve.frame().columns) == ["position", "loss", "excess", "accuracy"]


def test_aligning_lowers_the_barriers_of_trained_networks(zoo):
    raw, aligned = (barrier_matrix(zoo, [0, 1, 2, 3], "digits", align=align).heights for align in (False, True))
    assert aligned.sum() < 0.6 * raw.sum()


def test_a_matrix_holds_the_barriers_of_all_pairs(zoo):
    matrix = barrier_matrix(zoo, [0, 2, 3], "digits", steps=9)
    assert (matrix.heights == matrix.heights.T).all()
    assert (np.diag(matrix.heights) == 0).all()
    assert matrix.heights[0, 2] == pytest.approx(barrier(zoo, 0, 3, "digits", steps=9).height, rel=1e-3)


def test_a_network_that_explodes_on_the_way_does_not_break_the_curve(zoo):
    wild = zoo.with_weights(zoo.weights * torch.tensor([1.0, 1e30, 1, 1, 1])[:, None], zoo.recipe)
    curve = barrier(wild, 0, 1, "digits", steps=5)
    assert np.isfinite(curve.losses[0])
    assert "Barrier" in curve._repr_html_()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda zoo: barrier(zoo, 0, 1, "digits", steps=1), "2 to 1,001 steps"),
        (lambda zoo: barrier(zoo, 0, 9, "digits"), "rows run from 0 to 4"),
        (lambda zoo: barrier(zoo, 0, 1, "digits", split="dev"), "choose train or test"),
        (lambda zoo: barrier(zoo, 0, 1, "cifar"), "choose one of digits"),
        (lambda zoo: barrier_matrix(zoo, [0], "digits"), "2 to 30 different networks"),
        (lambda zoo: barrier_matrix(zoo, [0, 0], "digits"), "2 to 30 different networks"),
    ],
)
def test_wrong_arguments_are_refused_with_a_sentence(zoo, call, message):
    with pytest.raises(ValueError, match=message):
        call(zoo)


def test_networks_of_two_activations_have_no_straight_path(zoo):
    mixed = zoo.with_table(
        pd.concat(
            [
                zoo.table.drop(columns="activation"),
                pd.DataFrame({"activation": ["relu", "tanh", "relu", "relu", "relu"]}),
            ],
            axis=1,
        )
    )
    with pytest.raises(ValueError, match="activation relu and tanh"):
        barrier(mixed, 0, 1, "digits")


def test_a_path_meets_its_ends_exactly():
    start, end = torch.randn(7), torch.randn(7)
    path = linear_path(start, end, torch.linspace(0, 1, 5))
    assert torch.equal(path[0], start)
    assert torch.equal(path[-1], end)
    torch.testing.assert_close(path[2], (start + end) / 2)


def test_frames_say_what_the_networks_on_the_path_say(zoo):
    arch, ends = pair_weights(zoo, 0, 1, align=True)
    path, split = linear_path(ends[0], ends[1], torch.linspace(0, 1, 7)), dataset("digits").test
    frames = path_frames(arch, path, split, [3, 5], classes=10)
    np.testing.assert_allclose(frames.probabilities.sum(-1), 1, rtol=1e-4)
    np.testing.assert_allclose(frames.confusion.sum(-1), 1, rtol=1e-5)
    shares = np.bincount(split.targets.numpy()) / len(split)
    accuracy = (frames.confusion.diagonal(axis1=1, axis2=2) * shares).sum(1)
    np.testing.assert_allclose(accuracy, barrier(zoo, 0, 1, "digits", steps=7, align=True).accuracies, atol=1e-5)
    np.testing.assert_array_equal(frames.filters[0].ravel(), ends[0, : 64 * 32].numpy())
    np.testing.assert_array_equal(frames.filters[-1].ravel(), ends[1, : 64 * 32].numpy())
    assert frames.samples == (3, 5)


def test_without_a_choice_the_samples_that_change_most_are_shown(zoo):
    arch, ends = pair_weights(zoo, 0, 1, align=False)
    path, split = linear_path(ends[0], ends[1], torch.linspace(0, 1, 7)), dataset("digits").test
    chosen = path_frames(arch, path, split, None, classes=10)
    every = path_frames(arch, path, split, list(range(len(split))), classes=10)
    change = np.abs(np.diff(every.probabilities, axis=0)).sum((0, 2))
    assert set(chosen.samples) == set(np.argsort(-change)[:8])
    with pytest.raises(ValueError, match="samples run from 0 to 359"):
        path_frames(arch, path, split, [360], classes=10)


def test_barriers_show_themselves_in_a_notebook(zoo):
    curve = barrier(zoo, 0, 1, "digits")
    assert f"{curve.height:.3f} nats" in curve._repr_html_()
    assert "<table>" in barrier_matrix(zoo, [0, 1], "digits")._repr_html_()
