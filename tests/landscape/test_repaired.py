"""Barriers of networks with running statistics, and the four curves."""

import json
from importlib import import_module

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import wsexplore as wx
from wsexplore.align import repair, reset_statistics, spec_of
from wsexplore.cli import cli
from wsexplore.datasets import dataset
from wsexplore.landscape import (
    barrier,
    barrier_curves,
    barrier_matrix,
    calibration_inputs,
    linear_path,
    pair_ends,
    pair_weights,
    path_frames,
    path_networks,
)
from wsexplore.population import evaluate, train_zoo
from wsexplore.symmetry import permute_buffers, permute_weights, random_permutation
from wsexplore.zoo import Zoo, concat

NORMED = {"input": [1, 8, 8], "channels": [8, 12], "pool": [1, 2], "padding": 1, "hidden": [16], "norm": "batch"}


@pytest.fixture(scope="module")
def zoo():
    trained = train_zoo("cnn", "digits", models=3, epochs=4, seed=0, config=NORMED, device="cpu")
    arch, spec = trained.architecture, spec_of(trained.architecture)
    units = random_permutation(spec, seed=1, models=1)
    moved = permute_weights(trained.weights[:1], units, spec, arch.layout)
    statistics = permute_buffers(trained.buffers[:1], units, spec, arch.buffers)
    return concat([trained, Zoo.from_weights(arch, moved, trained.table[:1], buffers=statistics)])


@pytest.fixture(scope="module")
def deep():
    return train_zoo("mlp", "digits", models=2, epochs=10, seed=0, config={"widths": [64, *[48] * 4, 10]})


@pytest.mark.parametrize("repaired", ["none", "reset", "repair"])
def test_the_ends_of_a_path_keep_their_own_statistics(zoo, repaired):
    scores = evaluate(zoo, "digits")
    curve = barrier(zoo, 0, 1, "digits", steps=3, align=True, repair=repaired, calibration=100)
    assert curve.losses[[0, -1]] == pytest.approx(scores["test_loss"][:2].to_numpy(), rel=1e-4)
    assert curve.accuracies[[0, -1]] == pytest.approx(scores["test_accuracy"][:2].to_numpy())
    assert (curve.repaired, curve.aligned) == (repaired, True)


@pytest.mark.parametrize("repaired", ["none", "repair"])
def test_a_permuted_copy_lies_across_no_barrier_once_units_and_statistics_are_back(zoo, repaired):
    assert barrier(zoo, 0, 3, "digits", steps=5).height > 0.05
    assert barrier(zoo, 0, 3, "digits", steps=5, align=True, repair=repaired).height < 1e-4


def test_statistics_estimated_anew_lower_the_barrier_and_repair_lowers_it_further(zoo):
    curves = barrier_curves(zoo, 0, 1, "digits", steps=5)
    heights = {kind: curve.height for kind, curve in curves.items()}
    assert list(heights) == ["naive", "aligned", "aligned + reset", "aligned + REPAIR"]
    assert heights["aligned"] < heights["naive"]
    assert heights["aligned + reset"] < 0.85 * heights["aligned"]
    assert heights["aligned + REPAIR"] < 0.75 * heights["aligned + reset"]


def test_repair_lowers_the_barrier_of_deep_networks_without_normalisation(deep):
    curves = barrier_curves(deep, 0, 1, "digits", steps=5)
    assert list(curves) == ["naive", "aligned", "aligned + REPAIR"]
    assert curves["aligned + REPAIR"].height < curves["aligned"].height < curves["naive"].height
    assert barrier(deep, 0, 1, "digits", steps=5, repair="repair").height < curves["naive"].height


def test_each_curve_is_the_barrier_of_its_recipe(zoo):
    told = []
    curves = barrier_curves(zoo, 0, 1, "digits", steps=3, calibration=60, seed=2, on_step=lambda f, m: told.append(f))
    for curve in curves.values():
        again = eval(curve.recipe.python, {"wx": wx, "zoo": zoo})
        np.testing.assert_array_equal(again.losses, curve.losses)
        assert again.recipe == curve.recipe
    assert told == sorted(told)
    assert 0 <= told[0] < told[-1] < 1


def test_the_networks_on_a_path_are_those_that_reset_and_repair_give(zoo):
    ends, inputs = pair_ends(zoo, 0, 1, align=True), calibration_inputs(dataset("digits"), 50, seed=0)
    alphas = torch.tensor([0.0, 0.5, 1.0])
    middle, statistics = ends.weights.mean(0, keepdim=True), ends.buffers.mean(0, keepdim=True)
    weights, buffers = path_networks(ends, alphas, repaired="reset", inputs=inputs)
    torch.testing.assert_close(weights[1:2], middle)
    torch.testing.assert_close(buffers[1:2], reset_statistics(ends.architecture, middle, inputs))
    weights, buffers = path_networks(ends, alphas, repaired="repair", inputs=inputs)
    assert torch.equal(weights[[0, 2]], ends.weights)
    assert torch.equal(buffers[[0, 2]], ends.buffers)
    halves = torch.full((1, 2), 0.5)
    wanted = repair(
        ends.architecture, middle, ends.weights, halves, inputs, buffers=statistics, end_buffers=ends.buffers
    )
    torch.testing.assert_close(weights[1:2], wanted[0])
    torch.testing.assert_close(buffers[1:2], wanted[1])


def test_calibration_samples_are_of_the_training_split_each_once():
    data = dataset("digits")
    chosen = calibration_inputs(data, 40, seed=3)
    assert len(chosen) == 40
    assert torch.equal(chosen, calibration_inputs(data, 40, seed=3))
    assert len(calibration_inputs(data, 10**6, seed=0)) == len(data.train)
    assert torch.equal(calibration_inputs(data, 10**6, seed=0), data.train.inputs)


@pytest.mark.parametrize("repaired", ["none", "reset", "repair"])
def test_a_matrix_holds_the_repaired_barriers_of_all_pairs(zoo, repaired):
    done = []
    matrix = barrier_matrix(
        zoo,
        [0, 2, 1],
        "digits",
        steps=3,
        align=True,
        repair=repaired,
        calibration=80,
        on_step=lambda f, m: done.append(f),
    )
    curve = barrier(zoo, 0, 1, "digits", steps=3, align=True, repair=repaired, calibration=80)
    assert matrix.heights[0, 2] == pytest.approx(curve.height, rel=1e-3)
    assert matrix.accuracy_drops[0, 2] == pytest.approx(curve.accuracy_drop, abs=1e-6)
    assert matrix.repaired == repaired
    assert done[-1] == 1
    again = eval(matrix.recipe.python, {"wx": wx, "zoo": zoo})
    np.testing.assert_array_equal(again.heights, matrix.heights)


def test_frames_of_networks_with_statistics_are_theirs(zoo):
    ends, split = pair_ends(zoo, 0, 1, align=False), dataset("digits").test
    path = linear_path(ends.weights[0], ends.weights[1], torch.tensor([0.0, 1.0]))
    frames = path_frames(ends.architecture, path, split, [0, 1], classes=10, buffers=ends.buffers)
    shares = np.bincount(split.targets.numpy()) / len(split)
    accuracy = (frames.confusion.diagonal(axis1=1, axis2=2) * shares).sum(1)
    np.testing.assert_allclose(accuracy, evaluate(zoo, "digits")["test_accuracy"][:2], atol=1e-5)
    with pytest.raises(ValueError, match="mean nothing half-way"):
        pair_weights(zoo, 0, 1, align=False)


def test_a_network_that_explodes_on_the_way_does_not_break_the_repair(deep):
    wild = deep.with_weights(deep.weights * torch.tensor([1.0, 1e30])[:, None], deep.recipe)
    curve = barrier(wild, 0, 1, "digits", steps=3, repair="repair")
    assert np.isfinite(curve.losses[0])


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"repair": "glue"}, "repair 'glue' is unknown; choose one of none, reset, repair"),
        ({"repair": "repair", "calibration": 1}, "2 or more samples, got calibration 1"),
        ({"repair": "reset"}, "mlp have no running statistics"),
        ({"device": "tpu"}, "choose auto, cpu or cuda"),
    ],
)
def test_wrong_arguments_are_refused_with_a_sentence(deep, keywords, message):
    with pytest.raises(ValueError, match=message):
        barrier(deep, 0, 1, "digits", **keywords)


def test_a_repair_needs_samples(deep):
    with pytest.raises(ValueError, match="give inputs"):
        path_networks(pair_ends(deep, 0, 1, align=False), torch.tensor([0.5]), repaired="repair")


def test_repaired_barriers_say_so_in_a_notebook(zoo):
    curve = barrier(zoo, 0, 1, "digits", steps=3, align=True, repair="reset", calibration=50)
    assert "aligned + reset" in curve._repr_html_()


def test_the_command_walks_one_way_or_all(zoo, tmp_path):
    first, second, *_ = zoo.table["id"]
    words = ["barrier", str(zoo.save(tmp_path / "zoo")), first, second, "--steps", "3", "--calibration", "60"]

    def run(*more):
        return CliRunner().invoke(cli, [*words, *more])

    facts = json.loads(run("--align", "--repair", "reset", "--json").stdout)
    curve = barrier(zoo, 0, 1, "digits", steps=3, align=True, repair="reset", calibration=60)
    assert facts["repaired"] == "reset"
    assert facts["losses_nats"] == pytest.approx(curve.losses.tolist())
    every = json.loads(run("--curves", "--json").stdout)["curves"]
    assert list(every) == ["naive", "aligned", "aligned + reset", "aligned + REPAIR"]
    assert every["aligned + reset"] == {name: facts[name] for name in every["aligned + reset"]}
    assert "aligned + REPAIR" in run("--curves").stdout
    refused = run("--curves", "--align")
    assert refused.exit_code == 2
    assert "leave out --align, --path and --repair" in refused.stderr


def test_the_public_names_are_functions_though_files_bear_them_too():
    import_module("wsexplore.align.repair")
    import_module("wsexplore.landscape.barrier")
    assert wx.repair is repair
    assert wx.reset_statistics is reset_statistics
    assert wx.barrier_curves is barrier_curves
    assert wx.barrier is barrier


@pytest.mark.gpu
def test_a_gpu_walks_the_same_curves(zoo):
    here, there = (barrier_curves(zoo, 0, 1, "digits", steps=3, device=device) for device in ("cpu", "cuda"))
    for kind, curve in here.items():
        np.testing.assert_allclose(there[kind].losses, curve.losses, rtol=1e-2)
