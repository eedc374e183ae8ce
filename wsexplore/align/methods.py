"""Every way to match networks, by name."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from wsexplore.align.activations import match_activations, shaped_inputs
from wsexplore.align.checks import check_counts, check_finite, check_word
from wsexplore.align.families import HEADS
from wsexplore.align.fixed import standing, without
from wsexplore.align.matching import Matching, match_population
from wsexplore.align.sinkhorn import match_sinkhorn
from wsexplore.align.ste import Midpoint, match_straight_through
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
        restarts: whether it climbs from a start, so that there may be others.
        heads: whether it pairs attention heads by their weights, so that "spectral" may be chosen.
        together: networks of a zoo that are one part of the work, at most: what is lost where it is stopped.
        refuse: what raises where the samples do not fit the networks; nothing is matched.
    """

    description: str
    needs_data: bool
    find: "Callable[[Case], Matching]"
    restarts: bool = False
    heads: bool = True
    together: int = 512
    refuse: "Callable[[Case], object]" = lambda case: None


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """What is asked for: the arguments of `match`, checked as far as they can be before anything is matched.

    Groups that stay in order are left out of its spec.
    """

    architecture: Architecture
    weights: Float[Tensor, "models parameters"]
    reference: Float[Tensor, " parameters"]
    spec: PermutationSpec
    method: str = "auto"
    data: Dataset | None = None
    buffers: Float[Tensor, "models buffers"] | None = None
    reference_buffers: Float[Tensor, " buffers"] | None = None
    samples: int = 1000
    restarts: int = 0
    seed: int = 0
    signs: bool = True
    heads: str = "exact"
    names: Sequence[str] = ()
    on_step: OnStep | None = None

    def __post_init__(self) -> None:
        """Refuse words, numbers and samples that do not fit.

        Raises:
            ValueError: one does not.
        """
        check_word(self.method, METHODS, "matching method")
        check_word(self.heads, HEADS, "pairing of heads")
        check_counts({"samples": (self.samples, 1), "restarts": (self.restarts, 0)})
        method = METHODS[self.method]
        if self.restarts and not method.restarts:
            others = ", ".join(name for name, each in METHODS.items() if each.restarts)
            raise ValueError(f"matching method {self.method!r} has one start; restarts are for {others}")
        if self.heads != "exact" and not method.heads:
            raise ValueError(f"matching method {self.method!r} pairs heads by what their units answer, not by spectra")
        if method.needs_data and self.data is None:
            raise ValueError(
                f"matching method {self.method!r} runs the networks on samples; name a data set with data= or --data"
            )
        check_finite(self.weights, self.architecture.layout, self.names)
        check_finite(self.reference.unsqueeze(0), self.architecture.layout, ["the reference"])
        method.refuse(self)

    def split(self) -> Split:
        """Some samples of the training split, in their order."""
        assert self.data is not None
        draw = torch.Generator().manual_seed(self.seed)
        rows = torch.randperm(len(self.data.train), generator=draw)[: self.samples].sort().values
        return Split(self.data.train.inputs[rows], self.data.train.targets[rows])


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
    heads: str = "exact",
    fixed: Collection[str] = (),
    names: Sequence[str] = (),
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
        heads: how attention heads are paired by their weights: "exact", or "spectral" as TransFusion does.
        fixed: groups that stay in order and keep their signs.
        names: what to call each network where it cannot be matched; by default by its row.
        on_step: told the share done; it may raise to cancel.

    Raises:
        ValueError: a word or a group is unknown, a number is out of range, the method takes no restarts or no such
            heads, it needs data and has none, or it cannot match these networks.
    """
    free = without(spec, fixed)
    case = Case(
        architecture,
        weights,
        reference,
        free,
        method,
        data,
        buffers,
        reference_buffers,
        samples,
        restarts,
        seed,
        signs,
        heads,
        names,
        on_step,
    )
    still = standing(spec, free, len(weights))
    if not free.sizes:
        return Matching(still, torch.linalg.vecdot(weights.double(), reference.double()).unsqueeze(1).numpy())
    found = METHODS[method].find(case)
    every = found.permutations | still
    return replace(found, permutations={group: every[group] for group in spec.groups})


def _by_weights(case: Case) -> Matching:
    return match_population(
        case.weights,
        case.reference,
        case.spec,
        case.architecture.layout,
        method=case.method,
        restarts=case.restarts,
        seed=case.seed,
        signs=case.signs,
        heads=case.heads,
        on_step=case.on_step,
    )


def _by_activations(case: Case) -> Matching:
    return match_activations(
        case.architecture,
        case.reference,
        case.weights,
        case.spec,
        case.split().inputs,
        reference_buffers=case.reference_buffers,
        buffers=case.buffers,
        by="inner" if case.method == "inner-products" else "correlation",
        seed=case.seed,
        signs=case.signs,
        on_step=case.on_step,
    )


def _straight_through(case: Case) -> Matching:
    return match_straight_through(
        case.architecture,
        case.reference,
        case.weights,
        case.spec,
        case.split(),
        seed=case.seed,
        signs=case.signs,
        heads=case.heads,
        on_step=case.on_step,
    )


def _by_sinkhorn(case: Case) -> Matching:
    return match_sinkhorn(
        case.architecture,
        case.reference,
        case.weights,
        case.spec,
        split=case.split() if case.method == "sinkhorn-loss" else None,
        seed=case.seed,
        signs=case.signs,
        heads=case.heads,
        on_step=case.on_step,
    )


def _fitting_inputs(case: Case) -> object:
    return shaped_inputs(case.split().inputs, case.architecture)


def _fitting_samples(case: Case) -> object:
    return Midpoint.of(case.architecture, case.reference, case.split(), case.samples)


METHODS: Mapping[str, Method] = {
    "auto": Method("Coordinate ascent, and Frank-Wolfe where it may find more", False, _by_weights, restarts=True),
    "weights": Method(
        "Coordinate ascent: layer after layer takes its best order (Git Re-Basin)", False, _by_weights, restarts=True
    ),
    "frank-wolfe": Method(
        "All layers at once, relaxed, then rounded and polished (C2M3)", False, _by_weights, restarts=True
    ),
    "activations": Method(
        "Units that answer alike to the same samples: their correlation",
        True,
        _by_activations,
        heads=False,
        together=64,
        refuse=_fitting_inputs,
    ),
    "inner-products": Method(
        "Units whose answers to the same samples have the largest inner products",
        True,
        _by_activations,
        heads=False,
        together=64,
        refuse=_fitting_inputs,
    ),
    "ste": Method(
        "The lowest loss halfway, by gradients through the matching (Git Re-Basin)",
        True,
        _straight_through,
        together=1,
        refuse=_fitting_samples,
    ),
    "sinkhorn": Method(
        "Relaxed permutations by gradient descent on the distance (Sinkhorn re-basin)",
        False,
        _by_sinkhorn,
        together=16,
    ),
    "sinkhorn-loss": Method(
        "Relaxed permutations by gradient descent on the loss halfway (Sinkhorn re-basin)",
        True,
        _by_sinkhorn,
        together=1,
        refuse=_fitting_samples,
    ),
}
"""Ways to match."""
