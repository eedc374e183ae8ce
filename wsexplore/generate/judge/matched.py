"""Controls at the novelty of a flow: how far each must be scaled to lie as far from the zoo."""

import numpy as np

from wsexplore.generate.controls import control_weights
from wsexplore.generate.judge.ground import Ground

NEAR = 0.005
"""Share of the goal within which a median distance counts as equal."""

TRIES = 12
"""Distances that are measured at most for one control."""

LARGEST = 8.0
"""Scales beyond are not tried."""


def matched_scale(ground: Ground, name: str, n: int, goal: float, *, seed: int = 0) -> float:
    """The scale at which the median distance of a control's networks to the zoo is `goal`.

    The same random numbers serve every scale, so the distance grows with it. Its square is nearly linear in the square
    of the scale, so the search is by false position in the squares (the Illinois rule), from 0 upwards. While
    searching, two candidates are matched to each network, not eight.

    Returns:
        The scale; where the goal cannot be reached, the nearest end: 0, or 8.
    """
    made = control_weights(ground.zoo.weights, name, n, seed=seed)

    def excess(square: float) -> float:
        found = ground.nearest(made(square**0.5), candidates=2)
        return float(np.median(found.distance)) ** 2 - goal**2

    def close(value: float) -> bool:
        return abs(value) <= 2 * NEAR * goal**2

    low, high = 0.0, 1.0
    below, above = 0.0, excess(high)
    tries = 1
    while above < 0 and not close(above):
        if high >= LARGEST**2:
            return LARGEST
        low, below, high = high, above, min(4 * high, LARGEST**2)
        above, tries = excess(high), tries + 1
    if close(above):
        return float(high**0.5)
    if low == 0:
        below, tries = excess(low), tries + 1
        if below >= 0 or close(below):
            return 0.0
    side = 0
    while tries < TRIES:
        middle = low + (high - low) * below / (below - above)
        value, tries = excess(middle), tries + 1
        if close(value):
            return float(middle**0.5)
        if value < 0:
            low, below, above, side = middle, value, above / 2 if side < 0 else above, -1
        else:
            high, above, below, side = middle, value, below / 2 if side > 0 else below, 1
    return float((low + (high - low) * below / (below - above)) ** 0.5)
