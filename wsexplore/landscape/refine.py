"""Networks of a subspace judged from coarse to fine: some of them on some samples at once, all of them on all later."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic, thread_time

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray as Array
from torch import Tensor

from wsexplore.align import reset_statistics
from wsexplore.datasets import Split
from wsexplore.landscape.evaluators import EVALUATORS, FEWEST, choose
from wsexplore.landscape.heights import NUMBERS
from wsexplore.landscape.subspace import Subspace
from wsexplore.population import OnStep
from wsexplore.population.steps import threads_for

QUICK = 256
"""Samples of the first look."""

MOMENT, LEAST = 0.2, 64
"""Seconds of work between two looks at whether to stop, and samples that go together at least."""

SHOWN = 0.5
"""Seconds between two partial results, at least."""


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """Loss and accuracy of many networks, each on as many samples as were looked at so far.

    Attributes:
        losses: mean cross-entropy, in nats; not a number where nothing was looked at, or where a network is broken.
        accuracies: fractions of 1, not a number where nothing was looked at.
        samples: how many each was judged on.
    """

    losses: Float[Array, " points"]
    accuracies: Float[Array, " points"]
    samples: Int[Array, " points"]


@torch.no_grad()
def refine(
    subspace: Subspace,
    coordinates: Float[Tensor, "points vectors"],
    samples: Split,
    *,
    inputs: Float[Tensor, "samples ..."] | None = None,
    levels: Sequence[Int[Array, " _"]] = (),
    earlier: Judged | None = None,
    seed: int = 0,
    on_step: OnStep | None = None,
    on_partial: Callable[[Judged], None] | None = None,
) -> Judged:
    """Judge the networks at some coordinates on all samples, by the evaluator that is measured to be the fastest.

    Where somebody watches, every network is judged on `QUICK` samples first, level by level, then on the rest; what
    was counted is kept, so that looking costs next to nothing. The samples of the first look are drawn with `seed`.

    Args:
        subspace: of the networks.
        coordinates: of the networks in it.
        samples: that they are judged on.
        inputs: samples to estimate running statistics anew on, at every point; `None` mixes them like weights.
        levels: rows of the coordinates from coarse to fine, every row once; by default all at once.
        earlier: what an interrupted run of the same work had found.
        seed: of the order of the samples.
        on_step: told the share done; it may raise to cancel.
        on_partial: given what is known so far, from time to time.

    Raises:
        ValueError: there are no samples or inputs that fit, or what was found earlier belongs to other points.
    """
    run = _Run(subspace, coordinates, _shuffled(samples, seed), inputs, earlier)
    levels = levels or [np.arange(len(coordinates))]
    with threads_for(subspace.architecture.layout.size):
        return _refined(run, levels, len(samples), on_step, on_partial)


def _refined(
    run: "_Run",
    levels: Sequence[Int[Array, " _"]],
    samples: int,
    on_step: OnStep | None,
    on_partial: Callable[[Judged], None] | None,
) -> Judged:
    told = 0.0
    for rows, stop in _stages(levels, samples, watched=on_partial is not None):
        while len(rows := rows[run.counts[rows] < stop]):
            run.judge(rows[run.counts[rows] == run.counts[rows].min()], stop)
            if on_partial is not None and monotonic() - told > SHOWN:
                told = monotonic()
                on_partial(run.found())
            if on_step is not None:
                on_step(run.share, f"judged {run.seen:,} of {len(run.counts):,} networks")
    return run.found()


def _stages(levels: Sequence[Array], samples: int, *, watched: bool) -> list[tuple[Array, int]]:
    """Rows, and the number of samples to which each of them is brought."""
    looks = [look for look in (QUICK, 8 * QUICK) if watched and look < samples]
    return [(rows, look) for look in (*looks, samples) for rows in levels]


def _shuffled(samples: Split, seed: int) -> Split:
    order = torch.randperm(len(samples), generator=torch.Generator().manual_seed(seed))
    return Split(samples.inputs[order], samples.targets[order])


class _Run:
    """What was counted so far, and the way to count more."""

    def __init__(
        self,
        subspace: Subspace,
        coordinates: Tensor,
        samples: Split,
        inputs: Tensor | None,
        earlier: Judged | None,
    ):
        if not len(samples):
            raise ValueError("the split is empty; networks are judged on one sample or more")
        if earlier is not None and len(earlier.samples) != len(coordinates):
            raise ValueError(f"what was found before has {len(earlier.samples):,} points, now {len(coordinates):,}")
        device = subspace.vectors.device
        self._subspace, self._coordinates, self._inputs = subspace, coordinates.to(device), inputs
        self._samples = Split(samples.inputs.to(device), samples.targets.to(device))
        choice = choose(subspace, samples)
        self._evaluate, self._pace = EVALUATORS[choice.name], max(choice.seconds, 1e-12)
        self._fewest = FEWEST[choice.name]
        self._clock = thread_time if device.type == "cpu" else monotonic
        self._held: Tensor | None = None
        if inputs is not None and len(coordinates) * subspace.statistics.shape[1] <= NUMBERS:
            self._held = torch.full((len(coordinates), subspace.statistics.shape[1]), torch.nan, device=device)
        self.counts = np.zeros(len(coordinates), np.int64) if earlier is None else earlier.samples.astype(np.int64)
        known = self.counts > 0
        self._losses, self._hits = np.zeros((2, len(coordinates)))
        if earlier is not None:
            self._losses[known] = earlier.losses[known].astype(float) * self.counts[known]
            self._hits[known] = earlier.accuracies[known].astype(float) * self.counts[known]

    @property
    def share(self) -> float:
        """Of the work, 0 to 1."""
        return float(self.counts.sum() / (len(self.counts) * len(self._samples)))

    @property
    def seen(self) -> int:
        """Networks that are done."""
        return int((self.counts == len(self._samples)).sum())

    def judge(self, rows: Array, stop: int) -> None:
        """Bring some of these rows, all judged on equally many samples, nearer to `stop` samples: a moment's work."""
        start = int(self.counts[rows[0]])
        most = int(MOMENT / (self._pace * (stop - start)))
        rows = rows[: min(max(most, self._fewest), max(1, NUMBERS // self._subspace.vectors.shape[1]))]
        if most < len(rows):
            stop = min(stop, start + max(LEAST, int(MOMENT / (self._pace * len(rows)))))
        begun, part = self._clock(), self._coordinates[torch.from_numpy(rows)]
        buffers = None if self._inputs is None else self._statistics(rows, part)
        some = Split(self._samples.inputs[start:stop], self._samples.targets[start:stop])
        sums = self._evaluate(self._subspace, part, buffers, some)
        self._losses[rows] += sums.loss.cpu().numpy()
        self._hits[rows] += sums.hits.cpu().numpy()
        self.counts[rows] = stop
        took = (self._clock() - begun) / (len(rows) * (stop - start))
        self._pace = max(0.5 * (self._pace + took), 1e-12)

    def _statistics(self, rows: Array, part: Tensor) -> Tensor:
        """Running statistics estimated anew, once for each row where there is room to keep them."""
        assert self._inputs is not None
        if self._held is not None and not torch.isnan(held := self._held[torch.from_numpy(rows)]).any():
            return held
        mixed = self._subspace.buffers(part)
        weights = self._subspace.weights(part)
        found = reset_statistics(self._subspace.architecture, weights, self._inputs, buffers=mixed)
        if self._held is not None:
            self._held[torch.from_numpy(rows)] = found
        return found

    def found(self) -> Judged:
        """Means so far."""
        counts = np.where(self.counts > 0, self.counts, np.nan)
        return Judged(
            (self._losses / counts).astype(np.float32), (self._hits / counts).astype(np.float32), self.counts.copy()
        )
