"""Trace and spectral density of a symmetric operator, estimated with random vectors."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray as Array
from torch import Tensor

from wsexplore.landscape.lanczos import KEPT, Product, Sight, quadrature

FEWEST = 30
"""Random vectors before a trace may be called known."""

TOGETHER = 32
"""Random vectors that are multiplied between two looks at the error."""

RESOLUTION = 400
"""Widths of the smear in the range of the eigenvalues."""

FINENESS = 3
"""Positions of the density per width of the smear."""

BEYOND = 6
"""Widths of the smear that the density goes on beyond the outermost eigenvalues."""


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """The trace of a symmetric operator, from random vectors.

    Attributes:
        estimates: one for each random vector, in the order they were drawn; each is right on average.
    """

    estimates: Float[Array, " probes"]

    @property
    def value(self) -> float:
        """Mean of the estimates."""
        return float(self.estimates.mean())

    @property
    def error(self) -> float:
        """Standard error of the mean."""
        return float(self.estimates.std(ddof=1) / math.sqrt(len(self.estimates)))


@dataclass(frozen=True, slots=True, eq=False)
class Density:
    """How eigenvalues are spread, as a density whose integral is 1.

    Attributes:
        positions: evenly spaced eigenvalues.
        values: density there, as a share of all eigenvalues per unit of eigenvalue.
        errors: standard error of the density over the random vectors.
        smear: standard deviation of the Gaussian that stands for an eigenvalue that is known.
    """

    positions: Float[Array, " positions"]
    values: Float[Array, " positions"]
    errors: Float[Array, " positions"]
    smear: float


def hutchinson(
    product: Product,
    like: Float[Tensor, " parameters"],
    probes: int,
    *,
    tolerance: float,
    generator: torch.Generator,
    beside: Float[Tensor, "known parameters"] | None = None,
    on_probes: Callable[[int], None] = lambda probes: None,
) -> Trace:
    r"""The trace as the mean of $z^\top H z$ over random vectors $z$ of signs (Hutchinson 1989).

    With known vectors $Q$ the trace is $\operatorname{tr} Q^\top H Q + \operatorname{tr} P H P$, where $P$ takes $Q$
    out, and only the second part is left to chance. This is right on average for any $Q$; where $Q$ holds the
    eigenvectors of the largest eigenvalues, the error is smaller (Meyer et al., "Hutch++", 2021, section 3).

    It ends after 32, 64, 96, ... vectors when the standard error is below the tolerance times the trace.

    Args:
        product: with the operator.
        like: device, type and length of the vectors.
        probes: random vectors at most, 2 or more.
        tolerance: of the standard error, relative to the trace.
        generator: of the signs.
        beside: orthogonal vectors of length 1 that are taken out; none by default.
        on_probes: told how many vectors are done; it may raise to cancel.
    """
    known, fixed = like.new_zeros(0, len(like)), 0.0
    if beside is not None and len(beside):
        known, fixed = beside, float((beside.double() * product(beside).double()).sum())
    estimates = np.zeros(0)
    while len(estimates) < probes:
        count = min(TOGETHER, probes - len(estimates))
        free = _without(_signs(count, like, generator), known)
        found = fixed + (free.double() * product(free).double()).sum(1)
        estimates = np.append(estimates, found.cpu().numpy())
        on_probes(len(estimates))
        trace = Trace(estimates)
        if len(estimates) >= FEWEST and trace.error <= tolerance * abs(trace.value):
            break
    return Trace(estimates)


def spectral_density(
    product: Product,
    like: Float[Tensor, " parameters"],
    probes: int,
    steps: int,
    *,
    generator: torch.Generator,
    known: Float[Array, " known"],
    beside: Float[Tensor, "known parameters"],
    span: tuple[float, float],
    kept: int = KEPT,
) -> Density:
    r"""The density of eigenvalues by stochastic Lanczos quadrature (Lin, Saad and Yang 2016; Ghorbani et al. 2019).

    Known eigenvalues come in exactly, each with its share of one eigenvalue. The others are estimated from random
    normal vectors with the known eigenvectors taken out.

    Each value that a vector sees is drawn as a Gaussian, whose standard deviation is 1/400 of the range where the value
    is known to be that of an eigenvalue. Else it stands for all eigenvalues up to its neighbours, and is as wide as its
    bound or half the distance of the nearest one; less where it is much heavier than they are, as in a crowd of equal
    eigenvalues. So a dense spectrum does not look like a comb.

    Args:
        product: with the operator.
        like: device, type and length of the vectors.
        probes: random vectors, 2 or more.
        steps: of Lanczos' method for each, at most.
        generator: of the vectors.
        known: eigenvalues whose eigenvectors are known.
        beside: these eigenvectors.
        span: eigenvalues that the positions reach at least.
        kept: bytes for vectors.
    """
    size = len(like)
    left = size - len(known)
    exact = Sight(known, np.full(len(known), 1 / size), np.zeros(len(known)))
    if not left:
        return _smeared(exact, [], span)
    most = max(16, kept // (like.element_size() * size))
    length = min(steps, left, most)
    free = _without(torch.randn(probes, size, generator=generator).to(like), beside)
    sights = [
        Sight(sight.values, sight.weights * left / size, sight.bounds)
        for some in torch.split(free, max(1, most // length))
        for sight in quadrature(product, some, length, beside)
    ]
    return _smeared(exact, sights, span)


def _smeared(exact: Sight, sights: list[Sight], span: tuple[float, float]) -> Density:
    """The density of what is known exactly and, on average, of what each random vector saw of the rest."""
    there = np.concatenate([[*span], *(sight.values[sight.weights > 1e-12] for sight in sights)])
    low, high = float(there.min()), float(there.max())
    width = (high - low) or abs(high) or 1.0
    smear, middle = width / RESOLUTION, (low + high) / 2
    reach = width / 2 + BEYOND * smear
    positions = np.linspace(middle - reach, middle + reach, FINENESS * (RESOLUTION + 2 * BEYOND) + 1)
    fixed = _gaussians(positions, exact.values, exact.weights, np.full(len(exact.values), smear))
    if not sights:
        return Density(positions, fixed, np.zeros_like(fixed), smear)
    densities = np.stack(
        [_gaussians(positions, sight.values, sight.weights, _widths(sight, positions, smear)) for sight in sights]
    )
    return Density(positions, fixed + densities.mean(0), densities.std(0, ddof=1) / math.sqrt(len(sights)), smear)


def _widths(sight: Sight, positions: Float[Array, " positions"], smear: float) -> Float[Array, " steps"]:
    """Standard deviations of the Gaussians; none reaches beyond the positions."""
    values, weights = sight.values, sight.weights
    if len(values) < 2:
        return np.full(len(values), smear)
    beside = np.r_[weights[1], np.minimum(weights[2:], weights[:-2]), weights[-2]]
    steps = np.diff(values)
    gaps = np.minimum(np.r_[steps[0], steps], np.r_[steps, steps[-1]])
    gaps = gaps / 2 * np.minimum(1, 2 * beside / np.maximum(weights, 1e-300))
    room = np.minimum(values - positions[0], positions[-1] - values) / BEYOND
    widths: Array = np.maximum(smear, np.minimum.reduce([sight.bounds, gaps, room]))
    return widths


def _gaussians(positions: Array, values: Array, weights: Array, widths: Array) -> Array:
    shapes = np.exp(-0.5 * ((positions[:, None] - values) / widths) ** 2)
    heights: Array = shapes @ (weights / widths / math.sqrt(2 * math.pi))
    return heights


def _signs(
    count: int, like: Float[Tensor, " parameters"], generator: torch.Generator
) -> Float[Tensor, "probes parameters"]:
    """Random vectors of -1 and 1, drawn one after the other, so that the first do not depend on how many there are."""
    drawn = torch.randint(0, 2, (count, len(like)), generator=generator, dtype=torch.int8)
    return drawn.to(like) * 2 - 1


def _without(
    vectors: Float[Tensor, "vectors parameters"], known: Float[Tensor, "known parameters"]
) -> Float[Tensor, "vectors parameters"]:
    """The vectors with the known ones taken out."""
    for _ in range(2):
        vectors = vectors - (vectors @ known.T) @ known
    return vectors
