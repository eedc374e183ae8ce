"""How alike networks err: the overlap of the samples that they get wrong."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy import ndarray as Array

TINY = np.finfo(np.float32).tiny

DRAWS = 4
"""Random sets of errors that the expected overlap of each network is the mean of."""


@dataclass(frozen=True, slots=True, eq=False)
class Overlap:
    r"""Largest overlap of each network's errors with those of one network of the zoo.

    $\mathrm{IoU} = |w_1 \cap w_2| / |w_1 \cup w_2|$ for the sets of samples that two networks get wrong, and for each
    network the largest over the zoo (Gupta et al. 2026, "DeepWeightFlow"). It falls with the number of errors and
    rises with the number of networks in the zoo, so it is read beside `expected`.

    Attributes:
        seen: the largest overlap; not a number for a network without errors, for which it is not defined.
        expected: the same for random errors, as many for each network, on samples as hard: those with the largest sum
            of the logit of the zoo's own rate of errors and logistic noise (the Rasch model of tests, in which networks
            differ in their level alone). Above it, a network shares more with one network of the zoo than that.
    """

    seen: Float[Array, " networks"]
    expected: Float[Array, " networks"]

    @property
    def faultless(self) -> int:
        """Networks without errors, which are left out."""
        return int(np.isnan(self.seen).sum())


def overlap_of(
    wrong: Bool[Array, "networks samples"],
    zoo: Bool[Array, "models samples"],
    *,
    left_out: list[Int[Array, " _"]] | None = None,
    seed: int = 0,
) -> Overlap:
    """Overlap of errors with the zoo's.

    Args:
        wrong: whether each network is wrong about each sample.
        zoo: the same of the networks of the zoo.
        left_out: for each network, rows of the zoo that do not count, like itself.
        seed: of the random errors.
    """
    draw = np.random.default_rng([seed, 11])
    hard = np.log((zoo.sum(0) + 0.5) / (len(zoo) - zoo.sum(0) + 0.5)).astype(np.float32)
    counts, expected = wrong.sum(1), np.zeros(len(wrong))
    for _ in range(DRAWS):
        chance = np.maximum(draw.random(wrong.shape, np.float32), TINY)
        level = hard + np.log(chance / (1 - chance))
        least = np.sort(level, axis=1)[np.arange(len(wrong)), -np.maximum(counts, 1)]
        expected += _largest((level >= least[:, None]) & wrong.any(1, keepdims=True), zoo, left_out) / DRAWS
    return Overlap(_largest(wrong, zoo, left_out), expected)


def _largest(
    wrong: Bool[Array, "networks samples"], zoo: Bool[Array, "models samples"], left_out: list[Int[Array, " _"]] | None
) -> Float[Array, " networks"]:
    ours, theirs = torch.from_numpy(wrong).float(), torch.from_numpy(zoo).float()
    both = ours @ theirs.T
    either = ours.sum(1, keepdim=True) + theirs.sum(1) - both
    shares = both / either.clamp(min=1)
    for place, rows in enumerate(left_out or []):
        shares[place, torch.from_numpy(rows)] = 0.0
    found: Float[Array, " networks"] = shares.amax(1).double().numpy()
    found[~wrong.any(1)] = np.nan
    return found
