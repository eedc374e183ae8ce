"""Curvature of the loss at one network: leading eigenvalues of the Hessian, its trace, and all of its spectrum."""

from dataclasses import dataclass, replace
from html import escape
from time import perf_counter

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from numpy import ndarray as Array

from wsexplore.datasets import Dataset, dataset
from wsexplore.landscape.hessian import hessian_of
from wsexplore.landscape.profiles import POINTS, Profile, profiles_along, uphill
from wsexplore.landscape.sharpness import PROBES, TRACE_TOLERANCE, USUAL, Setting, check_probes
from wsexplore.landscape.spectrum import hutchinson, spectral_density
from wsexplore.landscape.told import quoted
from wsexplore.landscape.walk import within
from wsexplore.population import OnStep
from wsexplore.zoo import Recipe, Zoo

EIGENVALUES = 5
"""Largest eigenvalues where the caller does not say."""

EIGENVALUE_TOLERANCE, SMALLEST_TOLERANCE = 1e-6, 1e-4
"""Bounds of the largest eigenvalues and of the smallest one, relative to the largest magnitude, that end the search."""

DENSITY_PROBES, DENSITY_STEPS = 10, 64
"""Random vectors of the density at most, and steps of Lanczos' method for each."""

TRIED_ON, PATIENCE = 64, 0.05
"""Samples that the cost is first tried on, and seconds that a block of products must take to tell."""

PROFILES = 3
"""Leading eigenvectors that the loss is drawn along, at most."""


@dataclass(frozen=True, slots=True, eq=False)
class Curvature:
    r"""Second derivatives of the mean loss at one network, $H = \nabla^2_\theta L$.

    Attributes:
        network: its id.
        split: "train" or "test", what the loss is the mean over; "image" for a field.
        samples: how many of it were used.
        parameters: of the network, so many eigenvalues there are.
        unit: of the loss, and of every second derivative, because weights have none.
        loss: at the network.
        gradient_norm: of the loss there; where it is not small the network is at no minimum.
        eigenvalues: the largest, falling.
        bounds: some eigenvalue lies within this of each, see `Eigenpairs`.
        eigenvectors: of length 1, in the order of the eigenvalues; the loss rises along each, or is level.
        slopes: of the loss along each eigenvector.
        smallest: the smallest eigenvalue; the network is at no minimum where it is below 0.
        smallest_bound: some eigenvalue lies within this of it.
        trace: sum of all eigenvalues.
        trace_error: its standard error.
        trace_estimates: what each random vector says of the trace; the mean is `trace`.
        positions: eigenvalues at which the density is known.
        density: share of all eigenvalues per unit of eigenvalue; it integrates to 1.
        density_error: standard error of the density.
        smear: standard deviation of the Gaussian that stands for each eigenvalue in the density.
        profiles: the loss along the leading eigenvectors.
        layers: names of the parameters.
        shares: of the squared length of each eigenvector, what lies in each parameter.
        recipe: how it was made.
    """

    network: str
    split: str
    samples: int
    parameters: int
    unit: str
    loss: float
    gradient_norm: float
    eigenvalues: Float[Array, " eigenvalues"]
    bounds: Float[Array, " eigenvalues"]
    eigenvectors: Float[Array, "eigenvalues parameters"]
    slopes: Float[Array, " eigenvalues"]
    smallest: float
    smallest_bound: float
    trace: float
    trace_error: float
    trace_estimates: Float[Array, " probes"]
    positions: Float[Array, " positions"]
    density: Float[Array, " positions"]
    density_error: Float[Array, " positions"]
    smear: float
    profiles: tuple[Profile, ...]
    layers: tuple[str, ...]
    shares: Float[Array, "eigenvalues layers"]
    recipe: Recipe

    @property
    def probes(self) -> int:
        """Random vectors that the trace was estimated from."""
        return len(self.trace_estimates)

    @property
    def gradient_share(self) -> float:
        """Of the squared length of the gradient, what lies in the span of the eigenvectors, 0 to 1."""
        return float((self.slopes**2).sum() / self.gradient_norm**2) if self.gradient_norm else 0.0

    @property
    def negative_share(self) -> float:
        """Share of the eigenvalues that lie below 0 by more than 4 widths of the smear, 1 % of the range, 0 to 1."""
        below = self.positions < -4 * self.smear
        return float(np.trapezoid(self.density * below, self.positions))

    def frame(self) -> pd.DataFrame:
        """Eigenvalue, bound and slope by rank: the largest, and as the last row the smallest."""
        rows = {
            "rank": [*range(1, len(self.eigenvalues) + 1), self.parameters],
            "eigenvalue": [*self.eigenvalues, self.smallest],
            "bound": [*self.bounds, self.smallest_bound],
            "slope": [*self.slopes, np.nan],
        }
        return pd.DataFrame(rows)

    def trace_frame(self) -> pd.DataFrame:
        """What each random vector says of the trace, and the mean so far with its standard error."""
        count = np.arange(1, self.probes + 1)
        mean = np.cumsum(self.trace_estimates) / count
        offset = self.trace_estimates - self.trace
        spread = np.cumsum(offset**2) - np.cumsum(offset) ** 2 / count
        error = np.sqrt(np.maximum(spread, 0) / np.maximum(count - 1, 1) / count)
        error[0] = np.nan
        return pd.DataFrame({"probe": count, "estimate": self.trace_estimates, "mean": mean, "error": error})

    def density_frame(self) -> pd.DataFrame:
        """Density and its standard error by eigenvalue."""
        return pd.DataFrame({"eigenvalue": self.positions, "density": self.density, "error": self.density_error})

    def profile_frame(self) -> pd.DataFrame:
        """Loss and quadratic model by distance, for the rank of each eigenvector drawn."""
        frames = [profile.frame().assign(rank=rank) for rank, profile in enumerate(self.profiles, 1)]
        return pd.concat(frames, ignore_index=True)[["rank", "distance", "loss", "quadratic"]]

    def layer_frame(self) -> pd.DataFrame:
        """What lies of each eigenvector in each parameter, a column per rank."""
        columns = {f"eigenvector {rank}": share for rank, share in enumerate(self.shares, 1)}
        return pd.DataFrame({"parameter": self.layers, **columns})

    def _repr_html_(self) -> str:
        return (
            f"<b>Curvature of {escape(self.network)}</b>, {self.samples:,} samples ({self.split}), loss "
            f"{self.loss:.4f} {self.unit}, trace {self.trace:.4g} ± {self.trace_error:.2g}"
            f"{self.frame().to_html(index=False)}"
        )


def curvature(
    zoo: Zoo,
    row: int,
    data: str | Dataset,
    *,
    eigenvalues: int = EIGENVALUES,
    probes: int = PROBES,
    split: str = "test",
    samples: int | None = None,
    seed: int = 0,
    device: str = "auto",
    on_step: OnStep | None = None,
) -> Curvature:
    r"""Second derivatives of the mean loss of one network: how sharp the loss is, and in which directions.

    Leading eigenvalues and the smallest one by Lanczos' method, until the bounds of the largest are below $10^{-6}$ of
    the largest magnitude and that of the smallest below $10^{-4}$. Trace by Hutchinson's estimator with the leading
    eigenvectors taken out, until its standard error is below 1 % or all probes are used up. Density by stochastic
    Lanczos quadrature, with a probe for each of the trace, 10 at most.

    The loss is that of the network in evaluation mode; running statistics are constants. These numbers depend on the
    scales of the weights: rescaling the units of a ReLU network changes them and not the function (Dinh et al. 2017).

    Args:
        zoo: it holds the network.
        row: of the network.
        data: name of a data set, or the data set. Of a field, it holds the image that the row's `sample` names.
        eigenvalues: how many of the largest, 1 to 100.
        probes: random vectors of the trace at most, 2 or more.
        split: "train" or "test", what the loss is the mean over.
        samples: so many samples of it, drawn with the seed; all for `None`.
        seed: of samples and random vectors.
        device: "auto", "cpu" or "cuda".
        on_step: told the share done after every product; it may raise to cancel.

    Raises:
        ValueError: a row or a number out of range, data that do not fit, a loss that is not finite, or an operation
            that cannot be differentiated twice.
    """
    source, name = (dataset(data), data) if isinstance(data, str) else (data, data.name)
    asked = {"eigenvalues": eigenvalues, "probes": probes, "split": split, "samples": samples}
    told = {key: value for key, value in asked.items() if value is not None}
    check_probes(probes)
    setting = Setting(split, samples, seed, device)
    hessian = setting.hessian(zoo, row, source, eigenvalues, on_step=within(on_step, 0.0, 0.02))
    ends = setting.ends(
        hessian, eigenvalues, EIGENVALUE_TOLERANCE, SMALLEST_TOLERANCE, on_step=within(on_step, 0.02, 0.2)
    )
    known, vectors = ends.largest.values, ends.largest.vectors
    trace = hutchinson(
        setting.product(hessian, probes, "trace", within(on_step, 0.2, 0.4)),
        hessian.gradient,
        probes,
        tolerance=TRACE_TOLERANCE,
        generator=setting.generator("trace"),
        beside=vectors,
    )
    few = min(probes, DENSITY_PROBES)
    density = spectral_density(
        setting.product(hessian, few * DENSITY_STEPS, "density of eigenvalues", within(on_step, 0.4, 0.9)),
        hessian.gradient,
        few,
        DENSITY_STEPS,
        generator=setting.generator("density"),
        known=known,
        beside=vectors,
        span=(float(ends.smallest.values[0]), float(known[0])),
    )
    vectors, slopes = uphill(vectors, hessian.gradient)
    profiles = profiles_along(hessian, vectors[:PROFILES], known, on_step=within(on_step, 0.9, 1.0))
    slots = hessian.objective.architecture.layout.slots
    shares = [vectors[:, slot.start : slot.stop].double().square().sum(1) for slot in slots]
    flags = " ".join(f"--{key} {value}" for key, value in told.items())
    words = ", ".join(f"{key}={value!r}" for key, value in told.items())
    recipe = Recipe.of(
        "curvature",
        inputs={"zoo": zoo.fingerprint},
        arguments={"network": hessian.objective.network, "dataset": name, **told},
        seed=seed,
        cli=f"wsexplore landscape curvature ZOO {quoted([hessian.objective.network])} --dataset {name} {flags} "
        f"--seed {seed}",
        python=f"wx.curvature(zoo, {row}, {name!r}, {words}, seed={seed})",
    )
    return Curvature(
        network=hessian.objective.network,
        split=hessian.objective.split,
        samples=len(hessian.objective),
        parameters=hessian.size,
        unit=hessian.objective.unit,
        loss=hessian.loss,
        gradient_norm=float(hessian.gradient.double().norm()),
        eigenvalues=known,
        bounds=ends.largest.bounds,
        eigenvectors=vectors.cpu().numpy(),
        slopes=slopes.cpu().numpy(),
        smallest=float(ends.smallest.values[0]),
        smallest_bound=float(ends.smallest.bounds[0]),
        trace=trace.value,
        trace_error=trace.error,
        trace_estimates=trace.estimates,
        positions=density.positions,
        density=density.values,
        density_error=density.errors,
        smear=density.smear,
        profiles=profiles,
        layers=tuple(slot.name for slot in slots),
        shares=torch.stack(shares, dim=1).cpu().numpy(),
        recipe=recipe,
    )


def curvature_cost(
    zoo: Zoo,
    row: int,
    data: str | Dataset,
    *,
    eigenvalues: int = EIGENVALUES,
    probes: int = PROBES,
    split: str = "test",
    samples: int | None = None,
    seed: int = 0,
    device: str = "auto",
) -> float:
    """Seconds that `curvature` will take here, about; keywords as there.

    A block of products is timed on a few samples, and on more until it takes long enough to tell.

    Raises:
        ValueError: as in `curvature`.
    """
    check_probes(probes)
    source = dataset(data) if isinstance(data, str) else data
    objective = Setting(split, samples, seed, device).objective(zoo, row, source, eigenvalues)
    tried, vectors, seconds = TRIED_ON, min(probes, DENSITY_PROBES), 0.0
    while True:
        few = replace(objective, inputs=objective.inputs[:tried], targets=objective.targets[:tried])
        hessian = hessian_of(few)
        block = hessian.gradient.expand(vectors, -1).contiguous()
        hessian(block[:2])  # the first products may import and try things
        begun = perf_counter()
        hessian(block).sum().item()
        seconds = perf_counter() - begun
        if seconds > PATIENCE or len(few) == len(objective):
            break
        tried *= 4
    products = USUAL + 4 * eigenvalues + probes + vectors * DENSITY_STEPS + PROFILES * POINTS / 4
    return products * seconds / vectors * len(objective) / len(few)
