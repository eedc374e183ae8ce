"""Finished shards of an unfinished training, kept beside the zoo that it will become."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import filelock
import pandas as pd
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from wsexplore.population.shard import TrainedShard
from wsexplore.zoo import Recipe, check_target, full_disk_said


@dataclass(frozen=True, slots=True)
class Partial:
    """The folder `<zoo>.partial`, or nothing at all where the zoo stays in memory."""

    folder: Path | None

    @classmethod
    @contextmanager
    def beside(cls, out: str | Path | None, recipe: Recipe, device: str) -> "Iterator[Partial]":
        """The partial folder of the zoo `out`, locked against a second process.

        Raises:
            ValueError: it belongs to a training with other arguments, or another process is at work in it.
        """
        if out is None:
            yield cls(None)
            return
        target = check_target(out)
        folder = target.with_name(f"{target.name}.partial")
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with filelock.FileLock(folder / ".lock", timeout=0):
                partial = cls(folder)
                partial._claim({**recipe.to_dict(), "device": device})
                yield partial
        except filelock.Timeout:
            raise ValueError(
                f"another process is training {target}; wait until it has finished or choose another name"
            ) from None

    def _claim(self, plan: dict[str, object]) -> None:
        if self.folder is None:
            return
        file, text = self.folder / "plan.json", json.dumps(plan, sort_keys=True)
        if file.exists() and file.read_text() != text:
            raise ValueError(
                f"{self.folder} holds an unfinished training with other arguments; repeat those, or delete the folder"
            )
        file.write_text(text)

    def read(self, networks: pd.DataFrame) -> TrainedShard | None:
        """The finished shard of these networks, or `None`."""
        if self.folder is None or not (file := self.folder / _name(networks)).exists():
            return None
        try:
            tensors = load_file(file)
        except (SafetensorError, OSError):
            return None
        return TrainedShard(tensors["weights"], tensors["metrics"])

    def write(self, networks: pd.DataFrame, result: TrainedShard) -> None:
        """Keep a finished shard; a kill leaves all of it or nothing."""
        if self.folder is None:
            return
        file = self.folder / _name(networks)
        beside = file.with_suffix(".writing")
        with full_disk_said(file.name):
            save_file({"weights": result.weights.contiguous(), "metrics": result.metrics.contiguous()}, beside)
            beside.replace(file)

    def discard(self) -> None:
        """Remove the folder once the zoo is written."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)


def _name(networks: pd.DataFrame) -> str:
    runs = ",".join(str(run) for run in networks["run"])
    return f"{hashlib.sha256(runs.encode()).hexdigest()[:16]}.safetensors"
