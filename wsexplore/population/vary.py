"""The hyper-parameters of a population: defaults, and what varies between its networks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from wsexplore.nets import ACTIVATIONS, INITIALISATIONS

OPTIMIZERS = ("adam", "adamw", "sgd")
Vary = Mapping[str, Sequence[Any]]
DESIGNS = ("random", "grid")


@dataclass(frozen=True, slots=True)
class Field:
    """One hyper-parameter: its default, its allowed values, and whether a range is drawn on a log scale."""

    default: float | int | str
    choices: tuple[str, ...] = ()
    low: float | int = 0.0
    high: float | int = float("inf")
    log: bool = False
    whole: bool = False

    def check(self, name: str, value: object) -> float | int | str:
        """The value, if it is allowed.

        Raises:
            ValueError: it is not.
        """
        if self.choices:
            if value not in self.choices:
                raise ValueError(f"{name} {value!r} is unknown; choose one of {', '.join(self.choices)}")
            return str(value)
        if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not np.isfinite(value):
            raise ValueError(f"{name} must be a number, got {value!r}")
        if not self.low <= value <= self.high:
            raise ValueError(f"{name} must lie in {self.low:g} to {self.high:g}, got {value:g}")
        if self.whole and value != int(value):
            raise ValueError(f"{name} must be a whole number, got {value:g}")
        return int(value) if self.whole else float(value)


FIELDS: Mapping[str, Field] = {
    "optimizer": Field("adam", choices=OPTIMIZERS),
    "lr": Field(2e-3, low=1e-8, high=100.0, log=True),
    "weight_decay": Field(0.0, high=10.0, log=True),
    "momentum": Field(0.9, high=0.9999),
    "batch_size": Field(128, low=1, high=1 << 20, whole=True),
    "init": Field("default", choices=tuple(INITIALISATIONS)),
    "activation": Field("relu", choices=tuple(ACTIVATIONS)),
    "label_noise": Field(0.0, high=1.0),
    "data_share": Field(1.0, low=0.001, high=1.0),
    "dropout": Field(0.0, high=0.99),
}


def hyper_parameters(
    models: int,
    *,
    vary: Vary | None = None,
    design: str = "random",
    seeds: int | None = None,
    seed: int = 0,
    **fixed: Any,
) -> pd.DataFrame:
    """One row of hyper-parameters per network.

    Row `i` depends on `seed` and `i` only, so a longer population begins with the shorter one. The designs of the
    published zoos: nothing varied (seed only), a grid with `seeds=10` (the same ten seeds at every point), a grid
    without (seeds of their own), random draws.

    Args:
        models: number of networks.
        vary: per name either a range `(low, high)` as a tuple of two numbers, drawn uniformly (on a log scale
            for `lr` and `weight_decay`, unless `low` is 0), or a list of values, drawn with equal chance.
        design: "random" draws each network's values; "grid" goes through all combinations of the lists again and again.
        seeds: how many different seeds there are, by default one for every network; in a grid, one seed is given to
            every combination before the next one comes.
        seed: of the draws; each network's own `seed` column follows from it.
        fixed: values that all networks share instead of the defaults in `FIELDS`.

    Raises:
        ValueError: a name or a value is not allowed.
    """
    vary = vary or {}
    if unknown := sorted((set(vary) | set(fixed)) - set(FIELDS)):
        raise ValueError(f"{', '.join(unknown)} is no hyper-parameter; choose among {', '.join(FIELDS)}")
    if both := sorted(set(vary) & set(fixed)):
        raise ValueError(f"{', '.join(both)} is both fixed and varied; choose one")
    if not isinstance(models, int) or models < 1:
        raise ValueError(f"a population needs a whole number of networks, at least 1, got {models}")
    if seeds is not None and (not isinstance(seeds, int) or seeds < 1):
        raise ValueError(f"seeds is a whole number of at least 1, got {seeds}")
    if not isinstance(seed, int) or seed < 0:
        raise ValueError(f"a seed is a whole number of at least 0, got {seed}")
    if design not in DESIGNS:
        raise ValueError(f"design {design!r} is unknown; choose one of {', '.join(DESIGNS)}")
    for name, values in vary.items():
        _check_values(name, values)
    points = _grid(vary) if design == "grid" else []
    constant = {name: field.check(name, fixed.get(name, field.default)) for name, field in FIELDS.items()}
    rows = []
    for run in range(models):
        sequence = np.random.SeedSequence([seed, run])
        draw = np.random.default_rng(sequence)
        chosen = (
            points[run % len(points)]
            if points
            else {name: _draw(FIELDS[name], vary[name], draw) for name in FIELDS if name in vary}
        )
        if seeds is not None:
            sequence = np.random.SeedSequence([seed, 1 << 40, (run // max(1, len(points))) % seeds])
        rows.append({"run": run, "seed": int(sequence.generate_state(1)[0]), **constant, **chosen})
    table = pd.DataFrame(rows)
    return table if table["dropout"].any() else table.drop(columns="dropout")


def _grid(vary: Vary) -> list[dict[str, Any]]:
    for name, values in vary.items():
        if is_range(values):
            raise ValueError(f"a grid goes through lists of values, {name} varies over the range {values!r}; list some")
    names = [name for name in FIELDS if name in vary]
    return [
        {name: _plain(FIELDS[name], value) for name, value in zip(names, values, strict=True)}
        for values in product(*(vary[name] for name in names))
    ]


def _check_values(name: str, values: Sequence[Any]) -> None:
    if not isinstance(values, list | tuple) or len(values) == 0:
        raise ValueError(f"{name} varies over a range (low, high) or a list of values, got {values!r}")
    for value in values:
        FIELDS[name].check(name, value)
    if is_range(values) and values[0] > values[1]:
        raise ValueError(f"the range of {name} runs from low to high, got {values!r}")


def plain_number(value: Any) -> Any:
    """Python's own number for one of numpy's; anything else as it is."""
    return value.item() if isinstance(value, np.generic) else value


def plain_numbers(values: Any) -> Any:
    """The same for every value of a range or a list."""
    return type(values)(map(plain_number, values)) if isinstance(values, list | tuple) else values


def is_range(values: Sequence[Any]) -> bool:
    """Whether these are the two ends of a range, not values to choose from."""
    return isinstance(values, tuple) and len(values) == 2 and not isinstance(values[0], str)


def _draw(field: Field, values: Sequence[Any], draw: np.random.Generator) -> Any:
    if not is_range(values):
        return _plain(field, values[int(draw.integers(len(values)))])
    low, high = values
    if field.log and low > 0:
        return float(np.exp(draw.uniform(np.log(low), np.log(high))))
    return int(draw.integers(low, high + 1)) if field.whole else float(draw.uniform(low, high))


def _plain(field: Field, value: Any) -> Any:
    return value if isinstance(value, str) else (int(value) if field.whole else float(value))
