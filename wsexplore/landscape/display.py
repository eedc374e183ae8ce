"""Barriers in a notebook."""

from html import escape

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

WIDTH, HEIGHT = 260, 90

REPAIRED = {"none": "", "reset": " + reset", "repair": " + REPAIR"}
"""What a repair adds to the name of a curve."""


def barrier_html(
    first: str,
    second: str,
    aligned: bool,
    repaired: str,
    alphas: Float[Array, " steps"],
    losses: Float[Array, " steps"],
    height: float,
) -> str:
    """The loss curve with its chord, and its height in words."""
    kind = ("aligned" if aligned else "raw") + REPAIRED[repaired]
    finite = np.nan_to_num(losses, nan=0.0, posinf=0.0)
    top = max(float(finite.max()), 1e-9)
    points = " ".join(
        f"{10 + (WIDTH - 20) * a:.1f},{HEIGHT - 10 - (HEIGHT - 20) * v / top:.1f}"
        for a, v in zip(alphas, finite, strict=True)
    )
    ends = points.split()
    return (
        f"<b>Barrier {height:.3f} nats</b>, {escape(first)} to {escape(second)}, {kind}<br>"
        f"<svg width='{WIDTH}' height='{HEIGHT}' role='img' aria-label='loss along the path'>"
        f"<polyline points='{ends[0]} {ends[-1]}' fill='none' stroke='gray' stroke-dasharray='3'/>"
        f"<polyline points='{points}' fill='none' stroke='#6a63e8' stroke-width='2.5'/></svg>"
    )


def matrix_html(ids: tuple[str, ...], heights: Float[Array, "networks networks"]) -> str:
    """Barrier heights as a table whose cells are shaded by height."""
    top = max(float(np.nanmax(heights)), 1e-9)
    head = "".join(f"<th>{escape(name)}</th>" for name in ids)
    rows = "".join(
        f"<tr><th>{escape(name)}</th>"
        + "".join(f"<td style='background:rgba(106,99,232,{0.6 * v / top:.2f})'>{v:.2f}</td>" for v in row)
        + "</tr>"
        for name, row in zip(ids, heights, strict=True)
    )
    return f"<b>Barriers in nats</b><table><tr><th></th>{head}</tr>{rows}</table>"
