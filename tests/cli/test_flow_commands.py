"""`wsexplore flow fit | distil | sample`: what they write, and what they refuse in one line."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

from wsexplore.cli import cli
from wsexplore.generate import WeightFlow
from wsexplore.nets import architecture
from wsexplore.zoo import Zoo

TINY = ["--set", "width=16", "--set", "heads=2", "--set", "layers=1", "--set", "batch=8", "--steps", "20"]


def run(*words: object):
    return CliRunner().invoke(cli, ["flow", *map(str, words)])


@pytest.fixture(scope="module")
def zoo(tmp_path_factory):
    arch = architecture("mlp", widths=[64, 6, 10])
    weights = torch.randn(40, arch.layout.size, generator=torch.Generator().manual_seed(0)) * 0.3
    table = pd.DataFrame({"dataset": "digits", "lr": np.linspace(0.1, 0.2, 40), "kind": ["a", "b"] * 20})
    return Zoo.from_weights(arch, weights, table).save(tmp_path_factory.mktemp("zoos") / "zoo")


@pytest.fixture(scope="module")
def flow(zoo, tmp_path_factory):
    place = tmp_path_factory.mktemp("flows") / "flow"
    result = run("fit", zoo, "--out", place, *TINY, "--condition", "lr,kind", "--json")
    assert result.exit_code == 0, result.output
    facts = json.loads(result.stdout)
    assert facts["networks"] == 40
    assert facts["accuracy_of_samples"] is not None
    return place


def test_a_fit_leaves_the_flow_alone_and_its_recipe_is_the_command(flow):
    fitted = WeightFlow.open(flow)
    assert [column.name for column in fitted.listens.columns] == ["lr", "kind"]
    assert "--set conditions=lr,kind" in fitted.recipe.cli
    assert "--set width=16" in fitted.recipe.cli
    assert [one.name for one in flow.parent.iterdir() if not one.name.endswith(".lock")] == ["flow"]


def test_a_sample_follows_its_conditions_and_is_judged(flow, tmp_path):
    words = ["--condition", "lr=0.15", "--condition", "kind=b", "--guidance", "1.5", "--models", "3"]
    result = run("sample", flow, "--out", tmp_path / "zoo", *words, "--solver", "heun", "--steps", "3", "--json")
    assert result.exit_code == 0, result.output
    table = Zoo.open(tmp_path / "zoo").table
    assert (set(table["asked_kind"]), set(table["asked_lr"])) == ({"b"}, {0.15})
    assert json.loads(result.stdout)["mean_test_accuracy"] == pytest.approx(table["test_accuracy"].mean())


def test_a_trajectory_and_the_adaptive_solver(flow, tmp_path):
    words = ["--trajectory", "--solver", "adaptive", "--tolerance", "0.05", "--steps", "4", "--models", "2"]
    assert run("sample", flow, "--out", tmp_path / "zoo", *words).exit_code == 0
    assert len(Zoo.open(tmp_path / "zoo")) == 2 * 5


def test_a_student_samples_in_its_own_steps(flow, tmp_path):
    result = run("distil", flow, "--out", tmp_path / "student", "--steps", "1", "--iterations", "3")
    assert result.exit_code == 0, result.output
    assert WeightFlow.open(tmp_path / "student").steps == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--variant", "gan"], "variant 'gan' is unknown; choose one of tokens"),
        (["--set", "colour=1"], "a flow has no setting colour; choose one of kind"),
        (["--set", "width"], "--set takes NAME=VALUE"),
        (["--set", "width=wide"], "width must be a whole number, got 'wide'"),
        (["--set", "clip=tight"], "clip must be a number"),
        (["--set", "augment=maybe"], "augment must be true or false"),
        (["--condition", "colour"], "the zoo has no column colour"),
        (["--variant", "latent"], "lives in the latents of an encoder"),
        (["--where", "lr > 3"], "0"),
        (["--reference", "99", "--set", "frame=aligned"], "reference must be a row from 0 to 39"),
    ],
)
def test_a_fit_that_cannot_be_is_refused_in_one_line(zoo, tmp_path, words, said):
    result = run("fit", zoo, "--out", tmp_path / "flow", *words)
    assert result.exit_code == 2, result.output
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("wsexplore: ")
    assert said in last
    assert not (tmp_path / "flow").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--condition", "lr"], "--condition takes COLUMN=VALUE"),
        (["--condition", "lr=fast"], "lr must be a number, got 'fast'"),
        (["--condition", "kind=z"], "kind 'z' is unknown; choose one of a, b"),
        (["--condition", "hue=1"], "does not listen to hue; it listens to lr, kind"),
        (["--guidance", "nan"], "'--guidance'"),
        (["--temperature", "nan"], "'--temperature'"),
        (["--solver", "magic"], "solver 'magic' is unknown"),
        (["--solver", "adaptive", "--tolerance", "0"], "tolerance must be above 0"),
        (["--seed", "-1"], "'--seed'"),
    ],
)
def test_a_sample_that_cannot_be_is_refused_in_one_line(flow, tmp_path, words, said):
    result = run("sample", flow, "--out", tmp_path / "zoo", *words)
    assert result.exit_code == 2, result.output
    assert said in result.stderr
    assert not (tmp_path / "zoo").exists()
