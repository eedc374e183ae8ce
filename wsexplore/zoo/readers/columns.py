"""Other people's names for metrics and hyper-parameters, turned into ours."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

OURS: Mapping[str, str] = {
    "test_acc": "test_accuracy",
    "test_accuracy": "test_accuracy",
    "acc_test": "test_accuracy",
    "train_acc": "train_accuracy",
    "train_accuracy": "train_accuracy",
    "acc_train": "train_accuracy",
    "val_acc": "val_accuracy",
    "val_accuracy": "val_accuracy",
    "test_loss": "test_loss",
    "train_loss": "train_loss",
    "val_loss": "val_loss",
    "ggap": "generalization_gap",
    "generalization_gap": "generalization_gap",
    "training_iteration": "epoch",
    "epoch": "epoch",
    "epochs": "epochs",
    "step": "epoch",
    "seed": "seed",
    "random_seed": "seed",
    "run": "run",
    "lr": "lr",
    "learning_rate": "lr",
    "wd": "weight_decay",
    "weight_decay": "weight_decay",
    "batchsize": "batch_size",
    "batch_size": "batch_size",
    "optimizer": "optimizer",
    "momentum": "momentum",
    "nlin": "activation",
    "activation": "activation",
    "init_type": "init",
    "w_init": "init",
    "init": "init",
    "dropout": "dropout",
    "width": "width",
}
"""Last word of a stranger's name -> our column."""

HOMES = ("model", "optim", "training", "config", "result", "last_result", "metrics", "test", "train", "val")
ACTIVATIONS = {"leakyrelu": "leaky_relu", "leaky-relu": "leaky_relu", "swish": "silu"}
ACCURACIES = ["train_accuracy", "test_accuracy", "val_accuracy"]
METRICS = [*ACCURACIES, "train_loss", "test_loss", "val_loss", "generalization_gap"]
NOT_MEASURED = -999
"""What the published zoos write where nothing was measured, before the first epoch."""

OF_NO_USE = re.compile(
    r"^(id|trial_id|experiment_id|experiment_tag|date|timestamp|time_.*|pid|hostname|node_ip|.*_since_restore|done|cuda"
    r"|dataset_dump|.*_path|.*_dir|modeldir|config|should_checkpoint|trial_name|trial|file|iterations_.*|.*_pairs)$"
)
"""Columns about the machine that trained, not about the network."""

LONGEST = 500
"""Most characters of a value."""

ROUNDING = 1e-4
"""By how much of itself a number may lie above the largest accuracy."""

PERCENTAGE = 1.5
"""A column of accuracies is in percent where its largest value lies above this."""

MOST = 2_000
"""Most columns of a table."""


def our_name(name: str) -> str:
    """Our column for a stranger's name, else the name made a plain word.

    `optim::lr` and `config.learning_rate` are `lr`; `model::channels_in` is `model_channels_in`.
    """
    parts = [part for part in re.split(r"::|[./]", name) if part]
    if len(parts) == 2 and parts[0] in HOMES:
        joined = f"{parts[0]}_{parts[1]}"
        if joined in OURS:
            return OURS[joined]
        if parts[1].lower() in OURS:
            return OURS[parts[1].lower()]
        return _plain(parts[1] if parts[0] in ("config", "result", "last_result", "metrics") else joined)
    return OURS.get(name.lower(), _plain(name))


def _plain(name: str) -> str:
    word = re.sub(r"[^A-Za-z0-9_]+", "_", name)[:60].strip("_")
    return word if re.match(r"[A-Za-z]", word) else f"column_{word}".rstrip("_")


def our_names(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record under our names, without what is of no use; of two values for one column the first is kept."""
    found: dict[str, Any] = {}
    for name, value in record.items():
        column = our_name(str(name))
        if OF_NO_USE.match(column) or OF_NO_USE.match(_plain(str(name))) or _is_path(value):
            continue
        if found.get(column) is None:
            found[column] = _value(column, value)
    return found


def identity(file: str) -> str:
    """The id of a network that lies in a file of its own: the path without its ending."""
    word = "".join(letter if letter.isprintable() else "_" for letter in file.encode("utf-8", "replace").decode())
    stem, dot, ending = word.rpartition(".")
    return (stem if dot and stem and len(ending) < 12 else word)[-200:]


def flat(record: Mapping[str, Any], prefix: str = "", depth: int = 3) -> dict[str, Any]:
    """A nested description as one level, with names joined by `::`."""
    found: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, Mapping) and depth:
            found |= flat(value, f"{prefix}{name}::", depth - 1)
        else:
            found[f"{prefix}{name}"] = value
    return found


def _is_path(value: Any) -> bool:
    return isinstance(value, str) and bool(re.match(r"^(/|~|[A-Za-z]:[\\/]|\\\\)", value))


def _value(column: str, value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        number = float(value) if abs(value) < 1e300 else math.inf
        return math.nan if column in METRICS and number == NOT_MEASURED else value if abs(value) < 1 << 62 else number
    if isinstance(value, str):
        if column == "activation":
            word = value.lower().removeprefix("nn.")
            return ACTIVATIONS.get(word, word)
        return value[:LONGEST].encode("utf-8", "replace").decode()
    if (
        isinstance(value, list | tuple)
        and len(value) <= 20
        and all(isinstance(part, str | int | float) for part in value)
    ):
        return json.dumps(list(value))[:LONGEST]
    return None


def tidy(records: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """A table of records under our names: every column of one kind, accuracies as fractions of 1.

    The gap is computed where both accuracies are known.

    Raises:
        ValueError: an accuracy is neither a fraction of 1 nor a percentage, or there are too many columns.
    """
    names = list(dict.fromkeys(name for record in records for name in record))
    if len(names) > MOST:
        raise ValueError(f"the networks are described by {len(names):,} different fields; at most {MOST:,} are read")
    table = pd.DataFrame({name: _column([record.get(name) for record in records]) for name in names})
    return finished(table)


def finished(table: pd.DataFrame) -> pd.DataFrame:
    """The table with fractions, gap, and whole numbers where the field wants them.

    Raises:
        ValueError: an accuracy is neither a fraction of 1 nor a percentage.
    """
    for name in table.columns.intersection(METRICS):
        numbers = pd.to_numeric(table[name], errors="coerce").astype(np.float64)
        table[name] = numbers.where(np.isfinite(numbers) & (numbers != NOT_MEASURED))
    for name in table.columns.intersection(ACCURACIES):
        table[name] = _fractions(table[name])
    if {"train_accuracy", "test_accuracy"} <= set(table.columns):
        gap = table["train_accuracy"] - table["test_accuracy"]
        known = table.get("generalization_gap", gap)
        table["generalization_gap"] = gap.fillna(known)
    if "generalization_gap" in table:
        table["generalization_gap"] = table["generalization_gap"].where(table["generalization_gap"].abs() <= 1)
    for name in table.columns.intersection(["run", "epoch", "seed"]):
        table[name] = whole(table[name])
    empty = [name for name in table.columns if bool(table[name].isna().all())]
    return table.drop(columns=empty) if len(table) else table


def whole(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """The column as whole numbers, 0 where it holds none."""
    numbers = pd.to_numeric(column, errors="coerce").astype(np.float64)
    usable = np.isfinite(numbers) & (numbers % 1 == 0) & (numbers.abs() < 2**53)
    return numbers.where(usable, 0).astype(np.int64)


def _fractions(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """Accuracies as fractions of 1, what rounding put above 1 clipped.

    Raises:
        ValueError: they are neither fractions nor percentages.
    """
    low, high = column.min(), column.max()
    if math.isnan(high) or (low >= 0 and high <= 1):
        return column
    if low >= 0 and high <= 1 + ROUNDING:
        return column.clip(upper=1)
    if low >= 0 and PERCENTAGE < high <= 100 * (1 + ROUNDING):
        return (column / 100).clip(upper=1)
    raise ValueError(f"the {column.name} runs from {low:g} to {high:g}; it must be a fraction of 1 or a percentage")


def _column(values: list[Any]) -> Any:
    """Values of one kind: numbers where all are, else truth values, else texts; `None` stays missing."""
    present = [value for value in values if value is not None]
    if all(isinstance(value, bool) for value in present) and len(present) == len(values):
        return np.array(values, dtype=bool)
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in present):
        whole_only = len(present) == len(values) and all(isinstance(value, int) for value in present)
        return np.array(
            [math.nan if value is None else value for value in values], np.int64 if whole_only else np.float64
        )
    return pd.array([None if value is None else str(value) for value in values], dtype="str")
