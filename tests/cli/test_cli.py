import json
import signal
import subprocess
import sys
import time

import pytest
from typer.testing import CliRunner

from wsexplore.cli import cli
from wsexplore.cli.frame import parse_assignments, parse_vary
from wsexplore.version import VERSION
from wsexplore.zoo import Zoo

COMMANDS = {
    "zoo": {"train", "import", "show", "evaluate"},
    "embed": {"fit", "apply", "probe", "decode", "sample"},
    "flow": {"distil", "fit", "judge", "sample"},
    "demo": {"build"},
    "symmetry": {"show", "verify"},
    "landscape": {"plane", "curve", "curvature", "similarity", "phases"},
    "align": set(),
    "barrier": set(),
    "barriers": set(),
    "compare": set(),
    "attack": set(),
    "app": set(),
    "serve": set(),
}
RUN = "import sys; from wsexplore.cli import main; main()"


def run(*arguments):
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def answer(*arguments):
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def zoo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli") / "zoo"
    facts = answer(
        "zoo",
        "train",
        "mlp",
        "digits",
        "--out",
        folder,
        "--models",
        8,
        "--epochs",
        2,
        "--checkpoints",
        "0,2",
        "--vary",
        "lr=1e-3..1e-2",
        "--vary",
        "init=default,normal",
        "--set",
        "optimizer=adamw",
        "--config",
        "widths=64,8,10",
        "--seed",
        3,
    )
    assert (facts["networks"], facts["runs"], facts["epochs"]) == (16, 8, [0, 2])
    return folder


def test_the_commands_are_these():
    found = {group.name: set() for group in cli.registered_commands}
    for group in cli.registered_groups:
        found[group.name] = {
            command.name or command.callback.__name__ for command in group.typer_instance.registered_commands
        }
    assert found == COMMANDS


@pytest.mark.parametrize(
    "words", [[], *[[n] for n in COMMANDS], *[[n, s] for n, subs in COMMANDS.items() for s in subs]]
)
def test_every_command_explains_itself(words):
    result = run(*words, "--help")
    assert result.exit_code == 0
    assert "Usage" in result.stdout


def test_training_keeps_what_was_asked(zoo):
    opened = Zoo.open(zoo)
    assert opened.architecture.config["widths"] == [64, 8, 10]
    assert set(opened.table["optimizer"]) == {"adamw"}
    assert set(opened.table["init"]) == {"default", "normal"}
    assert opened.table["lr"].between(1e-3, 1e-2).all()


def test_the_recipe_names_a_command_that_makes_the_same_zoo(zoo, tmp_path):
    recipe = Zoo.open(zoo).recipe.cli.replace("ZOO", str(tmp_path / "again")).split()
    assert recipe[0] == "wsexplore"
    assert run(*recipe[1:]).exit_code == 0
    assert Zoo.open(tmp_path / "again").fingerprint == Zoo.open(zoo).fingerprint


def test_a_zoo_is_shown_whole_or_in_part(zoo):
    assert answer("zoo", "show", zoo)["networks"] == 16
    assert answer("zoo", "show", zoo, "--where", "epoch = 2")["networks"] == 8
    assert "fingerprint" in run("zoo", "show", zoo).stdout


def test_a_zoo_is_evaluated_into_a_file(zoo, tmp_path):
    facts = answer("zoo", "evaluate", zoo, "digits", "--out", tmp_path / "scores.csv")
    assert 0 <= facts["worst_accuracy"] <= facts["mean_accuracy"] <= facts["best_accuracy"] <= 1
    assert (tmp_path / "scores.csv").read_text().startswith("id,test_loss,test_accuracy\n")


def test_a_zoo_is_aligned_and_mapped(zoo, tmp_path):
    facts = answer("align", zoo, "--out", tmp_path / "aligned", "--reference", "r00003e002")
    assert facts["mean_objective_after"] > facts["mean_objective_before"]
    assert answer("align", zoo, "--out", tmp_path / "units", "--permutations")["networks"] == 16
    assert answer("embed", "fit", tmp_path / "aligned", "--out", tmp_path / "map")["networks"] == 16
    facts = answer(
        "embed",
        "apply",
        tmp_path / "map",
        tmp_path / "aligned",
        "--fitted",
        tmp_path / "aligned",
        "--out",
        tmp_path / "p.csv",
    )
    assert facts["networks"] == 16


def test_a_barrier_is_walked(zoo):
    facts = answer("barrier", zoo, "r00000e002", "r00001e002", "--steps", 5, "--align")
    assert len(facts["losses_nats"]) == 5
    assert facts["aligned"] is True


def test_networks_are_sampled_from_the_shipped_flow(tmp_path):
    facts = answer("flow", "sample", "digits-mlp", "--out", tmp_path / "fresh", "--models", 4, "--seed", 2)
    assert facts["networks"] == 4
    assert len(Zoo.open(tmp_path / "fresh")) == 4


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["zoo", "show", "no-such-zoo"], "there are no zoos called 'no-such-zoo'"),
        (["zoo", "show", "digits-mlp", "--where", "depth > 3"], "no column"),
        (["zoo", "train", "gpt", "digits", "--out", "x"], "choose one of mlp"),
        (["zoo", "train", "mlp", "cifar", "--out", "x"], "choose one of digits"),
        (["zoo", "train", "mlp", "digits", "--out", "x", "--vary", "lr"], "--vary takes NAME=VALUE"),
        (["zoo", "train", "mlp", "digits", "--out", "x", "--vary", "lr=a..b"], "two numbers"),
        (["zoo", "train", "mlp", "digits", "--out", "x", "--set", "speed=3"], "speed is no hyper-parameter"),
        (["zoo", "train", "mlp", "digits", "--out", "x", "--checkpoints", "a"], "--checkpoints takes epochs"),
        (["zoo", "evaluate", "digits-mlp", "digits", "--split", "dev"], "choose train or test"),
        (["align", "digits-mlp", "--out", "x", "--method", "magic"], "choose one of auto, weights"),
        (["align", "digits-mlp", "--out", "x", "--reference", "nobody"], "no network has the id 'nobody'"),
        (["barrier", "digits-mlp", "nobody", "nobody"], "no network has the id"),
        (["embed", "fit", "digits-mlp", "--out", "x", "--method", "mds"], "choose one of pca, umap"),
        (["flow", "sample", "no-flow", "--out", "x"], "no-flow"),
        (["zoo", "train", "mlp", "digits", "--out", "x", "--set", "models=5"], "models is no hyper-parameter"),
        (["zoo", "train", "mlp", "digits", "--out", "x", "--config", "name=x"], "mlp has no field name"),
        (["zoo", "train", "mlp", "digits", "--out", "x", "--config", "activation=relu,tanh"], "choose one of relu"),
        (["zoo", "train", "mlp", "digits", "--out", ""], "has no name"),
        (["align", "digits-mlp", "--out", "/etc/hostname"], "is a file"),
        (["flow", "fit", "digits-mlp", "--out", "/etc"], "holds other files"),
    ],
)
def test_wrong_input_exits_with_2_and_one_line(words, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run(*words, "--json")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert message in result.stderr
    assert result.stderr.startswith("wsexplore: ")
    assert result.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith(".")] == []


@pytest.mark.parametrize("words", [["zoo"], ["zoo", "train"], ["nonsense"], ["zoo", "show", "digits-mlp", "--colour"]])
def test_wrong_usage_exits_with_2(words):
    assert run(*words).exit_code == 2


def test_failed_work_exits_with_1_and_one_line(zoo, tmp_path):
    (tmp_path / "file").write_text("mine")
    result = run("zoo", "evaluate", zoo, "digits", "--out", tmp_path / "none" / "x.csv")
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1


def test_an_interrupted_training_leaves_no_half_zoo_and_goes_on(tmp_path):
    words = ["zoo", "train", "mlp", "digits", "--out", str(tmp_path / "zoo"), "--models", "256", "--epochs", "60"]
    process = subprocess.Popen([sys.executable, "-c", RUN, *words], stderr=subprocess.PIPE, text=True)
    while not (tmp_path / "zoo.partial" / "plan.json").exists():
        assert process.poll() is None
    time.sleep(0.3)  # past the imports, whose callbacks may swallow an interrupt
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert said == "wsexplore: interrupted; nothing half-written was left\n"
    assert not (tmp_path / "zoo").exists()
    subprocess.run([sys.executable, "-c", RUN, *words], check=True, capture_output=True)
    assert len(Zoo.open(tmp_path / "zoo")) == 256
    assert not (tmp_path / "zoo.partial").exists()


@pytest.mark.parametrize("words", [["align", "--permutations"], ["embed", "fit"]])
def test_a_full_disk_exits_with_1_and_one_line(zoo, tmp_path, words):
    program = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)); from wsexplore.cli import main; main()"
    )
    words = [*words, str(zoo), "--out", str(tmp_path / "x")]
    done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "wsexplore: no space left to write x; free some and write it again\n"
    assert [file.name for file in tmp_path.iterdir() if not file.name.endswith(".lock")] == []


def test_numbers_that_are_not_finite_are_null_in_json(zoo, tmp_path):
    opened = Zoo.open(zoo)
    opened.with_weights(opened.weights * 1e20, opened.recipe).save(tmp_path / "huge")
    assert answer("zoo", "evaluate", tmp_path / "huge", "digits")["mean_loss_nats"] is None


def test_a_name_with_brackets_is_printed_as_it_is(tmp_path):
    result = run("flow", "sample", "digits-mlp", "--models", 2, "--out", tmp_path / "[/a]")
    assert result.exit_code == 0
    assert "[/a]" in "".join(result.stdout.split())


def test_the_version_is_printed():
    assert run("--version").stdout.strip() == VERSION


def test_ranges_and_lists_are_read():
    assert parse_vary("1e-3..1e-2") == (1e-3, 1e-2)
    assert parse_vary("adam,sgd") == ["adam", "sgd"]
    assert parse_vary("1,2.5") == [1, 2.5]
    with pytest.raises(ValueError, match="names a twice"):
        parse_assignments(["a=1", "a=2"], "--set")
