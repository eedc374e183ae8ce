import json

import numpy as np
import pandas as pd
import pytest
import torch

import wsexplore as wx
from wsexplore.generate import CONTROLS, FlowConfig, control, fit_flow, quality, verdict
from wsexplore.generate.controls import MATCHED
from wsexplore.generate.nearest import nearest
from wsexplore.symmetry import permute_weights, random_permutation
from wsexplore.zoo import Zoo


@pytest.fixture(scope="module")
def trained() -> Zoo:
    return wx.train_zoo("mlp", "digits", models=48, epochs=8, lr=5e-3, config={"widths": [64, 8, 10]}, seed=0)


def shuffled(zoo: Zoo, seed: int) -> Zoo:
    spec = wx.symmetry_of(zoo.module(0), zoo.architecture.example_input())
    moved = random_permutation(spec, seed=seed, models=len(zoo))
    return Zoo.from_weights(zoo.architecture, permute_weights(zoo.weights, moved, spec, zoo.architecture.layout))


def test_the_gaussian_control_has_the_zoos_mean_and_covariance(zoo):
    made = control(zoo, "gaussian", 20_000, seed=0).weights[:, :40]
    weights = zoo.weights[:, :40]
    torch.testing.assert_close(made.mean(0), weights.mean(0), atol=0.02, rtol=0)
    torch.testing.assert_close(torch.cov(made.T), torch.cov(weights.T), atol=0.01, rtol=0)
    assert torch.cov(weights.T).fill_diagonal_(0).abs().max() > 0.03


def test_the_independent_control_has_the_zoos_spread_and_no_covariance(zoo):
    made = control(zoo, "independent", 20_000, seed=0).weights[:, :40]
    torch.testing.assert_close(made.std(0), zoo.weights[:, :40].std(0), atol=0.01, rtol=0)
    assert torch.cov(made.T).fill_diagonal_(0).abs().max() < 0.01


def test_averages_lie_between_two_networks_of_the_zoo(zoo):
    made = control(zoo, "averages", 20, seed=0).weights
    pairs = torch.combinations(torch.arange(len(zoo)))
    midpoints = zoo.weights[pairs].mean(1)
    assert torch.cdist(made, midpoints).amin(1).max() < 1e-2


@pytest.mark.parametrize("name", dict.fromkeys((*CONTROLS, *MATCHED)))
def test_a_controls_first_networks_do_not_depend_on_how_many_are_drawn(name, zoo):
    few, many = control(zoo, name, 3, seed=2).weights, control(zoo, name, 30, seed=2).weights
    torch.testing.assert_close(few, many[:3], atol=1e-5, rtol=1e-5)


def test_an_unknown_control_is_refused(zoo):
    with pytest.raises(ValueError, match="choose one of gaussian, independent, averages, triples, noise"):
        control(zoo, "uniform", 3)
    with pytest.raises(ValueError, match="from a zoo of 1"):
        control(zoo.select([0]), "averages", 3)


def test_a_shuffled_copy_lies_at_distance_zero_from_its_network(trained):
    spec = wx.symmetry_of(trained.module(0), trained.architecture.example_input())
    aligned = wx.align(trained)
    found = nearest(aligned.weights[5:9], aligned.weights, spec, trained.architecture.layout)
    assert list(found.row) == [5, 6, 7, 8]
    assert found.distance.max() < 1e-4


def test_rows_left_out_are_never_the_nearest(trained):
    spec = wx.symmetry_of(trained.module(0), trained.architecture.example_input())
    aligned = wx.align(trained)
    rows = np.arange(4)
    out = [np.array([row, row + 10]) for row in rows]
    found = nearest(aligned.weights[:4], aligned.weights, spec, trained.architecture.layout, left_out=out)
    assert all(near not in (row, row + 10) for row, near in zip(rows, found.row, strict=True))
    assert found.distance.min() > 0.1


def test_the_matched_neighbour_is_the_nearest_of_all_for_one_hidden_layer(trained):
    spec = wx.symmetry_of(trained.module(0), trained.architecture.example_input())
    aligned, layout = wx.align(trained), trained.architecture.layout
    left_out = [np.array([row]) for row in range(6)]
    some = nearest(aligned.weights[:6], aligned.weights, spec, layout, left_out=left_out)
    every = nearest(aligned.weights[:6], aligned.weights, spec, layout, left_out=left_out, candidates=len(trained))
    assert (every.distance <= some.distance + 1e-5).all()
    assert np.median(some.distance / every.distance) < 1.02


def test_a_flow_that_copies_the_zoo_has_the_zoos_accuracy_and_no_novelty(trained):
    report = quality(shuffled(trained, seed=3), trained, "digits", models=48)
    rows = report.frame.set_index("generator")
    assert rows.loc["flow", "novelty"] < 0.01
    assert rows.loc["flow", "mean_accuracy"] == pytest.approx(rows.loc["zoo", "mean_accuracy"], abs=1e-6)
    assert rows.loc["flow", "dispersion"] == pytest.approx(1, abs=0.02)
    assert list(report.per_sample["nearest"]) == list(trained.table["id"])
    assert "48 of 48 samples are copies of training networks" in report.verdict
    assert "too near to count as new" in report.verdict
    assert report.memory.memorises


def test_a_flow_that_learnt_nothing_does_not_beat_the_gaussian(trained):
    flow = fit_flow(trained, config=FlowConfig(width=16, layers=1, heads=2, steps=2, batch=8))
    report = quality(flow, trained, "digits", models=40)
    rows = report.frame.set_index("generator")
    assert rows.loc["flow", "mean_accuracy"] < rows.loc["gaussian", "mean_accuracy"]
    assert "better than Gaussians with the zoo's full covariance" not in report.verdict


def test_the_zoos_own_novelty_is_one_and_its_rows_keep_their_accuracy(trained):
    rows = quality(shuffled(trained, seed=1), trained, "digits", models=48).frame.set_index("generator")
    assert rows.loc["zoo", "novelty"] == 1
    assert rows.loc["zoo", "mean_accuracy"] == pytest.approx(trained.table["test_accuracy"].mean(), abs=1e-6)
    assert rows.loc["averages", "novelty"] < 0.9


def test_checkpoints_of_one_run_do_not_count_as_neighbours_of_each_other(trained):
    twice = wx.concat([trained, trained])
    table = twice.table.assign(run=list(range(len(trained))) * 2)
    once = quality(shuffled(trained, seed=1), trained, "digits", models=40).frame
    both = quality(shuffled(trained, seed=1), twice.with_table(table), "digits", models=40).frame
    assert both["own_distance"][0] == pytest.approx(once["own_distance"][0], rel=0.1)


def frame(difference: float, error: float, novelty: float = 0.97, matched: float = 0.97) -> pd.DataFrame:
    """A report of a flow with accuracy 0.94 beside a Gaussian at some novelty."""
    rows = [
        {"generator": "zoo", "mean_accuracy": 0.95, "novelty": 1.0, "difference": -0.01, "difference_error": 0.001},
        {"generator": "flow", "mean_accuracy": 0.94, "novelty": novelty, "difference": 0.0, "difference_error": 0.001},
        {
            "generator": "gaussian_matched",
            "mean_accuracy": 0.94 - difference,
            "novelty": matched,
            "difference": difference,
            "difference_error": error,
        },
    ]
    return pd.DataFrame(rows)


def test_better_and_worse_are_differences_of_more_than_the_error_at_the_same_novelty():
    gaussian = "Gaussians with the zoo's full covariance"
    assert f"the flow is better than {gaussian} (87.0%)" in verdict(frame(0.07, 0.01))
    assert "makes new networks, better than every control at the same novelty" in verdict(frame(0.07, 0.01))
    assert f"the flow is worse than {gaussian}" in verdict(frame(-0.07, 0.01))
    assert "worse than a control at the same novelty" in verdict(frame(-0.07, 0.01))
    for difference in (0.015, -0.015, 0.0):
        assert f"the flow is the same as {gaussian}" in verdict(frame(difference, 0.01))
        assert f"makes new networks, no better than {gaussian}" in verdict(frame(difference, 0.01))


def test_a_control_that_cannot_be_brought_to_the_novelty_is_not_compared():
    said = verdict(frame(0.07, 0.01, novelty=0.2, matched=0.7))
    assert "No scale brings Gaussians" in said
    assert "better than" not in said
    assert "too near to count as new" in said
    assert "In short, the flow stays near what it was fitted on." in said


def test_a_difference_from_the_zoo_within_the_error_is_called_the_same():
    same = frame(0.07, 0.01)
    same.loc[0, "difference_error"] = 0.02
    assert "the same within the error of 2.0 points" in verdict(same)
    assert "1.0 points less, give or take 0.1" in verdict(frame(0.07, 0.01))


def test_a_report_is_json_and_html(trained):
    report = quality(shuffled(trained, seed=3).select(range(5)), trained, "digits", models=10)
    facts = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    matched = [f"{name}_matched" for name in MATCHED]
    assert [row["generator"] for row in facts["generators"]] == ["zoo", "flow", *CONTROLS, *matched]
    assert len(facts["samples"]) == 5
    assert "<table" in report._repr_html_()


def test_networks_of_another_architecture_are_refused(trained, zoo):
    with pytest.raises(ValueError, match="compare networks of one architecture"):
        quality(zoo, trained, "digits")


def test_one_network_or_one_run_is_too_little_to_compare(trained):
    with pytest.raises(ValueError, match="at least 2 networks and a zoo of 2 runs, got 1 and 48"):
        quality(trained.select([0]), trained, "digits")
    with pytest.raises(ValueError, match="a zoo of 2 runs, got 48 and 1"):
        quality(trained, trained.with_table(trained.table.assign(run=0)), "digits")


def test_progress_of_a_report_rises_to_one(trained):
    seen: list[float] = []
    quality(trained.select(range(4)), trained, "digits", models=5, on_step=lambda done, message: seen.append(done))
    assert seen == sorted(seen)
    assert seen[-1] == 1
