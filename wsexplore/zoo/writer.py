"""Zoos written as they come: chunk by chunk, whole or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from wsexplore.nets import Architecture
from wsexplore.zoo.files import atomic_folder, write_manifest
from wsexplore.zoo.recipe import Recipe
from wsexplore.zoo.shards import DTYPES, Matrix, ShardWriter, not_finite
from wsexplore.zoo.table import complete_table
from wsexplore.zoo.tablewriter import TableWriter

WEIGHTS, BUFFERS, TABLE = "weights", "buffers", "table.parquet"


@contextmanager
def zoo_writer(
    path: str | Path,
    architecture: Architecture,
    *,
    recipe: Recipe | None = None,
    dtype: str = "float32",
) -> Iterator["ZooWriter"]:
    """A writer of one zoo; the folder takes its place when the body ends without an error.

    Memory is bounded by the chunks that are appended, but for 8 bytes per network and up to 65,536 rows of the table.

    Args:
        path: folder to write; an older zoo there is replaced.
        architecture: of every network.
        recipe: how the zoo is made; it is written last, so its dictionaries may still change.
        dtype: of the weights in the files, "float32" or "float16", which halves the size and keeps about three digits.

    Raises:
        ValueError: the dtype is unknown, nothing was appended, or another process is writing the same folder.
        OSError: the disk is full; what was there before is untouched.
    """
    if dtype not in DTYPES:
        raise ValueError(f"weights are stored as {' or '.join(DTYPES)}, got {dtype!r}")
    with atomic_folder(Path(path)) as folder:
        writer = ZooWriter(folder, architecture, dtype)
        try:
            yield writer
            writer.finish(recipe or Recipe.of("zoo_writer", python="wx.zoo_writer(path, architecture)"))
        finally:
            writer.close()


class ZooWriter:
    """Takes the networks of a zoo chunk by chunk; `zoo_writer` makes one."""

    def __init__(self, folder: Path, architecture: Architecture, dtype: str):
        self._folder, self._architecture, self._dtype = folder, architecture, dtype
        self._weights = ShardWriter(folder, WEIGHTS, architecture.layout.size, DTYPES[dtype])
        self._buffers = (
            ShardWriter(folder, BUFFERS, architecture.buffers.size, torch.float32)
            if architecture.buffers.size
            else None
        )
        self._table = TableWriter(folder / TABLE)
        self._models, self._chunks = 0, 0

    def __len__(self) -> int:
        return self._models

    def append(
        self,
        weights: Float[Tensor, "models parameters"],
        table: pd.DataFrame | None = None,
        buffers: Float[Tensor, "models buffers"] | None = None,
    ) -> None:
        """Write further networks.

        Args:
            weights: one network per row.
            table: a row for each, with the same columns every time; `id`, `run`, `epoch`, `seed` are filled in.
            buffers: running statistics, one network per row; by default those before the first batch.

        Raises:
            ValueError: something does not fit the architecture or the chunks before, a weight is not finite in the
                dtype of the file, or an id was there before. The zoo is then not written.
        """
        whole = complete_table(table, len(weights), first=self._models)
        held = fitting_weights(self._architecture, weights).to(DTYPES[self._dtype])
        statistics = fitting_buffers(self._architecture, buffers, len(weights))
        refuse_not_finite(Matrix.of(held), whole["id"])
        refuse_not_finite(Matrix.of(statistics), whole["id"], "running statistics")
        self._table.append(whole)
        self._weights.append(held)
        if self._buffers is not None:
            self._buffers.append(statistics)
        self._models += len(whole)
        self._chunks += 1

    def finish(self, recipe: Recipe) -> None:
        """Complete the files and write the manifest.

        Raises:
            ValueError: nothing was appended.
        """
        if not self._chunks:
            raise ValueError("no network was appended, so there is no zoo to write")
        self._table.finish()
        facts = {
            "architecture": self._architecture.to_dict(),
            "models": self._models,
            "parameters": self._architecture.layout.size,
            "dtype": self._dtype,
            "digest": self._weights.finish(),
            "recipe": recipe.to_dict(),
        }
        newer = len(self._weights.files) > 1 or self._buffers is not None
        if newer:
            facts[WEIGHTS] = self._weights.files
        if self._buffers is not None:
            facts |= {"buffers_digest": self._buffers.finish(), BUFFERS: self._buffers.files}
        write_manifest(self._folder, "zoo", facts, version=2 if newer else 1)

    def close(self) -> None:
        """Give up files that are still open."""
        for part in (self._weights, self._buffers, self._table):
            if part is not None:
                with suppress(OSError):
                    part.close()


def fitting_weights(architecture: Architecture, weights: Tensor) -> Float[Tensor, "models parameters"]:
    """The weights on the CPU.

    Raises:
        ValueError: they do not fit the architecture.
    """
    if weights.ndim != 2 or weights.shape[1] != architecture.layout.size:
        raise ValueError(
            f"weights of shape {tuple(weights.shape)} do not fit {architecture.name} with "
            f"{architecture.layout.size:,} parameters; give one network per row"
        )
    return weights.detach().to("cpu", torch.float32).contiguous()


def fitting_buffers(architecture: Architecture, buffers: Tensor | None, models: int) -> Float[Tensor, "models buffers"]:
    """Running statistics on the CPU, by default those before the first batch, for which no memory is taken.

    Raises:
        ValueError: they do not fit the architecture or the number of networks.
    """
    if buffers is None:
        return architecture.initial_buffers().expand(models, -1)
    shape = (models, architecture.buffers.size)
    if tuple(buffers.shape) != shape:
        raise ValueError(
            f"running statistics of shape {tuple(buffers.shape)} do not fit {models:,} networks of "
            f"{architecture.name}; give shape {shape}"
        )
    return buffers.detach().to("cpu", torch.float32).contiguous()


def refuse_not_finite(matrix: Matrix, ids: "pd.Series[str]", what: str = "weights") -> None:
    """Refuse values that are not finite.

    Raises:
        ValueError: some are; the first three networks are named.
    """
    broken = not_finite(matrix)
    if len(broken):
        names = ids.iloc[broken[:3]].tolist()
        more = f" and {len(broken) - 3:,} more" if len(broken) > 3 else ""
        raise ValueError(f"{what} of {', '.join(names)}{more} are not finite; leave these networks out")
