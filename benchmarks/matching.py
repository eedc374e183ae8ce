"""How high matching climbs and how long it takes, on the pairs of the published comparisons, beside the plain way.

    OMP_NUM_THREADS=1 python -m benchmarks.matching
    OMP_NUM_THREADS=1 python -m benchmarks.matching --only mlp --without-lapx

prints for each kind of pair and each method the median of the processor seconds (one thread, the symmetry known, a
first run not counted), the lowest and the highest objective over the pairs, how many planted orders were found, and
the ratios of seconds and of the mean objective to plain coordinate ascent on the same pairs in the same run. Pair `k`
is drawn and matched with seed `k`. At the end, the limits and whether they hold.
"""

import argparse
import importlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.pairs import Pair, independent, mlp, planted, planted_heads, resnet, trained
from benchmarks.plain_ascent import plain_ascent
from wsexplore.align import match_population
from wsexplore.symmetry import permute_weights

PLAIN = "plain coordinate ascent"
FEW, TWICE, SPECTRAL = "frank-wolfe, 5 steps", "frank-wolfe, 2 starts", "weights, spectral heads"
METHODS: Mapping[str, dict[str, Any]] = {
    "weights": {"method": "weights"},
    SPECTRAL: {"method": "weights", "heads": "spectral"},
    FEW: {"method": "frank-wolfe", "steps": 5, "sweeps": 2},
    "frank-wolfe": {"method": "frank-wolfe"},
    TWICE: {"method": "frank-wolfe", "restarts": 1},
    "auto": {"method": "auto"},
}


@dataclass(frozen=True, slots=True)
class Kind:
    """Pairs drawn alike.

    Attributes:
        make: from a seed to a pair.
        published: what the sources measured, of their own draws.
        draws: pairs, unless the command says.
    """

    make: Callable[[int], Pair]
    published: str
    draws: int = 5


KINDS: Mapping[str, Kind] = {
    "mlp planted 3.0": Kind(lambda seed: planted(mlp(), 3.0, seed=seed), "all find it, 0.05 to 0.51 s"),
    "mlp independent": Kind(lambda seed: independent(mlp(), seed=seed), "332 to 342 in 0.3 to 1.6 s; 360 in 1.7 s"),
    "mlp trained": Kind(lambda seed: trained(seed=seed), "best 1.004 times plain, 0.3 to 2.0 s"),
    "resnet x1 planted 0.5": Kind(lambda seed: planted(resnet(1), 0.5, seed=seed), "found, 0.01 to 0.24 s"),
    "resnet x1 planted 3.0": Kind(lambda seed: planted(resnet(1), 3.0, seed=seed), "found 2 of 10, 0.04 s", 10),
    "resnet x1 independent": Kind(lambda seed: independent(resnet(1), seed=seed), "945 to 963, 0.01 to 0.15 s"),
    "resnet x4 planted 0.5": Kind(lambda seed: planted(resnet(4), 0.5, seed=seed), "found, 0.2 to 0.8 s", 3),
    "resnet x4 planted 3.0": Kind(lambda seed: planted(resnet(4), 3.0, seed=seed), "rarely found, 0.2 to 0.8 s", 3),
    "resnet x4 independent": Kind(lambda seed: independent(resnet(4), seed=seed), "3588 to 3627, 0.2 to 3.7 s", 3),
    "vit heads planted 1.0": Kind(lambda seed: planted_heads(1.0, seed=seed), "not found in 4.3 s; found in 0.1 s"),
}
LIMITS: tuple[tuple[str, str, float, float | None], ...] = (
    ("mlp independent", TWICE, 2.0, 360.0),
    ("mlp independent", FEW, 0.3, 340.0),
    ("resnet x1 planted 3.0", "frank-wolfe", 0.1, None),
    ("resnet x4 planted 3.0", "frank-wolfe", 2.0, None),
    ("vit heads planted 1.0", "weights", 0.2, None),
)
"""Kind, method, processor seconds at most, and objective at least or, where it is None, the planted order found."""


@dataclass(frozen=True, slots=True, eq=False)
class Runs:
    """One method on all pairs of one kind."""

    seconds: np.ndarray
    objectives: np.ndarray
    optima: np.ndarray
    change: float

    @property
    def found(self) -> int:
        """How many planted orders."""
        return int((self.objectives >= self.optima * (1 - 1e-6)).sum())


def run(pairs: list[Pair], find: Callable[[Pair, int], dict[str, Tensor]]) -> Runs:
    """Match every pair once, after one run that is not counted."""
    find(pairs[0], 0)
    seconds, objectives, change = [], [], 0.0
    for seed, pair in enumerate(pairs):
        begun = time.process_time()
        order = find(pair, seed)
        seconds.append(time.process_time() - begun)
        moved = permute_weights(pair.other, order, pair.spec, pair.architecture.layout)
        objectives.append(float(pair.reference.double() @ moved.double()))
        change = max(change, _change(pair, moved))
    optima = [np.nan if pair.optimum is None else pair.optimum for pair in pairs]
    return Runs(np.array(seconds), np.array(objectives), np.array(optima), change)


def _change(pair: Pair, moved: Tensor) -> float:
    """Largest change of an output of the permuted network, relative to the largest output."""
    arch, both = pair.architecture, torch.stack([pair.other, moved])
    draw = torch.Generator().manual_seed(0)
    inputs = torch.randn(8, *arch.input_shape, generator=draw)
    buffers = arch.initial_buffers().expand(2, -1) if arch.buffers.size else None
    with torch.no_grad():
        before, after = arch.forward(both, inputs, buffers=buffers)
    return float((after - before).abs().max() / before.abs().max())


def plainly(pair: Pair, seed: int) -> dict[str, Tensor]:
    """The plain way."""
    ours, theirs = (pair.architecture.layout.unflatten(one) for one in (pair.reference, pair.other))
    order = plain_ascent(ours, theirs, pair.spec.outline, pair.spec.sizes, seed=seed)
    return {group: torch.from_numpy(units) for group, units in order.items()}


def matched(options: dict[str, Any]) -> Callable[[Pair, int], dict[str, Tensor]]:
    """The way of `match_population` with these options."""

    def find(pair: Pair, seed: int) -> dict[str, Tensor]:
        layout = pair.architecture.layout
        found = match_population(
            pair.other.unsqueeze(0), pair.reference, pair.spec, layout, seed=seed, fixed=pair.fixed, **options
        )
        return {group: units[0] for group, units in found.permutations.items()}

    return find


def measure(name: str, kind: Kind, draws: int) -> dict[str, Runs]:
    """Every method on one kind of pair, printed as it is measured."""
    pairs = [kind.make(seed) for seed in range(draws)]
    heads = bool(pairs[0].spec.within)
    optimum = "" if pairs[0].optimum is None else f", optimum of the first {pairs[0].optimum:.1f}"
    print(f"\n{name}: {draws} pairs{optimum}; published: {kind.published}")
    print(f"{'':26s}{'seconds':>9s}{'lowest':>10s}{'highest':>10s}{'found':>8s}{'times faster':>14s}{'objective':>11s}")
    ways = {} if heads else {PLAIN: plainly}
    ways |= {title: matched(options) for title, options in METHODS.items() if heads or title != SPECTRAL}
    runs: dict[str, Runs] = {}
    for title, find in ways.items():
        runs[title] = one = run(pairs, find)
        base = next(iter(runs.values()))
        found = f"{one.found}/{draws}" if pairs[0].optimum is not None else "-"
        print(
            f"{title:26s}{np.median(one.seconds):9.3f}{one.objectives.min():10.1f}{one.objectives.max():10.1f}{found:>8s}"
            f"{np.median(base.seconds) / np.median(one.seconds):14.1f}"
            f"{one.objectives.mean() / base.objectives.mean():11.4f}",
            flush=True,
        )
    return runs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="kinds whose name holds this")
    parser.add_argument("--draws", type=int, default=None, help="pairs of each kind")
    parser.add_argument("--without-lapx", action="store_true", help="assign with scipy even where lapx is installed")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    assignment = importlib.import_module("wsexplore.align.assignment")
    if arguments.without_lapx:
        assignment.HAS_LAPX = False
    print(f"assignments by {'lapx' if assignment.HAS_LAPX else 'scipy'}, one thread; ratios to {PLAIN}")
    kinds = {name: kind for name, kind in KINDS.items() if arguments.only in name}
    measured = {name: measure(name, kind, arguments.draws or kind.draws) for name, kind in kinds.items()}
    largest = max(result.change for kind in measured.values() for result in kind.values())
    print(f"\nlargest output change of a permuted network {largest:.1e}")
    print("\nlimits")
    for name, method, most, least in LIMITS:
        if name in measured:
            one = measured[name][method]
            seconds, asked = np.median(one.seconds), f"at least {least:g}" if least else "all found"
            holds = seconds <= most and (one.objectives.min() >= least if least else one.found == len(one.seconds))
            reached = f"{one.objectives.min():.1f}" if least else f"{one.found} of {len(one.seconds)}"
            print(
                f"{name}, {method}: {asked} in {most:g} s; {reached} in {seconds:.3f} s (longest "
                f"{one.seconds.max():.3f}): {'holds' if holds else 'MISSED'}"
            )


if __name__ == "__main__":
    main()
