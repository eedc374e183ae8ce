"""Sinkhorn matching: permutations relaxed to doubly stochastic matrices and found by gradient descent."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from wsexplore.align.ascent import SWEEPS, ascend, at
from wsexplore.align.assignment import assign
from wsexplore.align.matching import Matching
from wsexplore.align.problem import Key, Problem
from wsexplore.align.sights import pieces_of
from wsexplore.align.ste import Midpoint
from wsexplore.datasets import Split
from wsexplore.nets import Architecture, Layout
from wsexplore.population import OnStep
from wsexplore.symmetry import Block, PermutationSpec

ITERATIONS = 20
"""Normalisations of rows and columns, per step and once more for the gradient."""

MEMORY = 256 << 20
"""Bytes that the networks matched at once may take."""


def sinkhorn(scores: Float[Tensor, "models units units"], iterations: int = ITERATIONS) -> Float[Tensor, "..."]:
    r"""Matrices $\exp(S_{ij} + f_i + g_j)$ whose rows and columns sum to 1, in the domain of logarithms (Cuturi 2013).

    Columns sum to 1 exactly, rows as nearly as the iterations allow. The gradient is that of the limit, by implicit
    differentiation (Eisenberger et al., CVPR 2022), its linear system solved by as many alternating steps: no more
    memory than the matrices.
    """
    matrices: Tensor = _Sinkhorn.apply(scores, iterations)
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


def match_sinkhorn(
    architecture: Architecture,
    reference: Float[Tensor, " parameters"],
    weights: Float[Tensor, "models parameters"],
    spec: PermutationSpec,
    *,
    split: Split | None = None,
    steps: int = 200,
    lr: float = 0.1,
    temperature: float = 1.0,
    polish: bool = True,
    seed: int = 0,
    signs: bool = False,
    on_step: OnStep | None = None,
) -> Matching:
    r"""Match every network of a population to one reference by gradient descent on relaxed permutations.

    Each group has one score per place and unit, zero at the start, and $P = \operatorname{Sinkhorn}(\text{scores} /
    T)$. Adam lowers $|\theta^A - P(\theta^B)|^2$, or with samples the loss of $\frac12 (\theta^A + P(\theta^B))$; then
    $P$ is rounded by assignment (Pena et al., "Re-basin via implicit Sinkhorn differentiation", CVPR 2023). A network
    stops when its rounded permutation has stood still for a while. Where units may be flipped, $P$ is multiplied by
    $\tanh$ of scores of its own. Heads and the units within them stand where coordinate ascent puts them.

    What is rounded is kept only where it is no worse than the start, by the same measure.

    Args:
        architecture: of all networks.
        reference: the network that stays.
        weights: one network per row.
        spec: of the architecture.
        split: samples with their classes; without them, no data are needed.
        steps: at most so many.
        lr: of Adam.
        temperature: the lower, the closer the relaxed permutations are to real ones.
        polish: let coordinate ascent climb on from there; not where there are samples, since it looks at weights only.
        seed: of the order of the groups in coordinate ascent.
        signs: flip units, too, where their activation lets signs through.
        on_step: told the share done; it may raise to cancel.

    Raises:
        ValueError: a number is out of range, a weight is not finite, or there are samples and the networks are no
            classifiers.
    """
    if steps < 1 or not lr > 0 or not temperature > 0:
        raise ValueError(f"steps, lr and temperature must be positive, got {steps}, {lr:g} and {temperature:g}")
    if not bool(torch.isfinite(weights).all()) or not bool(torch.isfinite(reference).all()):
        raise ValueError("a network has weights that are not finite, so it cannot be matched; leave it out of the zoo")
    layout = architecture.layout
    midpoint = None if split is None else Midpoint.of(architecture, reference, split, len(split))
    problem = Problem.of(weights, reference.unsqueeze(0), spec, layout, signs=signs)
    before = (weights.double() * reference.double()).sum(1)
    start = problem.start()
    if problem.families:
        ascend(problem, sweeps=SWEEPS, seed=seed)
    bound = {group: problem.units[group] if group not in problem.plain else units for group, units in start.units.items()}
    moved = permute_weights(weights, bound, spec, layout)
    relaxed = _Relaxed.of(spec, layout, reference, problem.keys)
    plan = _Plan(steps, lr, temperature)
    each = 4 * (8 * layout.size + 12 * sum(spec.sizes[group] ** 2 for group in problem.plain))
    size = max(1, MEMORY // each)
    ...
