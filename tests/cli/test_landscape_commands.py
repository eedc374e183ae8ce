"""`wsexplore landscape`: planes, learned curves, curvature, similarity and phases; and where a barrier comes from."""

import json
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import wsexplore.cli.frame
from wsexplore.cli import cli
from wsexplore.cli.gathered import gathered
from wsexplore.landscape import (
    agreement,
    barrier,
    curvature,
    curve_plane,
    curve_route,
    distance_pairs,
    explained,
    fit_curve,
    layer_similarity,
    merge_tree,
    networks_plane,
    phases,
    random_plane,
    route_of,
    trajectory_plane,
    walked,
)
from wsexplore.landscape.walk import Walk
from wsexplore.population import train_zoo
from wsexplore.zoo import Zoo, concat

CONFIG = {"widths": [64, 12, 10]}
FEW = {"points": 7, "split": "test", "statistics": "auto", "seed": 0}
SHORT = {"epochs": 2, "lr": 0.02, "batch_size": 256, "seed": 3}
QUICK = {"samples": 64, "pairs": 1, "epochs": 1}
A, B, C = (f"r{run:05d}e003" for run in range(3))


def run(*arguments):
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def answer(*arguments):
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def told(recipe, *zoos):
    """The answer of the command that a recipe names."""
    name, *words = shlex.split(recipe.cli)
    assert name == "wsexplore"
    names = {"ZOO": zoos[0], **{f"ZOO{place}": zoo for place, zoo in enumerate(zoos, start=1)}}
    return answer(*(names.get(word, word) for word in words))


def flags(options):
    return [part for name, value in options.items() for part in (f"--{name.replace('_', '-')}", value)]


@pytest.fixture(scope="module")
def zoo():
    return train_zoo("mlp", "digits", models=3, epochs=3, checkpoints=[0, 1, 3], seed=0, lr=3e-3, config=CONFIG)


@pytest.fixture(scope="module")
def kept(zoo, tmp_path_factory):
    return zoo.save(tmp_path_factory.mktemp("landscape") / "zoo")


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """A zoo of the same architecture whose ids come in the first, too; one of them has an `@`."""
    trained = train_zoo("mlp", "digits", models=2, epochs=3, seed=7, lr=3e-3, config=CONFIG)
    ids = [A, "a@b"]
    return trained.with_table(trained.table.assign(id=ids)).save(tmp_path_factory.mktemp("more") / "fresh")


@pytest.fixture(scope="module")
def normed(tmp_path_factory):
    """Networks with running statistics."""
    config = {"input": [1, 8, 8], "channels": [4], "pool": [1], "padding": 1, "hidden": [8], "norm": "batch"}
    trained = train_zoo("cnn", "digits", models=3, epochs=2, seed=0, config=config, device="cpu")
    return trained.save(tmp_path_factory.mktemp("normed") / "zoo")


def page(path, *words):
    """A page's text, which holds these words."""
    text = path.read_text()
    assert text.startswith("<!doctype html>")
    assert text.count("cdn.plot.ly") == 1
    for word in words:
        assert word in text
    assert [file.name for file in path.parent.iterdir() if "writing" in file.name] == []
    return text


def near(found, array, **how):
    np.testing.assert_allclose(
        np.asarray(found, float), np.asarray(array, float), **{"rtol": 1e-4, "atol": 1e-5, **how}
    )


def test_a_plane_around_a_network_is_the_one_that_python_draws(zoo, kept, tmp_path):
    plane = random_plane(zoo, zoo.row_of(A), "digits", span=0.5, normalise="layer", **FEW)
    facts = told(plane.recipe, kept)
    near(facts["losses_nats"], plane.losses)
    near(facts["accuracies"], plane.accuracies)
    near([facts["xs"], facts["ys"]], [plane.xs, plane.ys])
    assert facts["losses_nats"][3][3] == pytest.approx(facts["marks"][0]["loss_nats"], abs=1e-6)
    assert list(facts["lowest"].values()) == pytest.approx(plane.lowest, rel=1e-4, abs=1e-5)
    assert facts["recipe"] == {**plane.recipe.to_dict(), "inputs": facts["recipe"]["inputs"]}
    tree = merge_tree(plane.losses)
    assert len(facts["minima"]) == len(tree)
    assert facts["minima_above_depth"] == tree.count(facts["depth_nats"])
    drawn = tmp_path / "plane.html"
    shown = run("landscape", "plane", kept, A, "--points", 5, "--html", drawn, "--surface", "--csv", tmp_path / "p.csv")
    assert "lowest loss" in shown.stdout
    assert "by measurement" in shown.stdout
    page(drawn, f"Plane around a network: {A}", 'aria-label="Plane around a network: test loss from', "in 3-D")
    assert len(pd.read_csv(tmp_path / "p.csv")) == 25


def test_a_plane_through_three_networks_is_drawn_aligned_and_rescaled(zoo, kept):
    rows = [zoo.row_of(network) for network in (A, B, C)]
    matching = {"align": True, "method": "weights", "canonical": "minimum-norm"}
    plane = networks_plane(zoo, rows, "digits", **matching, **{**FEW, "split": "train"})
    facts = told(plane.recipe, kept)
    near(facts["losses_nats"], plane.losses)
    assert [mark["name"] for mark in facts["marks"]] == [A, B, C]
    assert max(mark["distance"] for mark in facts["marks"]) < 1e-3
    assert (facts["split"], facts["judged_on"]) == ("train", 1437)


def test_the_plane_of_a_training_has_the_true_loss_of_every_checkpoint(zoo, kept, tmp_path):
    plane = trajectory_plane(zoo, 1, "digits", **FEW)
    facts = told(plane.recipe, kept)
    near(facts["losses_nats"], plane.losses)
    near([mark["loss_nats"] for mark in facts["marks"]], [mark.loss for mark in plane.marks])
    assert sum(facts["explained"]) == pytest.approx(sum(plane.explained))
    near(facts["paths"]["training"], plane.paths["training"])
    drawn = tmp_path / "run.html"
    run("landscape", "plane", kept, "--run", 1, "--points", 5, "--measure", "accuracy", "--html", drawn)
    page(drawn, "Principal plane of a training: run 1", "Accuracy, from above")


def test_running_statistics_are_measured_anew_unless_they_are_mixed(normed):
    networks = Zoo.open(normed).table["id"].tolist()
    reset, mixed = (
        answer("landscape", "plane", normed, *networks, "--points", 5, "--statistics", word, "--calibration", 64)
        for word in ("auto", "none")
    )
    assert (reset["repaired"], mixed["repaired"]) == ("reset", "none")
    known = [np.isfinite(np.array(plane["losses_nats"], dtype=float)).mean() for plane in (reset, mixed)]
    assert known[1] < known[0] == 1  # beyond the networks a mixed variance may fall below 0
    curve = fit_curve(Zoo.open(normed), 0, 1, "digits", epochs=1)
    route = curve_route(Zoo.open(normed), curve, "digits", steps=3, repair="reset", calibration=64)
    facts = told(route.recipe, normed)
    assert facts["curve"]["repaired"] == "reset"
    near(facts["curve"]["losses_nats"], walked(route).losses, rtol=1e-2)


def test_a_learned_curve_is_walked_beside_the_straight_line(zoo, kept, tmp_path):
    rows = zoo.row_of(A), zoo.row_of(B)
    curve = fit_curve(zoo, *rows, "digits", kind="chain", bends=2, align=True, **SHORT)
    route = curve_route(zoo, curve, "digits", steps=5, split="train", seed=3)
    facts = told(route.recipe, kept)
    bent, straight = walked(route), barrier(zoo, *rows, "digits", steps=5, split="train", align=True, seed=3)
    near(facts["curve"]["losses_nats"], bent.losses, rtol=1e-3)
    near(facts["straight"]["losses_nats"], straight.losses)
    assert facts["straight"]["standard_error_nats"] == pytest.approx(straight.standard_error, rel=1e-3)
    assert (facts["straight"]["aligned"], facts["curve"]["aligned"]) == (True, True)
    assert (facts["length"], facts["straight_length"]) == pytest.approx((curve.length, curve.straight_length), rel=1e-3)
    near(facts["history_nats"], curve.history, rtol=1e-3)
    drawn, out = tmp_path / "curve.html", tmp_path / "on the curve"
    words = [*flags(SHORT), "--steps", 5, "--html", drawn, "--out", out, "--explain"]
    shown = run("landscape", "curve", kept, A, B, *words)
    assert "times the straight line" in shown.stdout
    assert "by class (nats)" in shown.stdout
    page(drawn, "Test loss along both ways", "Test accuracy along both ways", "Learning the curve", "Samples that cost")
    written = Zoo.open(out)
    assert written.table["position"].tolist() == [0, 0.25, 0.5, 0.75, 1]
    near(written.rows([0, 4]), zoo.rows(rows))


def test_the_plane_of_a_curve_and_its_explanation_are_told_together(zoo, kept, tmp_path):
    rows = zoo.row_of(A), zoo.row_of(B)
    curve = fit_curve(zoo, *rows, "digits", **SHORT)
    plane = curve_plane(zoo, curve, "digits", **{**FEW, "seed": 3})
    facts = told(plane.recipe, kept)["plane"]
    near(facts["losses_nats"], plane.losses, rtol=1e-2)
    assert [mark["kind"] for mark in facts["marks"]] == ["network", "network", "bend"]
    parts = explained(curve_route(zoo, curve, "digits", steps=5, seed=3), 0.4)
    whole = told(parts.recipe, kept)
    assert whole["explained"]["at"] == 0.4
    assert whole["explained"]["excess_nats"] == pytest.approx(parts.mean, rel=1e-2, abs=1e-4)
    drawn = tmp_path / "curve.html"
    words = [*flags(SHORT), "--steps", 5, "--plane", "--points", 5, "--explain", "--html", drawn]
    facts = answer("landscape", "curve", kept, A, B, *words)
    place, losses = facts["explained"]["at"], np.array(facts["curve"]["losses_nats"])
    assert place == 0.25 * (1 + int((losses - np.linspace(losses[0], losses[-1], 5))[1:-1].argmax()))
    assert facts["recipe"]["cli"].endswith(f"--explain --at {place} --plane --points 5 --statistics auto")
    page(drawn, "Plane of a learned curve", "Test loss along both ways")


def test_curvature_is_measured_and_drawn(zoo, kept, tmp_path):
    found = curvature(zoo, zoo.row_of(A), "digits", eigenvalues=3, probes=16, samples=100, seed=2)
    facts = told(found.recipe, kept)
    near(facts["eigenvalues"], found.eigenvalues, rtol=1e-3)
    assert (facts["trace"], facts["trace_standard_error"]) == pytest.approx((found.trace, found.trace_error), rel=1e-3)
    near(facts["density"]["density"], found.density, rtol=1e-2, atol=1e-3)
    assert len(facts["profiles"]) == 3
    assert len(facts["layers"]) == 4
    drawn = tmp_path / "curvature.html"
    words = ("--probes", 8, "--eigenvalues", 2, "--samples", 50, "--html", drawn)
    assert "eigenvalue (nats)" in run("landscape", "curvature", kept, A, *words).stdout
    page(drawn, "All eigenvalues", "Along the leading eigenvectors", "How well the trace is known", "Largest eigenval")


def test_two_networks_are_compared_by_layers_and_by_answers(zoo, kept, tmp_path):
    rows = zoo.row_of(A), zoo.row_of(B)
    layers = layer_similarity(zoo, *rows, "digits", samples=80, estimator="biased", split="train", seed=1)
    facts = told(layers.recipe, kept)
    near(facts["layers"]["cka"], layers.matrix, rtol=1e-3)
    answers = agreement(zoo, *rows, "digits", split="train")
    facts = told(answers.recipe, kept)
    assert facts["answers"]["samples"] == 1437
    assert facts["answers"]["disagreement"] == pytest.approx(answers.disagreement)
    assert list(facts["answers"]["shares"].values()) == pytest.approx(answers.shares.tolist())
    assert facts["answers"]["most_different"][0]["sample"] == answers.most[0]
    drawn = tmp_path / "two.html"
    assert "linear CKA" in run("landscape", "similarity", kept, A, B, "--html", drawn).stdout
    page(drawn, f"Similarity of {A} and {B}", "What their layers see", "What they answer")


def test_weights_are_compared_with_functions_over_a_zoo(zoo, kept, tmp_path):
    found = distance_pairs(zoo, "digits", pairs=20, samples=60, align=True, frame="network", seed=1)
    facts = told(found.recipe, kept)
    near([row["divergence_nats"] for row in facts["distances"]], found.divergences)
    near([row["matched_distance"] for row in facts["distances"]], found.matched_distances)
    assert [row["count"] for row in facts["correlations"]] == found.correlations["count"].tolist()
    assert not distance_pairs(zoo, "digits", rows=[0, 1, 2], samples=20).recipe.cli
    drawn = tmp_path / "pairs.html"
    assert "95 % interval" in run("landscape", "similarity", kept, "--samples", 40, "--html", drawn).stdout
    page(drawn, "36 pairs of networks", "as trained")


def test_phases_are_told_over_two_zoos(tmp_path):
    grid = {"vary": {"lr": [0.01, 0.3]}, "design": "grid", "batch_size": 64, "optimizer": "sgd", "seeds": 2}
    zoos = [
        train_zoo("mlp", "digits", models=4, epochs=1, config={"widths": [64, width, 10]}, **grid) for width in (2, 8)
    ]
    places = [each.save(tmp_path / f"zoo{place}") for place, each in enumerate(zoos)]
    found = phases(zoos, "lr", "width", "digits", cka=0.9, **QUICK)
    facts = told(found.recipe, *places)
    frame = found.frame()
    assert [cell["phase"] for cell in facts["cells"]] == frame["phase"].tolist()
    near([cell["train_loss"] for cell in facts["cells"]], frame["train_loss"])
    near([cell["connectivity"] for cell in facts["cells"]], frame["connectivity"], atol=0.5)
    assert (facts["x_values"], facts["thresholds"]["cka"]) == ([0.01, 0.3], 0.9)
    drawn = tmp_path / "phases.html"
    shown = run("landscape", "phases", *places, "--x", "lr", "--y", "width", *flags(QUICK), "--html", drawn)
    assert "Phases of 4 cells" in " ".join(shown.stdout.split())
    page(drawn, "Phases of learning", "width over lr")


def test_networks_come_from_any_zoo_of_the_architecture(zoo, kept, other, tmp_path):
    fresh = Zoo.open(other)
    joined = concat([zoo.select([zoo.row_of(A)]), fresh.select([0]), fresh.select([1])])
    facts = answer("landscape", "plane", kept, A, f"{A}@{other}", f"a@b@{other}", "--points", 5)
    near(facts["losses_nats"], networks_plane(joined, [0, 1, 2], "digits", points=5).losses)
    assert [mark["name"] for mark in facts["marks"]] == [A, f"{A}@fresh", "a@b@fresh"]
    again = shlex.split(facts["recipe"]["cli"].replace("ZOO", str(kept)))
    assert answer(*again[1:])["losses_nats"] == facts["losses_nats"]
    assert facts["recipe"]["python"].startswith("zoo = wx.concat([zoo.select([2]), wx.Zoo.open('")
    walk = answer("barrier", kept, A, f"{A}@{other}", "--steps", 3)
    near(walk["losses_nats"], barrier(joined, 0, 1, "digits", steps=3).losses)
    alone = answer("landscape", "similarity", kept, f"{A}@{other}", f"a@b@{other}", "--samples", 50)
    assert alone["answers"]["disagreement"] == agreement(fresh, 0, 1, "digits", samples=50).disagreement
    shown = run("landscape", "curve", kept, A, f"{A}@{other}", "--epochs", 1, "--html", tmp_path / "c.html")
    assert shown.exit_code == 0
    page(tmp_path / "c.html", f"@{other}")
    found = gathered(str(other), ["a@b", f"{A}@{other}", f"{A}@{kept}"])
    assert found.ids == ("a@b", A, f"{A}@zoo")
    assert gathered(str(other), ["a@b", f"a@b@{other}"]).rows == (1, 1)


def test_a_barrier_is_walked_on_the_arc_and_explained(zoo, kept):
    rows = zoo.row_of(A), zoo.row_of(B)
    curve = barrier(zoo, *rows, "digits", steps=5, path="slerp")
    facts = told(curve.recipe, kept)
    near(facts["losses_nats"], curve.losses)
    assert (facts["path"], facts["standard_error_nats"]) == ("slerp", pytest.approx(curve.standard_error, rel=1e-3))
    parts = explained(route_of(zoo, *rows, "digits", Walk(5, "test", False, "none", 1000, 0)), 0.25)
    found = told(parts.recipe, kept)["explained"]
    assert found["excess_nats"] == pytest.approx(parts.mean, rel=1e-3, abs=1e-5)
    terms = found["confidence_nats"] - found["disagreement_nats"] - found["true_logit"]
    assert terms == pytest.approx(found["excess_nats"], abs=1e-4)
    assert [row["sample"] for row in found["samples"]] == parts.frame().iloc[parts.top(10)]["sample"].tolist()
    near([row["adds"] for row in found["classes"]], parts.by_class()["adds"])
    assert sum(row["adds"] for row in found["classes"]) == pytest.approx(found["excess_nats"], abs=1e-5)
    shown = run("barrier", kept, A, B, "--steps", 5, "--explain").stdout
    assert "the 10 samples that cost most" in shown
    assert "±" in run("barrier", kept, A, B, "--steps", 3, "--curves").stdout
    assert answer("barrier", kept, A, A, "--explain", "--steps", 3)["explained"]["half_lies_in"] is None


WRONG = [
    (("plane",), "got 0 ids"),
    (("plane", A, B), "got 2 ids"),
    (("plane", "nobody"), "no network has the id 'nobody'"),
    (("plane", f"{A}@"), f"no network has the id '{A}@'"),
    (("plane", f"@{A}"), f"there are no zoos called '{A}'"),
    (("plane", A, A, B), "three different networks"),
    (("plane", A, "--run", 1), "leave out the ids"),
    (("plane", "--run", 99), "run 99 has 0 checkpoints"),
    (("plane", A, "--span", "nan"), "got span nan"),
    (("plane", A, "--span", 0), "got span 0"),
    (("plane", A, "--points", 2), "3 to 401 points"),
    (("plane", A, "--depth", "nan"), "--depth is a loss"),
    (("plane", A, "--calibration", 0), "2 or more samples"),
    (("plane", A, "--align"), "plane through three networks"),
    (("plane", A, B, C, "--span", 2), "plane around one network"),
    (("plane", A, B, C, "--method", "weights"), "give --align"),
    (("plane", A, "--measure", "speed"), "measure 'speed' is unknown"),
    (("plane", A, "--normalise", "all"), "normalisation 'all' is unknown"),
    (("plane", A, "--statistics", "reset"), "no running statistics"),
    (("plane", A, "--split", "dev"), "choose train or test"),
    (("plane", A, "--dataset", "two-moons"), "do not fit mlp"),
    (("plane", A, f"{A}@digits-phases-w03", B), "another architecture"),
    (("plane", A, f"{A}@nowhere", B), "there are no zoos called 'nowhere'"),
    (("plane", A, f"nobody@digits-phases-w03@{A}", B), "there are no zoos called"),
    (("curve", A, A), "two different networks"),
    (("curve", A, B, "--lr", "nan"), "got nan"),
    (("curve", A, B, "--epochs", 0), "epochs of a curve"),
    (("curve", A, B, "--bends", 17), "1 to 16"),
    (("curve", A, B, "--batch-size", 0), "one sample or more"),
    (("curve", A, B, "--kind", "arc"), "'arc' is unknown"),
    (("curve", A, B, "--steps", 1), "2 to 1,001 steps"),
    (("curve", A, B, "--repair", "reset"), "nothing that --repair reset"),
    (("curve", A, B, "--points", 9), "give --plane"),
    (("curve", A, B, "--plane", "--points", 2), "3 to 401 points"),
    (("curve", A, B, "--out", "/etc"), "holds other files"),
    (("curve", A, B, "--dataset", "two-moons"), "do not fit mlp"),
    (("curvature", "nobody"), "no network has the id 'nobody'"),
    (("curvature", A, "--eigenvalues", 0), "1 to 100"),
    (("curvature", A, "--samples", 0), "1 or more samples"),
    (("similarity", A), "got 1 ids"),
    (("similarity", A, A), "chosen twice"),
    (("similarity", A, B, "--pairs", 5), "leave out the ids"),
    (("similarity", "--estimator", "biased"), "--estimator is of the layers"),
    (("similarity", "--frame", "mean"), "give --align"),
    (("similarity", "--pairs", 0), "pairs must be at least 1"),
    (("phases", "--x", "lr", "--y", "lr"), "lr twice"),
    (("phases", "--x", "lr", "--y", "epoch"), "lr has one value only"),
    (("phases", "--x", "lr", "--y", "epoch", "--loss", "nan"), "got nan"),
]


@pytest.mark.parametrize(("words", "message"), WRONG, ids=lambda part: " ".join(map(str, part)) if part[0] else "")
def test_wrong_arguments_exit_with_2_and_one_line(words, message, kept, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run("landscape", words[0], kept, *words[1:], "--html", "x.html", "--json")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert message in result.stderr
    assert result.stderr.startswith("wsexplore: ")
    assert result.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--path", "arc"), "path 'arc' is unknown"),
        (("--path", "slerp", "--curves"), "leave out --align, --path and --repair"),
        (("--explain", "--curves"), "leave out --curves"),
        (("--at", 0.5), "give both"),
        (("--at", "nan", "--explain"), "0 to 1, got nan"),
    ],
)
def test_a_barrier_refuses_what_it_cannot_walk(words, message, kept):
    result = run("barrier", kept, A, B, *words)
    assert result.exit_code == 2
    assert message in result.stderr


@pytest.mark.parametrize(
    "words", [("plane", A), ("curve", A, B), ("curvature", A), ("similarity",), ("phases", "--x", "lr", "--y", "epoch")]
)
def test_a_page_that_cannot_be_written_is_refused_before_the_work(words, kept, tmp_path):
    for path, message in ((tmp_path, "is a folder"), (tmp_path / "none" / "x.html", "its folder is missing")):
        result = run("landscape", words[0], kept, *words[1:], "--html", path)
        assert result.exit_code == 2
        assert message in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_page_is_written_whole_or_not_at_all(kept, tmp_path, monkeypatch):
    def full(self, text, **how):
        with self.open("w") as file:
            file.write(text[:10])
        raise OSError(28, "no space left")

    (tmp_path / "x.html").write_text("what was there")
    monkeypatch.setattr(Path, "write_text", full)
    result = run("landscape", "plane", kept, A, "--points", 3, "--html", tmp_path / "x.html")
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert [file.name for file in tmp_path.iterdir()] == ["x.html"]
    assert (tmp_path / "x.html").read_text() == "what was there"


def test_names_are_no_markup_on_a_page(zoo, tmp_path):
    named = zoo.with_table(zoo.table.assign(id=[f"<b>{place}</b>" for place in range(len(zoo))]))
    place = named.save(tmp_path / "zoo")
    drawn = tmp_path / "x.html"
    facts = answer("landscape", "plane", place, "<b>2</b>", "--points", 3, "--html", drawn)
    assert facts["written"] == [str(drawn)]
    assert "<b>2</b>" not in page(drawn, "&lt;b&gt;2&lt;/b&gt;")
    again = shlex.split(facts["recipe"]["cli"].replace("ZOO", str(place)))
    assert answer(*again[1:])["losses_nats"] == facts["losses_nats"]


@pytest.mark.parametrize("words", [("plane", A, "--points", 3), ("curvature", A, "--probes", 4, "--samples", 50)])
def test_what_takes_long_says_so_first(words, kept, monkeypatch):
    command = ["landscape", words[0], kept, *words[1:], "--json"]
    assert run(*command).stderr == ""
    monkeypatch.setattr(wsexplore.cli.frame, "LONG", 0.0)
    result = run(*command)
    assert result.stderr == "wsexplore: this takes about 1 min on this machine; Ctrl-C stops it\n"
    assert json.loads(result.stdout)


def test_durations_are_told_in_words():
    told = wsexplore.cli.frame._lasting
    assert [told(seconds) for seconds in (61.0, 3540.0, 3600.0, 4200.0, 300_000.0)] == [
        "1 min",
        "59 min",
        "1 h",
        "1 h 10 min",
        "3 days",
    ]


def test_an_interrupted_plane_ends_at_once_and_leaves_nothing(kept, tmp_path):
    program = "import wsexplore.cli.frame as frame; frame.LONG = 0.0; from wsexplore.cli import main; main()"
    words = ["landscape", "plane", str(kept), A, "--points", "401", "--split", "train"]
    words += ["--html", str(tmp_path / "x.html"), "--csv", str(tmp_path / "x.csv")]
    process = subprocess.Popen([sys.executable, "-c", program, *words], stderr=subprocess.PIPE, text=True)
    assert "this takes about" in process.stderr.readline()
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    begun = time.monotonic()
    said = process.stderr.readline()
    assert time.monotonic() - begun < 2  # the work ends; what the interpreter takes to leave is its own
    _, rest = process.communicate(timeout=60)
    assert (process.returncode, rest) == (1, "")
    assert said == "wsexplore: interrupted; nothing half-written was left\n"
    assert list(tmp_path.iterdir()) == []
