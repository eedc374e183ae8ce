"""Many networks aligned to something that is none of them: their mean, or an order found for all at once."""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from wsexplore.align.assignment import assign
from wsexplore.align.fixed import standing, without
from wsexplore.align.matching import Matching
from wsexplore.align.moves import Moves, moved_networks
from wsexplore.align.problem import Problem, Term, products
from wsexplore.align.rows import Matcher

ROUNDS = 30
FEW = 64
"""Networks up to which each is matched to the mean of the others, one by one, as MergeMany does."""

CLOSE = 1e-6
STEPS = 40
Tell = Callable[[float, str], None]


def to_mean(matcher: Matcher, moves: Moves, tell: Tell) -> Float[Tensor, " parameters"]:
    """Match every network to the mean of the aligned ones until the mean is at rest; the mean is returned.

    Up to `FEW` networks follow MergeMany (Ainsworth et al., 2023, Algorithm 3): one by one in random order, each to the
    mean of the others. More are matched to the mean of all at once, round by round (generalised Procrustes). Both raise
    the norm of the mean in every round: the sum of the inner products of all pairs.
    """
    zoo, spec = matcher.zoo, matcher.spec
    draw = np.random.default_rng(matcher.seed)
    total = mean_of(matcher, moves) * len(zoo)
    for turn in range(ROUNDS):
        before, changed = float(total.norm()), False
        batches = [np.array([row]) for row in draw.permutation(len(zoo))] if len(zoo) <= FEW else [np.arange(len(zoo))]
        for place, rows in enumerate(batches):
            alone = len(rows) == 1 and len(zoo) > 1
            own = moves.weights(zoo.rows(rows), rows, spec, zoo.architecture).double() if alone else None
            goal = (total - own[0]) / (len(zoo) - 1) if own is not None else total / len(zoo)

            def at_work(done: float, turn: int = turn, place: int = place, batches: int = len(batches)) -> None:
                tell((turn + place / batches) / ROUNDS, f"round {turn + 1}: {place:,} of {batches:,}")

            for part, found in matcher.found(rows, goal.float(), moves, method="weights", on_done=at_work):
                changed |= moves.follow(part, found, spec)
            if own is not None:
                total += moves.weights(zoo.rows(rows), rows, spec, zoo.architecture).double()[0] - own[0]
            tell((turn + (place + 1) / len(batches)) / ROUNDS, f"round {turn + 1}: {place + 1:,} of {len(batches):,}")
        if len(batches) == 1:
            total = mean_of(matcher, moves) * len(zoo)
        if not changed or float(total.norm()) <= before * (1 + CLOSE):
            break
    return (total / len(zoo)).float()


def mean_of(matcher: Matcher, moves: Moves) -> Float[Tensor, " parameters"]:
    """The mean of all networks as they are moved, in double precision."""
    total = torch.zeros(matcher.zoo.architecture.layout.size, dtype=torch.float64)
    for _, _, moved, _ in moved_networks(matcher.zoo, moves, matcher.spec, matcher.at_once):
        total += moved.double().sum(0)
    return total / max(1, len(matcher.zoo))


def to_cycle(matcher: Matcher, moves: Moves, tell: Tell) -> Float[Tensor, " parameters"]:
    r"""Find one order for all networks at once, so that the maps between them close every cycle; the mean is returned.

    C2M3 (Crisostomi et al., NeurIPS 2024): every network has a permutation $P_m$ to a common universe, those between
    two networks are $P_a P_b^T$, and Frank-Wolfe climbs the sum of the inner products of all pairs over all of them
    together. Along a step it is a polynomial of degree four, whose best point is found exactly. The end is rounded and
    then polished as `to_mean` does. Signs and heads are only moved by the polish.

    All networks are held in memory.
    """
    zoo, spec, layout = matcher.zoo, matcher.spec, matcher.zoo.architecture.layout
    rows = np.arange(len(zoo))
    weights = moves.weights(zoo.rows(rows), rows, spec, zoo.architecture)
    free = without(spec, matcher.fixed)
    problem = Problem.of(weights, weights, free, layout, signs=False)
    if problem.plain:
        _relax_together(problem, lambda share: tell(0.5 * share, "relaxed orders of all networks"))
    found = Matching(problem.units | standing(spec, free, len(zoo)), np.zeros((len(zoo), 1)), {})
    moves.follow(rows, found, spec)
    return to_mean(matcher, moves, lambda share, words: tell(0.5 + 0.5 * share, words))


def _relax_together(problem: Problem, told: Callable[[float], None]) -> None:
    """Frank-Wolfe over the permutations of all networks; starts half-way between what they are and the middle."""
    models = problem.models
    groups = problem.plain
    point = {}
    for group in groups:
        size = problem.spec.sizes[group]
        start = 0.5 * torch.eye(size, dtype=problem.dtype) + 0.5 / size
        point[group] = start.expand(models, size, size).clone()
    terms = _single_terms(problem)
    first = 0.0
    for step in range(STEPS):
        soft = [_soft(term, point) for term in terms]
        gradient = {group: torch.zeros_like(point[group]) for group in groups}
        for term, state in zip(terms, soft, strict=True):
            goal = state.sum(0, keepdim=True) - state
            for axis, key in enumerate(term.keys):
                gradient[key[0]] += products(goal, _soft(term, point, but=axis), axis)
        ends = {
            group: torch.zeros_like(p).scatter_(2, assign(gradient[group]).unsqueeze(2), 1.0)
            for group, p in point.items()
        }
        way = {group: ends[group] - point[group] for group in groups}
        share, gain = _best_share(terms, soft, point, way)
        point = {group: point[group] + share * way[group] for group in groups}
        first = max(first, gain)
        told((step + 1) / STEPS)
        if gain <= 1e-4 * first:
            break
    for group in groups:
        problem.units[group] = assign(point[group])


def _single_terms(problem: Problem) -> list[Term]:
    """All blocks with one or two plain axes, their states alone."""
    return [term for term in problem.everything() if 1 <= len(term.keys) <= 2]


def _soft(term: Term, point: dict[str, Tensor], but: int = -1) -> Float[Tensor, "..."]:
    """The states of all networks under soft permutations of all axes but one."""
    state = term.state
    for axis, key in enumerate(term.keys):
        if axis != but:
            state = _mixed(state, axis, point[key[0]])
    return state


def _mixed(state: Float[Tensor, "..."], axis: int, soft: Float[Tensor, "models _ _"]) -> Float[Tensor, "..."]:
    front = state.movedim(axis + 1, 1)
    mixed = torch.matmul(soft, front.reshape(*front.shape[:2], -1))
    return mixed.view(front.shape).movedim(1, axis + 1)


def _best_share(
    terms: list[Term], soft: list[Tensor], point: dict[str, Tensor], way: dict[str, Tensor]
) -> tuple[float, float]:
    """How far to go, and what it gains: the largest value of the exact polynomial on the step."""
    coefficients = np.zeros(5)
    for term, zero in zip(terms, soft, strict=True):
        parts = [zero]
        if len(term.keys) == 1:
            parts.append(_mixed(term.state, 0, way[term.keys[0][0]]))
        else:
            one, other = (key[0] for key in term.keys)
            half, full = _mixed(term.state, 0, way[one]), _mixed(term.state, 0, point[one])
            parts += [_mixed(half, 1, point[other]) + _mixed(full, 1, way[other]), _mixed(half, 1, way[other])]
        for i, a in enumerate(parts):
            for j, b in enumerate(parts):
                together = float((a.sum(0) * b.sum(0)).double().sum())
                coefficients[i + j] += together - float((a * b).double().sum())
    value = np.polynomial.Polynomial(coefficients)
    roots = np.asarray(value.deriv().roots(), dtype=complex)
    turning = roots.real[(np.abs(roots.imag) < 1e-9) & (roots.real > 0) & (roots.real < 1)]
    best = max([1.0, *map(float, turning)], key=lambda share: float(value(share)))
    return best, float(value(best) - value(0.0))
