"""Linear assignment: which unit takes which place."""

from importlib.util import find_spec

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray as Array
from scipy.optimize import linear_sum_assignment
from torch import Tensor

FAST = 128
"""Units from which the optional accelerator (the package `lapx`, 2 to 5 times as fast as scipy) is worth its call."""


def assign(gains: Float[Tensor, "models units units"]) -> Int[Tensor, "models units"]:
    """For each network the column of each row, so that the sum of the chosen gains is largest.

    Raises:
        ValueError: a gain is not a number.
    """
    values = gains.double().cpu().numpy()
    if not np.isfinite(values).all():
        raise ValueError("gains of units are not finite: a network has weights that are too large to be multiplied")
    return torch.from_numpy(np.stack([_columns(one) for one in values])).to(gains.device)


def _columns(gain: Float[Array, "units units"]) -> Int[Array, " units"]:
    if len(gain) >= FAST and HAS_LAPX:
        from lap import lapjvr

        rows, columns = lapjvr(-gain, return_cost=False)
        return np.asarray(columns)[np.argsort(rows)].astype(np.int64)
    return np.asarray(linear_sum_assignment(gain, maximize=True)[1], dtype=np.int64)


HAS_LAPX = find_spec("lap") is not None
