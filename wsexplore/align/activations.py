"""Activation matching: the order of one network's units in which they answer most like another's."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from wsexplore.align.ascent import SWEEPS, ascend, at, combined
from wsexplore.align.assignment import assign
from wsexplore.align.flips import sign_classes
from wsexplore.align.matching import Matching
from wsexplore.align.problem import Key, Problem
from wsexplore.align.sights import Seen, Sight, clearest, look, sights_of
from wsexplore.nets import Architecture, Layout
from wsexplore.population import OnStep
from wsexplore.symmetry import PermutationSpec

LIKENESS = ("correlation", "inner")
"""Ways to compare the answers of two units."""

MEMORY = 64 << 20
"""Bytes that the answers of one network, and the products of the networks compared at once, may take each."""

DEAD = 1e-6
"""A unit whose answers differ by less than this share of their size gives the same answer to everything."""


def match_activations(
    architecture: Architecture,
    reference_weights: Float[Tensor, " parameters"],
    weights: Float[Tensor, "models parameters"],
    spec: PermutationSpec,
    inputs: Float[Tensor, "samples ..."],
    *,
    reference_buffers: Float[Tensor, " buffers"] | None = None,
    buffers: Float[Tensor, "models buffers"] | None = None,
    by: str = "correlation",
    signs: bool = False,
    seed: int = 0,
    on_step: OnStep | None = None,
) -> Matching:
    r"""Match every network of a population to one reference by what its units answer to the same inputs.

    Each group is one assignment on the sum, over all layers that give its units, of $\operatorname{corr}(z^A_i, z^B_j)$
    or $\langle z^A_i, z^B_j \rangle$; $z$ are the outputs of a layer before its activation and after its normalisation,
    over samples and places in space. A group that no layer gives is looked at where layers take it; one that no layer
    shows (of functional parameters, of `nn.MultiheadAttention`) is matched by its weights in the end. Groups do not
    depend on each other. Units that give one answer to everything correlate with nothing. Heads are assigned on the
    values of the assignments of their units (Ainsworth et al., "Git Re-Basin", ICLR 2023, section 3.1; Jordan et al.,
    "REPAIR", ICLR 2023).

    The objective is what weight matching would climb, before and after; here it may fall.

    Args:
        architecture: of all networks.
        reference_weights: of the network to match.
        weights: one network per row.
        spec: of the architecture.
        inputs: samples that all networks see.
        reference_buffers: running statistics, by default those before the first batch.
        buffers: the same, one network per row.
        by: "correlation" or "inner".
        signs: flip units, too, where their activation lets signs through and their answers are opposite.
        seed: of the order of groups that are matched by weights.
        on_step: told the share done; it may raise to cancel.

    Raises:
        ValueError: `by` is unknown, there are no inputs, they do not fit, or an answer is not finite.
    """
    if by not in LIKENESS:
        raise ValueError(f"activations are compared by {' or '.join(LIKENESS)}, got {by!r}")
    shaped = shaped_inputs(inputs, architecture)
    bound = {*spec.within, *spec.within.values()}
    classes = sign_classes(spec, [group for group in spec.groups if group not in bound]) if signs else {}
    first = architecture.module(reference_weights, reference_buffers)
    sights = clearest(first, sights_of(first, spec, classes), shaped[:2])
    units: dict[str, list[Tensor]] = {group: [] for group in spec.groups}
    flips: dict[str, list[Tensor]] = {sign: [] for sign in classes}
    done = 0.0
    size = max(1, MEMORY // (8 * sum(sight.width**2 for sight in sights) or 1))
    for start in range(0, len(weights), size):
        rows = range(start, min(start + size, len(weights)))
        found: list[dict[Sight, _Together]] = [{} for _ in rows]
        for part in torch.split(shaped, _batch(first, sights, shaped)):
            ours = _answers(look(first, sights, part))
            for row, together in zip(rows, found, strict=True):
                second = architecture.module(weights[row], None if buffers is None else buffers[row])
                _add(together, ours, _answers(look(second, sights, part)))
                done += len(part) / len(shaped)
                if on_step is not None:
                    on_step(done / len(weights), f"compared {math.floor(done + 1e-6):,} of {len(weights):,} networks")
        for together in found:
            orders, signed = _orders({sight: each.alike(by) for sight, each in together.items()}, spec)
            for group, order in orders.items():
                units[group].append(order)
            for sign, values in signed.items():
                flips[sign].append(values)
    permutations = {group: torch.stack(orders) for group, orders in units.items() if orders}
    seen_signs = {sign: torch.stack(values) for sign, values in flips.items() if values}
    return _completed(permutations, seen_signs, weights, reference_weights, spec, architecture.layout, classes, seed)


def shaped_inputs(inputs: Tensor, architecture: Architecture) -> Tensor:
    """Samples in the shape that the networks take.

    Raises:
        ValueError: there are none, or they do not fit.
    """
    values = int(torch.Size(architecture.input_shape).numel())
    if not len(inputs):
        raise ValueError("activations are compared on samples, and there are none; give some inputs")
    if inputs[0].numel() != values:
        raise ValueError(
            f"inputs of shape {tuple(inputs.shape)} do not fit {architecture.name} with input shape "
            f"{architecture.input_shape}"
        )
    return inputs.reshape(len(inputs), *architecture.input_shape)


def _batch(module: nn.Module, sights: Sequence[Sight], inputs: Tensor) -> int:
    """Samples that run at once."""
    seen = look(module, sights, inputs[:2])
    numbers = sum(run.numel() for runs in seen.values() for run in runs) // len(inputs[:2])
    return max(1, MEMORY // (4 * numbers or 1))


@dataclass(frozen=True, slots=True)
class _Answers:
    """What one network's units gave on one batch: their mean, and what is left without it."""

    mean: Float[Tensor, " units"]
    rest: Float[Tensor, "places units"]


def _answers(seen: Seen) -> dict[Sight, _Answers]:
    answers = {}
    for sight, runs in seen.items():
        values = torch.cat(runs)
        mean = values.mean(0, dtype=torch.float64)
        if not bool(torch.isfinite(mean).all()):
            raise ValueError(
                f"the outputs of {sight.layer} are not finite, so they cannot be matched; leave the network out"
            )
        answers[sight] = _Answers(mean, values.sub_(mean.to(values.dtype)))
    return answers


@dataclass(slots=True)
class _Together:
    """Sums over all places of what the units of two networks gave, in double precision; grown batch by batch."""

    count: int
    means: tuple[Float[Tensor, " units"], Float[Tensor, " units"]]
    squares: tuple[Float[Tensor, " units"], Float[Tensor, " units"]]
    products: Float[Tensor, "units units"]

    @classmethod
    def of(cls, ours: _Answers, theirs: _Answers) -> "_Together":
        squares = tuple(each.rest.square().sum(0, dtype=torch.float64) for each in (ours, theirs))
        return cls(
            len(ours.rest), (ours.mean, theirs.mean), (squares[0], squares[1]), (ours.rest.T @ theirs.rest).double()
        )

    def grown(self, other: "_Together") -> "_Together":
        """With the places of another batch (Chan et al. 1979)."""
        count = self.count + other.count
        share, weight = other.count / count, self.count * other.count / count
        a, b = (theirs - ours for ours, theirs in zip(self.means, other.means, strict=True))
        return _Together(
            count,
            (self.means[0] + share * a, self.means[1] + share * b),
            (
                self.squares[0] + other.squares[0] + weight * a.square(),
                self.squares[1] + other.squares[1] + weight * b.square(),
            ),
            self.products + other.products + weight * torch.outer(a, b),
        )

    def alike(self, by: str) -> Float[Tensor, "units units"]:
        """Pearson correlations, 0 for units that never change, or inner products."""
        if by == "inner":
            return self.products + self.count * torch.outer(*self.means)
        spreads = []
        for mean, squares in zip(self.means, self.squares, strict=True):
            dead = squares <= self.count * (DEAD * mean).square()
            spreads.append(torch.where(dead, torch.inf, squares.sqrt()))
        return self.products / torch.outer(*spreads)


def _add(together: dict[Sight, _Together], ours: dict[Sight, _Answers], theirs: dict[Sight, _Answers]) -> None:
    for sight, answers in ours.items():
        new = _Together.of(answers, theirs[sight])
        together[sight] = together[sight].grown(new) if sight in together else new


def _orders(
    alike: Mapping[Sight, Float[Tensor, "_ _"]], spec: PermutationSpec
) -> tuple[dict[str, Int[Tensor, "..."]], dict[str, Float[Tensor, " _"]]]:
    """The best order of every group that was seen, and the signs that go with it."""
    gains: dict[str, dict[Key, Tensor]] = {}
    for sight, value in alike.items():
        keys, key = gains.setdefault(sight.group, {}), (sight.group, sight.sign)
        keys[key] = keys[key] + value.unsqueeze(0) if key in keys else value.unsqueeze(0)
    orders, signed = {}, {}
    for group, keys in gains.items():
        total = combined(keys)
        if total is not None and group not in spec.within and group not in spec.within.values():
            orders[group] = assign(total)[0]
            for (_, sign), gain in keys.items():
                if sign is not None:
                    signed[sign] = torch.where(at(gain, orders[group].unsqueeze(0))[0] < 0, -1.0, 1.0).double()
    for owner in dict.fromkeys(spec.within.values()):
        inner = [group for group in spec.sizes if spec.within.get(group) == owner]
        if all(group in gains for group in inner):
            parts = {group: gains[group][group, None][0] for group in (owner, *inner) if group in gains}
            orders |= _family(parts, owner, inner, spec)
    return orders, signed


def _family(
    alike: Mapping[str, Float[Tensor, "_ _"]], owner: str, inner: Sequence[str], spec: PermutationSpec
) -> dict[str, Int[Tensor, "..."]]:
    """Owners assigned on the values of the assignments of their units."""
    count = spec.copies[inner[0]]
    free = owner in spec.sizes
    score = torch.zeros(count, count, dtype=torch.float64) + alike.get(owner, torch.zeros(()))
    found = {}
    for group in inner:
        size = spec.sizes[group]
        pairs = alike[group].view(count, size, count, size).transpose(1, 2).flatten(0, 1)
        order = assign(pairs)
        found[group] = order.view(count, count, size)
        score += at(pairs, order).sum(1).view(count, count)
    owners = assign(score.unsqueeze(0))[0] if free else torch.arange(count)
    orders = {group: order[torch.arange(count), owners] for group, order in found.items()}
    return {owner: owners, **orders} if free else orders


def _completed(
    units: dict[str, Int[Tensor, "..."]],
    signs: dict[str, Float[Tensor, "models _"]],
    weights: Float[Tensor, "models parameters"],
    reference: Float[Tensor, " parameters"],
    spec: PermutationSpec,
    layout: Layout,
    classes: Mapping[str, str],
    seed: int,
) -> Matching:
    """The groups that were not seen matched by weights, all others as found."""
    missing = {group: size for group, size in spec.sizes.items() if group not in units}
    for group in missing:
        shape = (len(weights), *spec.shape_of(group))
        units[group] = torch.arange(spec.sizes[group]).expand(shape).clone()
    for sign, group in classes.items():
        signs.setdefault(sign, torch.ones(len(weights), spec.sizes[group], dtype=torch.float64))
    before = (weights.double() * reference.double()).sum(1)
    found = Matching({group: units[group] for group in spec.groups}, before.unsqueeze(1).numpy(), signs)
    if missing:
        within = {group: owner for group, owner in spec.within.items() if group in missing}
        part = replace(spec, sizes=missing, within=within)
        problem = Problem.of(
            found.apply(weights, spec, layout), reference.unsqueeze(0), part, layout, signs=bool(classes)
        )
        ascend(problem, sweeps=SWEEPS, seed=seed)
        found.permutations.update(problem.units)
        found.signs.update(problem.signs)
    after = (found.apply(weights, spec, layout).double() * reference.double()).sum(1)
    return replace(found, objective=torch.stack([before, after], dim=1).numpy())
