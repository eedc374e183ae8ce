"""Everything that networks are judged with, prepared once, and the populations that are judged with it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from numpy import ndarray as Array
from torch import Tensor

from wsexplore.datasets import Dataset
from wsexplore.generate.controls import CONTROLS, MATCHED, MIXED, control
from wsexplore.generate.finish import CALIBRATION
from wsexplore.generate.judge.classifiers import Classifiers
from wsexplore.generate.judge.coverage import Coverage, coverage_of
from wsexplore.generate.judge.fields import FieldJudge
from wsexplore.generate.judge.ground import AXES, Ground, of_runs
from wsexplore.generate.judge.matched import matched_scale
from wsexplore.generate.judge.words import AT
from wsexplore.generate.nearest import Nearest
from wsexplore.population import OnStep
from wsexplore.zoo import Zoo


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """One population.

    Attributes:
        networks: as they were made.
        near: nearest networks of the zoo.
        cosine: largest cosine of each with the zoo.
        places: along the axes of the bench.
        dispersion: spread over the zoo's.
        coverage: of the zoo, where there were enough networks to compare.
        seen: what the judge of classifiers or of fields says.
        scale: of a control.
        matched: whether the scale was chosen to meet the flow's novelty.
    """

    networks: Zoo
    near: Nearest
    cosine: Float[Array, " networks"]
    places: Float[Array, "networks axes"]
    dispersion: float
    coverage: Coverage | None
    seen: Any
    scale: float = float("nan")
    matched: bool = False


class Control(NamedTuple):
    """A control's name in the report, and its networks."""

    name: str
    judged: Judged


@dataclass(frozen=True, slots=True, eq=False)
class Bench:
    """What networks are judged with.

    Attributes:
        ground: the aligned zoo.
        axes: principal axes of networks of the zoo that do not stand for it, which would otherwise seem more spread
            along them than others; of all where there are fewer than 64 more.
        judge: of classifiers, or of fields.
        own_rows: rows of the zoo that stand for it.
        real_rows: other rows of it, whose neighbourhoods are to be reached.
        together: networks of each ensemble, curve of magnitude and comparison, at most.
        compared_with: networks on both sides of a comparison of distributions.
        models: networks of each control.
        inputs: training samples for running statistics.
        seed: of the controls and of the comparisons.
    """

    ground: Ground
    axes: Float[Tensor, "parameters axes"]
    judge: Classifiers | FieldJudge
    own_rows: Int[Array, " own"]
    real_rows: Int[Array, " real"]
    together: int
    compared_with: int
    models: int
    inputs: Tensor
    seed: int

    @classmethod
    def of(
        cls, samples: Zoo, zoo: Zoo, data: Dataset, *, models: int, reference: int, seed: int, device: str
    ) -> "Bench":
        """Align the zoo and choose its networks.

        Raises:
            ValueError: the architectures differ, or there are too few networks.
        """
        if samples.architecture.layout != zoo.architecture.layout:
            raise ValueError(
                f"the samples are {samples.architecture.to_dict()}, the zoo holds {zoo.architecture.to_dict()}; "
                "compare networks of one architecture"
            )
        runs = zoo.table["run"].to_numpy()
        if (count := len(np.unique(runs))) < 2 or len(samples) < 2:
            raise ValueError(f"comparing takes at least 2 networks and a zoo of 2 runs, got {len(samples)} and {count}")
        judge: Classifiers | FieldJudge
        allowed, together = np.arange(len(zoo)), min(models, len(samples))
        if zoo.architecture.task == "field":
            judge = FieldJudge.of(data, seed=seed)
            allowed = judge.own_rows(zoo)
            allowed = allowed if len(allowed) >= 2 else np.arange(len(zoo))
        else:
            together = min(together, len(zoo))
            judge = Classifiers.of(zoo, data.test, together=together, device=device, seed=seed)
        draw = np.random.default_rng([seed, len(zoo)])
        own = draw.permutation(allowed)[:models]
        real = _apart(draw.permutation(len(zoo)), own, runs, min(models, len(zoo) // 2))
        ground = Ground.of(zoo, reference=reference, seed=seed)
        rest = np.flatnonzero(~np.isin(runs, runs[own]))
        return cls(
            ground,
            ground.axes(rest if len(rest) >= 2 * AXES else np.arange(len(zoo))),
            judge,
            own,
            real,
            min(together, len(own)),
            min(len(real), together),
            models,
            data.train.inputs[:CALIBRATION],
            seed,
        )

    @property
    def classifier(self) -> float | None:
        """Test accuracy of the judge of fields."""
        return self.judge.accuracy if isinstance(self.judge, FieldJudge) else None

    def own(self) -> Judged:
        """The zoo's own networks, each beside those of other runs."""
        zoo, rows = self.ground.zoo, self.own_rows
        left_out, weights = of_runs(zoo, zoo.select(rows)), zoo.rows(rows)
        apart = weights[np.flatnonzero(~np.isin(rows, self.real_rows))]
        return self._judged(zoo.select(rows), weights, apart, left_out)

    def judge_placed(self, networks: Zoo, weights: Float[Tensor, "networks parameters"], **told: Any) -> Judged:
        """Networks whose aligned weights are known."""
        return self._judged(networks, weights, weights, None, **told)

    def of_networks(self, networks: Zoo, **told: Any) -> Judged:
        """Networks from anywhere."""
        return self.judge_placed(networks, self.ground.place(networks), **told)

    def unseen(self, networks: Zoo) -> Judged:
        """Networks that were kept out of the fit, each beside those of other runs.

        Another checkpoint of the same run is near whatever the generator does: it says nothing of how far from the zoo
        an unseen network lies.
        """
        weights = self.ground.place(networks)
        return self._judged(networks, weights, weights, of_runs(self.ground.zoo, networks))

    def controls(self, flow: Judged, on_step: OnStep) -> Iterator[Control]:
        """Every control as it is, then those that can be scaled at the median distance of the flow's networks.

        They are made in the aligned frame, so they are not aligned again.
        """
        goal = float(np.median(flow.near.distance))
        plan = [(name, False) for name in CONTROLS] + [(name, True) for name in MATCHED]
        for place, (name, matched) in enumerate(plan):
            if len(self.ground.zoo) < MIXED.get(name, 2):
                continue
            said = "at the novelty of the samples" if matched else "as it is"
            on_step(place / len(plan), f"judging the control {name} {said}")
            scale = matched_scale(self.ground, name, self.models, goal, seed=self.seed) if matched else 1.0
            made = control(self.ground.zoo, name, self.models, seed=self.seed, scale=scale, inputs=self.inputs)
            yield Control(name + AT * matched, self.judge_placed(made, made.weights, scale=scale, matched=matched))

    def reliability(self, judged: dict[str, Judged]) -> pd.DataFrame:
        """Reliability of the ensembles, by generator."""
        columns = ["generator", "confidence", "accuracy", "samples"]
        if isinstance(self.judge, FieldJudge):
            return pd.DataFrame(columns=columns)
        parts = [one.seen.ensemble.reliability.assign(generator=name) for name, one in judged.items()]
        found: pd.DataFrame = pd.concat(parts, ignore_index=True)[columns]
        return found

    def classes(self, judged: dict[str, Judged]) -> pd.DataFrame:
        """Classes that the judge of fields finds, by generator."""
        if isinstance(self.judge, FieldJudge):
            return self.judge.frame({name: one.seen for name, one in judged.items()})
        return pd.DataFrame(columns=["generator", "class", "pictures", "share"])

    def _judged(
        self,
        networks: Zoo,
        weights: Float[Tensor, "networks parameters"],
        apart: Float[Tensor, "apart parameters"],
        left_out: list[Int[Array, " _"]] | None,
        **told: Any,
    ) -> Judged:
        """Judge networks; `apart` are those of them that do not stand on both sides of the comparison."""
        real, coverage = self.real_rows[: self.compared_with], None
        if len(real) > 1 and len(apart) > 1:
            runs = self.ground.zoo.table["run"].to_numpy()[real]
            others = apart[: self.compared_with]
            coverage = coverage_of(others, self.ground.zoo.rows(real), runs=runs, seed=self.seed)
        return Judged(
            networks,
            self.ground.nearest(weights, left_out=left_out),
            self.ground.cosine(weights, left_out=left_out),
            ((weights - self.ground.mean) @ self.axes).numpy(),
            self.ground.dispersion(weights),
            coverage,
            self.judge.see(networks, left_out),
            **told,
        )


def _apart(order: Int[Array, " models"], own: Int[Array, " own"], runs: Array, size: int) -> Int[Array, " real"]:
    """Rows of other runs than `own`; where these are too few, rows of half of its runs."""
    others = order[~np.isin(runs[order], runs[own])]
    if len(others) >= size:
        return others[:size]
    half = np.unique(runs[own])
    inside = order[np.isin(runs[order], half[: len(half) // 2]) | ~np.isin(runs[order], half)]
    return inside[:size]
