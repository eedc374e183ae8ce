"""Is a flow any good: accuracy and novelty of its samples beside the zoo's own and the controls'."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from numpy import ndarray as Array
from torch import Tensor

from wsexplore.align import Alignment, align_permutations, spec_of
from wsexplore.datasets import Dataset
from wsexplore.generate.controls import CONTROLS, control
from wsexplore.generate.display import quality_html
from wsexplore.generate.flow import WeightFlow
from wsexplore.generate.nearest import Nearest, nearest
from wsexplore.population import OnStep, evaluate
from wsexplore.symmetry import PermutationSpec
from wsexplore.zoo import Zoo

POINT = 0.01
"""Distance from the zoo's mean accuracy that counts as close: one point."""

NOVEL = 0.9
"""Novelty from which a generator counts as no copier."""

NAMES = {
    "gaussian": "Gaussians with the zoo's full covariance",
    "independent": "independent Gaussians per weight",
    "averages": "averages of random pairs",
}


@dataclass(frozen=True, slots=True, eq=False)
class QualityReport:
    """A generator beside the zoo it was fitted on and the controls.

    Attributes:
        frame: a row per generator ("zoo", "flow", and each of `CONTROLS`) and the columns `generator`, `models`,
            `mean_accuracy`, `std_accuracy`, `best_accuracy`, `within_a_point` (share at most 0.01 below the zoo's mean,
            or above it), `nearest_distance` (median distance to the nearest network of the zoo, modulo permutation),
            `closest_distance` (the smallest of these distances: a copy would have 0), `own_distance` (the median
            between networks of the zoo), `novelty` (ratio of the medians), `dispersion` (spread of the aligned samples
            over that of the aligned zoo).
        per_sample: a row per sample: `id`, `test_accuracy`, `test_loss` (nats), `nearest` (id), `distance`.
        verdict: what the numbers say, in sentences.
    """

    frame: pd.DataFrame
    per_sample: pd.DataFrame
    verdict: str

    def to_dict(self) -> dict[str, Any]:
        """JSON values; `None` where a number is not finite."""
        return {"verdict": self.verdict, "generators": _records(self.frame), "samples": _records(self.per_sample)}

    def _repr_html_(self) -> str:
        return quality_html(self.frame, self.verdict)


def quality(
    generator: WeightFlow | Zoo,
    zoo: Zoo,
    data: str | Dataset,
    *,
    models: int = 100,
    seed: int = 0,
    reference: int = 0,
    name: str = "flow",
    on_step: OnStep | None = None,
) -> QualityReport:
    """Accuracy and novelty of a flow, or of networks from anywhere, beside the zoo and three controls.

    All networks are aligned to one network of the zoo by weight matching; distances are those of `nearest`. The
    controls are fitted to the aligned zoo. The zoo's own distance is that of `models` random networks of it to their
    nearest other network; networks of the same run do not count.

    Args:
        generator: a flow, which is sampled, or generated networks, which are judged as they are.
        zoo: the networks the generator was fitted on.
        data: the data set to judge accuracy on, by its test split.
        models: networks per generator.
        seed: of the samples, the controls and the choice of networks.
        reference: row of the zoo that everything is aligned to.
        name: what the generator is called in the report: "flow", "encoder".
        on_step: told the share done; it may raise to cancel.

    Raises:
        ValueError: the architectures differ, or there are fewer than 2 networks or runs of the zoo.
    """
    samples = generator.sample(models, seed=seed) if isinstance(generator, WeightFlow) else generator
    frame = _Frame.of(samples, zoo, reference, seed)
    tell = on_step or (lambda fraction, message: None)
    tell(0.3, "aligned the zoo")
    chosen = np.random.default_rng([seed, len(zoo)]).permutation(len(zoo))[:models]
    own = frame.judge(zoo.select(chosen), frame.aligned.rows(chosen), data, _same_run(zoo.table, chosen))
    tell(0.5, "judged the zoo")
    flow = frame.judge(samples, frame.place(samples), data)
    judged = {"zoo": own, name: flow}
    for place, other in enumerate(CONTROLS):
        tell(0.6 + 0.1 * place, f"judging the control {other}")
        made = control(frame.aligned, other, models, seed=seed)
        judged[other] = frame.judge(made, frame.place(made), data)
    table = pd.DataFrame([frame.row(one, result, own) for one, result in judged.items()])
    tell(1.0, "judged every generator")
    said = verdict(table)
    if isinstance(generator, WeightFlow) and generator.fitted_on != zoo.fingerprint:
        said += " The flow was fitted on other networks than these."
    return QualityReport(table, flow.per_sample(zoo.table["id"].to_numpy()), said)


def verdict(frame: pd.DataFrame) -> str:
    """What a report's table says: which controls the flow beats, and which only look better because they copy.

    To beat is to have the higher mean accuracy at a novelty of at least 0.9 of the zoo's own.
    """
    rows = frame.set_index("generator")
    name = next(str(one) for one in rows.index if one != "zoo" and one not in CONTROLS)
    zoo, flow = rows.loc["zoo"], rows.loc[name]
    said = [
        f"The {name}'s networks classify {flow.mean_accuracy:.1%} of the test images on average, the zoo's "
        f"{zoo.mean_accuracy:.1%}; they lie {flow.novelty:.2f} times as far from the zoo as its own networks from "
        "each other."
    ]
    if flow.novelty < NOVEL:
        said.append(f"Below {NOVEL} that is too near to count as new, so the {name} does not beat any control.")
    for rival in CONTROLS:
        if rival not in rows.index:
            continue
        other = rows.loc[rival]
        higher, beats = other.mean_accuracy >= flow.mean_accuracy, flow.novelty >= NOVEL
        numbers = f"{other.mean_accuracy:.1%} at novelty {other.novelty:.2f}"
        if higher and other.novelty < NOVEL:
            said.append(f"It does not beat {NAMES[rival]} ({numbers}), which have lower novelty: nearer to copies.")
        elif higher or not beats:
            said.append(f"It does not beat {NAMES[rival]} ({numbers}).")
        else:
            said.append(f"It beats {NAMES[rival]} ({numbers}).")
    return " ".join(said)


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    rows = frame.to_dict("records")
    return [
        {str(k): None if isinstance(v, float) and not np.isfinite(v) else v for k, v in row.items()} for row in rows
    ]


@dataclass(frozen=True, slots=True, eq=False)
class _Judged:
    """Scores and distances of one generator's networks."""

    scores: pd.DataFrame
    nearest: Nearest
    dispersion: float

    def per_sample(self, ids: Array) -> pd.DataFrame:
        columns = self.scores[["id", "test_accuracy", "test_loss"]].reset_index(drop=True)
        return columns.assign(nearest=ids[self.nearest.row], distance=self.nearest.distance.astype(float))


@dataclass(frozen=True, slots=True, eq=False)
class _Frame:
    """The aligned zoo, and how other networks are brought into its frame."""

    alignment: Alignment
    aligned: Zoo
    spec: PermutationSpec

    @classmethod
    def of(cls, samples: Zoo, zoo: Zoo, reference: int, seed: int) -> "_Frame":
        if samples.architecture.layout != zoo.architecture.layout:
            raise ValueError(
                f"the samples are {samples.architecture.to_dict()}, the zoo holds {zoo.architecture.to_dict()}; "
                "compare networks of one architecture"
            )
        if zoo.table["run"].nunique() < 2 or len(samples) < 2:
            raise ValueError(
                f"comparing takes at least 2 networks and a zoo of 2 runs, got {len(samples)} and "
                f"{zoo.table['run'].nunique()}"
            )
        alignment = align_permutations(zoo, reference=reference, seed=seed)
        return cls(alignment, alignment.apply(zoo), spec_of(zoo.architecture))

    def place(self, networks: Zoo) -> Tensor:
        """Weights of `networks`, aligned to the reference."""
        return self.alignment.place(networks.weights, networks.architecture)

    def judge(
        self,
        networks: Zoo,
        weights: Float[Tensor, "networks parameters"],
        data: str | Dataset,
        left_out: list[Int[Array, " _"]] | None = None,
    ) -> _Judged:
        """Scores of `networks`, and distances of `weights`, the same networks in the aligned frame."""
        zoo = self.aligned.weights
        spread = float(zoo.var(0).sum().sqrt())
        near = nearest(weights, zoo, self.spec, self.aligned.architecture.layout, left_out=left_out)
        return _Judged(
            evaluate(networks, data), near, float((weights - zoo.mean(0)).square().sum(1).mean().sqrt()) / spread
        )

    def row(self, name: str, judged: _Judged, own: _Judged) -> dict[str, Any]:
        accuracy, mean = judged.scores["test_accuracy"], own.scores["test_accuracy"].mean()
        distance, between = np.median(judged.nearest.distance), np.median(own.nearest.distance)
        return {
            "generator": name,
            "models": len(accuracy),
            "mean_accuracy": float(accuracy.mean()),
            "std_accuracy": float(accuracy.std()),
            "best_accuracy": float(accuracy.max()),
            "within_a_point": float((accuracy >= mean - POINT).mean()),
            "nearest_distance": float(distance),
            "closest_distance": float(judged.nearest.distance.min()),
            "own_distance": float(between),
            "novelty": float(distance / between) if between > 0 else float("nan"),
            "dispersion": judged.dispersion,
        }


def _same_run(table: pd.DataFrame, rows: Array) -> list[Int[Array, " _"]]:
    """For each of `rows`, all rows of its run, itself among them."""
    runs = table["run"].to_numpy()
    return [np.flatnonzero(runs == runs[row]) for row in rows]
