"""Weight matching by coordinate ascent: one group after the other takes its best order."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from wsexplore.align.assignment import assign
from wsexplore.align.families import improve_family
from wsexplore.align.problem import Key, Problem, Term

SWEEPS = 50


def ascend(
    problem: Problem,
    *,
    sweeps: int,
    seed: int,
    backwards: bool = False,
    heads: str = "exact",
    visit: Callable[[], None] = lambda: None,
) -> list[Float[Tensor, " models"]]:
    r"""Climb until a whole sweep over the groups changes nothing; the problem's units and signs are moved.

    Maximises $\sum_k \langle \theta^A_k, (P\theta^B)_k \rangle$: one linear assignment per group, in random order, all
    others as they stand (Ainsworth et al., "Git Re-Basin", ICLR 2023, Algorithm 1). Where a unit may be flipped, too,
    the gain of a pair is the sum of the absolute gains of its classes, and its signs are theirs: still an assignment.
    Attention heads and their units are assigned together. The objective never falls, so the loop ends in a local
    optimum; with one hidden layer it is the global one. A group is visited again only once another that it meets in a
    parameter has moved.

    Args:
        problem: its units and signs are moved.
        sweeps: at most so many.
        seed: of the order of the groups.
        backwards: visit them in the reverse of that order.
        heads: how attention heads are paired; see `improve_family`.
        visit: called after every group; it may raise to cancel.

    Returns:
        What each sweep gained.
    """
    draw = np.random.default_rng(seed)
    steps, met = (*problem.plain, *problem.families), meetings(problem)
    gained: list[Float[Tensor, " models"]] = []
    active, part = torch.arange(problem.models), problem
    due = {step: torch.ones(problem.models, dtype=torch.bool) for step in steps}
    standing: dict[int, Term] = {}
    for _ in range(sweeps):
        if len(active) == 0 or not steps:
            break
        gain = torch.zeros(len(active), dtype=torch.float64)
        order = draw.permutation(len(steps))
        for place in order[::-1] if backwards else order:
            step = steps[place]
            if not bool(due[step].any()):
                continue
            more = improve_family(part, step, heads) if step in part.families else _improve(part, step, standing)
            moved = more > 0
            if step in part.families and bool(moved.any()):
                standing.clear()
            gain += more
            due[step] = torch.zeros_like(moved)
            for other in met[step]:
                due[other] = due[other] | moved
            visit()
        total = torch.zeros(problem.models, dtype=torch.float64)
        total[active] = gain
        gained.append(total)
        if part is not problem:
            _write(problem, part, active)
        left = torch.stack([*due.values()]).any(0)
        if not bool(left.all()):
            active, due = active[left], {step: rows[left] for step, rows in due.items()}
            part = problem.rows(active)
            standing.clear()
    return gained


def meetings(problem: Problem) -> dict[str, set[str]]:
    """Each group, or owner, to those that it meets in a parameter; to itself where its order is found piecemeal."""
    step_of = {group: group for group in problem.plain}
    step_of |= {group: owner for owner, inner in problem.families.items() for group in (owner, *inner)}
    met: dict[str, set[str]] = {step: set() for step in step_of.values()}
    blocks = [[key[0] for key in term.keys] for term in problem.terms] + [list(h.block.groups) for h in problem.held]
    for groups in blocks:
        here = [step_of[group] for group in groups if group is not None and group in step_of]
        for step in here:
            at_once = 2 if step in problem.families else 1
            met[step] |= set(here) - ({step} if here.count(step) <= at_once else set())
    return met


def _write(problem: Problem, part: Problem, rows: Tensor) -> None:
    for group, units in part.units.items():
        problem.units[group][rows] = units
    for sign, values in part.signs.items():
        problem.signs[sign][rows] = values


def _improve(problem: Problem, group: str, standing: dict[int, Term]) -> Float[Tensor, " models"]:
    """Give one group its best order; what that gains.

    A parameter that has the group on two axes is seen by the assignment with the other axis as it was; its true value
    decides whether the step is taken.
    """
    terms = problem.terms_of(group, standing)
    twice = [term for term in terms if [key[0] for key in term.keys].count(group) > 1]
    gains = problem.gains(group, [term for term in terms if all(term is not other for other in twice)])
    seen = problem.gains(group, terms) if twice else gains
    total = combined(seen)
    if total is None:
        return torch.zeros(problem.models, dtype=torch.float64)
    kept = _value(problem, group, gains, twice)
    old, old_signs = problem.units[group], {key[1]: problem.signs[key[1]] for key in seen if key[1] is not None}
    orders = assign(total)
    problem.units[group] = orders
    for (_, sign), gain in seen.items():
        if sign is not None:
            problem.signs[sign] = torch.where(at(gain, orders) < 0, -1.0, 1.0).to(gain.dtype)
    reached = _value(problem, group, gains, twice)
    slack = 8 * torch.finfo(total.dtype).eps * total.abs().amax((1, 2)).double() * total.shape[1] ** 0.5
    better = reached > kept + slack
    problem.units[group] = torch.where(better.unsqueeze(1), orders, old)
    for sign, values in old_signs.items():
        problem.signs[sign] = torch.where(better.unsqueeze(1), problem.signs[sign], values)
    return torch.where(better, reached - kept, 0.0)


def combined(gains: dict[Key, Float[Tensor, "models _ _"]]) -> Float[Tensor, "models _ _"] | None:
    """The gain of each pair when its signs are chosen best."""
    total: Tensor | None = None
    for (_, sign), gain in gains.items():
        part = gain if sign is None else gain.abs()
        total = part if total is None else total + part
    return total


def at(gain: Float[Tensor, "models _ _"], orders: Int[Tensor, "models _"]) -> Float[Tensor, "models _"]:
    """The gain of each place with the unit that it gets."""
    return gain.gather(2, orders.unsqueeze(2)).squeeze(2)


def _value(problem: Problem, group: str, gains: dict[Key, Tensor], twice: Sequence[Term]) -> Float[Tensor, " models"]:
    """What the group's parameters give as it stands."""
    total = torch.zeros(problem.models, dtype=torch.float64)
    for (_, sign), gain in gains.items():
        values = at(gain, problem.units[group])
        total += (values if sign is None else values * problem.signs[sign]).double().sum(1)
    for term in twice:
        total += problem.value(term)
    return total
