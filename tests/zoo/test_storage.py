"""Zoos on disk: written in chunks, cut into files, read lazily, with running statistics, from hostile folders."""

import json
import struct

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load, save_file

from wsexplore.nets import architecture
from wsexplore.zoo import Recipe, Zoo, concat, files, shards, storage, table, to_safetensors, write_manifest, zoo_writer
from wsexplore.zoo.readers import import_zoo

ARCH = architecture("mlp", widths=[3, 4, 2])
NORMED = architecture("cnn", input=[1, 6, 6], channels=[2, 3], pool=1, hidden=[], classes=2, norm="batch")


def make(models=9, start=0, arch=ARCH, **columns):
    draw = torch.Generator().manual_seed(start)
    weights = torch.randn(models, arch.layout.size, generator=draw)
    buffers = torch.rand(models, arch.buffers.size, generator=draw) + 0.5
    listed = pd.DataFrame({"test_accuracy": np.linspace(0, 1, models), "note": [f"n{i}" for i in range(models)]})
    return Zoo.from_weights(arch, weights, listed.assign(**columns), buffers=buffers)


def write(path, zoo, cuts=(), dtype="float32"):
    with zoo_writer(path, zoo.architecture, recipe=zoo.recipe, dtype=dtype) as writer:
        for rows in np.split(np.arange(len(zoo)), cuts):
            writer.append(zoo.rows(rows), zoo.table.iloc[rows], zoo.buffer_rows(rows))
    return Zoo.open(path)


def append_all(path, chunks, **options):
    with zoo_writer(path, ARCH, **options) as writer:
        for chunk in chunks:
            writer.append(*chunk)


@pytest.fixture
def small_shards(monkeypatch):
    monkeypatch.setattr(shards, "SHARD", 3 * 4 * ARCH.layout.size)


@pytest.fixture
def large(monkeypatch):
    """Every zoo counts as too large to be checked as a whole when it is opened."""
    monkeypatch.setattr(storage, "VERIFIED", -1)
    monkeypatch.setattr(files, "VERIFIED", -1)


@pytest.fixture
def stored(tmp_path):
    return make(5).save(tmp_path / "zoo")


def manifest_of(folder):
    return json.loads((folder / "manifest.json").read_text())


def rewrite_manifest(folder, **changes):
    """A manifest whose sizes and hashes are right, with other facts."""
    facts = {key: value for key, value in manifest_of(folder).items() if key not in ("files", "kind", "version")}
    write_manifest(folder, "zoo", {**facts, **changes}, version=2)


def sentence(folder, match, **options):
    with pytest.raises(ValueError, match=match) as caught:
        assert Zoo.open(folder, **options).table is None
    assert "\n" not in str(caught.value)


def test_the_shipped_zoo_keeps_its_fingerprint():
    zoo = Zoo.open("digits-mlp")
    assert zoo.fingerprint == "6141f3d60b41cd130b7277edb034caba3e97f0d7318c77e0ae3af69e64ac4982"
    assert zoo.select([5, 3, 1]).fingerprint == "ee88c7d3ef8cd003efec83b774b2cf8e2304b3062adb816840aca4598d575f2c"
    assert zoo.buffers.shape == (4000, 0)


@settings(max_examples=25, deadline=None)
@given(
    cuts=st.lists(st.integers(0, 9), max_size=4).map(sorted),
    rows=st.integers(1, 9),
    arch=st.sampled_from([ARCH, NORMED]),
    dtype=st.sampled_from(["float32", "float16"]),
)
def test_a_zoo_is_the_same_however_it_is_cut(tmp_path_factory, cuts, rows, arch, dtype):
    home, zoo = tmp_path_factory.mktemp("zoo"), make(arch=arch)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "SHARD", rows * 4 * arch.layout.size)
        cut = write(home / "cut", zoo, cuts, dtype)
    whole = write(home / "whole", zoo, (), dtype)
    assert cut.fingerprint == whole.fingerprint
    assert cut.stored.digest == shards.Matrix.of(whole.weights).digest
    assert torch.equal(cut.weights, zoo.weights if dtype == "float32" else zoo.weights.half().float())
    assert torch.equal(cut.buffers, zoo.buffers)
    pd.testing.assert_frame_equal(cut.table, zoo.table)


def test_a_small_zoo_is_one_file_that_older_versions_read(stored):
    assert sorted(file.name for file in stored.iterdir()) == ["manifest.json", "table.parquet", "weights.safetensors"]
    assert manifest_of(stored)["version"] == 1
    assert load((stored / "weights.safetensors").read_bytes())["weights"].equal(make(5).weights)


@pytest.mark.usefixtures("small_shards")
def test_a_large_zoo_lies_in_several_files_that_safetensors_reads(tmp_path):
    zoo = write(tmp_path / "zoo", make(8), [5])
    names = [name for name, _ in manifest_of(tmp_path / "zoo")["weights"]]
    assert names == ["weights-00001.safetensors", "weights-00002.safetensors", "weights-00003.safetensors"]
    parts = [load((tmp_path / "zoo" / name).read_bytes())["weights"] for name in names]
    assert [len(part) for part in parts] == [3, 3, 2]
    assert torch.equal(torch.cat(parts), zoo.weights)
    assert manifest_of(tmp_path / "zoo")["version"] == 2


@pytest.mark.usefixtures("small_shards")
@settings(max_examples=30, deadline=None)
@given(rows=st.lists(st.integers(-9, 8), max_size=12))
def test_rows_are_found_in_any_order_across_files(tmp_path_factory, rows):
    zoo = write(tmp_path_factory.mktemp("zoo") / "zoo", make(9))
    assert len(zoo.stored.parts) == 3
    assert torch.equal(zoo.rows(rows), make(9).weights[rows])
    view = zoo.select([7, 2, 4, 0])
    assert torch.equal(view.weights, make(9).weights[[7, 2, 4, 0]])
    assert torch.equal(view.rows([1, 0]), make(9).weights[[2, 7]])


def test_rows_are_copies(stored):
    zoo = Zoo.open(stored)
    for rows in ([1, 2], [3, 1]):
        zoo.rows(rows).zero_()
    assert torch.equal(zoo.weights, make(5).weights)


@pytest.mark.usefixtures("large")
def test_a_large_zoo_reads_the_columns_that_a_filter_names_and_no_others(tmp_path, monkeypatch):
    read, plain = [], table.TableFile._read

    def noted(self, names):
        read.append(names)
        return plain(self, names)

    monkeypatch.setattr(table.TableFile, "_read", noted)
    zoo, whole = write(tmp_path / "zoo", make(9)), make(9)
    assert len(zoo) == 9
    assert read == []
    found = zoo.select("test_accuracy > 0.3 and epoch = 0").select("note <> 'n8'")
    assert read == [["test_accuracy"], ["epoch"], ["note"]]
    assert zoo.row_of("n000003") == 3
    assert zoo.module(2)
    assert read[3:] == [["id"]]
    expected = whole.select("test_accuracy > 0.3 and epoch = 0").select("note <> 'n8'")
    pd.testing.assert_frame_equal(found.table, expected.table)
    assert read[4:] == [None]
    assert torch.equal(found.weights, expected.weights)


@pytest.mark.parametrize("size", ["small", "large"])
def test_an_opened_zoo_stays_as_it_was_when_its_folder_is_written_anew(tmp_path, size, request):
    if size == "large":
        request.getfixturevalue("large")
    zoo = write(tmp_path / "zoo", make(5))
    write(tmp_path / "zoo", make(7, start=1, note="other"))
    assert torch.equal(zoo.rows([4, 0]), make(5).weights[[4, 0]])
    assert zoo.table["note"].tolist() == make(5).table["note"].tolist()
    assert zoo.fingerprint == make(5).fingerprint


def test_networks_keep_their_running_statistics(tmp_path):
    zoo, inputs = make(4, arch=NORMED), torch.randn(5, 1, 6, 6)
    zoo.save(tmp_path / "zoo")
    again = Zoo.open(tmp_path / "zoo")
    assert torch.equal(again.buffers, zoo.buffers)
    assert torch.equal(again.select([2, 0]).buffers, zoo.buffers[[2, 0]])
    assert torch.equal(again.buffer_rows([-1, 1]), zoo.buffers[[3, 1]])
    joined = concat([zoo, again])
    assert torch.equal(joined.buffers, torch.cat([zoo.buffers, zoo.buffers]))
    outputs = NORMED.forward(zoo.weights, inputs, buffers=zoo.buffers)
    assert not torch.allclose(outputs, NORMED.forward(zoo.weights, inputs))
    for row in range(4):
        state = again.module(row).state_dict()
        for slot in NORMED.buffers.slots:
            value = zoo.buffers[row, slot.start : slot.stop].view(slot.shape)
            assert torch.equal(state[slot.name], value.to(state[slot.name].dtype))
        torch.testing.assert_close(again.module(row)(inputs), outputs[row], atol=1e-5, rtol=1e-5)


def test_running_statistics_are_those_before_the_first_batch_unless_given():
    fresh = Zoo.from_weights(NORMED, torch.zeros(3, NORMED.layout.size))
    assert torch.equal(fresh.buffers, NORMED.initial_buffers().repeat(3, 1))
    assert Zoo.from_weights(ARCH, torch.zeros(3, ARCH.layout.size)).buffers.shape == (3, 0)
    with pytest.raises(ValueError, match="running statistics of shape"):
        Zoo.from_weights(NORMED, fresh.weights, buffers=fresh.buffers[:, 1:])
    with pytest.raises(ValueError, match="running statistics of n000001 are not finite"):
        Zoo.from_weights(
            NORMED,
            fresh.weights,
            buffers=torch.where(torch.arange(3)[:, None] == 1, torch.inf, 1.0) + 0 * fresh.buffers,
        )


def test_other_weights_do_not_inherit_running_statistics_unasked():
    zoo = make(3, arch=NORMED)
    with pytest.raises(ValueError, match="give buffers"):
        zoo.with_weights(zoo.weights + 1, zoo.recipe)
    assert torch.equal(zoo.with_weights(zoo.weights + 1, zoo.recipe, zoo.buffers).buffers, zoo.buffers)
    assert make(3).with_weights(make(3).weights + 1, zoo.recipe)


def test_the_fingerprint_follows_the_running_statistics():
    zoo = make(3, arch=NORMED)
    other = zoo.with_weights(zoo.weights, zoo.recipe, zoo.buffers + 1)
    assert zoo.fingerprint != other.fingerprint
    assert zoo.fingerprint == zoo.with_weights(zoo.weights, zoo.recipe, zoo.buffers).fingerprint


def test_the_exported_file_holds_the_running_statistics_too(tmp_path):
    zoo = make(3, arch=NORMED)
    state = load(to_safetensors(zoo))
    module = NORMED.build().eval()
    module.load_state_dict({name: value[1] for name, value in state.items()})
    inputs = torch.randn(4, 1, 6, 6)
    torch.testing.assert_close(module(inputs), zoo.module(1)(inputs))
    (tmp_path / "zoo.safetensors").write_bytes(to_safetensors(zoo))
    assert torch.equal(import_zoo(tmp_path / "zoo.safetensors").buffers, zoo.buffers)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w, t: (w.index_fill(0, torch.tensor([1]), torch.nan), t), "weights of b1 are not finite"),
        (lambda w, t: (w * 1e6, t), "weights of b0, b1 are not finite"),
        (lambda w, t: (w, t.assign(id=["b0", "a1"])), "the id 'a1' comes twice"),
        (lambda w, t: (w, t.assign(id=["b0", "b0"])), "the id 'b0' comes twice"),
        (lambda w, t: (w, t.drop(columns="lr")), "the column 'lr' is not in every chunk"),
        (lambda w, t: (w, t.assign(more=1)), "the column 'more' is not in every chunk"),
        (lambda w, t: (w, t.assign(lr="fast")), "the column 'lr' held double and holds"),
        (lambda w, t: (w, t.assign(lr=[1, "fast"])), "the table cannot be written"),
        (lambda w, t: (w[:, 1:], t), "do not fit mlp with 26 parameters"),
        (lambda w, t: (w, t[:1]), "the table has 1 rows for 2 networks"),
    ],
)
def test_a_chunk_that_does_not_fit_is_refused_and_the_old_zoo_stays(stored, change, message):
    chunk = pd.DataFrame({"id": ["a0", "a1"], "lr": [0.1, 0.2]})
    weights = torch.ones(2, ARCH.layout.size)
    with pytest.raises(ValueError, match=message):
        append_all(stored, [(weights, chunk), change(weights, chunk.assign(id=["b0", "b1"]))], dtype="float16")
    assert Zoo.open(stored).fingerprint == make(5).fingerprint
    assert list(stored.parent.glob(".zoo.new-*")) == []


def test_a_writer_needs_a_known_dtype_and_a_network(tmp_path):
    with pytest.raises(ValueError, match="no network was appended"), zoo_writer(tmp_path / "zoo", ARCH):
        pass
    with pytest.raises(ValueError, match="float32 or float16, got 'int8'"), zoo_writer(tmp_path, ARCH, dtype="int8"):
        pass
    assert not (tmp_path / "zoo").exists()


def test_an_empty_zoo_is_a_zoo(tmp_path):
    make(3).select([]).save(tmp_path / "zoo")
    again = Zoo.open(tmp_path / "zoo")
    assert len(again) == 0
    assert again.weights.shape == (0, ARCH.layout.size)
    assert len(again.select("test_accuracy > 0")) == 0


def test_ids_and_runs_are_counted_on_from_chunk_to_chunk(tmp_path):
    with zoo_writer(tmp_path / "zoo", ARCH) as writer:
        for _ in range(3):
            writer.append(torch.zeros(2, ARCH.layout.size))
    zoo = Zoo.open(tmp_path / "zoo")
    assert zoo.table["id"].tolist() == [f"n00000{row}" for row in range(6)]
    assert zoo.table["run"].tolist() == list(range(6))


def test_a_column_that_is_empty_at_first_takes_its_type_later(tmp_path):
    tables = [
        pd.DataFrame({"note": [None, None], "flag": [None, None], "lr": [0.1, np.nan]}, dtype=object).astype(
            {"lr": float}
        ),
        pd.DataFrame({"note": ["x", None], "flag": [True, None], "lr": [np.nan, 0.2]}).astype({"flag": object}),
        pd.DataFrame({"note": [None, None], "flag": [None, False], "lr": [1.0, 2.0]}, dtype=object).astype(
            {"lr": float}
        ),
    ]
    with zoo_writer(tmp_path / "zoo", ARCH) as writer:
        for part in tables:
            writer.append(torch.zeros(2, ARCH.layout.size), part)
    zoo = Zoo.open(tmp_path / "zoo")
    assert zoo.select("note = 'x'").table["id"].tolist() == ["n000002"]
    assert zoo.select("flag").table["id"].tolist() == ["n000002"]
    assert zoo.select("not flag").table["id"].tolist() == ["n000005"]
    assert zoo.table["lr"].isna().tolist() == [False, True, True, False, False, False]
    assert sorted(file.name for file in (tmp_path / "zoo").iterdir()) == [
        "manifest.json",
        "table.parquet",
        "weights.safetensors",
    ]


def test_what_is_learnt_while_writing_may_enter_the_recipe(tmp_path):
    recipe = Recipe.of("import_zoo")
    with zoo_writer(tmp_path / "zoo", ARCH, recipe=recipe) as writer:
        writer.append(torch.zeros(1, ARCH.layout.size))
        recipe.arguments["taken"] = 1
    assert Zoo.open(tmp_path / "zoo").recipe.arguments == {"taken": 1}


def test_many_ids_are_told_apart(tmp_path):
    chunks = []
    for start in [*range(0, 2000, 100), 5000]:
        ids = [f"n{row:06d}" for row in range(start, start + 100)]
        chunks.append((torch.zeros(100, ARCH.layout.size), pd.DataFrame({"id": ids})))
    append_all(tmp_path / "zoo", chunks)
    chunks[-1][1].loc[5, "id"] = "n000777"
    with pytest.raises(ValueError, match="'n000777' comes twice"):
        append_all(tmp_path / "zoo", chunks)


@pytest.mark.parametrize("name", ["weights.safetensors", "table.parquet", "manifest.json"])
def test_a_link_out_of_the_folder_is_refused(stored, tmp_path, name):
    (tmp_path / "secret").write_bytes((stored / name).read_bytes())
    (stored / name).unlink()
    (stored / name).symlink_to(tmp_path / "secret")
    sentence(stored, "is a link out of its folder")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"models": -1}, "lacks models, dtype or digest"),
        ({"models": True}, "lacks models, dtype or digest"),
        ({"models": 10**30}, "its manifest says"),
        ({"models": 4}, "its manifest says"),
        ({"dtype": "float64"}, "lacks models, dtype or digest"),
        ({"dtype": "float16"}, "its manifest says"),
        ({"digest": None}, "lacks models, dtype or digest"),
        ({"weights": []}, "the list of weights"),
        ({"weights": "x"}, "the list of weights"),
        ({"weights": [["weights.safetensors", -5]]}, "the list of weights"),
        ({"weights": [["weights.safetensors", 10], ["weights.safetensors", -5]]}, "the list of weights"),
        (
            {"weights": [["weights.safetensors", 5], ["weights.safetensors", 5]]},
            "other numbers of weights than networks",
        ),
        ({"weights": [["../zoo/weights.safetensors", 5]]}, "lacks ../zoo/weights.safetensors"),
        ({"weights": [["/etc/passwd", 5]]}, "lacks /etc/passwd"),
        ({"buffers": [["weights.safetensors", 5]]}, "instead of one matrix 'buffers'"),
    ],
)
def test_a_manifest_that_lies_is_refused_with_a_sentence(stored, changes, message):
    rewrite_manifest(stored, **changes)
    sentence(stored, message)
    sentence(stored, message, verify=False)


def header_of(**facts):
    text = json.dumps({"weights": facts}).encode()
    return struct.pack("<Q", len(text)) + text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (header_of(dtype="F32", shape=[2**60, 26], data_offsets=[0, 520]) + bytes(520), "cannot be read"),
        (header_of(dtype="F32", shape=[-5, -26], data_offsets=[0, 520]) + bytes(520), "cannot be read"),
        (header_of(dtype="F32", shape=[5, 26], data_offsets=[0, 2**62]) + bytes(520), "cannot be read"),
        (header_of(dtype="F32", shape=[5, 26], data_offsets=[-520, 0]) + bytes(520), "cannot be read"),
        (header_of(dtype="I32", shape=[5, 26], data_offsets=[0, 520]) + bytes(520), "its manifest says"),
        (header_of(dtype="F32", shape=[130], data_offsets=[0, 520]) + bytes(520), "its manifest says"),
        (header_of(dtype="F32", shape=[26, 5], data_offsets=[0, 520]) + bytes(520), "its manifest says"),
        (struct.pack("<Q", 2**63) + bytes(600), "no safetensors file"),
        (bytes(3), "no safetensors file"),
    ],
)
def test_a_weights_file_that_lies_is_refused_with_a_sentence(stored, content, message):
    (stored / "weights.safetensors").write_bytes(content)
    rewrite_manifest(stored)
    sentence(stored, message)


def test_a_table_with_an_id_twice_or_other_rows_is_refused(stored):
    plain = pd.read_parquet(stored / "table.parquet")
    plain.assign(id="same").to_parquet(stored / "table.parquet")
    rewrite_manifest(stored)
    sentence(stored, "the id 'same' comes twice")
    plain[:3].to_parquet(stored / "table.parquet")
    rewrite_manifest(stored)
    sentence(stored, "has 3 rows for 5 networks")
    (stored / "table.parquet").write_bytes(b"PAR1" + bytes(50) + b"PAR1")
    rewrite_manifest(stored)
    sentence(stored, "cannot be read")


@pytest.mark.usefixtures("large")
def test_in_a_large_zoo_a_broken_table_is_said_when_it_is_read(stored):
    pd.read_parquet(stored / "table.parquet").assign(id="same").to_parquet(stored / "table.parquet")
    rewrite_manifest(stored)
    assert len(Zoo.open(stored)) == 5
    sentence(stored, "the id 'same' comes twice")


@pytest.mark.usefixtures("large")
def test_a_large_zoo_is_checked_where_that_is_asked_for(stored):
    weights = make(5).weights.clone()
    weights[3] = torch.nan
    save_file({"weights": weights}, stored / "weights.safetensors")
    assert_size = manifest_of(stored)["files"]["weights.safetensors"]
    assert assert_size["sha256"]
    rewrite_manifest(stored)
    assert len(Zoo.open(stored)) == 5
    sentence(stored, "weights of n000003 are not finite", verify=True)


def test_running_statistics_that_are_not_finite_are_refused(tmp_path):
    folder = make(3, arch=NORMED).save(tmp_path / "zoo")
    buffers = make(3, arch=NORMED).buffers.clone()
    buffers[2, 0] = torch.inf
    save_file({"buffers": buffers}, folder / "buffers.safetensors")
    rewrite_manifest(folder)
    sentence(folder, "running statistics of n000002 are not finite")


def test_a_manifest_of_absurd_size_is_not_read(stored, monkeypatch):
    monkeypatch.setattr(files, "MOST_WORDS", 10)
    sentence(stored, "has more than 10 bytes")


def test_columns_that_differ_in_case_only_are_told_apart_before_they_are_filtered():
    zoo = make(2, LR=[1, 2], lr=[3, 4])
    with pytest.raises(ValueError, match="LR and lr differ in case only"):
        zoo.select("lr > 3")
