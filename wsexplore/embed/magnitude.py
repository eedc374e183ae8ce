"""Magnitude: how many different networks a cloud of points holds, at every scale."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray as Array
from scipy.interpolate import PchipInterpolator
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.optimize import toms748
from scipy.spatial.distance import pdist, squareform

MOST = 2000
"""Points that a curve is computed of; more are drawn from."""

DIMENSIONS = 32
"""Principal coordinates that distances are taken in, at most: beyond, all distances are nearly the same."""

STEPS = 30
"""Scales of a curve."""

FURTHER = 6
"""Scales that are added where an area goes on beyond the end of a curve."""

SHARES = (0.01, 0.95)
"""Shares of the points that are told apart at the smallest and at the largest scale of a curve."""

LEAST = 1.05
"""The magnitude at the smallest scale, at least; it is 1 at scale 0."""

NEAR = 1e-9
"""Points closer than this share of the largest distance are one."""

JITTER = 1e-10


@dataclass(frozen=True, eq=False)
class Magnitude:
    r"""The magnitude $|tX| = \sum_{ij} (Z^{-1})_{ij}$, $Z_{ij} = e^{-t\,d_{ij}}$, of points at several scales $t$.

    It counts points that are different at that scale: 1 where all look alike, up to their number where all are far
    apart (Leinster 2013).

    Attributes:
        scales: $t$, rising, in 1 over the unit of distance.
        values: the magnitude at each scale, 1 to the number of points.
        rows: which of the given points the curve is of: those drawn, one of each set of near-duplicates.
        points: their coordinates, at most 32 principal ones.
        given: number of points given.
        drawn: number drawn from them by the seed; all, up to 2,000.
    """

    scales: Float[Array, " scales"]
    values: Float[Array, " scales"]
    rows: Int[Array, " points"]
    points: Float[Array, "points dimensions"]
    given: int
    drawn: int

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def merged(self) -> int:
        """Points that were drawn and left out, for another lies in the same place."""
        return self.drawn - len(self.rows)

    @property
    def area(self) -> float:
        """The share of points told apart, averaged over the scales from 0 to the largest: 0 to 1.

        It is the area under the curve over the largest scale and the number of points. The largest scale follows from
        the cloud, so clouds of one form have one area, however large they are; `area_to` tells how far they spread.
        """
        return self.area_to(float(self.scales[-1]))

    def area_to(self, scale: float) -> float:
        """The share of points told apart, averaged over the scales from 0 to this one: 0 to 1.

        Of clouds in one unit of distance the one that is spread more widely has the larger area to a common scale, as
        `common_scale` gives it. Beyond the end of the curve the magnitude is computed at a few more scales.

        Raises:
            ValueError: the scale is not a positive number.
        """
        _check_scales([scale])
        end = float(self.scales[-1])
        area = float(self._curve.integrate(0.0, min(scale, end)))
        if scale > end:
            at = np.geomspace(end, scale, FURTHER + 1)
            beyond = [float(_weighting(self._distances, float(one)).sum()) for one in at[1:]]
            area += float(PchipInterpolator(at, [float(self.values[-1]), *beyond]).integrate(end, scale))
        return area / (scale * len(self))

    def difference(self, other: "Magnitude") -> float:
        """Mean gap between two curves from scale 0 to the end of the shorter: 0 to 1.

        Each curve is divided by its number of points. The distances must be in one unit: reduce both clouds by one
        projection, fitted once.
        """
        ends = np.linspace(0.0, min(self.scales[-1], other.scales[-1]), 1025)
        gap = np.abs(self._curve(ends) / len(self) - other._curve(ends) / len(other))
        return float(np.trapezoid(gap, ends) / ends[-1])

    def weighting(self, scale: float | None = None) -> Float[Array, " points"]:
        """How much each of `rows` adds to the magnitude: large at the boundary (Bunch et al. 2020).

        Args:
            scale: $t$; by default where half the points are told apart.

        Raises:
            ValueError: the scale is not a positive number.
        """
        at = self.half if scale is None else scale
        _check_scales([at])
        return _weighting(self._distances, at)

    @property
    def half(self) -> float:
        """The scale at which half the points are told apart, or the nearest of the curve."""
        inner = np.interp(len(self) / 2, np.maximum.accumulate(self.values), np.log(self.scales))
        return float(np.exp(inner))

    @cached_property
    def _distances(self) -> Float[Array, "points points"]:
        apart: Float[Array, "points points"] = squareform(pdist(self.points))
        return apart

    @cached_property
    def _curve(self) -> PchipInterpolator:
        """The curve between its scales, from one point at scale 0."""
        return PchipInterpolator(np.concatenate([[0.0], self.scales]), np.concatenate([[1.0], self.values]))

    def _repr_html_(self) -> str:
        return _sketch(self.scales, self.values, self.area, self.sentence)

    @property
    def sentence(self) -> str:
        """Of which points the curve is."""
        said = f"{len(self):,} points"
        if self.drawn < self.given:
            said += f" of {self.given:,}, drawn by a seed"
        return said + (f"; {self.merged:,} near-duplicates merged" if self.merged else "")


def common_scale(curves: Iterable[Magnitude]) -> float:
    """The scale up to which the areas of clouds are compared: the median of the ends of their curves.

    Raises:
        ValueError: there is no curve.
    """
    ends = [float(curve.scales[-1]) for curve in curves]
    if not ends:
        raise ValueError("a common scale needs at least one curve")
    return float(np.median(ends))


def magnitude_curve(
    points: Float[Array, "points dimensions"],
    scales: Sequence[float] | Float[Array, " scales"] | None = None,
    *,
    seed: int = 0,
) -> Magnitude:
    """The magnitude of a cloud of points, like the embeddings of networks.

    At most 2,000 points are used, drawn by `seed`, in at most 32 principal coordinates of those drawn; distances are
    Euclidean. Near-duplicates count once. Compute it of maps or latents: in thousands of dimensions all distances are
    nearly the same, and the curve is one jump.

    Args:
        points: one per row.
        scales: to compute it at, rising; by default 30, evenly in the logarithm, from where 0.01 of the points
            are told apart to where 0.95 are, both found within 0.1 %.
        seed: of the draw.

    Raises:
        ValueError: there are fewer than 2 different points, they are not finite, or a scale is not a positive number.
    """
    if points.ndim != 2 or not np.isfinite(points).all():
        raise ValueError("magnitude needs points with finite coordinates; leave out networks that diverged")
    if len(points) < 2:
        raise ValueError(f"magnitude needs at least 2 different points, got {len(points)}")
    chosen = np.sort(np.random.default_rng(seed).permutation(len(points))[:MOST])
    reduced = _reduced(points[chosen].astype(np.float64))
    apart = squareform(pdist(reduced))
    alone = _first_of_near(apart)
    if alone.sum() < 2:
        raise ValueError(f"magnitude needs at least 2 different points, got {int(alone.sum())}")
    apart = apart[np.ix_(alone, alone)]
    if scales is None:
        bottom, top = (_scale_of(apart, max(share * len(apart), LEAST)) for share in SHARES)
        at = np.geomspace(bottom, top, STEPS)
    else:
        at = np.asarray(scales, np.float64)
        _check_scales(at)
    values = np.array([_weighting(apart, float(scale)).sum() for scale in at])
    return Magnitude(at, values, chosen[alone], reduced[alone], len(points), len(chosen))


def _reduced(points: Float[Array, "points dimensions"]) -> Float[Array, "points kept"]:
    """The same cloud in its first principal coordinates; distances are kept where it has no more dimensions."""
    centred = points - points.mean(0)
    reduced: Float[Array, "points kept"] = centred
    if centred.shape[1] > DIMENSIONS:
        left, spread, _ = np.linalg.svd(centred, full_matrices=False)
        reduced = left[:, :DIMENSIONS] * spread[:DIMENSIONS]
    return reduced


def _first_of_near(apart: Float[Array, "points points"]) -> Bool[Array, " points"]:
    """Whether no earlier point lies in the same place."""
    alone: Bool[Array, " points"] = (apart <= NEAR * apart.max()).argmax(1) == np.arange(len(apart))
    return alone


def _scale_of(apart: Float[Array, "points points"], goal: float) -> float:
    """The scale at which the magnitude is `goal`, within 0.1 %."""

    def excess(logarithm: float) -> float:
        return float(_weighting(apart, np.exp(logarithm)).sum()) - goal

    near = np.partition(apart, 1, axis=1)[:, 1]
    low = high = float(-np.log(np.median(near[near > 0])))
    while excess(high) < 0:
        low, high = high, high + 1
    while low == high or excess(low) > 0:
        low, high = low - 1, low if low < high else high
    return float(np.exp(toms748(excess, low, high, rtol=1e-12, xtol=1e-3)))


def _weighting(apart: Float[Array, "points points"], scale: float) -> Float[Array, " points"]:
    """The solution of Z w = 1. Z is positive definite for different points; rounding is helped by a small diagonal."""
    similar = np.exp(-scale * apart)
    jitter = JITTER
    while True:
        similar[np.diag_indices_from(similar)] = 1 + jitter
        try:
            factor = cho_factor(similar, lower=True, check_finite=False)
        except LinAlgError:
            if jitter > 1e-3:
                raise
            jitter *= 100
            continue
        weights: Float[Array, " points"] = cho_solve(factor, np.ones(len(apart)), check_finite=False)
        return weights


def _check_scales(scales: Sequence[float] | Float[Array, " scales"]) -> None:
    values = np.asarray(scales, np.float64)
    if values.ndim != 1 or len(values) == 0 or not (np.isfinite(values) & (values > 0)).all():
        raise ValueError(f"scales are positive numbers, got {np.array2string(values, threshold=6)}")
    if (np.diff(values) <= 0).any():
        raise ValueError("scales must rise, so that the curve has an area")


def _sketch(scales: Float[Array, " scales"], values: Float[Array, " scales"], area: float, sentence: str) -> str:
    """The curve over the logarithm of the scale, for a notebook."""
    width, height, edge = 260, 90, 10
    spread = np.log(scales) - np.log(scales[0])
    x = edge + (width - 2 * edge) * spread / max(float(spread[-1]), 1e-9)
    y = height - edge - (height - 2 * edge) * values / values.max()
    line = " ".join(f"{left:.1f},{down:.1f}" for left, down in zip(x, y, strict=True))
    return (
        f"<b>Magnitude 1 to {values.max():,.1f}</b>, area {area:.2f}, {sentence}<br>"
        f"<svg width='{width}' height='{height}' role='img' aria-label='magnitude by the logarithm of the scale'>"
        f"<polyline points='{line}' fill='none' stroke='#6a63e8' stroke-width='2.5'/></svg>"
    )
