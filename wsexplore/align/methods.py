"""Every way to match networks, by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from wsexplore.align.matching import Matching, match_population
from wsexplore.datasets import Dataset, Split
from wsexplore.nets import Architecture
from wsexplore.population import OnStep
from wsexplore.symmetry import PermutationSpec


@dataclass(frozen=True, slots=True)
class Method:
    """One way to match.

    Attributes:
        description: one line, for a reader who chooses.
        needs_data: whether the networks must be run on samples.
        find: what does it.
    """

    description: str
    needs_data: bool
    find: "Callable[[_Case], Matching]"


def match(
    architecture: Architecture,
    weights: Float[Tensor, "models parameters"],
    reference: Float[Tensor, "*models_or_none parameters"],
    spec: PermutationSpec,
    *,
    method: str = "auto",
    data: Dataset | None = None,
    buffers: Float[Tensor, "models buffers"] | None = None,
    reference_buffers: Float[Tensor, " buffers"] | None = None,
    samples: int = 1000,
    restarts: int = 0,
    seed: int = 0,
    signs: bool = True,
    on_step: OnStep | None = None,
) -> Matching:
    """Match every network of a population to one reference, or each to its own, by the method of this name.

    Args:
        architecture: of all of them.
        weights: one network per row.
        reference: the network to match, or one per row.
        spec: of the architecture.
        method: a name in `METHODS`.
        data: of which training samples are taken, where the method runs the networks.
        buffers: running statistics, one network per row; by default those before the first batch.
        reference_buffers: of the reference.
        samples: at most so many, chosen by `seed`.
        restarts: further tries from other starts, where the method starts anywhere.
        seed: of the samples, and of the order of the groups.
        signs: flip units, too, where their activation lets signs through.
        on_step: told the share done by methods that take long; it may raise to cancel.

    Raises:
        ValueError: the method is unknown, needs data and has none, or cannot match these networks.
    """
    if method not in METHODS:
        raise ValueError(f"matching method {method!r} is unknown; choose one of {', '.join(METHODS)}")
    chosen = METHODS[method]
    if chosen.needs_data and data is None:
        raise ValueError(f"matching method {method!r} runs the networks on samples: give it a data set as data")
    taken = _taken(data, samples, seed) if chosen.needs_data and data is not None else None
    case = _Case(
        architecture,
        weights,
        reference,
        spec,
        method,
        taken,
        buffers,
        reference_buffers,
        restarts,
        seed,
        signs,
        on_step,
    )
    return chosen.find(case)


@dataclass(frozen=True, slots=True, eq=False)
class _Case:
    """What is asked for."""

    architecture: Architecture
    weights: Tensor
    reference: Tensor
    spec: PermutationSpec
    method: str
    data: Split | None
    buffers: Tensor | None
    reference_buffers: Tensor | None
    restarts: int
    seed: int
    signs: bool
    on_step: OnStep | None


def _taken(data: Dataset, samples: int, seed: int) -> Split:
    """Some samples of the training split, in their order."""
    if samples < 1:
        raise ValueError(f"samples must be at least 1, got {samples}")
    draw = torch.Generator().manual_seed(seed)
    rows = torch.randperm(len(data.train), generator=draw)[:samples].sort().values
    return Split(data.train.inputs[rows], data.train.targets[rows])


def _by_weights(case: _Case) -> Matching:
    return match_population(
        case.weights,
        case.reference,
        case.spec,
        case.architecture.layout,
        method=case.method,
        restarts=case.restarts,
        seed=case.seed,
        signs=case.signs,
    )


METHODS: Mapping[str, Method] = {
    "auto": Method("Coordinate ascent, and Frank-Wolfe where that finds more. Needs no data.", False, _by_weights),
    "weights": Method("Coordinate ascent: layer after layer takes its best order (Git Re-Basin).", False, _by_weights),
    "frank-wolfe": Method("All layers at once, relaxed, then rounded and polished (C2M3).", False, _by_weights),
}
"""Ways to match."""
