"""The quality report of samples: a job of its own, drawn below the samples as soon as it is there."""

from collections.abc import Callable
from typing import Any

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app_pages.draw import DrawSettings
from app_pages.drawing import Drawn, fitted_rows
from app_pages.frame import recipe, show
from app_pages.handles import jobs
from app_pages.inside import Within
from app_pages.link import check_link, here
from app_pages.offer import Offer
from app_pages.plain import plain
from app_pages.work import ask_first, lost, watch
from wsexplore import figures
from wsexplore.generate import QualityReport, quality
from wsexplore.zoo import Zoo

MODELS = 100
"""Networks per generator."""

TOPICS = ("summary", "quality", "coverage", "controls")
"""Of the short verdict."""

PARTS = {
    "novelty": "Novelty",
    "overlap": "Errors",
    "coverage": "Coverage",
    "calibration": "Calibration",
    "tuning": "Fine-tuning",
}
OF_FIELDS = {"novelty": "Novelty", "classes": "Classes", "frechet": "Frechet distance", "coverage": "Coverage"}


def judging_cost(parameters: int, fitted: int) -> float:
    """Seconds that a report takes, about; measured on small networks, whose weights the time grows with."""
    return 5.0 + min(fitted, 2000) / 1000 * (4.0 + 6.0 * parameters / 2410)


def judged(told: str, offer: Offer, source: Zoo, drawn: Drawn, seed: int, slot: DeltaGenerator) -> QualityReport | None:
    """The report, or how far it is, and `None`.

    Args:
        told: says all that the samples depend on.
        offer: the flow.
        source: the zoo that it was fitted on.
        drawn: the samples.
        seed: of the controls.
        slot: where the page says how far it is.
    """
    name = f"judge {told}"
    cost = judging_cost(source.architecture.layout.size, offer.networks)
    part = source.select(fitted_rows(source, offer))

    def work(progress: Any) -> QualityReport:
        return quality(
            drawn.zoo,
            part,
            offer.dataset or "digits",
            models=MODELS,
            seed=seed,
            held_out=offer.held_out,
            on_step=progress,
        )

    with slot:
        if len(drawn.zoo) < 2:
            st.caption("One network cannot be judged as a generator; draw two or more.")
            return None
        if not ask_first(name, cost):
            return None
        job = jobs().start(f"Judging {len(drawn.zoo):,} networks", work, name=name, cost=cost, link=here())
        status = jobs().status(job)
        if status is None:
            st.rerun()
        if status.state == "done":
            report: QualityReport = status.result
            return report
        if not status.ended:
            watch(job)
            return None
        lost(status, "judging")
        if st.button("Judge again", key="judge-again"):
            jobs().forget(job)
            st.rerun()
    return None


def compared(settings: DrawSettings, within: Within) -> str:
    """What was asked for that the zoo was not, in one sentence with a space behind it; empty where nothing was."""
    asked = [f"{name.replace('_', ' ')} {_number(value)}" for name, value in settings.condition]
    if settings.turn:
        asked.append(f"each {settings.turn[0][0].replace('_', ' ')} in turn")
    if settings.temperature != 1:
        asked.append(f"temperature {settings.temperature:g}")
    if within.selection:
        asked.append("networks inside a region of the map")
    if not asked:
        return ""
    listed = " and ".join([", ".join(asked[:-1]), asked[-1]] if asked[1:] else asked)
    return f"You asked for {plain(listed)}; the report compares that with the whole zoo. "


def short_verdict(report: QualityReport) -> str:
    """What the report says of quality, novelty and the controls; the rest stands beside its figure."""
    return " ".join(report.findings[topic] for topic in TOPICS if topic in report.findings)


def show_report(report: QualityReport, more: Callable[[], None]) -> None:
    """The figures of a report; `more` draws the fine-tuning, which is work of its own."""
    frame = report.frame
    left, right = st.columns([1.35, 1], gap="medium")
    with left:
        st.subheader("How good, how new")
        show(figures.quality_figure(frame), key="quality", table=frame, alt=figures.quality_finding(frame))
    with right:
        st.subheader("In words")
        for topic, words in report.findings.items():
            st.markdown(f"**{topic.replace('_', ' ').capitalize()}.** {words}")
    fields = not report.classes.empty
    parts = OF_FIELDS if fields else PARTS
    check_link("report", list(parts.values()), "part of the report")
    part = st.segmented_control(
        "Part of the report",
        list(parts),
        default="novelty",
        required=True,
        key="report",
        bind="query-params",
        format_func=parts.__getitem__,
        label_visibility="collapsed",
        help="Novelty: how far samples are from what was trained. Errors: whether they err where trained networks err. "
        "Coverage: how much of the zoo they reach. Calibration: what they are worth together. Fine-tuning: what they "
        "are worth as a start.",
    )
    if part == "tuning":
        more()
    else:
        _part(str(part), report)
    with st.expander("All numbers", icon=":material/table_chart:"):
        floats = frame.select_dtypes("float")
        st.dataframe(
            frame,
            hide_index=True,
            key="controls",
            column_config={
                column: st.column_config.NumberColumn(str(column).replace("_", " "), format="%.3f") for column in floats
            },
        )
    recipe(report.recipe)


def _number(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _part(part: str, report: QualityReport) -> None:
    frame = report.frame
    if part == "novelty":
        told = figures.novelty_finding(report.memory)
        _figure(figures.novelty_figure(report.distances), "distances", told, report.distances)
    elif part == "overlap":
        told = figures.overlap_finding(frame)
        _figure(figures.overlap_figure(report.networks), "overlap", told, report.networks)
    elif part == "calibration":
        told = figures.reliability_finding(frame)
        _figure(figures.reliability_figure(report.reliability), "reliability", told, report.reliability)
    elif part == "frechet":
        _figure(figures.frechet_figure(frame), "frechet", figures.frechet_finding(frame), frame)
    elif part == "classes":
        told = figures.class_coverage_finding(report.classes)
        _figure(figures.class_coverage_figure(report.classes), "classes", told, report.classes)
    else:
        left, right = st.columns(2, gap="medium")
        with left:
            _figure(figures.coverage_figure(frame), "coverage", figures.coverage_finding(frame), frame)
        with right:
            curves, told = report.magnitudes, figures.magnitude_finding(report.magnitudes)
            _figure(figures.generators_magnitude_figure(curves), "magnitudes", told, frame)


def _figure(figure: figures.Figure, key: str, finding: str, table: pd.DataFrame) -> None:
    show(figure, key=key, alt=finding, table=table)
    st.caption(finding if finding.endswith(".") else f"{finding}.")
