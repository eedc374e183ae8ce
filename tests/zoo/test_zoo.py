import json
import signal
import struct
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load, save_file

from wsexplore.nets import architecture
from wsexplore.settings import settings as app_settings
from wsexplore.zoo import (
    Recipe,
    Zoo,
    atomic_folder,
    concat,
    keep_path,
    read_manifest,
    select_rows,
    shelf,
    to_safetensors,
    write_manifest,
)

ARCH = architecture("mlp", widths=[3, 4, 2])


def make(models=5, seed=0, **columns):
    weights = torch.randn(models, ARCH.layout.size, generator=torch.Generator().manual_seed(seed))
    table = pd.DataFrame({"test_accuracy": np.linspace(0, 1, models), **columns})
    return Zoo.from_weights(ARCH, weights, table)


@pytest.fixture
def zoo():
    return make()


@pytest.fixture
def stored(tmp_path):
    zoo = make()
    zoo.save(tmp_path / "zoo")
    return tmp_path / "zoo"


def edit_manifest(folder, **changes):
    file = folder / "manifest.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


@settings(max_examples=20, deadline=None)
@given(models=st.integers(1, 30), seed=st.integers(0, 1000))
def test_what_is_saved_is_opened_again(tmp_path_factory, models, seed):
    zoo, folder = make(models, seed), tmp_path_factory.mktemp("zoo") / "zoo"
    zoo.save(folder)
    again = Zoo.open(folder)
    assert torch.equal(again.weights, zoo.weights)
    pd.testing.assert_frame_equal(again.table, zoo.table)
    assert again.architecture == zoo.architecture
    assert again.recipe == zoo.recipe
    assert again.fingerprint == zoo.fingerprint


def test_float16_keeps_three_digits_and_its_own_fingerprint(tmp_path):
    zoo = make()
    zoo.save(tmp_path / "half", dtype="float16")
    half = Zoo.open(tmp_path / "half")
    assert torch.equal(half.weights, zoo.weights.half().float())
    half.save(tmp_path / "again", dtype="float16")
    assert Zoo.open(tmp_path / "again").fingerprint == half.fingerprint != zoo.fingerprint


def test_the_fingerprint_follows_weights_table_and_selection():
    zoo = make()
    other = zoo.with_weights(zoo.weights + 1e-3, zoo.recipe)
    renamed = zoo.with_table(zoo.table.assign(note="x"))
    prints = {zoo.fingerprint, other.fingerprint, renamed.fingerprint, zoo.select([0, 1]).fingerprint}
    assert len(prints) == 4
    assert make().fingerprint == zoo.fingerprint


def test_a_selection_copies_nothing_and_nests():
    zoo = make(9)
    view = zoo.select("test_accuracy > 0.3")
    assert view.stored is zoo.stored
    nested = view.select([1, 0])
    assert nested.table["id"].tolist() == view.table["id"].tolist()[1::-1]
    assert torch.equal(nested.weights, zoo.weights[[zoo.row_of(i) for i in nested.table["id"]]])


def test_weights_on_disk_are_mapped_and_read_row_by_row(stored):
    zoo = Zoo.open(stored)
    assert torch.equal(zoo.rows([3, -1]), make().weights[[3, 4]])
    with pytest.raises(ValueError, match="rows run from 0 to 4"):
        zoo.rows([5])
    assert str(stored / "weights.safetensors") in Path("/proc/self/maps").read_text()


def test_a_module_computes_what_its_row_computes():
    zoo, inputs = make(), torch.randn(6, 3)
    together = ARCH.forward(zoo.weights, inputs)
    for row in range(len(zoo)):
        torch.testing.assert_close(zoo.module(row)(inputs), together[row])


def test_a_column_may_choose_the_activation_of_each_network():
    zoo = make(4, activation=["relu", "tanh", "relu", "tanh"])
    assert zoo.architecture_of(1).config["activation"] == "tanh"
    assert [rows.tolist() for _, rows in zoo.groups()] == [[0, 2], [1, 3]]
    inputs = torch.randn(5, 3)
    torch.testing.assert_close(
        zoo.module(3)(inputs), ARCH.with_row(activation="tanh").forward(zoo.weights[3:], inputs)[0]
    )


def test_joined_zoos_keep_every_network_apart():
    one, other = make(3), make(4, seed=1)
    joined = concat([one, other])
    assert len(joined) == 7
    assert joined.table["id"].is_unique
    assert joined.table["run"].is_unique
    assert torch.equal(joined.weights, torch.cat([one.weights, other.weights]))
    with pytest.raises(ValueError, match="only zoos of one architecture"):
        concat([one, Zoo.from_weights(architecture("mlp", widths=[3, 2]), torch.zeros(1, 8))])
    with pytest.raises(ValueError, match="at least one zoo"):
        concat([])


def test_missing_columns_are_filled_in():
    assert list(make().table.columns[:4]) == ["id", "run", "epoch", "seed"]


def test_the_exported_file_holds_a_plain_state_dict_per_network():
    zoo, inputs = make(), torch.randn(4, 3)
    state = load(to_safetensors(zoo))
    module = ARCH.build()
    module.load_state_dict({name: value[2] for name, value in state.items()})
    torch.testing.assert_close(module(inputs), zoo.module(2)(inputs))


def test_a_zoo_shows_itself_in_a_notebook():
    html = make()._repr_html_()
    assert "<svg" in html
    assert "5 of 26 parameters" in html


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (pd.DataFrame({"id": ["a", "a"]}), "comes twice"),
        (pd.DataFrame({"x": [1, 2, 3]}), "3 rows for 2 networks"),
        (pd.DataFrame({"a b": [1, 2]}), "cannot be used in a filter"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(table, message):
    with pytest.raises(ValueError, match=message):
        Zoo.from_weights(ARCH, torch.zeros(2, ARCH.layout.size), table)


def test_weights_that_do_not_fit_or_are_not_finite_are_refused(tmp_path):
    with pytest.raises(ValueError, match="do not fit mlp with 26 parameters"):
        Zoo.from_weights(ARCH, torch.zeros(2, 7))
    broken = torch.zeros(2, ARCH.layout.size)
    broken[1, 3] = torch.nan
    with pytest.raises(ValueError, match="n000001 are not finite"):
        Zoo.from_weights(ARCH, broken)
    with pytest.raises(ValueError, match="not finite"):
        Zoo.from_weights(ARCH, torch.full((1, ARCH.layout.size), 1e6)).save(tmp_path / "zoo", dtype="float16")
    assert not (tmp_path / "zoo").exists()


def test_nan_weights_in_a_file_with_a_right_hash_are_refused(stored):
    weights = make().weights.clone()
    weights[2, 0] = torch.inf
    save_file({"weights": weights}, stored / "weights.safetensors")
    manifest = json.loads((stored / "manifest.json").read_text())
    write_manifest(stored, "zoo", {k: v for k, v in manifest.items() if k not in ("files", "kind")})
    with pytest.raises(ValueError, match="n000002 are not finite"):
        Zoo.open(stored)


def test_a_missing_file_is_named(stored):
    (stored / "table.parquet").unlink()
    with pytest.raises(ValueError, match=r"lacks table\.parquet"):
        Zoo.open(stored)


def test_a_truncated_file_is_named(stored):
    file = stored / "weights.safetensors"
    file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(ValueError, match="bytes, its manifest says"):
        Zoo.open(stored)


def test_a_flipped_byte_is_noticed(stored):
    file = stored / "weights.safetensors"
    content = bytearray(file.read_bytes())
    content[-5] ^= 1
    file.write_bytes(content)
    with pytest.raises(ValueError, match="was altered"):
        Zoo.open(stored)
    assert len(Zoo.open(stored, verify=False)) == 5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": 99}, "format version 99, this wsexplore reads up to 2; update"),
        ({"version": "1"}, "no format version"),
        ({"kind": "flow"}, "holds a flow, not a zoo"),
        ({"format": "other"}, "does not describe a folder of wsexplore"),
        ({"files": {"../evil": {"bytes": 1, "sha256": ""}}}, "list of files"),
        ({"files": {}}, "lacks weights.safetensors"),
        ({"models": 6}, "its manifest says"),
        ({"architecture": {"name": "gpt", "config": {}}}, "choose one of mlp"),
        ({"architecture": {"name": "mlp", "config": {"widths": [3, 5, 2]}}}, "its manifest says"),
        ({"recipe": 7}, "recipe is described by"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused_with_a_sentence(stored, changes, message):
    edit_manifest(stored, **changes)
    with pytest.raises(ValueError, match=message):
        Zoo.open(stored)


def test_what_is_no_zoo_is_said(tmp_path, stored):
    with pytest.raises(ValueError, match="check the path"):
        Zoo.open(tmp_path / "nothing")
    with pytest.raises(ValueError, match="there is digit-fields, digits-mlp"):
        Zoo.open("no-such-zoo")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"has no manifest\.json"):
        Zoo.open(tmp_path / "empty")
    (stored / "manifest.json").write_text("{")
    with pytest.raises(ValueError, match="is not JSON"):
        Zoo.open(stored)


@pytest.mark.parametrize("header", [b"", b"\xff" * 8, struct.pack("<Q", 10) + b"{}"])
def test_a_weights_file_that_is_no_safetensors_is_refused(stored, header):
    (stored / "weights.safetensors").write_bytes(header)
    manifest = json.loads((stored / "manifest.json").read_text())
    write_manifest(stored, "zoo", {k: v for k, v in manifest.items() if k not in ("files", "kind")})
    with pytest.raises(ValueError, match="fetch or make it again"):
        Zoo.open(stored)


TABLE = pd.DataFrame({"id": ["a", "b", "c"], "epoch": [1, 2, 3], "test_accuracy": [0.1, np.nan, 0.9]})


@pytest.mark.parametrize(
    ("predicate", "rows"),
    [
        ("epoch > 1", [1, 2]),
        ("id in ('a', 'c') and test_accuracy < 0.5", [0]),
        ("test_accuracy is null", [1]),
        ("id like '%b%' or id = 'select; --'", [1]),
        ("epoch = 7", []),
        ("(epoch = 1)\n", [0]),
    ],
)
def test_a_predicate_selects_in_the_order_of_the_table(predicate, rows):
    assert select_rows(TABLE, predicate).tolist() == rows


@pytest.mark.parametrize(
    ("predicate", "message"),
    [
        ("epoch >", "cannot be read"),
        ("", "the filter is empty"),
        ("depth > 3", "no column; the columns are id, epoch, test_accuracy"),
        ("epoch + 1", "write a condition"),
        ("epoch = 'x'", "cannot be read"),
        ("1=1; DROP TABLE numbered", "more than a condition"),
        ("1=1) UNION SELECT 1 --", "more than a condition"),
        ("(SELECT count(*) FROM zoo) > 0", "more than a condition"),
        ("exists(FROM read_csv('/etc/passwd'))", "more than a condition"),
        ("read_text('/etc/passwd') is not null", "filter"),
        ("read_csv('/etc/passwd') = 1", "filter"),
        ("getenv('HOME') = '/root'", "filter"),
        ("1=1 /* x */", "more than a condition"),
    ],
)
def test_a_predicate_that_is_wrong_or_hostile_gives_one_sentence(predicate, message):
    with pytest.raises(ValueError, match=message) as caught:
        select_rows(TABLE, predicate)
    assert "\n" not in str(caught.value)


def test_a_predicate_that_takes_too_long_is_stopped(monkeypatch):
    monkeypatch.setattr("wsexplore.zoo.predicate.SECONDS", 0.05)
    wide = pd.DataFrame({"lr": np.random.default_rng(0).uniform(1, 2, 3_000_000)})
    slow = " and ".join(["exp(ln(sqrt(abs(lr)))) > 0"] * 30)
    begun = time.monotonic()
    with pytest.raises(ValueError, match=r"takes longer than 0\.05 seconds"):
        select_rows(wide, slow)
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize(
    "predicate",
    [
        "list_sum(range(1, 200000000)) > 0",
        "id = E'\\'' or (select count(*) from duckdb_settings()) > 0 or id = 'x'",
        "exists (table numbered)",
        "(values (1)) is not null",
        "epoch::varchar = '1'",
        "repeat(id, 1000000) = 'x'",
        " or ".join(["epoch = 1"] * 200),
    ],
)
def test_a_predicate_holds_columns_values_and_comparisons_only(predicate):
    begun = time.monotonic()
    with pytest.raises(ValueError, match=r"filter"):
        select_rows(TABLE, predicate)
    assert time.monotonic() - begun < 1


def test_a_predicate_may_use_words_functions_and_quoted_names():
    table = pd.DataFrame({"id": ["a-1", "b'2"], "lr": [0.1, 1e-4], "dotted.name": [1, 2]})
    for predicate, rows in (
        ("round(log10(lr)) = -4", [1]),
        ("lower(id) LIKE 'A%' OR lr IN (1, 2)", []),
        ("upper(id) LIKE 'A%' AND NOT lr IS NULL", [0]),
        ("id = 'b''2'", [1]),
        ('"dotted.name" between 2 and 3', [1]),
        ("lr <= 1.0e-4 and lr <> - 1", [1]),
    ):
        assert select_rows(table, predicate).tolist() == rows


def test_a_folder_of_other_files_is_never_replaced(tmp_path, zoo):
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.txt").write_text("years of work")
    with pytest.raises(ValueError, match="holds other files than wsexplore's"):
        zoo.save(precious)
    assert [file.name for file in precious.iterdir()] == ["thesis.txt"]
    (tmp_path / "empty").mkdir()
    assert len(Zoo.open(zoo.save(tmp_path / "empty"))) == len(zoo)


def test_a_link_to_a_folder_is_followed(tmp_path, zoo):
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "link").symlink_to(home)
    for _ in range(2):
        zoo.save(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert len(Zoo.open(home)) == len(zoo)


def test_files_have_the_permissions_of_the_users_other_files(tmp_path, zoo):
    modes = {file.stat().st_mode & 0o777 for file in zoo.save(tmp_path / "zoo").iterdir()}
    (tmp_path / "plain").write_text("x")
    assert modes == {(tmp_path / "plain").stat().st_mode & 0o777}


def test_a_reader_in_the_middle_of_a_write_waits(tmp_path, zoo, monkeypatch):
    path = zoo.save(tmp_path / "zoo")
    read = []
    plain = Path.rename

    def renamed(self, target):
        result = plain(self, target)
        if Path(target).name == ".zoo.old":
            thread = threading.Thread(target=lambda: read.append(len(Zoo.open(path))))
            thread.start()
            time.sleep(0.3)
            read.append(thread)
        return result

    monkeypatch.setattr(Path, "rename", renamed)
    zoo.select([0, 1, 2]).save(path)
    read[0].join(10)
    assert read[1:] == [3]
    assert len(Zoo.open(path)) == 3


def test_rows_are_whole_numbers_or_one_truth_value_each(zoo):
    mask = np.zeros(len(zoo), bool)
    mask[[2, 0]] = True
    assert zoo.select(mask).table["id"].tolist() == zoo.table["id"].iloc[[0, 2]].tolist()
    assert len(zoo.select([])) == 0
    for rows, said in (([1.9], "whole numbers"), (["a"], "whole numbers"), ([0, 0], "comes twice"), ([True], "whole")):
        with pytest.raises(ValueError, match=said):
            zoo.select(rows)


def test_networks_without_a_field_of_their_own_take_the_architectures(zoo):
    other = Zoo.from_weights(zoo.architecture, zoo.weights[:2])
    both = concat([zoo.with_table(zoo.table.assign(activation="tanh")), other])
    assert both.architecture_of(len(both) - 1) == zoo.architecture
    assert sorted(len(rows) for _, rows in both.groups()) == sorted([len(zoo), 2])
    assert both.module(len(both) - 1)


@pytest.mark.parametrize(
    ("column", "said"),
    [({"epoch": "abc"}, "whole numbers"), ({"run": np.nan}, "whole numbers"), ({"test_accuracy": "x"}, "hold numbers")],
)
def test_columns_of_the_wrong_kind_are_refused(zoo, column, said):
    with pytest.raises(ValueError, match=said):
        zoo.with_table(zoo.table.assign(**column))


def test_an_interrupt_while_writing_leaves_the_old_zoo(stored):
    def interrupted():
        with atomic_folder(stored) as folder:
            (folder / "half").write_text("x")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert len(Zoo.open(stored)) == 5
    assert [p.name for p in stored.parent.iterdir() if ".new-" in p.name] == []


WRITER = """
import sys, time
from pathlib import Path
from wsexplore.zoo import atomic_folder
try:
    with atomic_folder(Path(sys.argv[1])) as folder:
        (folder / "half").write_text("x")
        print("writing", flush=True)
        time.sleep(60)
except KeyboardInterrupt:
    sys.exit(3)
"""


@pytest.mark.parametrize(("end", "left"), [(signal.SIGINT, 0), (signal.SIGKILL, 1)])
def test_a_second_writer_is_told_and_an_ended_one_leaves_the_old_zoo(stored, end, left):
    process = subprocess.Popen([sys.executable, "-c", WRITER, str(stored)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "writing\n"
    with pytest.raises(ValueError, match="is being written by another process"):
        make(2).save(stored)
    process.send_signal(end)
    process.wait()
    process.stdout.close()
    assert len(Zoo.open(stored)) == 5
    assert len(list(stored.parent.glob(".zoo.new-*"))) == left
    make(2).save(stored)
    assert len(Zoo.open(stored)) == 2
    assert list(stored.parent.glob(".zoo.new-*")) == []


def test_a_crash_between_the_two_renames_is_undone_when_opening(stored):
    stored.rename(stored.with_name(".zoo.old"))
    assert len(Zoo.open(stored)) == 5
    assert stored.is_dir()


def test_a_full_disk_gives_one_sentence_and_leaves_the_old_zoo(stored):
    script = textwrap.dedent(
        """
        import resource, signal, sys, torch
        from wsexplore.zoo import Zoo
        from wsexplore.nets import architecture
        arch = architecture("mlp", widths=[64, 64, 10])
        zoo = Zoo.from_weights(arch, torch.randn(200, arch.layout.size))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        try:
            zoo.save(sys.argv[1])
        except OSError as error:
            print(error)
        """
    )
    done = subprocess.run([sys.executable, "-c", script, str(stored)], capture_output=True, text=True, check=True)
    assert "no space left to write zoo" in done.stdout
    assert len(Zoo.open(stored)) == 5
    assert list(stored.parent.glob(".zoo.new-*")) == []


def test_a_folder_is_not_written_over_a_file(tmp_path):
    (tmp_path / "zoo").write_text("mine")
    with pytest.raises(ValueError, match="is a file"):
        make().save(tmp_path / "zoo")
    assert (tmp_path / "zoo").read_text() == "mine"


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "x" * 61, "a b"])
def test_a_name_that_is_no_plain_word_is_refused(name):
    with pytest.raises(ValueError, match="is no name for a folder"):
        keep_path("zoos", name)


def test_what_the_user_keeps_is_found_by_name(tmp_path, monkeypatch):
    monkeypatch.setenv("WSEXPLORE_USER", str(tmp_path))
    app_settings.cache_clear()
    try:
        make().save(keep_path("zoos", "mine"))
        assert "mine" in shelf("zoos")
        assert len(Zoo.open("mine")) == 5
    finally:
        monkeypatch.undo()
        app_settings.cache_clear()


@given(
    arguments=st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5) | st.none(), max_size=3),
    seed=st.none() | st.integers(0, 9),
)
def test_a_recipe_survives_its_description(arguments, seed):
    recipe = Recipe.of("train", arguments=arguments, seed=seed, inputs={"zoo": "abc"}, cli="x", python="y")
    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe


@pytest.mark.parametrize("data", [None, {}, {"action": "x", "inputs": []}, {"action": "x", "seed": "1"}])
def test_a_broken_recipe_is_refused(data):
    with pytest.raises(ValueError, match="recipe"):
        Recipe.from_dict(data)


def test_a_manifest_lists_every_file(stored):
    manifest = read_manifest(stored, "zoo")
    assert set(manifest["files"]) == {"weights.safetensors", "table.parquet"}
    assert (stored / "weights.safetensors").stat().st_size == manifest["files"]["weights.safetensors"]["bytes"]


def test_a_name_that_is_too_long_and_a_manifest_that_is_a_folder_are_said(tmp_path):
    with pytest.raises(ValueError, match="a name of at most 240 letters is needed"):
        Zoo.open("a" * 5000)
    (tmp_path / "manifest.json").mkdir()
    with pytest.raises(ValueError, match="cannot be read"):
        Zoo.open(tmp_path)
