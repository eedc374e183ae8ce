"""Weight matching: the order of one network's units in which it lies closest to another."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray as Array
from torch import Tensor, nn

from wsexplore.align.ascent import SWEEPS, ascend, meetings
from wsexplore.align.checks import check_alike, check_counts, check_finite, check_word
from wsexplore.align.families import HEADS
from wsexplore.align.fixed import standing, without
from wsexplore.align.frank_wolfe import STEPS, has_stream, relax
from wsexplore.align.problem import Problem
from wsexplore.nets import Layout
from wsexplore.population import OnStep
from wsexplore.symmetry import PermutationSpec, permute_buffers, permute_weights, rescale_weights

DISAGREE = 1e-6
"""Two orders disagree where their objectives differ by more than this share."""

NOISE = 0.5
"""How far a restart of Frank-Wolfe begins from the middle."""


@dataclass(frozen=True, slots=True, eq=False)
class Matching:
    """The permutations of many networks that bring each closest to one reference.

    Attributes:
        permutations: per group the old unit at each new place, one row per network.
        objective: inner product with the reference before the first sweep and after each; it never falls. A network
            that has converged keeps its last value.
        signs: per class 1 or -1 for each new place; only where they were asked for and some unit may be flipped.
    """

    permutations: dict[str, Int[Tensor, "models ..."]]
    objective: Float[Array, "models sweeps"]
    signs: dict[str, Float[Tensor, "models _"]] = field(default_factory=dict)

    def apply(
        self, weights: Float[Tensor, "models parameters"], spec: PermutationSpec, layout: Layout
    ) -> Float[Tensor, "models parameters"]:
        """The networks with their units in the places, and with the signs, that were found."""
        moved = permute_weights(weights, self.permutations, spec, layout)
        return rescale_weights(moved, self.signs, spec, layout) if self.signs else moved

    def apply_buffers(
        self, buffers: Float[Tensor, "models buffers"], spec: PermutationSpec, layout: Layout
    ) -> Float[Tensor, "models buffers"]:
        """Running statistics in the places of their units; `layout` is that of the buffers."""
        return permute_buffers(buffers, self.permutations, spec, layout)


def match_weights(
    reference: nn.Module | Mapping[str, Tensor],
    other: nn.Module | Mapping[str, Tensor],
    spec: PermutationSpec,
    *,
    method: str = "auto",
    sweeps: int = SWEEPS,
    steps: int = STEPS,
    restarts: int = 0,
    seed: int = 0,
    heads: str = "exact",
    fixed: Collection[str] = (),
) -> dict[str, Int[Tensor, "..."]]:
    r"""The permutation of `other` that brings it closest to `reference`.

    Maximises $\sum_k \langle \theta^A_k, (P\theta^B)_k \rangle$; see `match_population` for the methods.

    Args:
        reference: a module, or its parameters by name.
        other: likewise.
        spec: of both.
        method: a name in `SOLVERS`.
        sweeps: at most so many passes over the groups.
        steps: at most so many of Frank-Wolfe; a few find most of what there is.
        restarts: further tries from other starts, of which the best is kept.
        seed: of the order of the groups.
        heads: how attention heads are paired: "exact", or "spectral" as TransFusion does.
        fixed: groups that stay in order.

    Raises:
        ValueError: the two differ in names or shapes of parameters, do not fit the spec, or hold what is not finite; a
            word or a fixed group is unknown, or a number out of range.
    """
    a, b = _parameters(reference), _parameters(other)
    shapes, theirs = ({name: tuple(value.shape) for name, value in values.items()} for values in (a, b))
    check_alike(shapes, theirs)
    layout = Layout.of_shapes(shapes)
    check_finite(torch.stack([layout.flatten(a), layout.flatten(b)]), layout, ["the reference", "the other network"])
    matching = match_population(
        layout.flatten(b).unsqueeze(0),
        layout.flatten(a),
        spec,
        layout,
        method=method,
        sweeps=sweeps,
        steps=steps,
        restarts=restarts,
        seed=seed,
        heads=heads,
        fixed=fixed,
    )
    return {group: units[0] for group, units in matching.permutations.items()}


def _parameters(network: nn.Module | Mapping[str, Tensor]) -> dict[str, Tensor]:
    named = network.named_parameters() if isinstance(network, nn.Module) else network.items()
    return {name: value.detach() for name, value in named}


@torch.no_grad()
def match_population(
    weights: Float[Tensor, "models parameters"],
    reference: Float[Tensor, "*models_or_none parameters"],
    spec: PermutationSpec,
    layout: Layout,
    *,
    method: str = "auto",
    sweeps: int = SWEEPS,
    steps: int = STEPS,
    restarts: int = 0,
    seed: int = 0,
    signs: bool = False,
    heads: str = "exact",
    fixed: Collection[str] = (),
    names: Sequence[str] = (),
    on_step: OnStep | None = None,
) -> Matching:
    """Match every network of a population to one reference, or each to its own, all at once.

    The inner products of all networks are batched matrix products, and a network that no longer changes leaves the
    batch. What is found for one network does not depend on the others.

    Args:
        weights: one network per row.
        reference: the network to match, or one per row.
        spec: of the architecture.
        layout: of the architecture.
        method: "weights" is coordinate ascent; "frank-wolfe" relaxes all groups at once, rounds and then ascends (it
            finds what coordinate ascent misses in residual networks); "auto" ascends in two orders, and takes
            Frank-Wolfe, too, where they disagree or where several layers write to one residual stream.
        sweeps: at most so many passes over the groups.
        steps: at most so many of Frank-Wolfe; a few find most of what there is.
        restarts: further tries from other starts, of which the best is kept.
        seed: of the order of the groups, the same for all networks.
        signs: flip units, too, where their activation lets signs through (tanh, sine).
        heads: how attention heads are paired: "exact", or "spectral" as TransFusion does.
        fixed: groups that stay in order, and keep their signs: the residual stream of a transformer, say.
        names: what to call each network where it cannot be matched; by default by its row.
        on_step: told the share of the tries done, after every assignment; it may raise to cancel.

    Raises:
        ValueError: a word or a fixed group is unknown, a number is out of range, the spec does not fit, or a weight is
            not finite.
    """
    check_word(method, SOLVERS, "matching method")
    check_word(heads, HEADS, "pairing of heads")
    check_counts({"sweeps": (sweeps, 1), "steps": (steps, 1), "restarts": (restarts, 0)})
    goal = reference.unsqueeze(0) if reference.dim() == 1 else reference
    check_finite(weights, layout, names)
    check_finite(
        goal, layout, ["the reference"] if len(goal) == 1 else [f"reference {row}" for row in range(len(goal))]
    )
    free = without(spec, fixed)
    problem = Problem.of(weights, goal, free, layout, signs=signs)
    whole = torch.linalg.vecdot(weights.double(), goal.double())
    still = standing(spec, free, len(weights))
    if not free.sizes:
        return Matching(still, whole.unsqueeze(1).numpy())
    first = problem.objective()
    rest = whole - first
    tries: list[_Try] = []

    def visit() -> None:
        if on_step is not None:
            on_step(len(tries) / (1 + restarts), f"matching by {method}, try {len(tries) + 1:,} of {1 + restarts:,}")

    for extra in range(1 + restarts):
        tries.append(SOLVERS[method](problem, _Plan(sweeps, steps, seed + extra, extra > 0, heads, first, visit)))
    best = _best_of(tries)
    objective = torch.stack([whole, *(rest + value for value in best.objective)], dim=1)
    found = best.problem.units | still
    return Matching({group: found[group] for group in spec.groups}, objective.numpy(), best.problem.signs)


@dataclass(slots=True)
class _Try:
    """Where a solver ended, and its objective after each sweep."""

    problem: Problem
    objective: list[Float[Tensor, " models"]]


@dataclass(frozen=True, slots=True)
class _Plan:
    """How long a solver may climb, from where, and how high that is."""

    sweeps: int
    steps: int
    seed: int
    again: bool
    heads: str
    first: Float[Tensor, " models"]
    visit: Callable[[], None]
    backwards: bool = False

    def climb(self, problem: Problem) -> list[Float[Tensor, " models"]]:
        """Coordinate ascent, as far as it may go."""
        return ascend(
            problem, sweeps=self.sweeps, seed=self.seed, backwards=self.backwards, heads=self.heads, visit=self.visit
        )


def _ascended(problem: Problem, plan: _Plan) -> _Try:
    at = problem.start()
    values = _summed(plan.first, plan.climb(at))
    return _Try(at, values[1:] or values)


def _relaxed(problem: Problem, plan: _Plan) -> _Try:
    at = problem.start()
    relax(at, steps=plan.steps, seed=plan.seed, noise=NOISE * plan.again, visit=plan.visit)
    rounded = at.objective()
    return _Try(at, _summed(rounded, plan.climb(at)))


def _chosen(problem: Problem, plan: _Plan) -> _Try:
    """Coordinate ascent where it is enough, else Frank-Wolfe, too."""
    if len(problem.plain) < 2 or not any(meetings(problem).values()):
        return _ascended(problem, plan)
    if has_stream(problem.spec):
        return _relaxed(problem, plan)
    one, other = (_ascended(problem, replace(plan, backwards=backwards)) for backwards in (False, True))
    a, b = one.objective[-1], other.objective[-1]
    differ = (a - b).abs() > DISAGREE * a.abs().clamp(min=1e-30)
    best = _best_of([one, other])
    if bool(differ.any()):
        rows = differ.nonzero().flatten()
        again = _relaxed(problem.rows(rows), plan)
        best = _best_of([best, _spread(best, again, rows)])
    return best


SOLVERS: Mapping[str, Callable[[Problem, _Plan], _Try]] = {
    "auto": _chosen,
    "weights": _ascended,
    "frank-wolfe": _relaxed,
}
"""Ways to climb the same objective."""


def _summed(first: Tensor, gained: list[Tensor]) -> list[Tensor]:
    values = [first]
    for gain in gained:
        values.append(values[-1] + gain)
    return values


def _spread(best: _Try, again: _Try, rows: Tensor) -> _Try:
    """A try for some of the networks as one for all, which wins nowhere else."""
    whole = best.problem.start()
    for group, units in again.problem.units.items():
        whole.units[group][rows] = units
    for sign, values in again.problem.signs.items():
        whole.signs[sign][rows] = values
    ends = []
    for value in again.objective:
        full = torch.full((whole.models,), -np.inf, dtype=torch.float64)
        full[rows] = value
        ends.append(full)
    return _Try(whole, ends)


def _best_of(tries: list[_Try]) -> _Try:
    """For each network the try that ended highest."""
    best = tries[0]
    for other in tries[1:]:
        wins = other.objective[-1] > best.objective[-1]
        units = {g: _where(wins, other.problem.units[g], u) for g, u in best.problem.units.items()}
        signs = {s: _where(wins, other.problem.signs[s], v) for s, v in best.problem.signs.items()}
        sweeps = max(len(best.objective), len(other.objective))
        one, two = (
            [*values, *(values[-1] for _ in range(sweeps - len(values)))]
            for values in (best.objective, other.objective)
        )
        best.problem.units, best.problem.signs = units, signs
        best = _Try(best.problem, [_where(wins, b, a) for a, b in zip(one, two, strict=True)])
    return best


def _where(wins: Tensor, one: Tensor, other: Tensor) -> Tensor:
    return torch.where(wins.view(-1, *(1,) * (one.dim() - 1)), one, other)
