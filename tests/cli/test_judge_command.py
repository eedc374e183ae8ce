import json

import pytest
from typer.testing import CliRunner

from wsexplore.cli import cli
from wsexplore.generate import FlowConfig, fit_flow
from wsexplore.population import train_zoo
from wsexplore.zoo import Zoo

SMALL = FlowConfig(width=16, layers=1, heads=2, steps=2, batch=8)


def run(*words):
    return CliRunner().invoke(cli, ["flow", "judge", *(str(word) for word in words)])


def answer(*words):
    result = run(*words, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A zoo, a flow fitted to a part of it, and generated networks."""
    home = tmp_path_factory.mktemp("judged")
    config = {"widths": [64, 6, 10]}
    zoo = train_zoo("mlp", "digits", models=40, epochs=2, lr=1e-2, seed=0, config=config)
    zoo.save(home / "zoo")
    fit_flow(zoo, where="run < 24", config=SMALL).save(home / "flow")
    zoo.select(range(30, 38)).save(home / "networks")
    return home


def test_a_flow_is_judged_beside_what_it_was_fitted_on(home):
    facts = answer(home / "flow", home / "zoo", "--models", 6)
    assert "The flow's networks classify" in facts["verdict"]
    assert facts["recipe"]["cli"].startswith("wsexplore flow judge FLOW ZOO")
    assert len(facts["samples"]) == 6
    assert " ".join(facts["findings"].values()) == facts["verdict"]
    assert "fitted on other networks" not in facts["verdict"]


def test_a_folder_of_networks_is_judged_with_networks_kept_out(home):
    words = (home / "networks", home / "zoo", "--models", 8, "--where", "run < 24")
    facts = answer(*words, "--held-out", "run >= 24 and run < 36")
    assert len(facts["samples"]) == 8
    assert facts["memory"]["unseen"] == "held-out networks"
    assert facts["memory"]["networks"] == 8
    within = answer(home / "networks", home / "zoo", "--models", 8, "--held-out", "run >= 24")
    assert within["memory"]["unseen"] == "held-out networks"


def test_figures_and_training_further_are_asked_for(home, tmp_path):
    page = tmp_path / "page.html"
    result = run(home / "networks", home / "zoo", "--models", 6, "--tuning", 1, "--html", page)
    assert result.exit_code == 0, result.stderr
    assert "further training" in result.stdout
    assert "Samples are" in result.stdout or "samples are" in result.stdout
    text = page.read_text()
    assert text.count('<div role="img"') == 7
    assert "How good against how new" in text


def test_transfer_to_another_data_set_has_a_new_last_layer(home):
    facts = answer(home / "networks", home / "zoo", "--models", 4, "--tuning", 1, "--transfer", "digits")
    start = [row["test_accuracy"] for row in facts["tuning"] if row["epoch"] == 0]
    assert max(start) < 0.6
    assert {row["epoch"] for row in facts["tuning"]} == {0, 1}


def test_wrong_arguments_are_told_in_one_line(home, tmp_path):
    unnamed = Zoo.open(home / "zoo")
    unnamed.with_table(unnamed.table.drop(columns="dataset")).save(tmp_path / "unnamed")
    cases = (
        ((tmp_path / "none", home / "zoo"), "there is no folder"),
        ((home / "networks", tmp_path / "unnamed"), "--dataset"),
        ((home / "networks", home / "zoo", "--html", tmp_path), "is a folder"),
        ((home / "networks", home / "zoo", "--held-out", "nothing = 1"), "nothing"),
        ((home / "networks", home / "zoo", "--tuning", 1, "--share", 7), "share"),
    )
    for words, said in cases:
        result = run(*words)
        assert result.exit_code == 2, words
        assert said in result.stderr
        assert len(result.stderr.strip().splitlines()) == 1
