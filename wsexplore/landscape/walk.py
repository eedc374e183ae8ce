"""How the straight path between two networks is walked: its ends, the networks between, and how these are repaired."""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from wsexplore.align import match, repair, reset_statistics, spec_of
from wsexplore.datasets import Dataset
from wsexplore.landscape.path import linear_path
from wsexplore.nets import Architecture
from wsexplore.population import OnStep
from wsexplore.symmetry import canonical_scaling, rescale_buffers, rescale_weights
from wsexplore.zoo import Zoo

REPAIRS = ("none", "reset", "repair")
"""What is done to the networks between: nothing, running statistics estimated anew, or REPAIR."""

CALIBRATION = 1000
"""Samples of the training split that statistics are measured on."""


@dataclass(frozen=True, slots=True)
class Walk:
    """The keywords of a barrier, checked.

    Attributes:
        steps: positions, both ends included.
        split: "train" or "test".
        align: whether the second network's units are matched to the first's.
        repair: one of `REPAIRS`.
        calibration: samples for it, drawn from the training split.
        seed: of the matching, and of the samples drawn.
    """

    steps: int
    split: str
    align: bool
    repair: str
    calibration: int
    seed: int

    def __post_init__(self) -> None:
        if not 2 <= self.steps <= 1001:
            raise ValueError(f"a path takes 2 to 1,001 steps, got {self.steps}")
        if self.repair not in REPAIRS:
            raise ValueError(f"repair {self.repair!r} is unknown; choose one of {', '.join(REPAIRS)}")
        if self.calibration < 2:
            raise ValueError(f"statistics are measured on 2 or more samples, got calibration {self.calibration}")

    @property
    def alphas(self) -> Float[Tensor, " steps"]:
        """Positions on the path, 0 to 1."""
        return torch.linspace(0, 1, self.steps)

    @property
    def arguments(self) -> dict[str, Any]:
        """For a recipe; those of the repair only where there is one."""
        kept = {"split": self.split, "steps": self.steps, "align": self.align}
        return kept if self.repair == "none" else {**kept, "repair": self.repair, "calibration": self.calibration}

    @property
    def keywords(self) -> str:
        """As Python."""
        words = [f"steps={self.steps}", f"split={self.split!r}", f"align={self.align}"]
        if self.repair != "none":
            words += [f"repair={self.repair!r}", f"calibration={self.calibration}"]
        return ", ".join([*words, f"seed={self.seed}"])

    @property
    def flags(self) -> str:
        """As options of the command."""
        words = [f"--split {self.split} --steps {self.steps}", *(["--align"] if self.align else [])]
        if self.repair != "none":
            words.append(f"--repair {self.repair} --calibration {self.calibration}")
        return " ".join([*words, f"--seed {self.seed}"])


@dataclass(frozen=True, slots=True, eq=False)
class PathEnds:
    """The two networks that a path joins.

    Attributes:
        architecture: of both.
        weights: the first's, then the second's.
        buffers: their running statistics, without columns where the architecture has none.
    """

    architecture: Architecture
    weights: Float[Tensor, "2 parameters"]
    buffers: Float[Tensor, "2 buffers"]

    def to(self, device: torch.device) -> "PathEnds":
        """The same on another device."""
        return PathEnds(self.architecture, self.weights.to(device), self.buffers.to(device))


def pair_ends(
    zoo: Zoo,
    first: int,
    second: int,
    *,
    align: bool,
    method: str = "auto",
    canonical: str = "none",
    data: Dataset | None = None,
    seed: int = 0,
) -> PathEnds:
    """Two networks of a zoo as the ends of a path, the second matched to the first if asked.

    Its running statistics move with its units, and units are flipped where their activation lets signs through.

    Args:
        zoo: it holds both.
        first: row of the network at 0.
        second: row of the network at 1.
        align: match the second to the first.
        method: of the matching.
        canonical: representative that rescaling brings both networks to.
        data: for methods that run the networks.
        seed: of the matching.

    Raises:
        ValueError: the two networks differ in a field of their architecture, a row is out of range, or a word is
            unknown.
    """
    weights, buffers = zoo.rows([first, second]), zoo.buffer_rows([first, second])
    one, other = zoo.architecture_of(first), zoo.architecture_of(second)
    if one != other:
        fields = [f"{name} {one.config[name]} and {other.config[name]}" for name in one.row_fields]
        raise ValueError(f"a straight path needs two networks of one kind; these have {', '.join(fields)}")
    spec = spec_of(one)
    if canonical != "none":
        factors = canonical_scaling(weights, spec, one.layout, form=canonical)
        weights = rescale_weights(weights, factors, spec, one.layout)
        buffers = rescale_buffers(buffers, factors, spec, one.buffers)
    if align:
        found = match(
            one,
            weights[1:],
            weights[0],
            spec,
            method=method,
            data=data,
            buffers=buffers[1:],
            reference_buffers=buffers[0],
            seed=seed,
        )
        weights = torch.cat([weights[:1], found.apply(weights[1:], spec, one.layout)])
        buffers = torch.cat([buffers[:1], found.apply_buffers(buffers[1:], spec, one.buffers)])
    return PathEnds(one, weights, buffers)


def pair_weights(
    zoo: Zoo, first: int, second: int, *, align: bool, seed: int = 0
) -> tuple[Architecture, Float[Tensor, "2 parameters"]]:
    """The two ends of a path of networks that are weights alone, the second matched to the first if asked.

    Raises:
        ValueError: as in `pair_ends`, or the networks carry running statistics.
    """
    if zoo.architecture.buffers.size:
        raise ValueError(
            "these networks carry running statistics, which mean nothing half-way; choose a zoo without BatchNorm"
        )
    ends = pair_ends(zoo, first, second, align=align, seed=seed)
    return ends.architecture, ends.weights


def calibration_inputs(data: Dataset, count: int, *, seed: int) -> Float[Tensor, "samples ..."]:
    """So many samples of the training split, drawn without putting back; all of them where it has no more."""
    chosen = torch.randperm(len(data.train), generator=torch.Generator().manual_seed(seed))[:count]
    return data.train.inputs[chosen.sort().values]


def path_networks(
    ends: PathEnds,
    alphas: Float[Tensor, " steps"],
    *,
    repaired: str = "none",
    inputs: Float[Tensor, "samples ..."] | None = None,
    on_step: OnStep | None = None,
) -> tuple[Float[Tensor, "steps parameters"], Float[Tensor, "steps buffers"]]:
    """Weights and running statistics at each position; at 0 and 1 they are those of the ends, whatever the repair.

    Without a repair, running statistics are mixed like weights.

    Args:
        ends: of the path.
        alphas: positions.
        repaired: one of `REPAIRS`.
        inputs: samples to measure statistics on, needed for a repair.
        on_step: told how many batches were measured; it may raise to cancel.

    Raises:
        ValueError: there is nothing to repair in this architecture, or no inputs to do it with.
    """
    alphas = alphas.to(ends.weights.device)
    weights = linear_path(ends.weights[0], ends.weights[1], alphas)
    buffers = linear_path(ends.buffers[0], ends.buffers[1], alphas)
    if repaired == "none":
        return weights, buffers
    if inputs is None:
        raise ValueError("statistics are measured on samples; give inputs")
    passes = 0

    def on_part() -> None:
        nonlocal passes
        passes += 1
        if on_step is not None:
            on_step(0.0, f"measured statistics, pass {passes:,}")

    inner = (alphas > 0) & (alphas < 1)
    if repaired == "reset":
        buffers[inner] = reset_statistics(
            ends.architecture, weights[inner], inputs, buffers=buffers[inner], on_part=on_part
        )
    else:
        shares = torch.stack([1 - alphas, alphas], dim=1)[inner]
        weights[inner], buffers[inner] = repair(
            ends.architecture,
            weights[inner],
            ends.weights,
            shares,
            inputs,
            buffers=buffers[inner],
            end_buffers=ends.buffers,
            on_part=on_part,
        )
    return weights, buffers
