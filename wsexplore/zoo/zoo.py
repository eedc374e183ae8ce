"""Zoo: a population of networks of one architecture."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from numpy import ndarray as Array
from torch import Tensor, nn

from wsexplore.nets import Architecture
from wsexplore.zoo import storage
from wsexplore.zoo.display import SHOWN, zoo_html
from wsexplore.zoo.library import find
from wsexplore.zoo.recipe import Recipe
from wsexplore.zoo.shards import PIECE, Matrix
from wsexplore.zoo.table import Entries, complete_table
from wsexplore.zoo.writer import fitting_buffers, fitting_weights, refuse_not_finite, zoo_writer


@dataclass(frozen=True, eq=False)
class Zoo:
    """Networks of one architecture: a matrix of weights, one of running statistics, and a table with a row for each.

    A zoo never changes; `select`, `with_table` and `with_weights` give new ones. A zoo that was opened from disk reads
    its weights when they are asked for, and a selection of it copies nothing. The table of a large one is read when it
    is asked for, too; `len`, `select`, `rows` and `row_of` do without it.

    Attributes:
        architecture: of every network; a table column named in its `row_fields` overrides that field per row.
        entries: the rows of the table, in memory or in the file.
        recipe: how the zoo was made.
        stored: the weights as they lie in memory or in the files, float32 or float16, `(stored models, parameters)`.
        statistics: the running statistics likewise; no columns where the architecture has none.
        index: rows of `stored` and `statistics` that belong to this zoo, `None` for all.
    """

    architecture: Architecture
    entries: Entries
    recipe: Recipe
    stored: Matrix
    statistics: Matrix
    index: Int[Array, " models"] | None = None

    @staticmethod
    def from_weights(
        architecture: Architecture,
        weights: Float[Tensor, "models parameters"],
        table: pd.DataFrame | None = None,
        recipe: Recipe | None = None,
        buffers: Float[Tensor, "models buffers"] | None = None,
    ) -> "Zoo":
        """A zoo in memory.

        Args:
            architecture: of every network.
            weights: one network per row.
            table: one row per network.
            recipe: how the weights were made.
            buffers: running statistics, one network per row; by default those before the first batch.

        Raises:
            ValueError: the weights or buffers do not fit the architecture or are not finite, or the table has other
                rows.
        """
        held = Matrix.of(fitting_weights(architecture, weights))
        whole = complete_table(table, len(held))
        statistics = Matrix.of(fitting_buffers(architecture, buffers, len(held)))
        refuse_not_finite(held, whole["id"])
        refuse_not_finite(statistics, whole["id"], "running statistics")
        recipe = recipe or Recipe.of("from_weights", python="wx.Zoo.from_weights(architecture, weights, table)")
        return Zoo(architecture, Entries(whole), recipe, held, statistics)

    @staticmethod
    def open(path: str | Path, *, verify: bool | None = None) -> "Zoo":
        """A stored zoo, by folder or by the name of a shipped or kept one.

        Weights stay in the files until they are asked for.

        Args:
            path: the folder or the name.
            verify: whether to check hashes and look for values that are not finite; `None` does so up to 512 MiB.

        Raises:
            ValueError: a file is missing, cut short, altered or of a newer version, or its parts do not fit.
        """
        found = storage.read(find("zoos", path), verify=verify)
        return Zoo(found.architecture, found.entries, found.recipe, found.weights, found.buffers)

    def save(self, path: str | Path, *, dtype: Literal["float32", "float16"] = "float32") -> Path:
        """Write the zoo as a folder, whole or not at all.

        Args:
            path: folder to write; an older zoo there is replaced.
            dtype: of the weights in the file; "float16" halves the size and keeps about three digits.

        Raises:
            ValueError: weights too large for float16, or another process is writing the same folder.
            OSError: the disk is full; what was there before is untouched.
        """
        size = max(1, 8 * PIECE // (4 * self.architecture.layout.size))
        with zoo_writer(path, self.architecture, recipe=self.recipe, dtype=dtype) as writer:
            for start in range(0, max(1, len(self)), size):
                rows = np.arange(start, min(start + size, len(self)))
                writer.append(self.rows(rows), self.table.iloc[rows], self.buffer_rows(rows))
        return Path(path)

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def table(self) -> pd.DataFrame:
        """`id`, `run`, `epoch`, `seed`, hyper-parameters and metrics, one row per network.

        Raises:
            ValueError: it is still in its file, which is broken.
        """
        return self.entries.frame

    @property
    def columns(self) -> list[str]:
        """Names of the table's columns, for which it is not read."""
        return self.entries.names

    @property
    def weights(self) -> Float[Tensor, "models parameters"]:
        """All weights, float32, one network per row."""
        return self._all_weights

    @property
    def buffers(self) -> Float[Tensor, "models buffers"]:
        """All running statistics, float32, one network per row; no columns where the architecture has none."""
        return self._all_buffers

    @cached_property
    def _all_weights(self) -> Float[Tensor, "models parameters"]:
        return self.stored.whole() if self.index is None else self.stored.take(self.index)

    @cached_property
    def _all_buffers(self) -> Float[Tensor, "models buffers"]:
        return self.statistics.whole() if self.index is None else self.statistics.take(self.index)

    def rows(
        self, index: Sequence[int] | Int[Array, " rows"] | Int[Tensor, " rows"]
    ) -> Float[Tensor, "rows parameters"]:
        """Weights of some networks, float32, a copy; only these are read.

        Raises:
            ValueError: a row number is out of range.
        """
        return self.stored.take(self._places(index))

    def buffer_rows(
        self, index: Sequence[int] | Int[Array, " rows"] | Int[Tensor, " rows"]
    ) -> Float[Tensor, "rows buffers"]:
        """Running statistics of some networks, float32, a copy.

        Raises:
            ValueError: a row number is out of range.
        """
        return self.statistics.take(self._places(index))

    def select(self, predicate: "str | Sequence[Any] | Array | pd.Series[Any]") -> "Zoo":
        """The networks for which an SQL predicate over the table holds, or these rows: a view.

        Args:
            predicate: like "test_accuracy > 0.9", row numbers in any order, or one truth value per network.

        Raises:
            ValueError: the predicate does not parse or names no column, or a row number is out of range or comes twice.
        """
        if isinstance(predicate, str):
            numbers = self.entries.where(predicate)
            step = f".select({predicate!r})"
        else:
            numbers = self._checked(predicate)
            if len(np.unique(numbers)) < len(numbers):
                raise ValueError("a row comes twice in the selection; a zoo holds each network once")
            step = ".select(rows)"
        index = numbers if self.index is None else self.index[numbers]
        recipe = replace(self.recipe, python=f"{self.recipe.python}{step}")
        return replace(self, entries=self.entries.take(numbers), index=index, recipe=recipe)

    def with_table(self, table: pd.DataFrame) -> "Zoo":
        """The same networks with another table.

        Raises:
            ValueError: the table has another number of rows, or ids that are not unique.
        """
        return replace(self, entries=Entries(complete_table(table, len(self))))

    def with_weights(
        self,
        weights: Float[Tensor, "models parameters"],
        recipe: Recipe,
        buffers: Float[Tensor, "models buffers"] | None = None,
    ) -> "Zoo":
        """The same table with other weights, for example aligned ones.

        Args:
            weights: one network per row.
            recipe: how they were made.
            buffers: their running statistics; `zoo.buffers` where they stay.

        Raises:
            ValueError: the weights do not fit, or networks with running statistics come without them.
        """
        if buffers is None and self.architecture.buffers.size:
            raise ValueError(
                f"networks of {self.architecture.name} have running statistics that belong to their weights; give "
                "buffers, zoo.buffers where they stay as they are"
            )
        return Zoo.from_weights(self.architecture, weights, self.table, recipe, buffers)

    def row_of(self, network: str) -> int:
        """The row of an id.

        Raises:
            ValueError: no network has it.
        """
        ids = self.entries.part(["id"])["id"]
        found = np.flatnonzero(ids.to_numpy() == network)
        if len(found) == 0:
            some = f"the first is {ids.iloc[0]!r}" if len(self) else "the zoo is empty"
            raise ValueError(f"no network has the id {network!r}; {some}")
        return int(found[0])

    def architecture_of(self, row: int) -> Architecture:
        """The architecture of one network, with its row's own fields where the table has them."""
        own = {name: column.iloc[row] for name, column in self._own_fields.items()}
        return self.architecture.with_row(**{str(name): value for name, value in own.items() if not pd.isna(value)})

    def groups(self) -> list[tuple[Architecture, Int[Array, " rows"]]]:
        """Rows that share an architecture, so that they can run as one batch."""
        fields = self._own_fields
        if not len(fields.columns):
            return [(self.architecture, np.arange(len(self)))]
        parts = fields.groupby(list(fields.columns), sort=True, dropna=False).indices
        return [
            (self.architecture_of(int(rows[0])), np.sort(np.asarray(rows, dtype=np.int64))) for rows in parts.values()
        ]

    @property
    def _own_fields(self) -> pd.DataFrame:
        """The columns that choose a field of the architecture for each network."""
        known = set(self.columns)
        return self.entries.part([name for name in self.architecture.row_fields if name in known])

    def module(self, row: int) -> nn.Module:
        """A plain module with the weights and running statistics of one network.

        Raises:
            ValueError: the row number is out of range.
        """
        weights, buffers = self.rows([row])[0], self.buffer_rows([row])[0]
        return self.architecture_of(row).module(weights, buffers)

    @cached_property
    def fingerprint(self) -> str:
        """Content hash of architecture, weights, running statistics and table, as hexadecimal digits."""
        hashed = hashlib.sha256(repr(sorted(self.architecture.to_dict().items())).encode())
        hashed.update(self.stored.digest.encode())
        if self.statistics.columns:
            hashed.update(self.statistics.digest.encode())
        if self.index is not None:
            hashed.update(self.index.tobytes())
        hashed.update(self.entries.digest.encode())
        return hashed.hexdigest()

    def _places(self, index: Any) -> Int[Array, " rows"]:
        numbers = self._checked(index)
        return numbers if self.index is None else self.index[numbers]

    def _checked(self, index: Any) -> Int[Array, " rows"]:
        given = np.atleast_1d(np.asarray(index))
        if given.dtype == bool and len(given) == len(self):
            given = np.flatnonzero(given)
        if given.size and not np.issubdtype(given.dtype, np.integer):
            raise ValueError(f"rows are whole numbers or one truth value per network, got {given.ravel()[0]!r}")
        numbers = given.astype(np.int64)
        if len(numbers) and (numbers.min() < -len(self) or numbers.max() >= len(self)):
            raise ValueError(f"rows run from 0 to {len(self) - 1}, got {numbers.min()} to {numbers.max()}")
        checked: Int[Array, " rows"] = np.where(numbers < 0, numbers + len(self), numbers)
        return checked

    def __repr__(self) -> str:
        return f"Zoo({len(self):,} networks, {self.architecture.name}, {self.architecture.layout.size:,} parameters)"

    def _repr_html_(self) -> str:
        known = set(self.columns)
        part = self.entries.part([name for name in SHOWN if name in known])
        return zoo_html(self.architecture, part, self.fingerprint)
