"""The colours of a loss, on a logarithmic scale, or of an accuracy."""

from typing import Any

import numpy as np
from numpy import ndarray as Array

from wsexplore.figures.theme import SEQUENTIAL, scale

LOW, HIGH = 1e-3, 0.98
"""Least loss that is told apart, in nats, and the share of the points below which the colours end."""

MANTISSAS = ((1.0,), (1.0, 3.0), (1.0, 2.0, 5.0), (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0))
"""First digits of the losses at the ticks, from few to many."""

TICKS = 5
"""Ticks of the loss, at least."""

LEVELS = 24
"""Steps of the colours."""


def loss_colours(losses: Array, accuracies: Array, measure: str) -> tuple[Array, dict[str, Any]]:
    """Values to colour by, with scale, range, contours and bar."""
    values = loss_levels(losses, accuracies, measure)
    known = values[np.isfinite(values)]
    if measure == "accuracy":
        low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
        ticks = [tick for tick in np.linspace(0, 1, 11) if low - 0.05 <= tick <= high + 0.05]
        words, title = [f"{tick:.0%}" for tick in ticks], "accuracy"
    else:
        low, high = (float(known.min()), float(np.quantile(known, HIGH))) if len(known) else (-1.0, 1.0)
        ticks = _ticks(low, high)
        words, title = [f"{10**tick:.3g}" for tick in ticks], "loss (nats)"
    high = max(high, low + 1e-3)
    bar = {"title": {"text": title, "side": "right"}, "thickness": 12, "outlinewidth": 0}
    return values, {
        "colorscale": scale(SEQUENTIAL if measure == "loss" else SEQUENTIAL[::-1]),
        "zmin": low,
        "zmax": high,
        "contours": {"start": low, "end": high, "size": (high - low) / LEVELS},
        "colorbar": {**bar, "tickvals": ticks, "ticktext": words},
    }


def _ticks(low: float, high: float) -> list[float]:
    """Logarithms of round losses between two logarithms, as few as are enough."""
    ticks: list[float] = []
    for mantissas in MANTISSAS:
        stops = [place + np.log10(digit) for place in range(-3, 7) for digit in mantissas]
        ticks = [float(stop) for stop in stops if low - 0.01 <= stop <= high + 0.01]
        if len(ticks) >= TICKS:
            break
    return ticks


def loss_levels(losses: Array, accuracies: Array, measure: str) -> Array:
    """Accuracies, or logarithms of losses; what is not finite stays out."""
    if measure == "accuracy":
        return accuracies.astype(np.float32)
    finite = np.where(np.isfinite(losses), losses, np.nan)
    levels: Array = np.log10(np.maximum(finite, LOW)).astype(np.float32)
    return levels
