"""Straight-through matching: the permutation whose midpoint with the reference has the lowest loss on data."""

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _NormBase

from wsexplore.align.ascent import SWEEPS, ascend
from wsexplore.align.matching import Matching, match_population
from wsexplore.align.problem import Problem
from wsexplore.datasets import Split
from wsexplore.nets import Architecture
from wsexplore.population import OnStep
from wsexplore.symmetry import PermutationSpec

MOMENTUM = 0.9


def match_straight_through(
    architecture: Architecture,
    reference: Float[Tensor, " parameters"],
    weights: Float[Tensor, "models parameters"],
    spec: PermutationSpec,
    split: Split,
    *,
    steps: int = 100,
    lr: float = 0.1,
    batch: int = 1000,
    seed: int = 0,
    signs: bool = False,
    heads: str = "exact",
    on_step: OnStep | None = None,
) -> Matching:
    r"""Match networks to one reference so that the loss halfway between is low, one network after the other.

    A shadow $\hat\theta$ starts at the reference $\theta^A$. Each step matches $\theta^B$ to it by coordinate ascent
    from the last permutation, and moves it down the gradient of the loss of $\frac12 (\theta^A + \pi(\theta^B))$ as if
    $\pi(\theta^B)$ were $\hat\theta$ (Ainsworth et al., "Git Re-Basin", ICLR 2023, Algorithm 2; SGD with momentum 0.9).
    It begins at what weight matching finds and keeps the permutation with the lowest loss of a batch, where that is
    lower on all samples, too: never worse there than weight matching. Normalisation layers with running statistics use
    those of the batch.

    The objective is that of weight matching, before and after; what lowers the loss may lower it.

    Args:
        architecture: of all networks.
        reference: the network that stays.
        weights: one network per row.
        spec: of the architecture.
        split: samples with their classes.
        steps: of the shadow, per network.
        lr: of the shadow.
        batch: samples per step, or all of them where there are fewer.
        seed: of the batches and of the order of the groups.
        signs: flip units, too, where their activation lets signs through.
        heads: how attention heads are paired: "exact" or "spectral".
        on_step: told the share done; it may raise to cancel.

    Raises:
        ValueError: the networks are no classifiers, there are no samples, or a number is out of range.
    """
    if steps < 1 or batch < 1 or not lr > 0:
        raise ValueError(f"steps, batch and lr must be positive, got {steps}, {batch} and {lr:g}")
    midpoint = Midpoint.of(architecture, reference, split, batch)
    found = []
    for row in range(len(weights)):

        def tell(share: float, message: str, row: int = row) -> None:
            if on_step is not None:
                on_step((row + share) / len(weights), f"network {row + 1:,} of {len(weights):,}: {message}")

        plan = _Plan(steps, lr, seed, signs, heads, tell)
        found.append(_lowest(midpoint, weights[row : row + 1], spec, plan))
    return _together(found, weights, reference)


@dataclass(frozen=True, slots=True)
class Midpoint:
    """The loss halfway between a reference and other networks, on some samples.

    Attributes:
        architecture: of all networks.
        module: one whose parameters are replaced.
        reference: the network that stays.
        split: the samples, in the shape of the architecture.
        batch: samples that run at once.
    """

    architecture: Architecture
    module: nn.Module
    reference: Float[Tensor, " parameters"]
    split: Split
    batch: int

    @classmethod
    def of(
        cls, architecture: Architecture, reference: Float[Tensor, " parameters"], split: Split, batch: int
    ) -> "Midpoint":
        """Samples brought into shape.

        Raises:
            ValueError: the networks are no classifiers, there are no samples, or these do not fit.
        """
        if architecture.task != "classify":
            raise ValueError(
                f"networks of {architecture.name} are pictures, not classifiers, so there is no loss to lower"
            )
        if not len(split):
            raise ValueError("the loss is taken on samples, and there are none; give some")
        shape = architecture.input_shape
        if split.inputs[0].numel() != int(torch.Size(shape).numel()):
            raise ValueError(
                f"inputs of shape {tuple(split.inputs.shape)} do not fit {architecture.name} with input shape {shape}"
            )
        outputs = architecture.forward(reference.unsqueeze(0), split.inputs[:1]).shape[-1]
        if int(split.targets.max()) >= outputs:
            raise ValueError(
                f"the samples have classes up to number {int(split.targets.max())}, "
                f"these networks of {architecture.name} have {outputs} outputs"
            )
        module = architecture.module(reference)
        for layer in module.modules():
            layer.train(isinstance(layer, _NormBase))
        return cls(architecture, module, reference, Split(split.inputs.reshape(-1, *shape), split.targets), batch)

    def loss(self, other: Float[Tensor, " parameters"], rows: Tensor | slice) -> Float[Tensor, ""]:
        """Mean cross-entropy of some samples, in nats."""
        parameters = self.architecture.layout.unflatten((self.reference + other) / 2)
        logits = functional_call(self.module, parameters, (self.split.inputs[rows],))
        return nn.functional.cross_entropy(logits, self.split.targets[rows])

    @torch.no_grad()
    def whole(self, other: Float[Tensor, " parameters"]) -> float:
        """Mean cross-entropy of all samples, in nats."""
        parts = torch.arange(len(self.split)).tensor_split(math.ceil(len(self.split) / self.batch))
        return sum(float(self.loss(other, rows)) * len(rows) for rows in parts) / len(self.split)


@dataclass(frozen=True, slots=True)
class _Plan:
    steps: int
    lr: float
    seed: int
    signs: bool
    heads: str
    tell: OnStep


def _lowest(midpoint: Midpoint, weights: Float[Tensor, "1 parameters"], spec: PermutationSpec, plan: _Plan) -> Matching:
    """The permutation of one network with the lowest loss halfway, of those that its shadow meets."""
    architecture, reference = midpoint.architecture, midpoint.reference
    layout, count = architecture.layout, len(midpoint.split)
    start = match_population(weights, reference, spec, layout, seed=plan.seed, signs=plan.signs, heads=plan.heads)
    draw = torch.Generator().manual_seed(plan.seed)
    shadow, velocity = reference.clone(), torch.zeros_like(reference)
    last, best, lowest = start, start, float("inf")
    for step in range(plan.steps):
        if step:
            last = _matched(weights, shadow, spec, architecture, last, plan, plan.seed + step)
        moved = last.apply(weights, spec, layout)[0]
        shadow.requires_grad_(True)
        rows = torch.randperm(count, generator=draw)[: midpoint.batch] if count > midpoint.batch else slice(None)
        loss = midpoint.loss(moved + (shadow - shadow.detach()), rows)
        (gradient,) = torch.autograd.grad(loss, shadow)
        shadow = shadow.detach()
        velocity = MOMENTUM * velocity + gradient
        shadow = shadow - plan.lr * velocity
        if float(loss.detach()) < lowest:
            lowest, best = float(loss.detach()), last
        plan.tell((step + 1) / plan.steps, f"step {step + 1:,} of {plan.steps:,}, loss halfway {lowest:.3f} nats")
    ends = [each.apply(weights, spec, layout)[0] for each in (start, best)]
    losses = [midpoint.whole(end) for end in ends]
    kept = int(losses[1] < losses[0])
    after = float((ends[kept].double() * reference.double()).sum())
    return replace((start, best)[kept], objective=np.array([[after]]))


def _matched(
    weights: Float[Tensor, "1 parameters"],
    goal: Float[Tensor, " parameters"],
    spec: PermutationSpec,
    architecture: Architecture,
    last: Matching,
    plan: _Plan,
    seed: int,
) -> Matching:
    """Coordinate ascent from where it stood."""
    problem = Problem.of(weights, goal.unsqueeze(0), spec, architecture.layout, signs=bool(last.signs))
    problem.units = {group: units.clone() for group, units in last.permutations.items()}
    problem.signs = {sign: values.clone() for sign, values in last.signs.items()}
    ascend(problem, sweeps=SWEEPS, seed=seed, heads=plan.heads)
    return replace(last, permutations=problem.units, signs=problem.signs)


def _together(
    found: list[Matching], weights: Float[Tensor, "models parameters"], reference: Float[Tensor, " parameters"]
) -> Matching:
    """One matching of many networks, with the objective before and after."""
    permutations = {group: torch.cat([one.permutations[group] for one in found]) for group in found[0].permutations}
    signs = {sign: torch.cat([one.signs[sign] for one in found]) for sign in found[0].signs}
    before = (weights.double() * reference.double()).sum(1)
    after = torch.tensor([one.objective[0, -1] for one in found], dtype=torch.float64)
    return Matching(permutations, torch.stack([before, after], dim=1).numpy(), signs)
