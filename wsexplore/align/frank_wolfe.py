"""Weight matching on all layers at once: Frank-Wolfe over doubly stochastic matrices, with exact line search."""

from collections.abc import Callable, Container
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from wsexplore.align.ascent import at, combined
from wsexplore.align.assignment import assign
from wsexplore.align.problem import Key, Problem, Term, placed, products
from wsexplore.symmetry import PermutationSpec

STEPS = 60
STOP = 1e-4
"""A step that gains less than this share of the first one is the last."""

TELLING = 4
"""A group that sees fewer numbers per unit than this from the middle waits for one step: its assignment would be slow,
all orders being nearly alike, and would say little."""

CAUTION = 0.3
"""How far the others go meanwhile, at most (measured: 1 ends lower, and so does not to wait)."""


@dataclass(slots=True)
class _Bilinear:
    """A term between two keys: what each axis gains at the point, and along the direction."""

    term: Term
    first: Float[Tensor, "models _ _"]
    second: Float[Tensor, "models _ _"]


def relax(
    problem: Problem, *, steps: int, seed: int, noise: float = 0.0, visit: Callable[[], None] = lambda: None
) -> None:
    r"""Move the problem's plain groups to the rounded end of a Frank-Wolfe ascent over the Birkhoff polytopes.

    All permutations are relaxed to doubly stochastic $X_p$ and start in the middle, $J/n$. With the gradient
    $G_p = \partial f / \partial X_p$, the best vertices $S_p$ are assignments, and along $D = S - X$ the objective is
    exactly $f + c_1 t + c_2 t^2$, $c_1 = \sum_p \langle G_p, D_p \rangle$, $c_2 = \sum \langle A, D_p B D_q^T \rangle$;
    the step is $t = 1$ where $c_2 \ge 0$, else $\min(1, -c_1 / 2 c_2)$ (Crisostomi et al., "C2M3", NeurIPS 2024; the
    closed form and the start are ours). Where units may be flipped, $X$ is signed and starts at zero. Groups that the
    middle tells little wait for the others' first step, which is then a short one. The end is rounded by assignment.
    Families stay where they are. Gradients follow the step in closed form, so that a step costs one product per side
    of a term.

    Args:
        problem: its units and signs are moved.
        steps: at most so many.
        seed: of the noise.
        noise: how far the start is moved from the middle, as a share; for restarts.
        visit: called after every step; it may raise to cancel.
    """
    terms = [term for term in problem.all_terms() if len(term.keys) <= 2]
    linear = dict(problem.linear)
    pairs: list[_Bilinear] = []
    point = _middle(problem, seed, noise)
    for term in terms:
        if len(term.keys) == 1:
            gain = products(term.goal, term.state, 0)
            linear[term.keys[0]] = linear[term.keys[0]] + gain if term.keys[0] in linear else gain
        elif noise:
            pairs.append(_Bilinear(term, _dense(term, 0, point), _dense(term, 1, point)))
        else:
            pairs.append(_Bilinear(term, _from_middle(term, 0), _from_middle(term, 1)))
    waiting = set[str]() if noise else _waiting(problem, terms)
    running = torch.ones(problem.models, dtype=torch.bool)
    best = torch.zeros(problem.models, dtype=torch.float64)
    for _ in range(steps):
        gradient = _gradient(linear, pairs, point)
        orders, signed = _vertices(problem, gradient, waiting)
        furthest = CAUTION if waiting else 1.0
        waiting = set()
        c1, c2 = torch.zeros_like(best), torch.zeros_like(best)
        for key in signed:
            c1 += _along(gradient[key], point[key], orders[key[0]], signed[key])
        ahead = [_ahead(pair, orders, signed) for pair in pairs]
        for pair, (first, _) in zip(pairs, ahead, strict=True):
            if (one := pair.term.keys[0]) in signed:
                c2 += _along(first - pair.first, point[one], orders[one[0]], signed[one])
        step = torch.where(c2 >= 0, 1.0, (-c1 / (2 * c2).clamp(max=-1e-300)).clamp(0, 1)).clamp(max=furthest) * running
        gained = c1 * step + c2 * step**2
        for key in signed:
            point[key] = _moved(point[key], orders[key[0]], signed[key], step)
        for pair, (first, second) in zip(pairs, ahead, strict=True):
            share = step.to(first.dtype).view(-1, 1, 1)
            pair.first, pair.second = torch.lerp(pair.first, first, share), torch.lerp(pair.second, second, share)
        best = torch.maximum(best, gained)
        running &= gained > STOP * best
        visit()
        if not bool(running.any()):
            break
    _round(problem, point)


def _middle(problem: Problem, seed: int, noise: float) -> dict[Key, Float[Tensor, "models _ _"]]:
    draw = torch.Generator().manual_seed(seed)
    point = {}
    for group in problem.plain:
        size = problem.spec.sizes[group]
        for key in problem.keys[group]:
            start = torch.full((problem.models, size, size), 0.0 if key[1] else 1 / size, dtype=problem.dtype)
            if noise:
                start = start + noise / size * torch.randn((size, size), generator=draw, dtype=problem.dtype)
            point[key] = start
    return point


def _dense(term: Term, axis: int, point: dict[Key, Tensor]) -> Float[Tensor, "models _ _"]:
    """Gains along one axis of a term while the other is a soft permutation."""
    other = point[term.keys[1 - axis]]
    state = torch.matmul(other, term.state.movedim(2 - axis, 1).flatten(2))
    shape = term.state.movedim(2 - axis, 1).shape
    return products(term.goal, state.view(shape).movedim(1, 2 - axis), axis)


def _from_middle(term: Term, axis: int) -> Float[Tensor, "models _ _"]:
    """The same where the other is in the middle: of signed permutations 0, of others `1/n`."""
    if term.keys[1 - axis][1] is not None:
        return term.state.new_zeros(len(term.state), term.goal.shape[axis + 1], term.state.shape[axis + 1])
    return products(term.goal.sum(2 - axis), term.state.mean(2 - axis), 0)


def _waiting(problem: Problem, terms: list[Term]) -> set[str]:
    """Groups to which the middle tells little, unless these are all."""
    told = dict.fromkeys(problem.plain, 0)
    for term in (*problem.single, *terms):
        for axis, (group, _) in enumerate(term.keys):
            if len(term.keys) == 1 or term.keys[1 - axis][1] is None:
                told[group] += term.goal.shape[-1]
    waiting = {group for group, numbers in told.items() if numbers < TELLING}
    return set() if len(waiting) == len(told) else waiting


def _ahead(
    pair: _Bilinear, orders: dict[str, Tensor], signed: dict[Key, Tensor | None]
) -> tuple[Float[Tensor, "models _ _"], Float[Tensor, "models _ _"]]:
    """What each axis gains while the other is at its vertex, or where it stands if it waits."""
    (one, other), term = pair.term.keys, pair.term
    first, second = pair.first, pair.second
    if other in signed:
        first = products(term.goal, placed(term.state, 1, orders[other[0]], signed[other]), 0)
    if one in signed:
        second = products(term.goal, placed(term.state, 0, orders[one[0]], signed[one]), 1)
    return first, second


def _gradient(
    linear: dict[Key, Tensor], pairs: list[_Bilinear], point: dict[Key, Tensor]
) -> dict[Key, Float[Tensor, "models _ _"]]:
    gradient = {key: linear[key].clone() if key in linear else torch.zeros_like(point[key]) for key in point}
    for pair in pairs:
        gradient[pair.term.keys[0]] += pair.first
        gradient[pair.term.keys[1]] += pair.second
    return gradient


def _vertices(
    problem: Problem, gradient: dict[Key, Tensor], but: Container[str] = ()
) -> tuple[dict[str, Int[Tensor, "models _"]], dict[Key, Float[Tensor, "models _"] | None]]:
    """The best order of every group but some, and the signs that go with it."""
    orders, signed = {}, {}
    for group in problem.plain:
        if group in but:
            continue
        parts = {key: gradient[key] for key in problem.keys[group]}
        total = combined(parts)
        if total is None:
            continue
        orders[group] = assign(total)
        for key, part in parts.items():
            chosen = at(part, orders[group])
            signed[key] = None if key[1] is None else torch.where(chosen < 0, -1.0, 1.0).to(part.dtype)
    return orders, signed


def _along(gain: Tensor, point: Tensor, orders: Tensor, signs: Tensor | None) -> Float[Tensor, " models"]:
    """Inner product of a gain with the way from the point to the vertex."""
    chosen = at(gain, orders)
    there = (chosen if signs is None else chosen * signs).double().sum(1)
    return there - (gain * point).flatten(1).sum(1).double()


def _moved(point: Tensor, orders: Tensor, signs: Tensor | None, step: Tensor) -> Float[Tensor, "models _ _"]:
    share = step.to(point.dtype).view(-1, 1, 1)
    ones = torch.ones_like(orders, dtype=point.dtype) if signs is None else signs
    return (point * (1 - share)).scatter_add(2, orders.unsqueeze(2), share * ones.unsqueeze(2))


def _round(problem: Problem, point: dict[Key, Tensor]) -> None:
    """The permutations nearest to the end point."""
    orders, signed = _vertices(problem, point)
    for group, units in orders.items():
        problem.units[group] = units
        for key in problem.keys[group]:
            signs = signed[key]
            if key[1] is not None and signs is not None:
                problem.signs[key[1]] = signs


def has_stream(spec: PermutationSpec) -> bool:
    """Whether several layers write to one group of units, as the blocks of a residual network do."""
    writers: dict[str, int] = {}
    for axes in spec.axes.values():
        if len(axes) > 1:
            for group in {str(f.group) for piece in axes[0] for f in piece if f.group in spec.sizes}:
                writers[group] = writers.get(group, 0) + 1
    return any(count > 1 and group not in spec.within for group, count in writers.items()) and any(
        _adds(spec, group) for group, count in writers.items() if count > 1
    )


def _adds(spec: PermutationSpec, group: str) -> bool:
    """Whether a group is read by one layer and written by another that lies behind it."""
    names = list(spec.axes)
    reads = [names.index(name) for name, axis in spec.members(group) if axis == 1]
    writes = [names.index(name) for name, axis in spec.members(group) if axis == 0 and len(spec.axes[name]) > 1]
    return bool(reads) and bool(writes) and min(reads) < max(writes)
