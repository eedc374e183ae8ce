"""`wsexplore barriers`, `compare` and `attack`, and the options that bring networks together."""

import json
import shlex

import pytest
from typer.testing import CliRunner

from wsexplore.cli import cli
from wsexplore.landscape import barrier, barrier_matrices, compare_methods, merge_attack
from wsexplore.population import train_zoo


def run(*arguments):
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def answer(*arguments):
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def zoo():
    return train_zoo("mlp", "digits", models=3, epochs=3, seed=0, lr=3e-3, config={"widths": [64, 12, 10]})


@pytest.fixture(scope="module")
def kept(zoo, tmp_path_factory):
    return zoo.save(tmp_path_factory.mktemp("between") / "zoo")


def told(recipe, kept):
    """The answer of the command that a recipe names."""
    name, *words = shlex.split(recipe.cli.replace("ZOO", str(kept)))
    assert name == "wsexplore"
    return answer(*words)


def test_a_barrier_is_walked_by_any_method_at_any_scale(zoo, kept):
    curve = barrier(zoo, 0, 1, "digits", steps=3, align=True, method="activations", canonical="minimum-norm", seed=4)
    assert told(curve.recipe, kept)["losses_nats"] == pytest.approx(curve.losses.tolist())
    refused = run("barrier", kept, *zoo.table["id"][:2], "--method", "ste")
    assert refused.exit_code == 2
    assert "only where the path is aligned" in refused.stderr


def test_the_matrix_of_barriers_is_printed_in_one_way_or_in_all(zoo, kept):
    found = barrier_matrices(zoo, [0, 2, 1], "digits", steps=3, frame="cycle", canonical="minimum-norm")
    for matrix in found.values():
        facts = told(matrix.recipe, kept)
        assert facts["repaired"] == matrix.repaired
        assert [value for row in facts["barriers_nats"] for value in row] == pytest.approx(
            matrix.heights.ravel().tolist(), abs=1e-5
        )
    ids = zoo.table["id"].tolist()
    every = answer("barriers", kept, *ids, "--steps", 3, "--curves")
    assert list(every["curves"]) == list(found)
    shown = run("barriers", kept, *ids, "--steps", 3, "--curves").stdout
    assert "aligned + REPAIR" in shown
    for words, message in (
        ((ids[0], ids[0]), "row 0 is among them twice"),
        ((*ids, "--curves", "--align"), "leave out --align and --repair"),
        ((*ids, "--frame", "sky", "--align"), "frame 'sky' is unknown"),
    ):
        refused = run("barriers", kept, *words)
        assert refused.exit_code == 2
        assert message in refused.stderr


def test_methods_are_compared(zoo, kept):
    found = compare_methods(zoo, 0, 1, "digits", methods=("weights", "activations"), steps=3, canonical="unit-norm")
    rows = told(found.recipe, kept)["methods"]
    assert [row["method"] for row in rows] == ["none", "weights", "activations"]
    assert [row["barrier_nats"] for row in rows] == pytest.approx(found.frame["barrier"].tolist(), abs=1e-6)
    first, second, *_ = zoo.table["id"]
    assert "accuracy half way" in run("compare", kept, first, second, "--methods", "weights", "--steps", 3).stdout
    refused = run("compare", kept, first, second, "--methods", "weights,magic")
    assert refused.exit_code == 2
    assert "matching method 'magic' is unknown" in refused.stderr


def test_a_network_is_attacked(zoo, kept):
    found = merge_attack(zoo, 0, 1, "digits", spreads=(0.5, 2.0), permute=False, steps=3, repair="repair", seed=2)
    facts = told(found.recipe, kept)
    assert [row["attacked"] for row in facts["strengths"]] == pytest.approx(found.attacked.tolist(), rel=1e-4)
    assert (facts["kinds"], facts["repaired"]) == (["rescaled"], "repair")
    first, second, *_ = zoo.table["id"]
    assert "permuted back" in run("attack", kept, first, second, "--steps", 3, "--spreads", "0,1").stdout
    for words, message in (
        (("--spreads", "much"), "--spreads takes numbers by commas"),
        (("--spreads", "9"), "from 0 to 5"),
        (("--steps", "1"), "2 to 1,001 steps"),
    ):
        refused = run("attack", kept, first, second, *words)
        assert refused.exit_code == 2
        assert message in refused.stderr


def test_groups_stay_in_order_and_heads_are_paired_as_asked(zoo, kept, tmp_path):
    moved = answer("align", kept, "--out", tmp_path / "a", "--permutations")
    still = answer("align", kept, "--out", tmp_path / "b", "--permutations", "--fixed", "layers.0")
    assert still["mean_objective_after"] == pytest.approx(still["mean_objective_before"])
    assert moved["mean_objective_after"] > still["mean_objective_after"]
    assert answer("align", kept, "--out", tmp_path / "c", "--permutations", "--heads", "spectral")["networks"] == 3
    for words, message in (
        (("--fixed", "nix"), "group 'nix' is unknown"),
        (("--heads", "nix"), "pairing of heads 'nix' is unknown"),
        (("--restarts", "-3"), "--restarts"),
        (("--samples", "0"), "--samples"),
        (("--device", "tpu"), "--device"),
    ):
        refused = run("align", kept, "--out", tmp_path / "d", *words)
        assert refused.exit_code == 2
        assert message in refused.stderr
        assert not (tmp_path / "d.partial").exists()
    assert answer("align", kept, "--out", tmp_path / "e", "--permutations", "--device", "cpu")["networks"] == 3
