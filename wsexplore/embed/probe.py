"""What features tell about networks: a table of scores, split by run, with intervals and controls."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from numpy import ndarray as Array

from wsexplore.embed import estimators
from wsexplore.embed.intervals import balanced_interval, r2_interval, tau_interval
from wsexplore.embed.labels import Label
from wsexplore.embed.probed import ProbeReport
from wsexplore.population import OnStep

TARGETS = ("test_accuracy", "generalization_gap", "epoch", "lr")
MODELS = ("ridge", "boosting")

Features = Float[Array, "networks features"]

PREDICTORS = {
    ("ridge", False): estimators.ridge_out_of_fold,
    ("boosting", False): estimators.boosted_out_of_fold,
    ("ridge", True): estimators.logistic_out_of_fold,
    ("boosting", True): estimators.boosted_classes_out_of_fold,
}
"""By model, and by whether the target is a class."""


def probe(
    features: Mapping[str, Features],
    table: pd.DataFrame,
    targets: Sequence[str] = TARGETS,
    *,
    models: Sequence[str] = MODELS,
    folds: int = 5,
    seed: int = 0,
    on_step: OnStep | None = None,
) -> ProbeReport:
    """How well columns of a table are predicted from features, by models that never saw a network's run.

    The runs are dealt into `folds` parts; each part is predicted by models trained on the others, so that checkpoints
    of one run never lie on both sides. "ridge" is ridge regression on features standardised by the training part, its
    penalty chosen within that part, by run; "boosting" is gradient boosting of histograms with fixed settings. Learning
    rates and other positive settings that span more than a decade are predicted on the log10 scale. Texts are classes:
    "ridge" is then logistic regression, and the score is balanced accuracy.

    Intervals hold 95 % of 500 draws of the runs with replacement; the models are not fitted again. The control goes the
    same way with permuted labels. It should come out at about 0, or 1 over the number of classes; below 0 the model
    fits noise.

    Args:
        features: by name, one row per network.
        table: of the same networks, with the column `run`.
        targets: its columns to predict, all of the same table; `class_accuracies` may be joined to it.
        models: of `MODELS`.
        folds: parts of the runs.
        seed: of the parts, the draws and the control.
        on_step: told the share done; it may raise to cancel.

    Raises:
        ValueError: a column is missing or constant, a model is unknown, features have another length than the table, or
            there are fewer runs than folds. Networks whose features or label are not finite are dropped and counted.
    """
    _check(features, table, targets, models, folds)
    runs = pd.factorize(table["run"], sort=True)[0]
    ids = table.get("id", table.index).astype(str).to_numpy()
    labels = [Label.of(table, name) for name in targets]
    rows: list[dict[str, Any]] = []
    parts: list[pd.DataFrame] = []
    whole = len(features) * len(labels) * len(models)
    for case in _cases(features, labels, models, runs, folds, seed):
        if on_step is not None:
            on_step(len(rows) / whole, f"predicting {case.label.name} from {case.features}")
        row, errors = case.judged(seed)
        rows.append(row | {"dropped": len(table) - len(case.rows)})
        parts.append(errors.assign(id=ids[case.rows]))
    if on_step is not None:
        on_step(1.0, f"judged {whole} probes")
    return ProbeReport(pd.DataFrame(rows), _joined(parts))


@dataclass(frozen=True, slots=True, eq=False)
class _Case:
    """One target, from one kind of features, by one model; of the networks that have both."""

    features: str
    values: Features
    label: Label
    model: str
    rows: Int[Array, " rows"]
    runs: Int[Array, " rows"]
    folds: list[estimators.Fold]

    def judged(self, seed: int) -> tuple[dict[str, Any], pd.DataFrame]:
        """The row of the report, and what was predicted for each network."""
        classes = bool(self.label.classes)
        truth = self.label.values[self.rows]
        both = np.stack([truth, self.label.permuted(self.rows, self.runs, seed)], 1)
        predict = PREDICTORS[self.model, classes]
        found = predict(self.values, both, self.runs, self.folds, seed)
        score = balanced_interval if classes else r2_interval
        kind = np.int64 if classes else np.float64
        r2, low, high = score(truth.astype(kind), found[:, 0].astype(kind), self.runs, seed)
        control, _, _ = score(both[:, 1].astype(kind), found[:, 1].astype(kind), self.runs, seed)
        nothing = (float("nan"),) * 3
        tau, tau_low, tau_high = nothing if classes else tau_interval(truth, found[:, 0], self.runs, seed)
        row = {
            "features": self.features,
            "target": self.label.name,
            "model": self.model,
            "score": "balanced accuracy" if classes else "R2",
            "scale": self.label.scale,
            "r2": r2,
            "r2_low": low,
            "r2_high": high,
            "tau": tau,
            "tau_low": tau_low,
            "tau_high": tau_high,
            "control_r2": control,
            "runs": len(np.unique(self.runs)),
            "networks": len(self.rows),
        }
        missed = (found[:, 0] != truth).astype(np.float64) if classes else found[:, 0] - truth
        errors = pd.DataFrame({"truth": truth, "predicted": found[:, 0], "error": missed})
        return row, errors.assign(features=self.features, target=self.label.name, model=self.model)


def _cases(
    features: Mapping[str, Features],
    labels: Sequence[Label],
    models: Sequence[str],
    runs: Int[Array, " networks"],
    folds: int,
    seed: int,
) -> Iterator[_Case]:
    for name, values in features.items():
        finite = np.isfinite(values).all(1)
        for label in labels:
            kept = finite & label.known
            rows = np.flatnonzero(kept)
            left = len(np.unique(runs[rows]))
            if left < folds:
                raise ValueError(
                    f"{folds} folds need at least {folds} runs; {left} have finite {name} features and {label.name}"
                )
            label.check(kept)
            parts = estimators.run_folds(runs[rows], folds, seed)
            for model in models:
                yield _Case(name, values[rows], label, model, rows, runs[rows], parts)


def _check(
    features: Mapping[str, Features], table: pd.DataFrame, targets: Sequence[str], models: Sequence[str], folds: int
) -> None:
    if not features or not targets or not models:
        raise ValueError("a probe needs features, a target and a model; at least one of them is empty")
    if unknown := [name for name in models if name not in MODELS]:
        raise ValueError(f"model {unknown[0]!r} is unknown; choose one of {', '.join(MODELS)}")
    if "run" not in table:
        raise ValueError("the table has no column run, so checkpoints of one run cannot be kept on one side")
    if folds < 2:
        raise ValueError(f"a probe needs at least 2 folds, got {folds}")
    for name, values in features.items():
        if values.ndim != 2 or len(values) != len(table) or values.shape[1] == 0:
            raise ValueError(f"{name} features have shape {values.shape}, the table has {len(table):,} networks")


def _joined(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """All predictions in one table, whose repeated words are stored once."""
    frame = pd.concat(parts, ignore_index=True)
    for name in ("features", "target", "model"):
        frame[name] = frame[name].astype("category")
    return frame[["id", "features", "target", "model", "truth", "predicted", "error"]]
