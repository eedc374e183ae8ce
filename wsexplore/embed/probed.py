"""The result of a probe."""

from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import pandas as pd


@dataclass(frozen=True, slots=True, eq=False)
class ProbeReport:
    """What features tell about the networks of a zoo.

    Attributes:
        frame: a row per features, target and model: `features`, `target`, `model`, `score` ("R2", or "balanced
            accuracy" where the target is a class), `scale` ("linear", "log10" or "class"), the score `r2` with the ends
            `r2_low` and `r2_high` of its 95 % interval, Kendall's `tau` with `tau_low` and `tau_high` (none for
            classes), the score of the permuted labels `control_r2`, and the numbers of `runs`, of `networks` and of
            those `dropped`, whose features or label are not finite.
        predictions: a row per network, features, target and model: `id`, `features`, `target`, `model`, `truth` and
            `predicted` (by models that did not see the network's run; on the `scale`, of classes their number in
            sorted order), and `error`: predicted less true, or 1 where the class is wrong.
    """

    frame: pd.DataFrame
    predictions: pd.DataFrame

    def best(self) -> pd.DataFrame:
        """One row per features and target: that of the model with the highest score."""
        ordered = self.frame.assign(place=self.frame["r2"].fillna(-np.inf))
        rows = ordered.groupby(["features", "target"], sort=False)["place"].idxmax()
        return self.frame.loc[rows].reset_index(drop=True)

    def errors(self, features: str, target: str, model: str | None = None) -> "pd.Series[float]":
        """The prediction error of each network, by its id, to colour a map by; of the best model, or of this one.

        Raises:
            ValueError: that was not probed.
        """
        of = (self.frame["features"] == features) & (self.frame["target"] == target)
        if model is not None:
            of &= self.frame["model"] == model
        if not of.any():
            raise ValueError(f"{target!r} was not predicted from {features!r}" + (f" by {model!r}" if model else ""))
        tried = self.frame[of]
        chosen = tried["model"].iloc[int(tried["r2"].fillna(-np.inf).to_numpy().argmax())]
        rows = self.predictions
        mine = (rows["features"] == features) & (rows["target"] == target) & (rows["model"] == chosen)
        errors: pd.Series[float] = rows[mine].set_index("id")["error"]
        return errors

    def to_dict(self) -> dict[str, Any]:
        """The table as JSON values; `None` where a number is not finite."""
        rows = [
            {str(k): None if isinstance(v, float) and not np.isfinite(v) else v for k, v in row.items()}
            for row in self.frame.to_dict("records")
        ]
        return {"probes": rows}

    def _repr_html_(self) -> str:
        best = self.best()
        targets, names = list(dict.fromkeys(best["target"])), list(dict.fromkeys(best["features"]))
        cells = {(row["features"], row["target"]): _cell(row) for row in best.to_dict("records")}
        head = "".join(f"<th>{escape(target)}</th>" for target in targets)
        rows = "".join(
            f"<tr><th>{escape(name)}</th>{''.join(cells.get((name, target), '<td></td>') for target in targets)}</tr>"
            for name in names
        )
        return (
            "<b>Out-of-fold score of the better model (95 % interval), split by run</b>"
            f"<table><tr><th></th>{head}</tr>{rows}</table>"
        )


def _cell(row: dict[Any, Any]) -> str:
    said = f"{row['score']}, {row['model']}, control {row['control_r2']:.2f}"
    return f"<td title='{escape(said)}'>{row['r2']:.3f} ({row['r2_low']:.3f} to {row['r2_high']:.3f})</td>"
