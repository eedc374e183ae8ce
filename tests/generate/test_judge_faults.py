"""What a report must not hide: lost variety, siblings among unseen networks, wishes, and how it was made."""

import shlex
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from small_zoos import SMALL

import wsexplore as wx
from wsexplore.generate import control, finish, fit_flow, quality, verdict
from wsexplore.generate.display import JUDGED, quality_html
from wsexplore.generate.judge import Memory, Tuning, bench, coverage_of, findings, memory_of
from wsexplore.generate.judge.asked import wishes_of, wishes_sentence
from wsexplore.zoo import Zoo


@pytest.fixture(scope="module")
def trained() -> Zoo:
    return wx.train_zoo("mlp", "digits", models=64, epochs=8, lr=5e-3, config={"widths": [64, 8, 10]}, seed=0)


@pytest.fixture(scope="module")
def halves(trained) -> tuple[Zoo, Zoo]:
    return trained.select(range(44)), trained.select(range(44, 64))


def around(zoo: Zoo, count: int, noise: float, seed: int = 0) -> Zoo:
    """`count` networks, each one of the zoo plus a little noise."""
    rows = torch.arange(count) % len(zoo)
    draw = torch.randn(count, zoo.architecture.layout.size, generator=torch.Generator().manual_seed(seed))
    return Zoo.from_weights(zoo.architecture, zoo.weights[rows] + noise * draw)


def table(**flow: float) -> pd.DataFrame:
    """A report of a flow that is better than the Gaussian at its novelty, as varied as the zoo, and like it."""
    like = {"novelty": 1.0, "dispersion": 1.0, "coverage": 0.95, "compared_with": 50, "mmd_p": 0.5}
    rows = [
        {**like, "generator": "zoo", "mean_accuracy": 0.95, "difference": -0.01, "difference_error": 0.001},
        {**like, "generator": "flow", "mean_accuracy": 0.94, "difference": 0.0, "difference_error": 0.001, **flow},
        {
            **like,
            "generator": "gaussian_matched",
            "mean_accuracy": 0.8,
            "difference": 0.14,
            "difference_error": 0.01,
            "novelty": flow.get("novelty", 1.0),
        },
    ]
    return pd.DataFrame(rows)


def summary(wishes: dict | None = None, memory: Memory | None = None, **flow: float) -> str:
    return findings(table(**flow), memory, wishes)["summary"]


def test_a_generator_of_a_few_new_networks_over_and_over_is_not_praised():
    zoo = wx.train_zoo("mlp", "digits", models=90, epochs=4, lr=5e-3, config={"widths": [64, 8, 10]}, seed=0)
    report = quality(around(zoo.select(range(84, 90)), 60, 0.01), zoo.select(range(84)), "digits", models=60)
    assert ": diversity is lost" in report.findings["coverage"]
    assert "loses variety and differs from the zoo's distribution" in report.findings["summary"]
    assert "makes new networks" not in report.findings["summary"]


def test_lost_variety_is_a_fault_and_a_test_alone_is_a_remark():
    assert summary() == "In short, the flow makes new networks, better than every control at the same novelty."
    assert summary(coverage=0.4) == "In short, the flow loses variety."
    assert summary(coverage=0.4, mmd_p=0.002) == (
        "In short, the flow loses variety and differs from the zoo's distribution."
    )
    told = summary(mmd_p=0.002)
    assert told.startswith("In short, the flow makes new networks, better than every control")
    assert told.endswith("; a test tells their distribution from the zoo's.")
    assert summary(coverage=float("nan"), mmd_p=float("nan")) == summary()


def test_checkpoints_of_fitted_runs_do_not_hide_that_a_generator_repeats_them(halves):
    fitted, others = halves
    later = around(fitted.select(range(20)), 20, 0.01, seed=1)
    later = later.with_table(later.table.assign(run=fitted.table["run"].to_numpy()[:20]))
    copied = around(fitted, 40, 0.01, seed=2)
    report = quality(copied, fitted, "digits", models=40, held_out=later)
    honest = quality(copied, fitted, "digits", models=40, held_out=others)
    assert report.memory.unseen_median == pytest.approx(honest.memory.unseen_median, rel=0.1)
    assert report.memory.p_nearer < 1e-6
    assert report.frame.set_index("generator").loc["held_out", "novelty"] > 0.9


def test_siblings_named_by_id_do_not_count_either(halves):
    fitted, _ = halves
    later = around(fitted.select(range(10)), 10, 0.01, seed=1)
    both = Zoo.from_weights(fitted.architecture, torch.cat([fitted.weights, later.weights]))
    runs = [*range(len(fitted)), *range(10)]
    both = both.with_table(both.table.assign(run=runs))
    ids = [str(one) for one in both.table["id"][len(fitted) :]]
    report = quality(around(fitted, 20, 0.01, seed=2), both, "digits", models=20, held_out=ids)
    assert report.frame.set_index("generator").loc["held_out", "novelty"] > 0.9


def test_coverage_of_one_run_alone_is_unknown():
    points = torch.randn(12, 4, generator=torch.Generator().manual_seed(0))
    found = coverage_of(points + 100, points, runs=np.zeros(12, int))
    assert np.isnan(found.coverage)
    assert np.isnan(found.density)


def test_equal_distributions_are_as_dense_with_few_neighbours_as_with_many():
    found = []
    for seed in range(30):
        draw = torch.randn(70, 4, generator=torch.Generator().manual_seed(seed))
        found.append(coverage_of(draw[4:], draw[:4], seed=seed).density)
    assert np.mean(found) == pytest.approx(1, abs=0.15)


def test_networks_with_fewer_neighbours_than_others_have_a_ball_that_ends():
    points = torch.randn(12, 4, generator=torch.Generator().manual_seed(0))
    runs = np.array([0] * 10 + [1, 2])
    found = coverage_of(points[:6] + 1000, points, runs=runs)
    assert (found.coverage, found.density) == (0, 0)


def test_the_judged_generator_is_red_whatever_its_name():
    frame = table().replace({"generator": {"flow": "encoder <1>"}})
    html = quality_html(frame, "")
    assert html.count(f"fill='{JUDGED}'><title>encoder &lt;1&gt;") == 1
    assert "the encoder &lt;1&gt; in red" in html


def test_running_statistics_of_samples_and_controls_are_estimated_on_equally_many_images():
    assert bench.CALIBRATION is finish.CALIBRATION


def test_a_report_is_made_again_by_its_expression(halves):
    fitted, others = halves
    whole = wx.concat([fitted, others])
    networks = others.select(range(6))
    ids = [str(one) for one in whole.table["id"][-10:]]
    plan = Tuning(epochs=(0, 1), models=2, learning_rate=1e-3)
    report = quality(
        networks,
        whole,
        "digits",
        models=5,
        seed=3,
        reference=2,
        name="encoder",
        held_out=ids,
        tuning=plan,
        asked={"temperature": 0.5},
    )
    again = eval(report.recipe.python, {"wx": wx, "wsexplore": wx, "networks": networks, "zoo": whole})
    assert again.frame.equals(report.frame)
    assert again.tuning.equals(report.tuning)
    assert again.verdict == report.verdict
    assert again.recipe == report.recipe
    assert report.recipe.cli == ""


def test_a_reports_command_names_what_was_kept_out_and_how_it_was_trained_further(halves):
    fitted, others = halves
    plan = Tuning(epochs=(0, 1, 2, 3), share=0.5)
    ids = [str(one) for one in fitted.table["id"][:8]]
    recipe = quality(others.select(range(3)), fitted, "digits", models=3, held_out=ids, tuning=plan).recipe
    words = shlex.split(recipe.cli)
    assert words[:5] == ["wsexplore", "flow", "judge", "NETWORKS", "ZOO"]
    options = dict(zip(words[5::2], words[6::2], strict=True))
    assert list(fitted.select(options["--held-out"]).table["id"].astype(str)) == ids
    assert (options["--tuning"], options["--share"]) == ("3", "0.5")


def test_a_condition_of_several_words_is_one_word_of_the_command(zoo):
    kinds = zoo.with_table(zoo.table.assign(kind=["it's far", "near by"] * (len(zoo) // 2)))
    config = replace(SMALL, steps=2, conditions=("kind",))
    made = fit_flow(kinds, config=config).sample(2, condition={"kind": "it's far"})
    words = shlex.split(made.recipe.cli)
    assert words[words.index("--condition") + 1] == "kind=it's far"


def test_what_was_asked_for_comes_first_and_is_not_laid_at_the_flows_door(trained):
    averaged = control(wx.align(trained), "triples", 40, seed=5)
    plain = quality(averaged, trained, "digits", models=40)
    assert "averages" in plain.findings["summary"]
    asked = quality(averaged, trained, "digits", models=40, asked={"temperature": 0.5, "region": True})
    assert asked.verdict.startswith(
        "These samples were asked for at temperature 0.5 and from a region of the zoo, so where they differ"
    )
    assert "it averages" not in asked.verdict
    assert "memorises" not in asked.verdict
    assert "the samples that were asked for" in asked.findings["summary"]
    assert asked.frame.equals(plain.frame)


def test_copies_are_memorisation_whatever_was_asked(trained):
    report = quality(trained.select(range(12)), trained, "digits", models=20, asked={"temperature": 0.5})
    assert report.memory.memorises
    assert report.findings["summary"] == "In short, the flow stays near what it was fitted on."


def test_nearness_that_was_asked_for_is_told_and_not_called_memorisation():
    draw = np.random.default_rng(0)
    own = draw.normal(10, 0.5, 100)
    memory = memory_of(draw.normal(8, 0.5, 100), own, own, held_out=False, asked=True)
    assert not memory.memorises
    assert "may come of what was asked for" in memory.sentence


def test_sampled_networks_tell_what_was_asked_of_them(zoo):
    flow = fit_flow(zoo, config=replace(SMALL, steps=2))
    assert wishes_of(flow.sample(2), None) == {}
    assert wishes_of(flow.sample(2, temperature=0.5), None) == {"temperature": 0.5}
    several = wx.concat([flow.sample(2, temperature=0.5), flow.sample(2, seed=1, temperature=0.75)])
    several = several.with_table(several.table.assign(asked_lr=[0.1, 0.2, 0.1, 0.3]))
    assert wishes_of(several, None) == {"temperature": [0.5, 0.75], "condition": {"lr": [0.1, 0.2, 0.3]}}
    assert "at temperature 0.5 to 0.75 and with lr 0.1 to 0.3" in wishes_sentence("flow", wishes_of(several, None))
    assert wishes_of(several, {}) == {}


def test_a_temperature_of_other_networks_is_no_wish(zoo):
    assert wishes_of(zoo.with_table(zoo.table.assign(temperature=0.5)), None) == {}


def test_a_wish_that_nobody_understands_is_refused(zoo):
    with pytest.raises(ValueError, match="asked for by temperature, condition, region, got heat"):
        quality(zoo, zoo, "digits", asked={"heat": 2})
    with pytest.raises(ValueError, match="a condition gives a value for each column"):
        wishes_of(None, {"condition": "lr"})


def test_a_verdict_without_wishes_says_nothing_of_them():
    assert "asked" not in verdict(table(), wishes={})
