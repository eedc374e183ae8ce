"""Images without their colour, and in another size."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from wsexplore.datasets.samples import PART, Raw, fractions

LARGEST = 1 << 29
"""Most values that the images of a split may have after resizing: 2 GiB."""


def grey(raw: Raw) -> Raw:
    """The same images with the brightness of their colours (ITU-R 601, rounded as Pillow's mode "L")."""
    return replace(raw, train=(_luma(raw.train[0]), raw.train[1]), test=(_luma(raw.test[0]), raw.test[1]))


def resized(raw: Raw, side: int) -> Raw:
    """The same images, `side` by `side`, interpolated bilinearly and smoothed where they shrink.

    Raises:
        ValueError: that is more than fits in memory.
    """
    return replace(
        raw, train=(_resize(raw.train[0], side), raw.train[1]), test=(_resize(raw.test[0], side), raw.test[1])
    )


def check_room(values: int, side: int) -> None:
    """Refuse images that together take more than `LARGEST` values.

    Raises:
        ValueError: they do.
    """
    if values > LARGEST:
        raise ValueError(
            f"at a side of {side} the images have {values:,} values, more than {LARGEST:,}; choose a smaller size"
        )


def _luma(values: NDArray[Any]) -> NDArray[Any]:
    if values.ndim == 3:
        return values
    grey = np.empty((len(values), *values.shape[2:]), np.uint8)
    for start in range(0, len(values), PART):
        red, green, blue = values[start : start + PART].astype(np.uint32).transpose(1, 0, 2, 3)
        grey[start : start + PART] = (19595 * red + 38470 * green + 7471 * blue + 32768) >> 16
    return grey


def _resize(values: NDArray[Any], side: int) -> NDArray[Any]:
    channels = values.shape[1:-2]
    check_room(len(values) * math.prod(channels) * side * side, side)
    if values.shape[-2:] == (side, side):
        return values
    images = np.empty((len(values), *channels, side, side), np.float32)
    for start in range(0, len(values), PART):
        part = torch.from_numpy(fractions(values[start : start + PART]).astype(np.float32))
        flat = part.reshape(len(part), -1, *part.shape[-2:])
        small = torch.nn.functional.interpolate(flat, size=(side, side), mode="bilinear", antialias=True)
        images[start : start + PART] = small.clamp(0, 1).view(len(part), *channels, side, side).numpy()
    return images
