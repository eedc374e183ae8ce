"""A quality report in a notebook."""

from html import escape
from typing import Any

import pandas as pd

from wsexplore.generate.judge.words import judged_name

WIDTH, HEIGHT, EDGE = 300, 130, 14
JUDGED, OTHERS = "#d0408a", "#7d8597"


def quality_html(frame: pd.DataFrame, verdict: str) -> str:
    """The verdict, a small figure of accuracy against novelty, and the table."""
    right = max(1.15, float(frame["novelty"].max()) * 1.1)
    measure = "accepted" if "accepted" in frame else "mean_accuracy"
    title = "pictures accepted" if measure == "accepted" else "test accuracy"
    judged = judged_name(frame)
    marks = "".join(_mark(row, right, measure, judged) for row in frame.to_dict("records"))
    return (
        f"<p>{escape(verdict)}</p><svg width='{WIDTH}' height='{HEIGHT}' role='img' "
        f"aria-label='{title} (up) against novelty (right), the {escape(judged, quote=True)} in red'>"
        f"<path d='M{EDGE} {EDGE}V{HEIGHT - EDGE}H{WIDTH - EDGE}' fill='none' stroke='gray'/>{marks}"
        f"<text x='{EDGE + 4}' y='{EDGE}' font-size='10' fill='gray'>{title}</text>"
        f"<text x='{WIDTH - EDGE}' y='{HEIGHT - 2}' font-size='10' fill='gray' text-anchor='end'>novelty</text></svg>"
        + frame.to_html(index=False, float_format="{:.3f}".format)
    )


def _mark(row: dict[Any, Any], right: float, measure: str, judged: str) -> str:
    name, size = str(row["generator"]), 3 if row.get("scale") == 1 else 5
    x = EDGE + (WIDTH - 2 * EDGE) * row["novelty"] / right
    y = HEIGHT - EDGE - (HEIGHT - 2 * EDGE) * row[measure]
    colour = JUDGED if name == judged else OTHERS
    return f"<circle cx='{x:.1f}' cy='{y:.1f}' r='{size}' fill='{colour}'><title>{escape(name)}</title></circle>"
