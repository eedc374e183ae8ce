"""What an initialisation is worth: samples, networks of the zoo, controls and fresh networks trained further."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch

from wsexplore.nets import Architecture
from wsexplore.population import FIELDS, OnStep, fine_tune
from wsexplore.zoo import Recipe, Zoo

FRESH = "fresh"
"""Name of the start that is nothing but an initialisation."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """How networks are trained further.

    Raises:
        ValueError: a field is out of range; the sentence says which.
    """

    epochs: tuple[int, ...] = (0, 1, 2, 5)
    """Epochs after which the networks are judged; 0 is the start."""
    models: int = 16
    """Networks of each start, at most."""
    share: float = 1.0
    """Share of the training data; each network sees a share of its own, again and again until the epoch is full."""
    transfer: str = ""
    """Data set to train on and to judge by; by default the one of the report."""
    new_head: bool = False
    """Whether the last layer is initialised anew, for all starts alike: for a data set of other classes."""
    learning_rate: float = 2e-3
    """Of Adam, for all starts."""

    def __post_init__(self) -> None:
        whole = all(isinstance(epoch, int) and not isinstance(epoch, bool) and epoch >= 0 for epoch in self.epochs)
        if not self.epochs or not whole or max(self.epochs) < 1:
            raise ValueError(f"epochs are whole numbers, the last at least 1, got {self.epochs!r}")
        if not isinstance(self.models, int) or isinstance(self.models, bool) or self.models < 1:
            raise ValueError(f"models must be a whole number of at least 1, got {self.models!r}")
        FIELDS["data_share"].check("share", self.share)
        FIELDS["lr"].check("learning_rate", self.learning_rate)


def tuning_curves(
    starts: Mapping[str, Zoo], data: str, plan: Tuning | None = None, *, seed: int = 0, on_step: OnStep | None = None
) -> pd.DataFrame:
    """Loss and accuracy by epoch of networks from several starts, and of fresh ones of the same architecture.

    All starts have the same data, learning rate, seeds of the order of samples and, with `new_head`, last layers. The
    optimiser starts anew.

    Args:
        starts: networks by name, of one architecture.
        data: name of the data set, where the plan names no other.
        plan: by default `Tuning()`.
        seed: of the orders of samples, the shares, the fresh networks and the new last layers.
        on_step: told the share done; it may raise to cancel.

    Returns:
        A row per start, network and epoch: `start`, `id` (of the network that began), `dataset`, `epoch`, `train_loss`
        and `test_loss` (nats), `train_accuracy` and `test_accuracy`.

    Raises:
        ValueError: a start is empty or called "fresh", the networks are fields, or the data do not fit them.
    """
    plan = plan or Tuning()
    if FRESH in starts or not starts:
        raise ValueError(f"starts are named networks to train further, and {FRESH!r} is added to them")
    architecture = next(iter(starts.values())).groups()[0][0]
    if architecture.task == "field":
        raise ValueError("fields have no classes to be trained further for; choose classifiers")
    used, tables = plan.transfer or data, []
    every = {name: zoo.select(range(min(plan.models, len(zoo)))) for name, zoo in starts.items()}
    every[FRESH] = _fresh(architecture, plan.models, seed)
    tell = on_step or (lambda fraction, message: None)
    for place, (name, begun) in enumerate(every.items()):
        tell(place / len(every), f"training {name}")
        begun = _with_new_head(begun, architecture, seed) if plan.new_head else begun
        fixed: dict[str, Any] = {"lr": plan.learning_rate, "data_share": plan.share}
        epochs = max(plan.epochs)
        tuned = fine_tune(begun, used, epochs=epochs, checkpoints=plan.epochs, seed=seed, device="cpu", **fixed)
        metrics = ["epoch", "train_loss", "train_accuracy", "test_loss", "test_accuracy"]
        table = tuned.table[metrics].reset_index(drop=True)
        names = pd.DataFrame({"start": name, "id": tuned.table["start"].to_numpy(), "dataset": used})
        tables.append(pd.concat([names, table], axis=1))
    tell(1.0, "trained every start")
    return pd.concat(tables, ignore_index=True)


def tuning_summary(curves: pd.DataFrame) -> pd.DataFrame:
    """Mean test accuracy by start and epoch, with `error`, the standard error of the mean.

    Columns `start`, `dataset`, `epoch`, `mean_accuracy`, `std_accuracy`, `models`, `error`.
    """
    grouped = curves.groupby(["start", "dataset", "epoch"], sort=False)["test_accuracy"]
    found = grouped.agg(mean_accuracy="mean", std_accuracy="std", models="size").reset_index()
    return found.assign(error=found["std_accuracy"] / found["models"] ** 0.5)


def _fresh(architecture: Architecture, models: int, seed: int) -> Zoo:
    weights = torch.stack([architecture.initial_weights(seed=seed * 10_007 + row) for row in range(models)])
    table = pd.DataFrame({"id": [f"fresh-{seed}-{row}" for row in range(models)], "run": range(models)})
    recipe = Recipe.of("initialise", seed=seed, python="Zoo.from_weights(architecture, initial weights)")
    return Zoo.from_weights(architecture, weights, table=table, recipe=recipe)


def _with_new_head(zoo: Zoo, architecture: Architecture, seed: int) -> Zoo:
    """The same networks with the parameters of the last layer from an initialisation, by place in the zoo."""
    start = _head_start(architecture)
    weights = zoo.weights.clone()
    for row in range(len(zoo)):
        weights[row, start:] = architecture.initial_weights(seed=seed * 10_009 + row)[start:]
    return zoo.with_weights(weights, recipe=zoo.recipe, buffers=zoo.buffers)


def _head_start(architecture: Architecture) -> int:
    """Where the last layer begins in the flat vector: the parameters whose module is that of the last one."""
    slots = architecture.layout.slots
    owner = slots[-1].name.rpartition(".")[0]
    return next(slot.start for slot in slots if slot.name.rpartition(".")[0] == owner)
