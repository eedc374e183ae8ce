"""Points in the plane, for networks whose decision can be drawn."""

import numpy as np
from sklearn.datasets import make_moons

from wsexplore.datasets.samples import Raw

MOONS, SPIRALS, ARMS = 2_000, 3_000, 3


def read_two_moons(*, seed: int = 0) -> Raw:
    """1,000 training and 1,000 test points of two interleaved half circles, noise 0.2."""
    points, targets = make_moons(MOONS, noise=0.2, random_state=seed)
    half, targets = MOONS // 2, targets.astype(np.int64)
    return Raw((points[:half], targets[:half]), (points[half:], targets[half:]), ("upper", "lower"), "point")


def read_spirals(*, seed: int = 0) -> Raw:
    """1,500 training and 1,500 test points of three spiral arms of one turn each, noise 0.04 of their radius."""
    draw = np.random.default_rng(seed)
    targets = draw.permutation(np.arange(SPIRALS) % ARMS)
    radius = np.sqrt(draw.uniform(0.01, 1, SPIRALS))
    angle = 2 * np.pi * (radius + targets / ARMS)
    points = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    points += 0.04 * draw.standard_normal(points.shape)
    half = SPIRALS // 2
    return Raw((points[:half], targets[:half]), (points[half:], targets[half:]), ("first", "second", "third"), "point")
