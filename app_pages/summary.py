"""The numbers of a draw in one row: those of the samples at once, those of the report as soon as they are there."""

import streamlit as st

from app_pages.draw import DrawSettings
from app_pages.drawing import Drawn
from app_pages.plain import plain
from wsexplore.generate import QualityReport
from wsexplore.zoo import Zoo

WAIT = "judging…"


def summary(drawn: Drawn, part: Zoo, report: QualityReport | None) -> float | None:
    """The row; return the mean test accuracy of the networks that the flow was fitted on, where they classify."""
    table, known = drawn.zoo.table, part.table
    rows = None if report is None else report.frame.set_index("generator")
    cells = st.columns(4)
    goal = None
    if "test_accuracy" in table:
        mean = float(table["test_accuracy"].mean())
        goal = float(known["test_accuracy"].mean()) if "test_accuracy" in known else None
        beside = None if goal is None else f"{100 * (mean - goal):+.1f} points against the zoo"
        cells[0].metric("Mean test accuracy", f"{mean:.1%}", beside)
        cells[1].metric("Best", f"{table['test_accuracy'].max():.1%}", help="Test accuracy of the best sample.")
    else:
        accepted = None if rows is None or "accepted" not in rows else float(rows["accepted"]["flow"])
        cells[0].metric(
            "Accepted as digits" if "digits" in str(known.get("dataset", [""]).iloc[0]) else "Accepted",
            WAIT if accepted is None else f"{accepted:.0%}",
            help="Share of the pictures that a classifier of real images gives a class with confidence 0.9 or more.",
        )
        classes = None if rows is None or "classes" not in rows else int(rows["classes"]["flow"])
        cells[1].metric("Classes", WAIT if classes is None else f"{classes}", help="That occur among these.")
    cells[2].metric(
        "Novelty",
        WAIT if rows is None else f"{rows['novelty']['flow']:.2f}",
        help="Median distance to the nearest network of the zoo, over the zoo's own. 1 is as new as a trained network.",
    )
    cells[3].metric(
        "Time to draw",
        f"{drawn.seconds:.2g} s" if drawn.seconds < 9.5 else f"{drawn.seconds:.0f} s",
        help=f"For {len(table) + len(drawn.outside):,} networks, with their tests, where they were made.",
    )
    return goal


def answered(drawn: Drawn, settings: DrawSettings, report: QualityReport | None) -> None:
    """Whether samples are what was asked for, where that can be measured."""
    table, told = drawn.zoo.table, []
    for column, value in settings.condition:
        if isinstance(value, float) and column in table:
            got = float(table[column].mean())
            told.append(f"asked for {plain(column.replace('_', ' '))} {value:.3g}, got {got:.3g} on average")
        elif report is not None and column == "label" and "class" in report.per_sample:
            share = float((report.per_sample["class"].astype(str) == str(value)).mean())
            told.append(
                f"asked for {plain(value)}, and a classifier of real images sees it in {share:.0%} of the pictures"
            )
    if settings.turn and settings.turn[0][0] == "label" and report is not None and "class" in report.per_sample:
        wanted = table.set_index("id")["asked_label"].astype(str)
        seen = report.per_sample.set_index("id")["class"].astype(str)
        share = float((seen == wanted.loc[seen.index]).mean())
        told.append(f"asked for each label in turn, a classifier of real images sees it in {share:.0%} of the pictures")
    if told:
        text = "; ".join(told)
        st.markdown(f"**Asked and given.** {text[:1].upper()}{text[1:]}.")
