"""What a probe predicts: a column of a zoo's table, made ready, and its permuted twin."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int
from numpy import ndarray as Array

from wsexplore.zoo.table import METRICS

DECADE = 10.0
"""Ratio of largest to smallest value above which a positive setting is predicted by its logarithm."""


@dataclass(frozen=True, slots=True, eq=False)
class Label:
    """A target.

    Attributes:
        name: the column.
        values: a number per network; of texts, the place of the text in `classes`.
        known: where the value is finite, or there is a text.
        scale: "linear", "log10" or "class".
        classes: the different texts, sorted; empty for numbers.
    """

    name: str
    values: Float[Array, " networks"]
    known: Bool[Array, " networks"]
    scale: str
    classes: tuple[str, ...] = ()

    @classmethod
    def of(cls, table: pd.DataFrame, name: str) -> "Label":
        """The target of a column.

        Positive numbers whose largest is more than ten times the smallest, like learning rates, are predicted on the
        log10 scale; not so metrics, accuracies of classes and `epoch`. Texts and truth values are classes.

        Raises:
            ValueError: there is no such column, or all its values are the same.
        """
        if name not in table:
            raise ValueError(
                f"the table has no column {name!r} to predict; it has {', '.join(map(str, table.columns))}"
            )
        column = table[name]
        if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
            label = cls._of_numbers(name, column.to_numpy(np.float64, na_value=np.nan))
        else:
            codes, classes = pd.factorize(column.astype("string"), sort=True)
            label = cls(name, codes.astype(np.float64), codes >= 0, "class", tuple(map(str, classes)))
        label.check(label.known)
        return label

    @classmethod
    def _of_numbers(cls, name: str, values: Float[Array, " networks"]) -> "Label":
        known = np.isfinite(values)
        low, high = values[known].min(initial=np.inf), values[known].max(initial=-np.inf)
        setting = name not in (*METRICS, "epoch") and "accuracy" not in name
        if setting and low > 0 and high > DECADE * low:
            logarithms = np.log10(values, where=known, out=np.full(len(values), np.nan))
            return cls(name, logarithms, known, "log10")
        return cls(name, values, known, "linear")

    def check(self, kept: Bool[Array, " networks"]) -> None:
        """Refuse a target that is the same for all networks that are kept."""
        values = self.values[kept]
        if len(values) == 0 or np.all(values == values[0]):
            raise ValueError(f"every network has the same {self.name}, so there is nothing to predict; leave it out")

    def permuted(self, rows: Int[Array, " rows"], runs: Int[Array, " rows"], seed: int) -> Float[Array, " rows"]:
        """The control: the values of some networks, dealt out anew by `seed`.

        Where every run has one value, as of a hyper-parameter, the runs exchange theirs. Where all runs are equally
        long, whole runs exchange their values, in a new order within each (or epochs would stay where they are). Else
        all rows are mixed.
        """
        values, draw = self.values[rows], np.random.default_rng([seed, 1])
        _, first, number, lengths = np.unique(runs, return_index=True, return_inverse=True, return_counts=True)
        if len(first) > 1 and bool((values == values[first][number]).all()):
            shuffled: Float[Array, " rows"] = draw.permutation(values[first])[number]
            return shuffled
        mixed = np.empty(len(values))
        if len(first) > 1 and bool((lengths == lengths[0]).all()):
            of_run = np.argsort(number, kind="stable").reshape(len(first), -1)
            mixed[of_run] = draw.permuted(values[of_run[draw.permutation(len(first))]], axis=1)
        else:
            mixed[:] = draw.permutation(values)
        return mixed
