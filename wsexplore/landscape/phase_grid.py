"""Phases of learning: what is measured in each cell of two controls, and which phase that is."""

import math
from dataclasses import dataclass, fields

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Shaped
from numpy import ndarray as Array

from wsexplore.zoo import Recipe

PHASES = {
    "I": "under-fitted and under-sized: high training loss, runs poorly connected",
    "II": "under-fitted: high training loss, runs well connected",
    "III": "under-sized: small training loss, runs poorly connected",
    "IV-A": "small training loss, runs well connected that answer differently",
    "IV-B": "small training loss, runs well connected that answer alike",
}
"""The phases of Yang et al. 2021, "Taxonomizing local versus global structure in neural network loss landscapes"."""

PHASE_METRICS = {
    "train_loss": "nats",
    "train_error": "%",
    "test_loss": "nats",
    "test_error": "%",
    "eigenvalue": "log10 nats",
    "trace": "log10 nats",
    "cka": "",
    "connectivity": "%",
}
"""What a cell tells, and its unit."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Where one phase ends and the next begins. The literature gives none: these are choices, made to be moved.

    Attributes:
        loss: training loss above which networks are under-fitted, in nats. At 0.1 the right class has a probability of
            0.90, as a geometric mean over the samples, so nearly all of the training split is fitted.
        connectivity: mode connectivity below minus this is poor, in %: a point of error more on the way than at the
            ends.
        cka: similarity above which runs answer alike, 0 to 1.
    """

    loss: float = 0.1
    connectivity: float = 1.0
    cka: float = 0.95

    def __post_init__(self) -> None:
        for name, high in (("loss", math.inf), ("connectivity", 100.0), ("cka", 1.0)):
            value = getattr(self, name)
            if not 0 <= value <= high or value == math.inf:
                until = "up" if high == math.inf else f"to {high:g}"
                raise ValueError(f"the threshold of {name} is a number from 0 {until}, got {value}")


@dataclass(frozen=True, slots=True)
class PhaseCell:
    """The runs of one pair of values, measured. What is not known is not a number.

    Attributes:
        x: value of the first control.
        y: value of the second.
        networks: ids of the runs' last checkpoints.
        train_loss: mean over the runs, with true labels, in nats.
        train_error: likewise, in %.
        test_loss: likewise, in nats.
        test_error: likewise, in %.
        eigenvalue: mean over the runs of log10 of the largest eigenvalue of the Hessian.
        trace: mean over the runs of log10 of its trace.
        cka: mean over all pairs of runs of the linear CKA of their logits, 0 to 1.
        connectivities: mode connectivity of each pair that was joined, in %.
    """

    x: float
    y: float
    networks: tuple[str, ...]
    train_loss: float
    train_error: float
    test_loss: float
    test_error: float
    eigenvalue: float
    trace: float
    cka: float
    connectivities: tuple[float, ...]

    @property
    def runs(self) -> int:
        """Number of runs."""
        return len(self.networks)

    @property
    def connectivity(self) -> float:
        """Mean mode connectivity of the pairs that were joined, in %."""
        known = [value for value in self.connectivities if math.isfinite(value)]
        return float(np.mean(known)) if known else math.nan

    @property
    def connectivity_error(self) -> float:
        """Standard error of the mean over the pairs, in %; not a number with fewer than two."""
        known = [value for value in self.connectivities if math.isfinite(value)]
        return float(np.std(known, ddof=1) / math.sqrt(len(known))) if len(known) > 1 else math.nan


@dataclass(frozen=True, slots=True, eq=False)
class PhaseGrid:
    """Phases of learning over two controls.

    Attributes:
        x: name of the first control.
        y: name of the second.
        x_values: its values, rising.
        y_values: likewise.
        cells: those measured so far.
        of: cells that have runs.
        thresholds: between the phases; see `classify`.
        data: name of the data set.
        split: of Hessian and mode connectivity, "train" or "test".
        samples: that the Hessian is the mean over.
        differing: other hyper-parameters that differ between the runs of one cell; none where they differ in their seed
            alone, as they should.
        recipe: how this was made.
    """

    x: str
    y: str
    x_values: Float[Array, " columns"]
    y_values: Float[Array, " rows"]
    cells: tuple[PhaseCell, ...]
    of: int
    thresholds: Thresholds
    data: str
    split: str
    samples: int
    differing: tuple[str, ...]
    recipe: Recipe

    @property
    def done(self) -> bool:
        """Whether every cell that has runs is measured."""
        return len(self.cells) == self.of

    @property
    def alone(self) -> int:
        """Cells with one run, which have neither similarity nor mode connectivity, and so no phase."""
        return sum(cell.runs == 1 for cell in self.cells)

    def place(self, cell: PhaseCell) -> tuple[int, int]:
        """Row and column of a cell in the maps."""
        return int(np.searchsorted(self.y_values, cell.y)), int(np.searchsorted(self.x_values, cell.x))

    def map(self, metric: str) -> Float[Array, "rows columns"]:
        """One of `PHASE_METRICS`, or `runs`, in every cell; not a number where nothing is known.

        Raises:
            ValueError: there is no such metric.
        """
        if metric not in (*PHASE_METRICS, "runs", "connectivity_error"):
            raise ValueError(f"metric {metric!r} is unknown; choose one of {', '.join(PHASE_METRICS)}")
        found: Float[Array, "rows columns"] = np.full((len(self.y_values), len(self.x_values)), np.nan)
        for cell in self.cells:
            found[self.place(cell)] = getattr(cell, metric)
        return found

    def frame(self) -> pd.DataFrame:
        """The two controls, number of runs, metrics (units as in `PHASE_METRICS`) and phase, a row per cell."""
        names, disputes = classify(self), disputed(self)
        rows = [
            {
                self.x: cell.x,
                self.y: cell.y,
                "runs": cell.runs,
                **{name: getattr(cell, name) for name in PHASE_METRICS},
                "connectivity_error": cell.connectivity_error,
                "pairs": len(cell.connectivities),
                "phase": str(names[self.place(cell)]),
                "disputed": bool(disputes[self.place(cell)]),
            }
            for cell in self.cells
        ]
        columns = [self.x, self.y, "runs", *PHASE_METRICS, "connectivity_error", "pairs", "phase", "disputed"]
        return pd.DataFrame(rows, columns=columns).sort_values([self.y, self.x], ignore_index=True)

    def _repr_html_(self) -> str:
        names, counts = np.unique(classify(self), return_counts=True)
        said = ", ".join(f"{count} in {name}" for name, count in zip(names.tolist(), counts, strict=True) if name)
        return f"<b>Phases</b>, {len(self.cells):,} of {self.of:,} cells: {said}{self.frame().to_html(index=False)}"


def classify(
    grid: PhaseGrid, *, loss: float | None = None, connectivity: float | None = None, cka: float | None = None
) -> Shaped[Array, "rows columns"]:
    r"""The phase of every cell, one of `PHASES`; empty where nothing was measured or too little is known.

    | phase | training loss | mode connectivity | CKA |
    |---|---|---|---|
    | I | above `loss` | below -`connectivity` | |
    | II | above `loss` | not below | |
    | III | not above | below -`connectivity` | |
    | IV-A | not above | not below | not above `cka` |
    | IV-B | not above | not below | above `cka` |

    The taxonomy also has the Hessian large in I and II and small in III and IV, as it was where the training loss was.
    That is not so everywhere: networks that a high learning rate keeps from a minimum may lie where the loss is flat.
    So the loss decides alone; compare the maps. Connectivity far above 0 with a small loss would be IV, but there is
    little error left that a curve could avoid.

    Args:
        grid: as measured, not yet whole if need be.
        loss: in nats; by default the grid's own threshold, as for the other two.
        connectivity: in %.
        cka: 0 to 1.

    Raises:
        ValueError: a threshold is out of range.
    """
    limits = _limits(grid, loss, connectivity, cka)
    found = np.full((len(grid.y_values), len(grid.x_values)), "", dtype="<U4")
    for cell in grid.cells:
        found[grid.place(cell)] = _phase(cell.train_loss, cell.connectivity, cell.cka, limits)
    return found


def disputed(
    grid: PhaseGrid, *, loss: float | None = None, connectivity: float | None = None, cka: float | None = None
) -> Bool[Array, "rows columns"]:
    """Where the pairs of runs of a cell do not agree on its phase; keywords as in `classify`.

    There the mean decides, and other seeds may decide otherwise.
    """
    limits = _limits(grid, loss, connectivity, cka)
    found = np.zeros((len(grid.y_values), len(grid.x_values)), bool)
    for cell in grid.cells:
        said = {_phase(cell.train_loss, value, cell.cka, limits) for value in cell.connectivities} - {""}
        found[grid.place(cell)] = len(said) > 1
    return found


def mode_connectivity(errors: Float[Array, " steps"]) -> float:
    r"""$\tfrac12 (L(0) + L(1)) - L(t^*)$ with $t^* = \arg\max_t |L(t) - \tfrac12 (L(0) + L(1))|$ (Yang et al. 2021).

    Below 0 there is a barrier: the curve is worse than its ends. About 0 they are connected. Above 0 the curve is
    better: the ends were not trained to a minimum. The maximum is taken between the ends. At both ends the difference
    is half of what they differ, with opposite signs, so that an end could only say in which order the two were given.
    Of two maxima the barrier counts. Not a number where some error is not.

    Args:
        errors: along the curve, in %, both ends included.
    """
    middle = (errors[0] + errors[-1]) / 2
    apart = errors[1:-1] - middle
    return float(-apart[np.lexsort((apart, np.abs(apart)))[-1]]) if np.isfinite(errors).all() else math.nan


def _limits(grid: PhaseGrid, loss: float | None, connectivity: float | None, cka: float | None) -> Thresholds:
    given = {"loss": loss, "connectivity": connectivity, "cka": cka}
    own = {field.name: getattr(grid.thresholds, field.name) for field in fields(Thresholds)}
    return Thresholds(**{name: own[name] if value is None else value for name, value in given.items()})


def _phase(loss: float, connectivity: float, cka: float, limits: Thresholds) -> str:
    if math.isnan(loss) or math.isnan(connectivity):
        return ""
    poor = connectivity < -limits.connectivity
    if loss > limits.loss:
        return "I" if poor else "II"
    if poor:
        return "III"
    return "" if math.isnan(cka) else "IV-B" if cka > limits.cka else "IV-A"
