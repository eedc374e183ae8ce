"""What happens when networks are drawn: sample, test, find the nearest, judge against the controls."""

from dataclasses import dataclass
from time import perf_counter

import numpy as np
import streamlit as st

from app_pages.handles import open_alignment, open_projection
from app_pages.link import check_link_number
from wsexplore.generate import STEPS, QualityReport, WeightFlow, quality
from wsexplore.population import OnStep
from wsexplore.zoo import Zoo, select_rows

MOST = 1000
"""Networks of one click."""

MOST_STEPS = 200


@dataclass(frozen=True, slots=True)
class DrawSettings:
    """How many networks are drawn, with how many solver steps, from which seed, at which temperature."""

    count: int
    steps: int
    seed: int
    temperature: float


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


def draw_settings() -> DrawSettings:
    """The form that sets them; they live in the link."""
    check_link_number("n", 2, MOST, "a number of networks of")
    check_link_number("steps", 1, MOST_STEPS, "a number of steps of")
    check_link_number("draw", 0, 2**31 - 1, "seed")
    check_link_number("heat", 0, 1.5, "temperature")
    with st.form("settings", border=True):
        cells = st.columns([1.2, 1.2, 0.8, 1.2, 0.7], vertical_alignment="bottom")
        count = cells[0].slider(
            "Networks", 2, MOST, 16, key="n", bind="query-params", help="Drawn in milliseconds, then judged."
        )
        steps = cells[1].slider(
            "Steps",
            1,
            MOST_STEPS,
            STEPS,
            key="steps",
            bind="query-params",
            help="Steps of the Euler solver. Ten was tuned with the flow; more are slower, and not better.",
        )
        seed = cells[2].number_input(
            "Seed", 0, 2**31 - 1, 0, key="draw", bind="query-params", help="The same seed draws the same networks."
        )
        heat = cells[3].slider(
            "Temperature",
            0.0,
            1.5,
            1.0,
            0.05,
            key="heat",
            bind="query-params",
            help="Scale of the noise: below 1 samples are safer and less diverse, at 0 all are one network.",
        )
        cells[4].form_submit_button("Draw", icon=":material/casino:", type="primary", width="stretch")
    return DrawSettings(count, steps, seed, heat)


def draw_networks(flow: WeightFlow, home: str, source: Zoo, settings: DrawSettings, on_step: OnStep) -> Drawn:
    """Sample and judge; `home` is the name of the source zoo, and the flow's part of it is what it is compared with."""
    rows = select_rows(source.table, flow.where) if flow.where else np.arange(len(source))
    fitted = source.select(rows)
    begun = perf_counter()
    fresh = flow.sample(
        settings.count,
        seed=settings.seed,
        steps=settings.steps,
        temperature=settings.temperature,
        on_step=lambda f, m: on_step(0.4 * f, m or "sampling"),
    )
    seconds = perf_counter() - begun
    report = quality(
        fresh,
        fitted,
        flow.dataset or "digits",
        models=100,
        seed=settings.seed,
        on_step=lambda f, m: on_step(0.4 + 0.6 * f, m),
    )
    facts = report.per_sample.drop(columns="id")
    fresh = fresh.with_table(
        fresh.table.assign(dataset=flow.dataset or "digits", **{column: facts[column].to_numpy() for column in facts})
    )
    aligned = open_alignment(home).place(fresh.weights, fresh.architecture)
    projection = open_projection(home, "pca", "aligned")
    row_of = {network: row for row, network in enumerate(fitted.table["id"])}
    nearest = np.array([row_of[network] for network in facts["nearest"]])
    points = projection.place(aligned.numpy(), source)
    return Drawn(fresh, report, projection.points[rows], points, nearest, seconds)
