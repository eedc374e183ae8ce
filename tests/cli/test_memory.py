"""The option `--memory`."""

import json

import pytest
from typer.testing import CliRunner

from wsexplore.cli import cli
from wsexplore.cli.memory import parse_memory


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("512MiB", 512 << 20),
        ("2GiB", 2 << 30),
        ("1.5 gib", 3 << 29),
        ("2g", 2 * 10**9),
        ("100MB", 10**8),
        ("1048576", 1 << 20),
        (" 3 TiB ", 3 << 40),
    ],
)
def test_a_size_is_a_number_with_a_unit(text, size):
    assert parse_memory(text) == size


@pytest.mark.parametrize("text", ["", "much", "GiB", "-2GiB", "2 GiB more", "2e3MiB", "nan", "1,5GiB", "2XiB", "٣MiB"])
def test_nonsense_gives_one_sentence(text):
    with pytest.raises(ValueError, match="takes a size like 512MiB or 2GiB"):
        parse_memory(text)


@pytest.mark.parametrize("text", ["0", "1023KiB", "9999999999TiB"])
def test_a_size_out_of_range_gives_one_sentence(text):
    with pytest.raises(ValueError, match="at least 1 MiB and at most"):
        parse_memory(text)


def test_commands_take_it_and_the_result_stays(tmp_path):
    run = CliRunner().invoke
    scores = [
        json.loads(run(cli, ["zoo", "evaluate", "digits-mlp", "digits", "--memory", memory, "--json"]).stdout)
        for memory in ("4MiB", "1GiB")
    ]
    assert scores[0]["mean_accuracy"] == scores[1]["mean_accuracy"]
    wrong = run(cli, ["align", "digits-mlp", "--out", str(tmp_path / "x"), "--memory", "lots"])
    assert wrong.exit_code == 2
    assert "takes a size like 512MiB" in wrong.stderr
