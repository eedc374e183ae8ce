"""A training on disk, so that it goes on after a stop, a kill or a restart."""

import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from wsexplore.generate.config import FlowConfig
from wsexplore.generate.training import State
from wsexplore.version import VERSION
from wsexplore.zoo import atomic_folder, read_manifest, write_manifest

FILE = "training.pt"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A folder in which a training is kept after every check.

    Attributes:
        folder: where.
        key: of the networks, the configuration and the seed; a checkpoint of others is not gone on with.
    """

    folder: Path
    key: str

    @classmethod
    def of(cls, folder: str | Path, fingerprint: str, config: FlowConfig, *facts: Any) -> "Checkpoint":
        """The checkpoint of one fit."""
        told = json.dumps([VERSION, fingerprint, config.to_dict(), *facts], sort_keys=True, default=str)
        return cls(Path(folder), hashlib.sha256(told.encode()).hexdigest())

    def read(self) -> State | None:
        """What was kept; nothing where there is none, or it is of another fit or cannot be read."""
        try:
            if read_manifest(self.folder, "flow training")["key"] != self.key:
                return None
            found: State = torch.load(self.folder / FILE, weights_only=True, map_location="cpu")
        except Exception:
            return None
        return found

    def keep(self, state: State) -> None:
        """Write a state over the last one, whole or not at all.

        Raises:
            ValueError: another process writes there.
            OSError: the disk is full.
        """
        with atomic_folder(self.folder) as folder:
            torch.save(state, folder / FILE)
            write_manifest(folder, "flow training", {"key": self.key, "step": state["step"]})


def forget_training(folder: str | Path) -> None:
    """Remove what a fit kept in `folder`, once its flow is stored; files of others stay."""
    if (Path(folder) / FILE).is_file():
        for name in (FILE, "manifest.json"):
            (Path(folder) / name).unlink(missing_ok=True)
        with suppress(OSError):
            Path(folder).rmdir()
