"""What happens when networks are drawn: sample, test, find the nearest, judge against the controls."""

from dataclasses import dataclass
from time import perf_counter

import numpy as np

from pages.handles import open_alignment, open_projection
from wsexplore.generate import QualityReport, WeightFlow, quality
from wsexplore.population import OnStep
from wsexplore.zoo import Zoo


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """Samples with everything the page shows of them.

    Attributes:
        zoo: the samples, their metrics and nearest networks in the table.
        report: their quality.
        points: their places on the source zoo's map of aligned weights.
        nearest: for each the row of the source zoo's nearest network.
        seconds: to sample them, without judging.
    """

    zoo: Zoo
    report: QualityReport
    points: np.ndarray
    nearest: np.ndarray
    seconds: float


def draw_networks(
    flow: WeightFlow, name: str, source: Zoo, count: int, steps: int, seed: int, heat: float, on_step: OnStep
) -> Drawn:
    """Sample and judge; the flow's own part of the source zoo is what it is compared with."""
    fitted = source.select(flow.where) if flow.where else source
    begun = perf_counter()
    fresh = flow.sample(
        count, seed=seed, steps=steps, temperature=heat, on_step=lambda f, m: on_step(0.4 * f, m or "sampling")
    )
    seconds = perf_counter() - begun
    report = quality(
        fresh, fitted, flow.dataset or "digits", models=100, seed=seed, on_step=lambda f, m: on_step(0.4 + 0.6 * f, m)
    )
    facts = report.per_sample.drop(columns="id")
    fresh = fresh.with_table(
        fresh.table.assign(dataset=flow.dataset or "digits", **{column: facts[column].to_numpy() for column in facts})
    )
    aligned = open_alignment(name).place(fresh.weights, fresh.architecture)
    points = open_projection(name, "pca", "aligned").place(aligned.numpy(), source)
    row_of = {network: row for row, network in enumerate(source.table["id"])}
    nearest = np.array([row_of[network] for network in facts["nearest"]])
    return Drawn(fresh, report, points, nearest, seconds)
