"""`wsexplore zoo import` says what it found, writes it whole or not at all, and refuses in one line."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn
from typer.testing import CliRunner

from wsexplore.cli import cli
from wsexplore.zoo import Zoo

INTERRUPTED = """
import os, signal, sys

def interrupt(event, arguments):
    if event == "os.mkdir" and ".zoo.new-" in str(arguments[0]):
        os.kill(os.getpid(), signal.SIGINT)

sys.addaudithook(interrupt)
from wsexplore.cli import main
main()
"""
"""The command, with Ctrl-C in the moment when the folder that is being written comes to be."""


def run(*arguments: object):
    return CliRunner().invoke(cli, ["zoo", "import", *map(str, arguments)])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "mine"
    path.mkdir()
    for place in range(3):
        torch.manual_seed(place)
        state = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)).state_dict()
        torch.save(state, path / f"net_epoch_{place}.pt")
    return path


def test_it_says_what_it_found_before_it_reads(folder: Path, tmp_path: Path):
    result = run(folder, "--out", tmp_path / "zoo", "--config", "activation=tanh")
    assert result.exit_code == 0, result.stderr
    assert "mine: folder of state dicts, 3 networks" in result.stderr
    assert "'widths': [4, 3, 2]" in result.stderr
    assert Zoo.open(tmp_path / "zoo").architecture.config["activation"] == "tanh"


def test_json_gives_one_object_with_what_was_left_out(folder: Path, tmp_path: Path):
    (folder / "broken.pt").write_bytes(b"PK nothing")
    result = run(folder, "--out", tmp_path / "zoo", "--json", "--dtype", "float16")
    said = json.loads(result.stdout)
    assert said["networks"] == 3
    assert sum(said["left_out"].values()) == 1
    assert said["format"] == "folder of state dicts"


@pytest.mark.parametrize(("text", "epochs"), [("0,2", [0, 2]), ("1-2", [1, 2]), ("last", [2])])
def test_epochs_are_numbers_ranges_or_the_last(folder: Path, tmp_path: Path, text: str, epochs: list[int]):
    result = run(folder, "--out", tmp_path / "zoo", "--epochs", text, "--json")
    assert json.loads(result.stdout)["epochs"] == epochs


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--epochs", "one"), "--epochs takes epochs"),
        (("--epochs", "5-2"), "--epochs takes epochs"),
        (("--dtype", "int8"), "--dtype is float32 or float16"),
        (("--architecture", "perceptron"), "is unknown"),
        (("--config", "activation=cube"), "is unknown"),
        (("--factory", "nothing:here"), "cannot be imported"),
        (("--epochs", "9"), "no state dict of the epochs asked for"),
    ],
)
def test_wrong_arguments_exit_with_2_and_one_line(folder: Path, tmp_path: Path, more: tuple[str, ...], said: str):
    result = run(folder, "--out", tmp_path / "zoo", *more)
    assert result.exit_code == 2
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("wsexplore: ")
    assert said in last
    assert not (tmp_path / "zoo").exists()


def test_nothing_at_the_path_exits_with_2(tmp_path: Path):
    result = run(tmp_path / "nowhere", "--out", tmp_path / "zoo")
    assert result.exit_code == 2
    assert result.stderr.strip().count("\n") == 0


def test_a_folder_with_other_files_is_not_written_over(folder: Path):
    result = run(folder, "--out", folder)
    assert result.exit_code == 2
    assert "holds other files" in result.stderr
    assert len(list(folder.iterdir())) == 3


def test_an_interrupt_leaves_nothing(folder: Path, tmp_path: Path):
    home = tmp_path / "home"
    home.mkdir()
    command = [sys.executable, "-c", INTERRUPTED, "zoo", "import", str(folder), "--out", str(home / "zoo")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 1
    assert "interrupted" in ended.stderr
    assert [each.name for each in home.iterdir() if not each.name.endswith(".lock")] == []
