"""What happens when networks are drawn: sample, test, find the nearest, judge against the controls."""

from dataclasses import dataclass
from time import perf_counter

import numpy as np

from app_pages.handles import open_alignment, open_projection
from wsexplore.generate import QualityReport, WeightFlow, quality
from wsexplore.population import OnStep
from wsexplore.zoo import Zoo, select_rows


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """Samples with everything the page shows of them.

    Attributes:
        zoo: the samples, their metrics and nearest networks in the table.
        report: their quality.
        fitted: places of the networks that the flow was fitted on, on the source zoo's map of aligned weights.
        points: places of the samples on the same map.
        nearest: for each sample the row of its nearest network in `fitted`.
        seconds: to sample them, without judging.
    """

    zoo: Zoo
    report: QualityReport
    fitted: np.ndarray
    points: np.ndarray
    nearest: np.ndarray
    seconds: float


def draw_networks(
    flow: WeightFlow, name: str, source: Zoo, count: int, steps: int, seed: int, heat: float, on_step: OnStep
) -> Drawn:
    """Sample and judge; the flow's own part of the source zoo is what it is compared with."""
    rows = select_rows(source.table, flow.where) if flow.where else np.arange(len(source))
    fitted = source.select(rows)
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
    projection = open_projection(name, "pca", "aligned")
    row_of = {network: row for row, network in enumerate(fitted.table["id"])}
    nearest = np.array([row_of[network] for network in facts["nearest"]])
    points = projection.place(aligned.numpy(), source)
    return Drawn(fresh, report, projection.points[rows], points, nearest, seconds)
