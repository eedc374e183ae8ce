"""Sinkhorn matching: permutations relaxed to doubly stochastic matrices and found by gradient descent."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from wsexplore.align.ascent import SWEEPS, ascend
from wsexplore.align.checks import check_finite
from wsexplore.align.matching import Matching
from wsexplore.align.problem import Problem
from wsexplore.align.relaxed import Descent
from wsexplore.align.ste import Midpoint
from wsexplore.datasets import Split
from wsexplore.nets import Architecture, Layout
from wsexplore.population import OnStep
from wsexplore.symmetry import PermutationSpec

MEMORY = 256 << 20
"""Bytes that the networks matched at once may take."""


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
    heads: str = "exact",
    on_step: OnStep | None = None,
) -> Matching:
    r"""Match every network of a population to one reference by gradient descent on relaxed permutations.

    Each group has one score per place and unit, zero at the start, and $P = \operatorname{Sinkhorn}(\text{scores} /
    T)$. Adam lowers $|\theta^A|^2 + |\theta^B|^2 - 2 \langle \theta^A, P(\theta^B) \rangle$, the squared distance where
    $P$ is a permutation, or with samples the loss of $\frac12 (\theta^A + P(\theta^B))$; then $P$ is rounded by
    assignment (Pena et al., "Re-basin via implicit Sinkhorn differentiation", CVPR 2023). They take the distance of the
    relaxed networks themselves, which draws $P$ to the middle: with one hidden layer and noise it missed the optimum
    that this finds. A network stops when its rounded permutation has stood still for a while. Where units may be
    flipped, $P$ is multiplied by $\tanh$ of scores of its own. Heads and the units within them stand where coordinate
    ascent puts them.

    What is rounded is kept only where it is no worse than the start, by the same measure. The objective is the inner
    product before, when rounded, and after each sweep of the polish; with samples it may fall.

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
        heads: how attention heads are paired: "exact" or "spectral".
        on_step: told the share done; it may raise to cancel.

    Raises:
        ValueError: a number is out of range, a weight is not finite, or there are samples and the networks are no
            classifiers.
    """
    if steps < 1 or not lr > 0 or not temperature > 0:
        raise ValueError(f"steps, lr and temperature must be positive, got {steps}, {lr:g} and {temperature:g}")
    layout = architecture.layout
    check_finite(weights, layout)
    check_finite(reference.unsqueeze(0), layout, ["the reference"])
    midpoint = None if split is None else Midpoint.of(architecture, reference, split, len(split))
    problem = Problem.of(weights, reference.unsqueeze(0), spec, layout, signs=signs)
    start = problem.start()
    if problem.families:
        ascend(problem, sweeps=SWEEPS, seed=seed, heads=heads)
        problem.units |= {group: start.units[group].clone() for group in problem.plain}
        problem.signs = {sign: ones.clone() for sign, ones in start.signs.items()}
    seen, keys = _moved(problem, weights, layout), [key for group in problem.plain for key in problem.keys[group]]
    each = 4 * (8 * layout.size + 12 * sum(spec.sizes[group] ** 2 for group, _ in keys))
    for rows in torch.split(torch.arange(len(weights)), max(1, MEMORY // each)):

        def tell(step: int, rows: Tensor = rows) -> None:
            if on_step is not None:
                done = (int(rows[0]) + len(rows) * step / steps) / len(weights)
                on_step(done, f"networks up to {int(rows[-1]) + 1:,} of {len(weights):,}: step {step:,} of {steps:,}")

        descent = Descent.of(seen[rows], reference, spec, layout, keys, temperature)
        orders, signed = descent.run(steps, lr, midpoint, tell)
        tell(steps)
        for group, units in orders.items():
            problem.units[group][rows] = units
        for sign, values in signed.items():
            problem.signs[sign][rows] = values.to(problem.dtype)
    ends = [_moved(one, weights, layout) for one in (start, problem)]
    products = [(end.double() * reference.double()).sum(1) for end in ends]
    worse = products[1] < products[0]
    if midpoint is not None:
        losses = [torch.tensor([midpoint.whole(end) for end in each]) for each in ends]
        worse = losses[1] > losses[0]
    problem.units = {group: _where(worse, start.units[group], units) for group, units in problem.units.items()}
    problem.signs = {sign: _where(worse, start.signs[sign], values) for sign, values in problem.signs.items()}
    objective = [products[0], torch.where(worse, products[0], products[1])]
    if polish and midpoint is None:
        for gain in ascend(problem, sweeps=SWEEPS, seed=seed, heads=heads):
            objective.append(objective[-1] + gain)
    return Matching(problem.units, torch.stack(objective, dim=1).numpy(), problem.signs)


def _moved(problem: Problem, weights: Float[Tensor, "models parameters"], layout: Layout) -> Float[Tensor, "models _"]:
    return Matching(problem.units, np.empty((len(weights), 0)), problem.signs).apply(weights, problem.spec, layout)


def _where(chosen: Tensor, one: Tensor, other: Tensor) -> Tensor:
    return torch.where(chosen.view(-1, *(1,) * (one.dim() - 1)), one, other)
