"""Permutations relaxed to doubly stochastic matrices, and their way down by gradients."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from wsexplore.align.ascent import at
from wsexplore.align.assignment import assign
from wsexplore.align.problem import Key
from wsexplore.align.sights import pieces_of
from wsexplore.align.ste import Midpoint
from wsexplore.nets import Layout
from wsexplore.symmetry import Block, PermutationSpec

ITERATIONS = 20
"""Normalisations of rows and columns, per step and once more for the gradient."""

BETAS = (0.9, 0.999)
"""Of Adam."""

CHECK, PATIENCE = 10, 3
"""After so many steps the permutations are rounded; a network has settled when so many times nothing has changed."""


def sinkhorn(scores: Float[Tensor, "models units units"], iterations: int = ITERATIONS) -> Float[Tensor, "..."]:
    r"""Matrices $\exp(S_{ij} + f_i + g_j)$ whose rows and columns sum to 1, in the domain of logarithms (Cuturi 2013).

    Columns sum to 1 exactly, rows as nearly as the iterations allow. The gradient is that of the limit, by implicit
    differentiation (Eisenberger et al., CVPR 2022), its linear system solved by as many alternating steps: no more
    memory than the matrices.
    """
    matrices: Tensor = _Sinkhorn.apply(scores, iterations)  # type: ignore[no-untyped-call]
    return matrices


class _Sinkhorn(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, scores: Tensor, iterations: int) -> Tensor:
        """The matrices."""
        columns = torch.zeros_like(scores[:, :1])
        for _ in range(iterations):
            rows = -torch.logsumexp(scores + columns, 2, keepdim=True)
            columns = -torch.logsumexp(scores + rows, 1, keepdim=True)
        matrices = torch.exp(scores + rows + columns)
        ctx.save_for_backward(matrices)
        ctx.iterations = iterations
        return matrices

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        """`P * (G - a - b)`, with `a` and `b` such that rows and columns of the result sum to 0."""
        (matrices,) = ctx.saved_tensors
        weighted = matrices * gradients[0]
        rows, columns = weighted.sum(2, keepdim=True), weighted.sum(1, keepdim=True)
        b = torch.zeros_like(columns)
        for _ in range(ctx.iterations):
            a = rows - matrices @ b.mT
            b = columns - a.mT @ matrices
        return weighted - matrices * (a + b), None


@dataclass(slots=True)
class Descent:
    """Relaxed permutations of some networks, on their way.

    Attributes:
        weights: of the networks, by parameter.
        reference: of the network that stays.
        blocks: of each parameter, with the key of each factor that is permuted.
        layout: of the parameters.
        keys: what the relaxed permutations are needed for.
        scores: of each place and unit, per group.
        turns: the same per class of signs.
        temperature: by which the scores are divided.
    """

    weights: Mapping[str, Tensor]
    reference: Float[Tensor, " parameters"]
    blocks: Mapping[str, Sequence[tuple[Block, tuple[Key | None, ...]]]]
    layout: Layout
    keys: Sequence[Key]
    scores: dict[str, Float[Tensor, "models _ _"]]
    turns: dict[str, Float[Tensor, "models _ _"]]
    temperature: float

    @classmethod
    def of(
        cls,
        weights: Float[Tensor, "models parameters"],
        reference: Float[Tensor, " parameters"],
        spec: PermutationSpec,
        layout: Layout,
        keys: Sequence[Key],
        temperature: float,
    ) -> "Descent":
        """In the middle: all scores zero."""
        signs = {sign: group for group, sign in keys if sign is not None}
        shapes = {group: (len(weights), spec.sizes[group], spec.sizes[group]) for group, _ in keys}
        blocks = {}
        for name in spec.axes:
            each = itertools.product(
                *([c for _, c in pieces_of(spec, name, a, signs)] for a in range(len(spec.axes[name])))
            )
            blocks[name] = [
                (block, tuple(_key(g, s, shapes) for g, s in zip(block.groups, itertools.chain(*classes), strict=True)))
                for block, classes in zip(spec.blocks[name], each, strict=True)
            ]
        return cls(
            layout.unflatten(weights),
            reference,
            blocks,
            layout,
            keys,
            {group: torch.zeros(shape, dtype=weights.dtype) for group, shape in shapes.items()},
            {sign: torch.zeros(shapes[group], dtype=weights.dtype) for sign, group in signs.items()},
            temperature,
        )

    def run(
        self, steps: int, lr: float, midpoint: Midpoint | None, tell: Callable[[int], None]
    ) -> tuple[dict[str, Int[Tensor, "models _"]], dict[str, Float[Tensor, "models _"]]]:
        """Descend by Adam until every network stands still; the rounded permutations and signs.

        Args:
            steps: at most so many.
            lr: of Adam.
            midpoint: whose loss is lowered, instead of the distance.
            tell: called before each step.
        """
        found, signed = self._rounded()
        still = torch.zeros(len(next(iter(self.weights.values()))), dtype=torch.long)
        leaves = [*self.scores.values(), *self.turns.values()]
        if not leaves:
            return found, signed
        first, second = ([torch.zeros_like(leaf) for leaf in leaves] for _ in range(2))
        for step in range(1, steps + 1):
            tell(step - 1)
            for leaf, slope, m, v in zip(leaves, self._slopes(leaves, midpoint), first, second, strict=True):
                m.lerp_(slope, 1 - BETAS[0])
                v.lerp_(slope.square(), 1 - BETAS[1])
                height = (v / (1 - BETAS[1] ** step)).sqrt_().clamp_(min=torch.finfo(v.dtype).tiny)
                leaf.addcdiv_(m, height, value=-lr / (1 - BETAS[0] ** step))
            if step % CHECK == 0 or step == steps:
                orders, signs = self._rounded()
                running = still < PATIENCE
                same = torch.stack([(orders[group] == units).all(1) for group, units in found.items()]).all(0)
                found = {
                    group: torch.where(running.unsqueeze(1), orders[group], units) for group, units in found.items()
                }
                signed = {
                    sign: torch.where(running.unsqueeze(1), signs[sign], values) for sign, values in signed.items()
                }
                still = torch.where(running, torch.where(same, still + 1, 0), still)
                if bool((still >= PATIENCE).all()):
                    break
        return found, signed

    def _slopes(self, leaves: Sequence[Tensor], midpoint: Midpoint | None) -> tuple[Tensor, ...]:
        with torch.enable_grad():
            for leaf in leaves:
                leaf.requires_grad_(True)
            moved = self.layout.flatten(self._softly(self._matrices()))
            if midpoint is None:
                loss = -(moved * self.reference).sum()
            else:
                loss = torch.stack([midpoint.loss(one, slice(None)) for one in moved]).sum()
            slopes = torch.autograd.grad(loss, leaves)
        for leaf in leaves:
            leaf.requires_grad_(False)
        return slopes

    def _matrices(self) -> dict[Key, Float[Tensor, "models _ _"]]:
        soft = {group: sinkhorn(scores / self.temperature) for group, scores in self.scores.items()}
        return {
            (group, sign): soft[group] if sign is None else soft[group] * torch.tanh(self.turns[sign])
            for group, sign in self.keys
        }

    def _softly(self, matrices: Mapping[Key, Tensor]) -> dict[str, Tensor]:
        """The networks with every factor of a group multiplied by its matrix."""
        moved = {}
        for name, value in self.weights.items():
            result = value
            for block, keys in self.blocks.get(name, ()):
                if any(keys):
                    part = value[(slice(None), *block.slices)]
                    units = part.reshape(len(value), *block.shape)
                    for place, key in enumerate(keys):
                        if key is not None:
                            front = units.movedim(place + 1, 1)
                            turned = torch.matmul(matrices[key], front.reshape(*front.shape[:2], -1)).view(front.shape)
                            units = turned.movedim(1, place + 1)
                    if part.shape == value.shape:
                        result = units.reshape(value.shape)
                    else:
                        result = result.clone() if result is value else result
                        result[(slice(None), *block.slices)] = units.reshape(part.shape)
            moved[name] = result
        return moved

    @torch.no_grad()
    def _rounded(self) -> tuple[dict[str, Int[Tensor, "models _"]], dict[str, Float[Tensor, "models _"]]]:
        orders = {group: assign(sinkhorn(scores / self.temperature)) for group, scores in self.scores.items()}
        signs = {
            sign: torch.where(at(self.turns[sign], orders[group]) < 0, -1.0, 1.0)
            for group, sign in self.keys
            if sign is not None
        }
        return orders, signs


def _key(group: str | None, sign: str | None, known: Mapping[str, Any]) -> Key | None:
    return (group, sign) if group is not None and group in known else None
