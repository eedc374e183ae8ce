"""Every way to match networks, by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from wsexplore.align.activations import match_activations
from wsexplore.align.matching import Matching, match_population
from wsexplore.align.sinkhorn import match_sinkhorn
from wsexplore.align.ste import match_straight_through
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
    reference: Float[Tensor, " parameters"],
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
    """Match every network of a population to one reference, by the method of this name.

    What is found for one network does not depend on the others, up to ties within rounding.

    Args:
        architecture: of all of them.
        weights: one network per row.
        reference: the network to match.
        spec: of the architecture.
        method: a name in `METHODS`.
        data: of which training samples are taken, where the method runs the networks.
        buffers: running statistics, one network per row; by default those before the first batch.
        reference_buffers: of the reference.
        samples: at most so many, chosen by `seed`.
        restarts: further tries from other starts, by the methods that climb the inner product from one.
        seed: of the samples, and of the order of the groups.
        signs: flip units, too, where their activation lets signs through.
        on_step: told the share done by methods that take long; it may raise to cancel.

    Raises:
        ValueError: the method is unknown, needs data and has none, or cannot match these networks.
    """
    if method not in METHODS:
        raise ValueError(f"matching method {method!r} is unknown; choose one of {', '.join(METHODS)}")
    case = _Case(
        architecture,
        weights,
        reference,
        spec,
        method,
        data,
        buffers,
        reference_buffers,
        samples,
        restarts,
        seed,
        signs,
        on_step,
    )
    return METHODS[method].find(case)


@dataclass(frozen=True, slots=True, eq=False)
class _Case:
    """What is asked for."""

    architecture: Architecture
    weights: Tensor
    reference: Tensor
    spec: PermutationSpec
    method: str
    data: Dataset | None
    buffers: Tensor | None
    reference_buffers: Tensor | None
    samples: int
    restarts: int
    seed: int
    signs: bool
    on_step: OnStep | None

    def split(self) -> Split:
        """Some samples of the training split, in their order."""
        if self.data is None:
            raise ValueError(f"matching method {self.method!r} runs the networks on samples: give it a data set")
        if self.samples < 1:
            raise ValueError(f"samples must be at least 1, got {self.samples}")
        draw = torch.Generator().manual_seed(self.seed)
        rows = torch.randperm(len(self.data.train), generator=draw)[: self.samples].sort().values
        return Split(self.data.train.inputs[rows], self.data.train.targets[rows])


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


def _by_activations(case: _Case) -> Matching:
    return match_activations(
        case.architecture,
        case.reference,
        case.weights,
        case.spec,
        case.split().inputs,
        reference_buffers=case.reference_buffers,
        buffers=case.buffers,
        seed=case.seed,
        signs=case.signs,
        on_step=case.on_step,
    )


def _straight_through(case: _Case) -> Matching:
    return match_straight_through(
        case.architecture,
        case.reference,
        case.weights,
        case.spec,
        case.split(),
        seed=case.seed,
        signs=case.signs,
        on_step=case.on_step,
    )


def _by_sinkhorn(case: _Case) -> Matching:
    return match_sinkhorn(
        case.architecture,
        case.reference,
        case.weights,
        case.spec,
        seed=case.seed,
        signs=case.signs,
        on_step=case.on_step,
    )


METHODS: Mapping[str, Method] = {
    "auto": Method("Coordinate ascent, and Frank-Wolfe where it may find more", False, _by_weights),
    "weights": Method("Coordinate ascent: layer after layer takes its best order (Git Re-Basin)", False, _by_weights),
    "frank-wolfe": Method("All layers at once, relaxed, then rounded and polished (C2M3)", False, _by_weights),
    "activations": Method("Units that answer alike to the same samples", True, _by_activations),
    "ste": Method("The lowest loss halfway, by gradients through the matching (Git Re-Basin)", True, _straight_through),
    "sinkhorn": Method("Relaxed permutations by gradient descent (Sinkhorn re-basin)", False, _by_sinkhorn),
}
"""Ways to match."""
