"""The sharpness of the loss at one network in a number: the largest eigenvalue of its Hessian, or the trace."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wsexplore.datasets import Dataset, dataset
from wsexplore.landscape.hessian import HessianOperator, hessian_of
from wsexplore.landscape.lanczos import LONGEST, Ends, Product, spectrum_ends
from wsexplore.landscape.objective import Objective, objective_of
from wsexplore.landscape.spectrum import Trace, hutchinson
from wsexplore.landscape.walk import within
from wsexplore.population import OnStep, device_of
from wsexplore.zoo import Zoo

PROBES = 100
"""Random vectors of a trace at most, where the caller does not say."""

MOST_EIGENVALUES, MOST_PROBES = 100, 100_000

LEADING_TOLERANCE = 1e-4
"""Bound of the leading eigenvalue relative to the largest magnitude, where its search alone ends."""

TRACE_TOLERANCE = 0.01
"""Standard error of a trace relative to it, where the drawing of random vectors ends."""

USUAL, MORE = 50, 10
"""Products after which eigenvalues are usually found, and for each eigenvalue those after which they are given up."""

STREAMS = {"start": 1, "trace": 2, "density": 3}
"""Streams of random numbers, so that no two uses of one seed draw the same."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What the loss is the mean over, where it is computed, and the random numbers.

    Attributes:
        split: "train" or "test".
        samples: so many of it, drawn with the seed; all for `None`.
        seed: of all that is drawn.
        device: "auto", "cpu" or "cuda".
    """

    split: str
    samples: int | None
    seed: int
    device: str

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ValueError(f"seeds are whole numbers from 0, got {self.seed:,}")

    def objective(self, zoo: Zoo, row: int, data: Dataset, eigenvalues: int) -> Objective:
        """The loss of one network, of whose Hessian so many eigenvalues can be asked.

        Raises:
            ValueError: they cannot, or there is no such loss.
        """
        most = min(MOST_EIGENVALUES, zoo.architecture.layout.size)
        if not 1 <= eigenvalues <= most:
            raise ValueError(f"eigenvalues must be a number from 1 to {most:,}, got {eigenvalues:,}")
        where = device_of(self.device)
        return objective_of(zoo, row, data, split=self.split, samples=self.samples, seed=self.seed, device=where)

    def hessian(self, zoo: Zoo, row: int, data: Dataset, eigenvalues: int, *, on_step: OnStep) -> HessianOperator:
        """The Hessian of this loss.

        Raises:
            ValueError: as in `objective`, or it is not finite or not to be differentiated twice.
        """
        on_step(0.0, "differentiating the loss")
        objective = self.objective(zoo, row, data, eigenvalues)
        return hessian_of(objective, on_part=lambda: on_step(0.5, "differentiating the loss"))

    def ends(
        self, hessian: HessianOperator, eigenvalues: int, tolerance: float, slack: float | None, *, on_step: OnStep
    ) -> Ends:
        """Its largest eigenvalues, and the smallest."""
        generator = self.generator("start")
        return spectrum_ends(
            self.product(hessian, USUAL, "leading eigenvalues", on_step),
            torch.randn(hessian.size, generator=generator).to(hessian.gradient),
            eigenvalues,
            tolerance=tolerance,
            slack=slack,
            most=LONGEST + MORE * eigenvalues,
            generator=generator,
        )

    def product(self, hessian: HessianOperator, vectors: int, what: str, on_step: OnStep) -> Product:
        """Products with the operator that are told of, as a share of those with so many vectors."""
        done = 0.0

        def product(block: Tensor) -> Tensor:
            share = len(block) / (len(hessian.parts) * math.ceil(len(block) / hessian.block))

            def on_part() -> None:
                nonlocal done
                done += share
                on_step(min(1.0, done / vectors), f"{what}, {done:,.0f} products")

            return hessian(block, on_part=on_part)

        return product

    def generator(self, use: str) -> torch.Generator:
        """Random numbers for one use."""
        drawn = np.random.SeedSequence([self.seed, STREAMS[use]]).generate_state(1, np.uint64)[0]
        return torch.Generator().manual_seed(int(drawn >> 1))


def check_probes(probes: int) -> None:
    """Check a number of random vectors.

    Raises:
        ValueError: there are too few for a standard error, or very many.
    """
    if not 2 <= probes <= MOST_PROBES:
        raise ValueError(f"probes must be a number from 2 to {MOST_PROBES:,}, got {probes:,}")


def leading_eigenvalue(
    zoo: Zoo,
    row: int,
    data: str | Dataset,
    *,
    split: str = "test",
    samples: int | None = None,
    seed: int = 0,
    device: str = "auto",
    on_step: OnStep | None = None,
) -> float:
    """The largest eigenvalue of the Hessian of the mean loss of one network, the sharpness, in the loss's unit.

    Found until its bound is below 0.0001 of the largest magnitude; the error falls with the square of that.

    Args:
        zoo: it holds the network.
        row: of the network.
        data: name of a data set, or the data set.
        split: "train" or "test".
        samples: so many samples of it, drawn with the seed; all for `None`.
        seed: of samples and of the start.
        device: "auto", "cpu" or "cuda".
        on_step: told the share done after every product; it may raise to cancel.

    Raises:
        ValueError: as in `curvature`.
    """
    source = dataset(data) if isinstance(data, str) else data
    setting = Setting(split, samples, seed, device)
    hessian = setting.hessian(zoo, row, source, 1, on_step=within(on_step, 0.0, 0.1))
    return float(setting.ends(hessian, 1, LEADING_TOLERANCE, None, on_step=within(on_step, 0.1, 1.0)).largest.values[0])


def hessian_trace(
    zoo: Zoo,
    row: int,
    data: str | Dataset,
    *,
    probes: int = PROBES,
    tolerance: float = TRACE_TOLERANCE,
    split: str = "test",
    samples: int | None = None,
    seed: int = 0,
    device: str = "auto",
    on_step: OnStep | None = None,
) -> Trace:
    """The trace of the Hessian of the mean loss of one network, the sum of its eigenvalues, with its standard error.

    Hutchinson's estimator alone: for a few networks `curvature` is sharper with the same probes, because it takes the
    leading eigenvectors out.

    Args:
        zoo: it holds the network.
        row: of the network.
        data: name of a data set, or the data set.
        probes: random vectors at most, 2 or more.
        tolerance: of the standard error relative to the trace, below which it ends after 32 probes or more.
        split: "train" or "test".
        samples: so many samples of it, drawn with the seed; all for `None`.
        seed: of samples and probes.
        device: "auto", "cpu" or "cuda".
        on_step: told the share done after every product; it may raise to cancel.

    Raises:
        ValueError: as in `curvature`.
    """
    check_probes(probes)
    source = dataset(data) if isinstance(data, str) else data
    setting = Setting(split, samples, seed, device)
    hessian = setting.hessian(zoo, row, source, 1, on_step=within(on_step, 0.0, 0.1))
    product = setting.product(hessian, probes, "trace", within(on_step, 0.1, 1.0))
    return hutchinson(product, hessian.gradient, probes, tolerance=tolerance, generator=setting.generator("trace"))
