"""How a zoo of a million networks is written, opened, filtered, read and streamed.

    python -m benchmarks.million
    python -m benchmarks.million --dtype float16 --evaluated 4096 --aligned 4096 --memory 256

makes networks of 2,464 random weights in a temporary folder, 9.9 GB of float32, and removes it at the end. Every line
is measured in a process of its own, after its libraries were loaded: seconds, and the most memory that the process ever
held (`resource`), next to what the libraries take by themselves. Pages of the files that the system keeps to itself do
not count.
"""

import argparse
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

import wsexplore as wx
from wsexplore.datasets import Dataset, Split
from wsexplore.zoo import Zoo, zoo_writer

CHUNK = 8192
FILTER = "test_accuracy > 0.9 and lr < 0.01"


def write(folder: Path, options: argparse.Namespace) -> str:
    architecture = wx.architecture("small-cnn")
    draw, numbers = torch.Generator().manual_seed(0), np.random.default_rng(0)
    with zoo_writer(folder / "zoo", architecture, dtype=options.dtype) as writer:
        for start in range(0, options.models, CHUNK):
            models = min(CHUNK, options.models - start)
            weights = torch.randn(models, architecture.layout.size, generator=draw) * 0.1
            scores = numbers.random((models, 4))
            table = pd.DataFrame(scores, columns=["train_loss", "train_accuracy", "test_loss", "test_accuracy"])
            table["lr"] = 10 ** numbers.uniform(-4, -1, models)
            table["activation"] = "tanh"
            writer.append(weights, table)
    size = sum(file.stat().st_size for file in (folder / "zoo").iterdir())
    return f"{size / 1e9:.2f} GB in {len(list((folder / 'zoo').iterdir()))} files"


def open_(folder: Path, options: argparse.Namespace) -> str:
    return f"{len(Zoo.open(folder / 'zoo')):,} networks"


def filter_(folder: Path, options: argparse.Namespace) -> str:
    return f"{len(Zoo.open(folder / 'zoo').select(FILTER)):,} networks"


def filter_again(folder: Path, options: argparse.Namespace) -> str:
    return f"{len(Zoo.open(folder / 'zoo').select(FILTER).select('test_loss < 0.5')):,} networks"


def rows(folder: Path, options: argparse.Namespace) -> str:
    places = np.random.default_rng(1).integers(0, options.models, 1000)
    return f"{Zoo.open(folder / 'zoo').rows(places).abs().mean():.4f} is the mean magnitude"


def whole_table(folder: Path, options: argparse.Namespace) -> str:
    table = Zoo.open(folder / "zoo").table
    return f"{len(table):,} rows, {len(table.columns)} columns"


def fingerprint(folder: Path, options: argparse.Namespace) -> str:
    return Zoo.open(folder / "zoo").fingerprint[:12]


def verify(folder: Path, options: argparse.Namespace) -> str:
    return f"{len(Zoo.open(folder / 'zoo', verify=True)):,} networks"


def read_all(folder: Path, options: argparse.Namespace) -> str:
    zoo, total = Zoo.open(folder / "zoo"), 0.0
    for start in range(0, len(zoo), CHUNK):
        total += float(zoo.rows(np.arange(start, min(start + CHUNK, len(zoo)))).sum())
    return f"{total:.0f} is the sum"


def evaluate(folder: Path, options: argparse.Namespace) -> str:
    zoo = Zoo.open(folder / "zoo").select(np.arange(min(options.evaluated, options.models)))
    images = torch.randn(options.samples, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    split = Split(images, torch.arange(options.samples) % 10)
    data = Dataset("noise", split, split, tuple("0123456789"), 0.0, 1.0)
    scores = wx.evaluate(zoo, data, memory=options.memory << 20)
    return f"{len(scores):,} networks on {options.samples:,} images"


def align(folder: Path, options: argparse.Namespace) -> str:
    zoo = Zoo.open(folder / "zoo").select(np.arange(min(options.aligned, options.models)))
    return f"{len(wx.align(zoo, out=folder / 'aligned', memory=options.memory << 20)):,} networks"


STAGES: dict[str, Callable[[Path, argparse.Namespace], str]] = {
    "write": write,
    "open": open_,
    f"open, select {FILTER!r}": filter_,
    "open, select, select again": filter_again,
    "open, 1,000 random rows": rows,
    "open, the whole table": whole_table,
    "open, fingerprint": fingerprint,
    "open, stream all weights": read_all,
    "open, evaluate in a stream": evaluate,
    "open, align in a stream": align,
    "open with all checks": verify,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=1_000_000)
    parser.add_argument("--dtype", choices=["float32", "float16"], default="float32")
    parser.add_argument("--memory", type=int, default=256, help="MiB that evaluate and align may take")
    parser.add_argument("--evaluated", type=int, default=16_384, help="networks that are evaluated")
    parser.add_argument("--samples", type=int, default=64, help="images they are evaluated on")
    parser.add_argument("--aligned", type=int, default=16_384, help="networks that are aligned")
    parser.add_argument("--folder", help="where the temporary folder is made")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="million-") as folder:
        print(f"{'':60s} {'seconds':>9s} {'MiB':>7s} {'above libraries':>16s}", flush=True)
        for name in STAGES:
            seconds, peak, above, said = measured(name, Path(folder), options)
            print(f"{name:60s} {seconds:9.3f} {peak:7,.0f} {above:16,.0f}   {said}", flush=True)


def measured(name: str, folder: Path, options: argparse.Namespace) -> tuple[float, float, float, str]:
    """Seconds, most MiB, the same above what the libraries take, and what the stage says."""
    pool = multiprocessing.get_context("spawn").Pool(1)
    found: tuple[float, float, float, str] = pool.apply(_stage, (name, folder, options))
    pool.close()
    pool.join()
    return found


def _stage(name: str, folder: Path, options: argparse.Namespace) -> Any:
    torch.set_num_threads(1)
    _warm(folder)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    begun = time.perf_counter()
    said = STAGES[name](folder, options)
    seconds = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return seconds, peak, peak - before, said


def _warm(folder: Path) -> None:
    """Load every library that a stage may use, with a tiny zoo."""
    architecture = wx.architecture("small-cnn")
    zoo = Zoo.from_weights(architecture, torch.randn(4, architecture.layout.size))
    tiny = Zoo.open(zoo.save(folder / "tiny"))
    split = Split(torch.randn(2, 1, 28, 28), torch.arange(2))
    wx.evaluate(tiny, Dataset("noise", split, split, tuple("0123456789"), 0.0, 1.0))
    wx.align(tiny.select("epoch = 0"))


if __name__ == "__main__":
    main()
