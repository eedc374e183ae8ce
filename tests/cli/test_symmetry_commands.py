import json

import pytest
from typer.testing import CliRunner

from wsexplore.cli import cli
from wsexplore.cli import symmetry as commands

MODULE = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, width=6):
        super().__init__()
        self.embed, self.first, self.last = nn.Embedding(7, width), nn.Linear(3, width), nn.Linear(width, 2)

    def forward(self, ids, x):
        return self.last(torch.relu(self.embed(ids) + self.first(x)))


class Fickle(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last, self.calls = nn.Linear(3, 6), nn.Linear(6, 2), 0

    def forward(self, x):
        self.calls += 1
        y = self.last(torch.relu(self.first(x)))
        return y if self.calls == 1 else y + self.first.weight[0, 0]


class Half(Net):
    def __init__(self):
        super().__init__()
        self.half()


def broken():
    raise OSError("no such thing")


def leaving():
    raise SystemExit(7)


def still():
    return nn.Sequential(nn.Linear(3, 2))


def nought():
    module = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    nn.init.constant_(module[2].bias, float("nan"))
    return module


def number():
    return 3
"""


def run(*arguments):
    return CliRunner().invoke(cli, ["symmetry", *map(str, arguments)])


def answer(*arguments):
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "nets.py"
    path.write_text(MODULE)
    return path


def test_the_symmetry_of_a_zoo_is_shown():
    facts = answer("show", "digits-mlp")
    assert facts["groups"] == [
        {
            "name": "layers.0",
            "units": 32,
            "copies": 1,
            "within": None,
            "axes": ["layers.0.weight, axis 0", "layers.0.bias, axis 0", "layers.1.weight, axis 1"],
        }
    ]
    assert facts["rescaling"] == [
        {
            "name": "layers.0",
            "shape": [32],
            "kind": "positive",
            "owner": None,
            "axes": ["layers.0.weight, axis 0", "layers.0.bias, axis 0"],
            "divided": ["layers.1.weight, axis 1"],
        }
    ]
    assert {"axis": "layers.0.weight, axis 1", "reason": "input of the network"} in facts["not_permuted"]
    assert facts["orbit"] == {"digits": pytest.approx(35.42, abs=0.01), "signs": 0, "scales": 32}


def test_the_symmetry_of_an_architecture_is_shown_by_its_configuration():
    facts = answer("show", "vit", "--config", "dim=8", "--config", "heads=2", "--config", "depth=1")
    found = {(group["units"], group["copies"], group["within"]) for group in facts["groups"]}
    heads = "blocks.0.attn.q.heads"
    assert found == {(8, 1, None), (2, 1, None), (4, 2, heads), (16, 1, None)}


def test_people_get_tables():
    result = run("show", "vit", "--config", "dim=8", "--config", "heads=2", "--config", "depth=1")
    words = " ".join(result.stdout.split())
    assert "in its own way at each of 2 places of" in words
    assert "output of the network" in words
    assert "10^" in words
    assert run("show", "small-cnn").exit_code == 0


def test_a_zoo_and_fresh_networks_are_verified():
    facts = answer("verify", "digits-mlp", "--networks", 2, "--elements", 2)
    assert facts["right"] is True
    assert (facts["networks"], len(facts["each"])) == (2, 2)
    assert 0 < facts["largest_change_in_float32"] < 1e-4
    assert facts["largest_change_in_float64"] < 1e-10
    fresh = answer("verify", "resnet", "--config", "depth=8", "--config", "width=4", "--networks", 1)
    assert [row["network"] for row in fresh["each"]] == ["fresh 0"]
    assert run("verify", "gru", "--config", "length=4", "--networks", 1, "--elements", 1).exit_code == 0


def test_a_module_of_the_users_own_is_shown_and_verified(file):
    words = ["--module", f"{file}:Net", "--input", "4:7", "--input", "4,3", "--trust"]
    facts = answer("show", *words, "--arguments", '{"width": 5}')
    assert [group["units"] for group in facts["groups"]] == [5]
    assert answer("verify", *words)["right"] is True


def test_a_change_of_the_outputs_exits_with_1(file):
    result = run("verify", "--module", f"{file}:Fickle", "--input", "4,3", "--trust", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["right"] is False
    assert result.stderr == "wsexplore: the outputs of fresh 0 change under its symmetry\n"


def test_a_module_in_half_precision_is_verified_in_single_and_double(file):
    words = ["--module", f"{file}:Half", "--input", "4:7", "--input", "4,3", "--trust", "--networks", 1]
    assert answer("verify", *words)["right"] is True


def test_where_nothing_was_moved_nothing_is_said_to_be_right(file):
    words = ["verify", "--module", f"{file}:still", "--input", "4,3", "--trust"]
    facts = answer(*words)
    assert (facts["right"], facts["moved"]) == (None, False)
    said = " ".join(run(*words).stdout.split())
    assert "nothing: these networks have no units that may be permuted or rescaled" in said
    assert "nothing was verified, for nothing was moved" in said


def test_a_class_of_each_head_is_not_said_to_be_fixed():
    facts = answer("show", "vit", "--config", "dim=8", "--config", "heads=2", "--config", "depth=1")
    inside = next(one for one in facts["rescaling"] if "blocks.0.attn.q.weight, axis 0" in one["axes"])
    assert inside["divided"] == ["blocks.0.attn.k.weight, axis 0", "blocks.0.attn.k.bias, axis 0"]
    assert "blocks.0.attn.q.weight, axis 0" not in [one["axis"] for one in facts["not_rescaled"]]


def test_bounds_are_those_of_the_issue():
    assert (commands.SINGLE, commands.DOUBLE) == (1e-4, 1e-10)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["show"], "name a zoo, an architecture, or a module of your own"),
        (["show", "no-such-zoo"], "there are no zoos called 'no-such-zoo'"),
        (["show", "digits-mlp", "--config", "depth=3"], "--config describes an architecture"),
        (["show", "resnet", "--config", "depth=21"], "depth"),
        (["show", "mlp", "--config", "widths"], "--config takes NAME=VALUE"),
        (["show", "mlp", "--input", "2,3"], "--input and --arguments describe a module of your own"),
        (["show", "mlp", "--module", "nets.py:Net"], "--module names the networks by itself"),
        (["show", "--module", "nets.py", "--trust"], "--module takes path.py:Class"),
        (["show", "--module", "nets.py:Net", "--input", "2,3"], "not trusted yet; if you know it, give --trust"),
        (["show", "--module", "nets.py:Net", "--trust"], "say what the module takes"),
        (["show", "--module", "none.py:Net", "--trust", "--input", "2"], "there is no Python file none.py"),
        (["show", "--module", "nets.py:Nought", "--trust", "--input", "2"], "nets.py has no class Nought"),
        (["show", "--module", "nets.py:broken", "--trust", "--input", "2"], "OSError: no such thing"),
        (["show", "--module", "nets.py:leaving", "--trust", "--input", "2"], "nets.py:leaving failed: SystemExit: 7"),
        (
            ["verify", "--module", "nets.py:nought", "--trust", "--input", "2,3"],
            "fresh 0: 2.bias holds what is not a number",
        ),
        (["show", "--module", "nets.py:number", "--trust", "--input", "2"], "must give a torch.nn.Module, got int"),
        (["show", "--module", "nets.py:Net", "--trust", "--input", "2;3"], "--input takes sizes like 2,3,32,32"),
        (["show", "--module", "nets.py:Net", "--trust", "--input", "2,0"], "has no numbers in it"),
        (["show", "--module", "nets.py:Net", "--trust", "--input", "2", "--arguments", "[1]"], "takes a JSON object"),
        (["show", "--module", "nets.py:Net", "--trust", "--input", "2,3"], "Net does not take inputs like the example"),
    ],
)
def test_wrong_input_exits_with_2_and_one_line(words, message, file, monkeypatch):
    monkeypatch.chdir(file.parent)
    result = run(*words, "--json")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert message in result.stderr
    assert result.stderr.startswith("wsexplore: ")
    assert result.stderr.count("\n") == 1
