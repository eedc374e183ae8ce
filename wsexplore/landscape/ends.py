"""The two networks that a path joins, and the networks between them, repaired or not."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from wsexplore.align import METHODS, match, repair, reset_statistics, spec_of
from wsexplore.align.checks import check_canonical, check_word
from wsexplore.datasets import Dataset
from wsexplore.landscape.kinds import STRAIGHT, coefficients
from wsexplore.landscape.path import linear_path
from wsexplore.landscape.subspace import Subspace
from wsexplore.nets import Architecture
from wsexplore.population import OnStep
from wsexplore.symmetry import canonical_scaling, rescale_weights
from wsexplore.zoo import Zoo


@dataclass(frozen=True, slots=True, eq=False)
class PathEnds:
    """The two networks that a path joins, and the way it takes.

    Attributes:
        architecture: of both.
        weights: the first's, then the second's.
        buffers: their running statistics, without columns where the architecture has none.
        kind: "straight", "slerp", "bezier" or "chain"; see `coefficients`.
        bends: weights between the ends that a learned path leans towards; none for the others.
    """

    architecture: Architecture
    weights: Float[Tensor, "2 parameters"]
    buffers: Float[Tensor, "2 buffers"]
    kind: str = STRAIGHT
    bends: Float[Tensor, "bends parameters"] | None = None

    def to(self, device: torch.device) -> "PathEnds":
        """The same on another device."""
        bends = None if self.bends is None else self.bends.to(device)
        return PathEnds(self.architecture, self.weights.to(device), self.buffers.to(device), self.kind, bends)

    def along(self, kind: str) -> "PathEnds":
        """The same ends, joined in another way that they fix."""
        return PathEnds(self.architecture, self.weights, self.buffers, kind)

    def networks(self, alphas: Float[Tensor, " steps"]) -> Float[Tensor, "steps parameters"]:
        """Weights at these positions; the ends themselves are met exactly."""
        if self.kind == STRAIGHT:
            return linear_path(self.weights[0], self.weights[1], alphas)
        bends = self.weights[:0] if self.bends is None else self.bends
        controls = torch.cat([self.weights[:1], bends, self.weights[1:]])
        return Subspace(self.architecture, controls, controls[:, :0]).weights(coefficients(self.kind, alphas, controls))


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
    on_step: OnStep | None = None,
) -> PathEnds:
    """Two networks of a zoo as the ends of a path, the second matched to the first if asked.

    Its running statistics move with its units, and units are flipped where their activation lets signs through.

    Args:
        zoo: it holds both.
        first: row of the network at 0.
        second: row of the network at 1.
        align: match the second to the first.
        method: of the matching.
        canonical: "none", "minimum-norm" or "unit-norm", what rescaling brings both networks to, matched or not.
        data: for methods that run the networks; its training split is used.
        seed: of the matching.
        on_step: told the share done; it may raise to cancel.

    Raises:
        ValueError: the two networks differ in a field of their architecture, a row is out of range, or a word is
            unknown.
    """
    check_word(method, METHODS, "matching method")
    check_canonical(canonical)
    one = kind_of(zoo, [first, second])
    spec = spec_of(one)
    if on_step is not None:
        on_step(0.0, "matching units" if align else "reading weights")
    weights, buffers = zoo.rows([first, second]), zoo.buffer_rows([first, second])
    if canonical != "none":
        factors = canonical_scaling(weights, spec, one.layout, form=canonical)
        weights = rescale_weights(weights, factors, spec, one.layout)
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
            names=[f"network {zoo.table['id'].iloc[second]}"],
            on_step=on_step,
        )
        weights = torch.cat([weights[:1], found.apply(weights[1:], spec, one.layout)])
        buffers = torch.cat([buffers[:1], found.apply_buffers(buffers[1:], spec, one.buffers)])
    return PathEnds(one, weights, buffers)


def kind_of(zoo: Zoo, rows: Sequence[int]) -> Architecture:
    """The architecture that these networks share.

    Raises:
        ValueError: a row is out of range, or two differ in a field of their architecture.
    """
    if outside := [row for row in rows if not 0 <= row < len(zoo)]:
        raise ValueError(f"rows run from 0 to {len(zoo) - 1:,}, got {outside[0]:,}")
    one = zoo.architecture_of(rows[0])
    for row in rows[1:]:
        if (other := zoo.architecture_of(row)) != one:
            fields = [f"{name} {one.config[name]} and {other.config[name]}" for name in one.row_fields]
            raise ValueError(f"networks that are joined or compared are of one kind; these have {', '.join(fields)}")
    return one


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
    weights = ends.networks(alphas)
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
