"""Several zoos made one."""

from collections.abc import Sequence

import pandas as pd
import torch

from wsexplore.zoo.recipe import Recipe
from wsexplore.zoo.zoo import Zoo


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
        first,
        torch.cat([zoo.weights for zoo in zoos]),
        pd.concat(tables, ignore_index=True),
        recipe,
        torch.cat([zoo.buffers for zoo in zoos]),
    )
