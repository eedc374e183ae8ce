"""MNIST-1D in our own drawing: ten curves that a network must tell apart wherever they lie."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from wsexplore.datasets.samples import Raw

TRAIN, TEST, LENGTH = 4_000, 1_000, 40
TEMPLATES: NDArray[np.float64] = (
    np.array(
        [
            [0, 2, 4, 5, 6, 6, 6, 6, 5, 4, 2, 0],
            [0, 6, 5, 4, 3, 2, 1, 0, 0, 0, 0, 0],
            [0, 3, 5, 5, 3, 0, -3, -5, -5, -3, -1, 0],
            [0, 3, 6, 6, 3, 0, 0, 3, 6, 6, 3, 0],
            [0, -1, -2, -3, -4, -5, -6, 0, 0, 0, 0, 0],
            [0, -3, -5, -5, -3, 0, 3, 5, 5, 3, 1, 0],
            [0, 0, 0, -1, -3, -6, -6, -6, -6, -3, -1, 0],
            [0, 6, 6, 6, 6, 5, 4, 3, 2, 1, 0, 0],
            [0, -3, -6, -6, -3, 0, 0, -3, -6, -6, -3, 0],
            [0, 3, 5, 5, 3, 0, 0, -2, -4, -6, -3, 0],
        ]
    )
    / 6.0
)
"""One curve of twelve numbers per class."""

_PLACES = 72
_PAD = (36, 60)
_SHIFT = 48
_SCALE, _CORRELATED, _WHITE, _SHEAR = 0.4, 0.25, 0.02, 0.75


def read_mnist1d(*, seed: int = 0) -> Raw:
    """4,000 training and 1,000 test sequences of 40 numbers, as many of each class.

    The recipe is that of MNIST-1D (Greydanus and Kobak, "Scaling down deep learning with MNIST-1D", arXiv:2011.14439):
    a template is padded with zeros, stretched, scaled, moved, laid over correlated noise, sheared, and sampled at 40
    places. The templates and the random numbers are our own, so accuracies are not those of the published files.
    """
    draw = np.random.default_rng(seed)
    targets = draw.permutation(np.arange(TRAIN + TEST) % len(TEMPLATES))
    values = np.stack([_curve(TEMPLATES[label], draw) for label in targets])
    classes = tuple(str(label) for label in range(len(TEMPLATES)))
    return Raw((values[:TRAIN], targets[:TRAIN]), (values[TRAIN:], targets[TRAIN:]), classes, "sequence")


def _curve(template: NDArray[np.float64], draw: np.random.Generator) -> NDArray[np.float64]:
    padded = np.concatenate([template, np.zeros(draw.integers(_PAD[0], _PAD[1] + 1))])
    places = np.linspace(0, len(padded) - 1, _PLACES)
    curve = np.interp(places, np.arange(len(padded)), padded) * (1 + _SCALE * (draw.random() - 0.5))
    drawn = places < len(template) - 1
    shift = int(draw.integers(_SHIFT))
    noise = gaussian_filter1d(_CORRELATED * draw.standard_normal(_PLACES), 2)
    moved = np.where(np.roll(drawn, shift), np.roll(curve, shift), noise)
    noisy = moved + _WHITE * draw.standard_normal(_PLACES)
    sheared = noisy - _SHEAR * (draw.random() - 0.5) * np.linspace(-0.5, 0.5, _PLACES)
    return np.interp(np.linspace(0, _PLACES - 1, LENGTH), np.arange(_PLACES), sheared)
