"""Which runs of which zoos belong to which pair of values of two controls."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from numpy import ndarray as Array

from wsexplore.datasets import is_registered
from wsexplore.landscape.picked import check_classifies
from wsexplore.nets import Architecture
from wsexplore.population import FIELDS
from wsexplore.zoo import Recipe, Zoo

WIDTH = "width"
"""The control that is the widest hidden layer."""

EPOCH = "epoch"
"""The control that takes every checkpoint, not the last of each run."""

NO_CONTROLS = {"id", "run", "seed", "init_seed"}
"""Columns that tell runs apart."""

RESULTS = ("_loss", "_accuracy", "_gap")
"""How columns end that are results of the training."""

MOST_VALUES, MOST_CELLS = 64, 1024
"""Values of a control, and cells of a grid, at most."""


@dataclass(frozen=True, slots=True, eq=False)
class Members:
    """The runs of one pair of values.

    Attributes:
        x: value of the first control.
        y: value of the second.
        architecture: of all of them.
        places: zoo and row of each.
    """

    x: float
    y: float
    architecture: Architecture
    places: tuple[tuple[int, int], ...]

    def zoo(self, zoos: Sequence[Zoo], most: int) -> Zoo:
        """The first so many runs as a zoo of their own, in memory; ids are as they were, where they stay unique."""
        places = self.places[:most]
        ids = [str(zoos[zoo].entries.part(["id"])["id"].iloc[row]) for zoo, row in places]
        if len(set(ids)) < len(ids):
            ids = [f"{name}.{zoo + 1}" for name, (zoo, _) in zip(ids, places, strict=True)]
        return Zoo.from_weights(
            self.architecture,
            torch.cat([zoos[zoo].rows([row]) for zoo, row in places]),
            pd.DataFrame({"id": ids}),
            Recipe.of("phases"),
            torch.cat([zoos[zoo].buffer_rows([row]) for zoo, row in places]),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Design:
    """All cells of two controls.

    Attributes:
        x_values: of the first control, rising.
        y_values: likewise.
        members: of each cell that has runs, row by row.
        differing: hyper-parameters beside the controls that differ within a cell.
    """

    x_values: Float[Array, " columns"]
    y_values: Float[Array, " rows"]
    members: tuple[Members, ...]
    differing: tuple[str, ...]


def design_of(zoos: Sequence[Zoo], x: str, y: str) -> Design:
    """The cells of two controls.

    Args:
        zoos: one or more, of one kind of network on one data set.
        x: a column of numbers, "width", or a number in the configuration of the architecture.
        y: another.

    Raises:
        ValueError: a control is unknown, holds no numbers, or has one value or very many; the zoos do not belong
            together; or a cell holds networks of two architectures.
    """
    check_together(zoos)
    if x == y:
        raise ValueError(f"the two controls of a grid differ, got {x} twice")
    table = pd.concat([_controls(zoo, place, x, y) for place, zoo in enumerate(zoos)], ignore_index=True)
    if EPOCH not in (x, y):
        table = table.loc[table.groupby(["_zoo", "_run"], sort=False)["_epoch"].idxmax()]
    values = {name: _values(table["_x" if name == x else "_y"], name) for name in (x, y)}
    cells: dict[Any, pd.DataFrame] = dict(list(table.groupby(["_y", "_x"], sort=True)))
    if len(cells) > MOST_CELLS:
        raise ValueError(
            f"{x} and {y} make {len(cells):,} cells, and a grid has {MOST_CELLS:,} at most; choose fewer networks"
        )
    known = [name for name in FIELDS if name in table and name not in (x, y)]
    differing = [name for name in known if any(part[name].nunique(dropna=False) > 1 for part in cells.values())]
    members = [_members(zoos, part, float(key[1]), float(key[0]), (x, y)) for key, part in cells.items()]
    return Design(values[x], values[y], tuple(members), tuple(differing))


def check_together(zoos: Sequence[Zoo]) -> None:
    """Check that zoos can form one grid.

    Raises:
        ValueError: there is none, one is empty or comes twice, they hold no classifiers, or they were trained on
            different data.
    """
    if not zoos:
        raise ValueError("a grid of phases needs a zoo, got none")
    for place, zoo in enumerate(zoos, start=1):
        check_classifies(zoo)
        if not len(zoo):
            raise ValueError(f"zoo {place} of {len(zoos)} holds no networks; leave it out")
    if len({zoo.fingerprint for zoo in zoos}) < len(zoos):
        raise ValueError("one zoo is given twice; a grid takes each once")
    if len(names := trained_on(zoos)) > 1:
        raise ValueError(f"these zoos were trained on different data, {' and '.join(names)}; a grid is of one data set")


def trained_on(zoos: Iterable[Zoo]) -> list[str]:
    """Names of the data sets in the tables."""
    found = {str(name) for zoo in zoos for name in _column(zoo, "dataset").dropna().unique()}
    return sorted(found)


def check_data(zoos: Sequence[Zoo], name: str) -> None:
    """Check that a data set is the one that the networks were trained on, where their tables name one that is known.

    Raises:
        ValueError: it is another.
    """
    for trained in trained_on(zoos):
        if is_registered(trained) and trained != name:
            raise ValueError(
                f"these networks were trained on {trained}, and phases are about the data that they were trained on; "
                f"got {name}"
            )


def width_of(architecture: Architecture) -> int | None:
    """Units or channels of the widest hidden layer as the configuration tells it; `None` where it does not."""
    config = _fields(architecture)
    for name in (WIDTH, "dim"):
        if _is_number(config.get(name)):
            return int(config[name])
    if isinstance(widths := config.get("widths"), list) and len(widths) > 2:
        return int(max(widths[1:-1]))
    for name in ("channels", "hidden"):
        if isinstance(config.get(name), list) and config[name]:
            return int(max(config[name]))
    return int(config["hidden"]) if _is_number(config.get("hidden")) else None


def _controls(zoo: Zoo, place: int, x: str, y: str) -> pd.DataFrame:
    """Zoo, row, run, epoch, the two controls and the hyper-parameters of every network."""
    known = set(zoo.columns)
    plain = zoo.entries.part([name for name in FIELDS if name in known]).reset_index(drop=True)
    own = zoo.entries.part(["run", EPOCH]).reset_index(drop=True)
    return plain.assign(
        _zoo=place,
        _row=np.arange(len(zoo)),
        _run=own["run"],
        _epoch=own[EPOCH],
        _x=_control(zoo, x),
        _y=_control(zoo, y),
    )


def _control(zoo: Zoo, name: str) -> Float[Array, " models"]:
    """The control of every network, to six digits, so that two ways of writing one number are one value."""
    if name in NO_CONTROLS or name.endswith(RESULTS):
        raise ValueError(f"{name} is not set before a training, so it is no control; choose {_choices(zoo)}")
    if name in zoo.columns:
        column = _column(zoo, name)
        if not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
            raise ValueError(f"{name} holds no numbers, so it is no control; choose {_choices(zoo)}")
        found = column.to_numpy(float, na_value=np.nan)
        if not np.isfinite(found).all():
            raise ValueError(
                f"{int((~np.isfinite(found)).sum()):,} networks have no {name}; select those that have one"
            )
    else:
        config = _fields(zoo.architecture)
        value: Any = width_of(zoo.architecture) if name == WIDTH else config.get(name)
        if not _is_number(value):
            raise ValueError(
                f"{zoo.architecture.name} networks have no control {name!r} that is a number; choose {_choices(zoo)}"
            )
        found = np.full(len(zoo), float(value))
    rounded: Float[Array, " models"] = np.array([float(f"{value:.6g}") for value in found])
    return rounded


def _choices(zoo: Zoo) -> str:
    """The controls that there are."""
    columns = [
        name
        for name in zoo.columns
        if name not in NO_CONTROLS
        and not name.endswith(RESULTS)
        and pd.api.types.is_numeric_dtype(kind := _column(zoo, name))
        and not pd.api.types.is_bool_dtype(kind)
    ]
    fields = [name for name, value in _fields(zoo.architecture).items() if _is_number(value) and name not in columns]
    width = [WIDTH] if WIDTH not in (*columns, *fields) and width_of(zoo.architecture) is not None else []
    return f"one of {', '.join([*width, *columns, *fields])}"


def _values(column: "pd.Series[Any]", name: str) -> Float[Array, " values"]:
    """The values of a control, rising."""
    found: Float[Array, " values"] = np.unique(column.to_numpy(float))
    if len(found) < 2:
        raise ValueError(f"{name} has one value only, {found[0]:g}; a grid needs two or more of each control")
    if len(found) > MOST_VALUES:
        raise ValueError(
            f"{name} has {len(found):,} values, and a grid shows {MOST_VALUES} at most; choose a control whose values "
            "come again and again, as in a grid search"
        )
    return found


def _members(zoos: Sequence[Zoo], part: pd.DataFrame, x: float, y: float, names: tuple[str, str]) -> Members:
    places: Int[Array, "runs 2"] = part[["_zoo", "_row"]].to_numpy(np.int64)
    first = zoos[places[0, 0]].architecture_of(int(places[0, 1]))
    for zoo, row in places[1:]:
        if (other := zoos[zoo].architecture_of(int(row))) != first:
            raise ValueError(
                f"{names[0]} {x:g}, {names[1]} {y:g} holds networks of two architectures, which differ in "
                f"{_difference(first, other)}; make that a control, or select networks of one architecture"
            )
    return Members(x, y, first, tuple((int(zoo), int(row)) for zoo, row in places))


def _difference(one: Architecture, other: Architecture) -> str:
    """What two architectures differ in."""
    if one.name != other.name:
        return f"their family, {one.name} and {other.name}"
    name = next(name for name in one.config if one.config[name] != other.config.get(name))
    return f"{name}, {one.config[name]} and {other.config.get(name)}"


def _fields(architecture: Architecture) -> Mapping[str, Any]:
    """The configuration; of a user's own network its arguments, too."""
    arguments = architecture.config.get("arguments", {})
    return {**architecture.config, **(arguments if isinstance(arguments, dict) else {})}


def _column(zoo: Zoo, name: str) -> "pd.Series[Any]":
    return zoo.entries.part([name])[name] if name in zoo.columns else pd.Series([], dtype=object)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
