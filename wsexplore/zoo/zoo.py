"""Zoo: a population of networks of one architecture."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from numpy import ndarray as Array
from torch import Tensor, nn

from wsexplore.nets import Architecture
from wsexplore.zoo import storage
from wsexplore.zoo.display import zoo_html
from wsexplore.zoo.library import find
from wsexplore.zoo.recipe import Recipe
from wsexplore.zoo.table import complete_table, select_rows


@dataclass(frozen=True, eq=False)
class Zoo:
    """Networks of one architecture: a matrix of weights and a table with a row for each.

    A zoo never changes; `select`, `with_table` and `with_weights` give new ones. A zoo that was opened from disk reads
    its weights when they are asked for, and a selection of it copies nothing.

    Attributes:
        architecture: of every network; a table column named in its `row_fields` overrides that field per row.
        table: `id`, `run`, `epoch`, `seed`, hyper-parameters and metrics.
        recipe: how the zoo was made.
        stored: the weights as they lie in memory or in the file, float32 or float16, `(stored models, parameters)`.
        index: rows of `stored` that belong to this zoo, `None` for all.
        digest: hash of `stored`.
    """

    architecture: Architecture
    table: pd.DataFrame
    recipe: Recipe
    stored: Float[Tensor, "stored parameters"]
    index: Int[Array, " models"] | None
    digest: str

    @staticmethod
    def from_weights(
        architecture: Architecture,
        weights: Float[Tensor, "models parameters"],
        table: pd.DataFrame | None = None,
        recipe: Recipe | None = None,
    ) -> "Zoo":
        """A zoo in memory.

        Raises:
            ValueError: the weights do not fit the architecture, are not finite, or the table has other rows.
        """
        if weights.ndim != 2 or weights.shape[1] != architecture.layout.size:
            raise ValueError(
                f"weights of shape {tuple(weights.shape)} do not fit {architecture.name} with "
                f"{architecture.layout.size:,} parameters; give one network per row"
            )
        whole = complete_table(table, len(weights))
        held = weights.detach().to("cpu", torch.float32).contiguous()
        storage.refuse_not_finite(held, whole["id"])
        recipe = recipe or Recipe.of("from_weights", python="wx.Zoo.from_weights(architecture, weights, table)")
        return Zoo(architecture, whole, recipe, held, None, storage.digest_of(held))

    @staticmethod
    def open(path: str | Path, *, verify: bool | None = None) -> "Zoo":
        """A stored zoo, by folder or by the name of a shipped or kept one.

        Weights stay in the file until they are asked for.

        Args:
            path: the folder or the name.
            verify: whether to check hashes and look for values that are not finite; `None` does so up to 512 MiB.

        Raises:
            ValueError: a file is missing, cut short, altered or of a newer version, or its parts do not fit.
        """
        folder = find("zoos", path)
        architecture, table, recipe, stored, digest = storage.read(folder, verify=verify)
        return Zoo(architecture, table, recipe, stored, None, digest)

    def save(self, path: str | Path, *, dtype: Literal["float32", "float16"] = "float32") -> Path:
        """Write the zoo as a folder, whole or not at all.

        Args:
            path: folder to write; an older zoo there is replaced.
            dtype: of the weights in the file; "float16" halves the size and keeps about three digits.

        Raises:
            ValueError: weights too large for float16, or another process is writing the same folder.
            OSError: the disk is full; what was there before is untouched.
        """
        return storage.write(Path(path), self.architecture, self.weights, self.table, self.recipe, dtype=dtype)

    def __len__(self) -> int:
        return len(self.table)

    @property
    def weights(self) -> Float[Tensor, "models parameters"]:
        """All weights, float32, one network per row."""
        return self._all

    @cached_property
    def _all(self) -> Float[Tensor, "models parameters"]:
        chosen = self.stored if self.index is None else self.stored[torch.from_numpy(self.index)]
        return chosen.to(torch.float32)

    def rows(
        self, index: Sequence[int] | Int[Array, " rows"] | Int[Tensor, " rows"]
    ) -> Float[Tensor, "rows parameters"]:
        """Weights of some networks, float32; only these are read.

        Raises:
            ValueError: a row number is out of range.
        """
        numbers = self._checked(index)
        if self.index is not None:
            numbers = self.index[numbers]
        return self.stored[torch.from_numpy(numbers)].to(torch.float32)

    def select(self, predicate: "str | Sequence[Any] | Array | pd.Series[Any]") -> "Zoo":
        """The networks for which an SQL predicate over the table holds, or these rows: a view.

        Args:
            predicate: like "test_accuracy > 0.9", row numbers in any order, or one truth value per network.

        Raises:
            ValueError: the predicate does not parse or names no column, or a row number is out of range or comes twice.
        """
        if isinstance(predicate, str):
            numbers = select_rows(self.table, predicate)
            step = f".select({predicate!r})"
        else:
            numbers = self._checked(predicate)
            if len(np.unique(numbers)) < len(numbers):
                raise ValueError("a row comes twice in the selection; a zoo holds each network once")
            step = ".select(rows)"
        index = numbers if self.index is None else self.index[numbers]
        recipe = replace(self.recipe, python=f"{self.recipe.python}{step}")
        return replace(self, table=self.table.iloc[numbers].reset_index(drop=True), index=index, recipe=recipe)

    def with_table(self, table: pd.DataFrame) -> "Zoo":
        """The same networks with another table.

        Raises:
            ValueError: the table has another number of rows, or ids that are not unique.
        """
        return replace(self, table=complete_table(table, len(self)))

    def with_weights(self, weights: Float[Tensor, "models parameters"], recipe: Recipe) -> "Zoo":
        """The same table with other weights, for example aligned ones."""
        return Zoo.from_weights(self.architecture, weights, self.table, recipe)

    def row_of(self, network: str) -> int:
        """The row of an id.

        Raises:
            ValueError: no network has it.
        """
        found = np.flatnonzero(self.table["id"].to_numpy() == network)
        if len(found) == 0:
            some = f"the first is {self.table['id'].iloc[0]!r}" if len(self) else "the zoo is empty"
            raise ValueError(f"no network has the id {network!r}; {some}")
        return int(found[0])

    def architecture_of(self, row: int) -> Architecture:
        """The architecture of one network, with its row's own fields where the table has them."""
        own = {name: self.table[name].iloc[row] for name in self.architecture.row_fields if name in self.table}
        return self.architecture.with_row(**{name: value for name, value in own.items() if not pd.isna(value)})

    def groups(self) -> list[tuple[Architecture, Int[Array, " rows"]]]:
        """Rows that share an architecture, so that they can run as one batch."""
        names = [name for name in self.architecture.row_fields if name in self.table]
        if not names:
            return [(self.architecture, np.arange(len(self)))]
        parts = self.table.groupby(names, sort=True, dropna=False).indices
        return [
            (self.architecture_of(int(rows[0])), np.sort(np.asarray(rows, dtype=np.int64))) for rows in parts.values()
        ]

    def module(self, row: int) -> nn.Module:
        """A plain module with the weights of one network.

        Raises:
            ValueError: the row number is out of range.
        """
        weights = self.rows([row])[0]
        module = self.architecture_of(row).build()
        module.load_state_dict(self.architecture.layout.unflatten(weights))
        return module.eval()

    @cached_property
    def fingerprint(self) -> str:
        """Content hash of architecture, weights and table, as hexadecimal digits."""
        hashed = hashlib.sha256(repr(sorted(self.architecture.to_dict().items())).encode())
        hashed.update(self.digest.encode())
        if self.index is not None:
            hashed.update(self.index.tobytes())
        hashed.update(storage.digest_of_table(self.table).encode())
        return hashed.hexdigest()

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
        return zoo_html(self.architecture, self.table, self.fingerprint)


def concat(zoos: Sequence[Zoo]) -> Zoo:
    """The networks of several zoos of one architecture, in order.

    Where an id or a run comes in more than one zoo, those of the k-th zoo (from the second) get the suffix `.k`, and
    its runs are numbered on from the runs before.

    Raises:
        ValueError: there is no zoo, or the architectures differ.
    """
    if not zoos:
        raise ValueError("give at least one zoo to join")
    first = zoos[0].architecture
    for place, zoo in enumerate(zoos[1:], start=2):
        if zoo.architecture != first:
            raise ValueError(
                f"zoo {place} holds {zoo.architecture.to_dict()}, the first holds {first.to_dict()}; "
                "only zoos of one architecture can be joined"
            )
    tables: list[pd.DataFrame] = []
    for place, zoo in enumerate(zoos):
        table = zoo.table.copy()
        if tables:
            before = pd.concat([done[["id", "run"]] for done in tables])
            if table["id"].isin(before["id"]).any():
                table["id"] = table["id"] + f".{place + 1}"
            if table["run"].isin(before["run"]).any():
                table["run"] = table["run"] + int(before["run"].max()) + 1
        tables.append(table)
    recipe = Recipe.of(
        "concat",
        inputs={f"zoo{place}": zoo.fingerprint for place, zoo in enumerate(zoos)},
        python="wx.concat(zoos)",
    )
    return Zoo.from_weights(
        first, torch.cat([zoo.weights for zoo in zoos]), pd.concat(tables, ignore_index=True), recipe
    )
