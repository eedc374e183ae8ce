"""What the Align page looks at: two networks, how they are matched, and some of their siblings."""

from dataclasses import dataclass

import numpy as np

from wsexplore.datasets import Dataset
from wsexplore.zoo import Zoo, select_rows

NUMBERS = 1 << 25
"""Weights of the networks between which distances are measured, at most."""


@dataclass(frozen=True, slots=True)
class Pair:
    """What the page looks at.

    Attributes:
        name: of the zoo.
        zoo: its handle.
        first: row of the network that stays.
        second: row of the network whose units are permuted.
        data: what the networks are judged on.
        method: of the matching.
        canonical: representative that rescaling brings networks to first.
        repair: of the networks between, where one is chosen for all paths.
    """

    name: str
    zoo: Zoo
    first: int
    second: int
    data: Dataset
    method: str = "auto"
    canonical: str = "none"
    repair: str = "none"

    @property
    def ids(self) -> tuple[str, str]:
        """Of the two networks."""
        first, second = (str(self.zoo.table["id"].iloc[row]) for row in (self.first, self.second))
        return first, second

    @property
    def rows(self) -> tuple[int, int]:
        """Of the two networks."""
        return self.first, self.second

    @property
    def work(self) -> float:
        """Weights times samples of one network."""
        return float(self.zoo.architecture.layout.size) * len(self.data.test)


def rows_of(zoo: Zoo, where: str, count: int) -> tuple[np.ndarray, int]:
    """Some networks that meet a condition, evenly spaced from the best to the worst, and how many meet it.

    Without a condition: the last checkpoints of the most common kind.

    Raises:
        ValueError: the condition cannot be read, or fewer than two networks meet it.
    """
    table = zoo.table
    if where.strip():
        rows = select_rows(table, where)
    else:
        last = table.sort_values("epoch", kind="stable").groupby("run").tail(1).index
        rows = np.sort(last.to_numpy())
        for field in set(zoo.architecture.row_fields) & set(table.columns):
            rows = rows[(table[field].iloc[rows] == table[field].iloc[rows].mode()[0]).to_numpy()]
    if len(rows) < 2:
        raise ValueError(f"distances need two networks, {len(rows)} meet the condition")
    metric = next((column for column in ("test_accuracy", "psnr") if column in table), None)
    if metric is not None:
        rows = rows[np.argsort(-table[metric].to_numpy()[rows], kind="stable")]
    most = max(2, min(count, NUMBERS // max(1, zoo.architecture.layout.size)))
    return rows[np.unique(np.linspace(0, len(rows) - 1, min(most, len(rows))).round().astype(int))], len(rows)
