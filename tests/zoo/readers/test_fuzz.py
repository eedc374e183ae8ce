"""Damaged and hostile files: every one loads truly or ends in one sentence, and no more than that happens."""

import gzip
import io
import json
import os
import pickle
import random
import resource
import shutil
import struct
import sys
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tiny_layouts
import torch
from safetensors.torch import save_file

from wsexplore.zoo import Zoo
from wsexplore.zoo.readers import import_zoo, pickled, recognise
from wsexplore.zoo.table import TableFile

MUTANTS = 200
"""Damaged copies of each layout."""

MEMORY = 600 << 20
"""Bytes by which the process may grow at its peak."""

WORDS = [
    "NaN",
    "-Infinity",
    "1e999",
    "-1",
    "0",
    "99999999999999999999",
    "9" * 5000,
    "../../../../etc/passwd",
    "<script>alert(1)</script>",
    "\u202e\u0000",
    "größe, '\"; DROP",
    "",
    "[" * 3000,
    "null",
    "true",
    "\ud800",
]
NUMBERS = [0, 1, 0x7FFFFFFF, 0xFFFFFFFF, 0x80000000, 1 << 20]
FOLDERS = {"policies": {"config": {"widths": [3, 4, 2]}}}


def files_of(root: Path) -> list[Path]:
    return sorted(path for path in (root.rglob("*") if root.is_dir() else [root]) if path.is_file())


def cut(data: bytes, draw: random.Random) -> bytes:
    return data[: draw.randrange(len(data) + 1)]


def flipped(data: bytes, draw: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(draw.randint(1, 8)):
        if changed:
            changed[draw.randrange(len(changed))] = draw.randrange(256)
    return bytes(changed)


def renumbered(data: bytes, draw: random.Random) -> bytes:
    place = draw.randrange(max(1, len(data) - 8))
    form = draw.choice(["<I", "<Q", ">I"])
    number = struct.pack(form, draw.choice(NUMBERS) << (draw.choice([0, 24]) if form == "<Q" else 0) & 0xFFFFFFFF)
    return data[:place] + number + data[place + len(number) :]


def reworded(data: bytes, draw: random.Random) -> bytes:
    """A number or a word of a text replaced; in other files some bytes of any kind."""
    word = draw.choice(WORDS).encode("utf-8", "surrogatepass")
    marks = [place for place, byte in enumerate(data) if byte in b',:[]"\n']
    if len(marks) < 2:
        return data[: len(data) // 2] + word + data[len(data) // 2 :]
    place = draw.randrange(len(marks) - 1)
    return data[: marks[place] + 1] + word + data[marks[place + 1] :]


def moved(data: bytes, draw: random.Random) -> bytes:
    start = draw.randrange(len(data) + 1)
    stop = min(len(data), start + draw.randint(1, 200))
    return data[:start] + (data[stop:] if draw.random() < 0.5 else data[start:stop] + data[start:])


def anything(data: bytes, draw: random.Random) -> bytes:
    return draw.choice(
        [b"", b"\0" * 100, draw.randbytes(200), b"PK\x03\x04", b"\x80\x02.", b"{}", b"[]", b"null", b"\xff\xfe"]
    )


def inside(data: bytes, draw: random.Random) -> bytes:
    """What is packed in a file changed, and packed again with the right checksum."""
    change = draw.choice([cut, flipped, renumbered, reworded, moved])
    if data[:2] == b"\x1f\x8b":
        return gzip.compress(change(gzip.decompress(data), draw))
    if data[:2] != b"PK":
        return change(data, draw)
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        entries = {name: file.read(name) for name in file.namelist()}
    chosen = draw.choice([name for name in entries if draw.random() < 0.3 or name.endswith("data.pkl")])
    entries[chosen] = change(entries[chosen], draw)
    return zipped(entries)


CHANGES = [inside, inside, inside, cut, flipped, flipped, renumbered, renumbered, reworded, reworded, moved, anything]


def changed(data: bytes, draw: random.Random) -> bytes:
    try:
        return draw.choice(CHANGES)(data, draw)
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error, ValueError, NotImplementedError):
        return cut(data, draw)  # it was damaged before, so it cannot be unpacked


def damage(root: Path, outside: Path, draw: random.Random) -> None:
    """Change one file of a layout, or what it is."""
    file = draw.choice(files_of(root))
    kind = draw.random()
    if kind < 0.85:
        target = file.resolve()
        if target != outside:
            target.write_bytes(changed(target.read_bytes(), draw))
    elif kind < 0.89:
        file.unlink()
        file.symlink_to(outside)
    elif kind < 0.92:
        other = draw.choice(files_of(root))
        shutil.copyfile(other, file) if other.resolve() != file.resolve() else file.unlink()
    elif kind < 0.95:
        file.rename(file.with_name(draw.choice(["<b>x<b>", "größe", "a b", ".hidden", "checkpoint_99"]) + file.suffix))
    elif kind < 0.97:
        file.unlink()
        os.mkfifo(file)
    elif kind < 0.98:
        file.unlink()
        file.mkdir()
    else:
        file.unlink()


def check_sentence(error: ValueError) -> None:
    said = str(error)
    assert type(error) is ValueError, f"{type(error)}: {said}"
    assert said, "the sentence is empty"
    assert len(said) <= 700, said
    assert said.isprintable(), repr(said)
    assert "Traceback" not in said


def outcome(path: Path, out: Path | None, **more: object) -> int:
    """Import, and how many networks came of it; anything but a true zoo or one sentence fails."""
    try:
        zoo = import_zoo(path, out=out, **more)
    except ValueError as error:
        refused = error
    else:
        refused = None
    if refused is not None:
        check_sentence(refused)
        assert out is None or not out.exists()
        return 0
    assert len(zoo) > 0
    assert bool(zoo.weights.isfinite().all())
    assert zoo.weights.shape == (len(zoo), zoo.architecture.layout.size)
    assert zoo.table["id"].is_unique
    if out is not None:
        assert Zoo.open(out).fingerprint == zoo.fingerprint
    return len(zoo)


@pytest.mark.parametrize("layout", tiny_layouts.LAYOUTS)
def test_a_damaged_copy_loads_truly_or_ends_in_one_sentence(tmp_path: Path, layout: str):
    outside = tmp_path / "outside.pt"
    torch.save(tiny_layouts.state(9), outside)
    before = outside.read_bytes()
    whole = tmp_path / "whole"
    path = tiny_layouts.LAYOUTS[layout](whole)
    inside, more = path.relative_to(whole), FOLDERS.get(layout, {})
    networks = outcome(path, None, **more)
    assert networks
    home = tmp_path / "home"
    home.mkdir()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    taken, wrong = [], []
    for seed in range(MUTANTS):
        draw = random.Random(f"{layout} {seed}")
        copy, out = tmp_path / "copy", home / f"out{seed}" if seed % 10 == 0 else None
        shutil.copytree(whole, copy, symlinks=True)
        for _ in range(draw.choice([1, 1, 2])):
            if files_of(copy):
                damage(copy, outside, draw)
        try:
            taken.append(outcome(copy / inside, out, **more))
        except (Exception, AssertionError) as error:
            wrong.append(f"mutant {seed}: {type(error).__name__}: {error}")
        shutil.rmtree(copy)
        assert {each.name for each in home.iterdir() if not each.name.endswith(".lock")} <= {f"out{seed}"}
        shutil.rmtree(home)
        home.mkdir()
    assert wrong == []
    assert outside.read_bytes() == before
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak) << 10 < MEMORY
    assert taken.count(networks) > 0
    assert sum(each < networks for each in taken) > 0


class Runs:
    """An object whose pickle runs a command."""

    def __init__(self, function: object, *arguments: object):
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return self.call


def hostile(sentinel: Path) -> dict[str, object]:
    return {
        "os.system": Runs(os.system, f"touch {sentinel}"),
        "open": Runs(open, str(sentinel), "w"),
        "eval": Runs(eval, f"open({str(sentinel)!r}, 'w')"),
        "exec": Runs(exec, f"open({str(sentinel)!r}, 'w')"),
        "getattr": Runs(getattr, sentinel, "touch"),
        "Path.touch": Runs(Path.touch, sentinel),
        "torch.load": Runs(torch.load, str(sentinel)),
        "import": Runs(__import__, "antigravity"),
        "nested": {"model_state_dict": {**tiny_layouts.state(0), "x": Runs(os.system, f"touch {sentinel}")}},
    }


@pytest.mark.parametrize("name", hostile(Path("x")))
@pytest.mark.parametrize(
    "where", ["new.pt", "old.pt", "checkpoint_000001/checkpoints", "dataset.pt", "sample_0.pt", "raw.pt"]
)
def test_no_code_of_a_file_runs(tmp_path: Path, name: str, where: str):
    sentinel, zoo = tmp_path / "sentinel", tmp_path / "zoo"
    value = hostile(sentinel)[name]
    file = zoo / where
    file.parent.mkdir(parents=True)
    if where == "checkpoint_000001/checkpoints":
        (zoo / "params.json").write_text("{}")
        (zoo / "result.json").write_text("{}")
    if where == "dataset.pt":
        value = {"trainset": value, "testset": value}
    if where == "sample_0.pt":
        tiny_layouts.sane(tmp_path / "sane")
        file = tmp_path / "sane" / "dataset_torch.train" / "sample_0.pt"
        zoo = tmp_path / "sane"
    if where == "raw.pt":
        file.write_bytes(pickle.dumps(value))
    else:
        torch.save(value, file, _use_new_zipfile_serialization=where != "old.pt")
    for look in (recognise, import_zoo):
        if look is recognise:
            assert recognise(zoo).obstacle
        else:
            with pytest.raises(ValueError, match=r"running code|torch\.save|none of|cannot"):
                import_zoo(zoo, out=tmp_path / "out")
    assert not sentinel.exists()
    assert not (tmp_path / "out").exists()
    assert "antigravity" not in sys.modules


def zipped(entries: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as file:
        for name, data in entries.items():
            file.writestr(name, data)
    return stream.getvalue()


def entries_of(value: object) -> dict[str, bytes]:
    stream = io.BytesIO()
    torch.save(value, stream)
    with zipfile.ZipFile(stream) as file:
        return {name: file.read(name) for name in file.namelist()}


def header(described: dict[str, object], data: bytes = b"") -> bytes:
    text = json.dumps(described).encode()
    return struct.pack("<Q", len(text)) + text + data


def array(described: str, data: bytes = b"") -> bytes:
    text = described.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data


BOMB = bytes(64 << 20)
ONE = {"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}


def lying_tensor(count: int, size: str) -> bytes:
    """A file whose pickle declares a tensor of another size than it holds."""
    entries = entries_of({"w": torch.zeros(4)})
    name = next(name for name in entries if name.endswith("data.pkl"))
    number = b"J" + struct.pack("<i", count)
    changed = entries[name].replace(b"K\x04tq", number + b"tq") if size != "shape" else entries[name]
    entries[name] = changed.replace(b"K\x04\x85", number + b"\x85") if size != "storage" else changed
    return zipped(entries)


LIES = {
    "zip bomb": (
        "a.pt",
        lambda: zipped({**entries_of(tiny_layouts.state(0)), "archive/data/9": BOMB}, zipfile.ZIP_DEFLATED),
    ),
    "pickle bomb": ("a.pt", lambda: zipped({"archive/data.pkl": b"\x80\x02" + b"(" * (4 << 20)})),
    "deep pickle": ("a.pt", lambda: zipped({"archive/data.pkl": b"\x80\x02" + b"]" + b"]a" * 100_000 + b"."})),
    "doubling pickle": (
        "a.pt",
        lambda: zipped({"archive/data.pkl": b"\x80\x02]q\x00" + b"]h\x00ah\x00aq\x00" * 5_000 + b"."}),
    ),
    "memory far away": ("a.pt", lambda: zipped({"archive/data.pkl": b"\x80\x02Nr\xff\xff\xff\xff."})),
    "long bytes": ("a.pt", lambda: zipped({"archive/data.pkl": b"\x80\x04\x8e" + struct.pack("<Q", 1 << 60) + b"."})),
    "long array": ("a.pt", lambda: zipped({"archive/data.pkl": b"\x80\x05\x96" + struct.pack("<Q", 1 << 40) + b"."})),
    "two descriptions": ("a.pt", lambda: zipped({"a/data.pkl": b"\x80\x02}.", "b/data.pkl": b"\x80\x02}."})),
    "huge shape": ("a.pt", lambda: lying_tensor(1 << 30, "shape")),
    "huge storage": ("a.pt", lambda: lying_tensor(1 << 30, "storage")),
    "huge both": ("a.pt", lambda: lying_tensor(1 << 30, "both")),
    "negative shape": ("a.pt", lambda: lying_tensor(-4, "both")),
    "long header": ("a.safetensors", lambda: struct.pack("<Q", 1 << 62) + b"{}"),
    "outside": (
        "a.safetensors",
        lambda: header({"w": {"dtype": "F32", "shape": [2], "data_offsets": [1 << 40, (1 << 40) + 8]}}),
    ),
    "huge tensor": (
        "a.safetensors",
        lambda: header({"w": {"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 1 << 42]}}),
    ),
    "wrapping tensor": (
        "a.safetensors",
        lambda: header({"w": {"dtype": "F32", "shape": [1 << 33, 1 << 33], "data_offsets": [0, 0]}}),
    ),
    "negative": (
        "a.safetensors",
        lambda: header({"w": {"dtype": "F32", "shape": [-2], "data_offsets": [8, 0]}}, bytes(8)),
    ),
    "no numbers": ("a.safetensors", lambda: header({"w": {**ONE["w"], "dtype": "Q9"}}, bytes(8))),
    "deep header": ("a.safetensors", lambda: struct.pack("<Q", 200_000) + b"[" * 200_000),
    "huge array": (
        "weights.npy",
        lambda: array("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000, 1000)}"),
    ),
    "negative array": (
        "weights.npy",
        lambda: array("{'descr': '<f4', 'fortran_order': False, 'shape': (-4, -2)}", bytes(32)),
    ),
    "objects": (
        "weights.npy",
        lambda: array("{'descr': '|O', 'fortran_order': False, 'shape': (2, 2)}", pickle.dumps([1])),
    ),
    "fields": (
        "weights.npy",
        lambda: array("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2, 2)}", bytes(16)),
    ),
    "whole numbers": (
        "weights.npy",
        lambda: array("{'descr': '<i8', 'fortran_order': False, 'shape': (2, 2)}", bytes(32)),
    ),
    "no rows": ("weights.npy", lambda: array("{'descr': '<f4', 'fortran_order': False, 'shape': (0, 26)}")),
    "called header": ("weights.npy", lambda: array("__import__('os').system('true')")),
    "huge widths": ("a.nnet", lambda: b"1,1000000,1000000,1,\n1000000,1000000,\n0,\n0,\n1,\n0,\n1,\n"),
    "negative widths": ("a.nnet", lambda: b"1,-3,2,4,\n-3,2,\n0,\n0,\n1,\n0,\n1,\n"),
    "nan widths": ("a.nnet", lambda: b"1,nan,2,4,\nnan,2,\n0,\n0,\n1,\n0,\n1,\n"),
    "weights without numbers": ("a.nnet", lambda: b"1,9000,9000,1,\n9000,9000,\n0,\n" + b"0," * 9000 + b"\n"),
    "text of lists": (
        "a.pt",
        lambda: zipped({"a/data.pkl": b"\x80\x02cnumpy\ndtype\n]q\x00" + b"]h\x00ah\x00aq\x00" * 5_000 + b"\x85R."}),
    ),
    "empty": ("a.pt", lambda: b""),
}


@pytest.mark.parametrize("name", LIES)
def test_a_file_that_lies_about_its_size_is_refused_before_memory_is_taken(tmp_path: Path, name: str):
    file, make = LIES[name]
    zoo = tmp_path / "zoo"
    zoo.mkdir()
    (zoo / file).write_bytes(make())
    if file == "weights.npy":
        (zoo / "metrics.csv").write_text("step\n0\n1\n")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert outcome(zoo, tmp_path / "out") == 0
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak) << 10 < 200 << 20


NONES = b"\x80\x02](" + b"N" * (1 << 14) + b"eq\x00"
BOMBS = {
    "many copies": NONES + b"cbuiltins\nlist\nq\x01" + b"h\x01h\x00\x85R" * 400 + b".",
    "many dictionaries": b"\x80\x02" + b"}" * (1 << 17) + b".",
    "many lists": b"\x80\x02" + b"]" * (1 << 17) + b".",
    "many numbers": b"\x80\x02" + b"M\xff\xff" * (1 << 17) + b".",
    "many memories": b"\x80\x04N" + b"\x94" * (1 << 17) + b".",
    "many texts": b"\x80\x02X\0\0\x10\0" + bytes(1 << 20) + b"q\x00c_codecs\nencode\nq\x01" + b"h\x01h\x00\x85R" * 4000,
    "many instructions": b"\x80\x02" + b"N0" * (1 << 17) + b".",
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_pickle_that_makes_too_many_values_is_refused(tmp_path: Path, name: str, monkeypatch):
    monkeypatch.setattr(pickled, "MEMORY", 1 << 20)
    (tmp_path / "a.pt").write_bytes(zipped({"a/data.pkl": BOMBS[name]}))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(
        ValueError, match=r"more values than any file of weights|too long for a file of weights"
    ) as said:
        import_zoo(tmp_path / "a.pt")
    check_sentence(said.value)
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak) << 10 < 100 << 20


def long_text(rows: int, *, dictionary: bool = False) -> pa.Table:
    one = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array(["x" * 100_000]))
    return pa.table({"note": one if dictionary else one.cast(pa.large_string())})


@pytest.mark.parametrize("dictionary", [False, True])
def test_a_parquet_table_whose_text_comes_in_every_row_is_refused(tmp_path: Path, dictionary: bool):
    zoo = tmp_path / "zoo"
    zoo.mkdir()
    torch.save(tiny_layouts.state(0), zoo / "net0.pt")
    table = long_text(20_000, dictionary=dictionary)
    pq.write_table(table.append_column("file", pa.array(["net0"] * 20_000)), zoo / "table.parquet", compression="zstd")
    assert (zoo / "table.parquet").stat().st_size < 20_000
    del table
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ValueError, match="unpacks to more than 1,024 MiB") as said:
        import_zoo(zoo)
    check_sentence(said.value)
    with pytest.raises(ValueError, match="unpacks to more than 1,024 MiB"):
        TableFile(zoo / "table.parquet", 20_000).part(["note"])
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak) << 10 < 100 << 20


def test_a_parquet_table_of_absurdly_many_rows_is_refused(tmp_path: Path):
    zoo = tmp_path / "zoo"
    zoo.mkdir()
    torch.save(tiny_layouts.state(0), zoo / "net0.pt")
    pq.write_table(pa.table({"file": pa.nulls(60_000_000)}), zoo / "table.parquet")
    with pytest.raises(ValueError, match="unpacks to more than"):
        import_zoo(zoo)


def test_tables_that_unpack_to_much_are_refused(tmp_path: Path):
    path = tiny_layouts.matrix(tmp_path / "zoo")
    with gzip.open(path / "metrics.csv.gz", "wb") as stream:
        stream.write(b"step\n" + b"1\n" * (64 << 20))
    with pytest.raises(ValueError, match=r"larger than|unpacks to more than"):
        import_zoo(path)


def test_a_table_that_names_a_file_twice_is_refused(tmp_path: Path):
    path = tiny_layouts.folder(tmp_path / "zoo")
    (path / "table.csv").write_text("file,test_acc\nnet0,0.5\nnet0,0.6\n")
    with pytest.raises(ValueError, match="names a file twice"):
        import_zoo(path)


def test_ids_that_come_twice_are_told_apart(tmp_path: Path):
    path = tmp_path / "zoo"
    path.mkdir()
    torch.save(tiny_layouts.state(0), path / "net.pt")
    torch.save(tiny_layouts.state(1), path / "net.pth")
    assert import_zoo(path).table["id"].tolist() == ["net", "net~2"]


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path):
    secret, zoo = tmp_path / "secret.pt", tmp_path / "zoo"
    torch.save(tiny_layouts.state(0), secret)
    zoo.mkdir()
    torch.save(tiny_layouts.state(1), zoo / "a.pt")
    (zoo / "b.pt").symlink_to(secret)
    (zoo / "deep").symlink_to(tmp_path)
    found = import_zoo(zoo)
    assert found.table["id"].tolist() == ["a"]
    assert "leads out of the folder" in next(iter(found.recipe.arguments["left_out"]))


def test_a_hub_snapshot_may_link_to_its_blobs_and_nowhere_else(tmp_path: Path):
    path = tiny_layouts.hub(tmp_path / "cache")
    torch.save(tiny_layouts.state(0), tmp_path / "secret.pt")
    (path / "net9.pt").symlink_to(tmp_path / "secret.pt")
    assert import_zoo(path).table["id"].tolist() == ["net0", "net1"]


def test_networks_with_other_kinds_of_numbers_are_left_out(tmp_path: Path):
    path = tmp_path / "zoo"
    path.mkdir()
    torch.save(tiny_layouts.state(0), path / "a.pt")
    torch.save({name: value.to(torch.int32) for name, value in tiny_layouts.state(1).items()}, path / "b.pt")
    torch.save({name: value * torch.nan for name, value in tiny_layouts.state(1).items()}, path / "c.pt")
    torch.save({name: value * 1e6 for name, value in tiny_layouts.state(1).items()}, path / "d.pt")
    save_file({"layers.0.weight": torch.zeros(9, 9)}, path / "e.safetensors")
    assert import_zoo(path).table["id"].tolist() == ["a", "d"]
    zoo = import_zoo(path, dtype="float16", out=tmp_path / "out")
    assert zoo.table["id"].tolist() == ["a"]
    assert sum(zoo.recipe.arguments["left_out"].values()) == 4


def test_a_folder_of_nothing_is_refused(tmp_path: Path):
    (tmp_path / "zoo" / "NN_tune_trainable_1").mkdir(parents=True)
    for path in (tmp_path / "zoo", tmp_path / "nowhere", Path("/dev/null"), tmp_path / ("x" * 4000), Path("\0")):
        with pytest.raises(ValueError, match=r"zoo|import|neither|null"):
            import_zoo(path)


def test_html_in_names_stays_text(tmp_path: Path):
    path = tiny_layouts.folder(tmp_path / "zoo")
    (path / "table.csv").write_text('file,<img src=x>,note\nnet0,1,<script>\nnet1,2,"a\u202eb"\nnet2,3,\nnet3,4,x\n')
    table = import_zoo(path).table
    assert all(name.isascii() and name.replace("_", "").replace(".", "").isalnum() for name in table.columns)
    assert table["note"].tolist()[0] == "<script>"


def test_a_cancelled_import_leaves_nothing(tmp_path: Path):
    path = tiny_layouts.folder(tmp_path / "zoo")
    home = tmp_path / "home"
    home.mkdir()

    def stop(fraction: float, message: str) -> None:
        if fraction > 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_zoo(path, out=home / "out", on_step=stop)
    assert [each.name for each in home.iterdir() if not each.name.endswith(".lock")] == []


def test_an_array_in_numpys_own_format_is_not_unpickled(tmp_path: Path):
    path = tiny_layouts.matrix(tmp_path / "zoo")
    np.save(path / "weights.npy", np.array([[Runs(os.system, f"touch {tmp_path / 'sentinel'}")]], dtype=object))
    with pytest.raises(ValueError, match="matrix of real numbers"):
        import_zoo(path)
    assert not (tmp_path / "sentinel").exists()
