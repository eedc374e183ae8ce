"""Two networks, or many pairs of them, laid out for matching.

The objective is the inner product of the reference with the permuted other, summed over all parameters. Running
statistics are no part of it. A parameter is cut into blocks with an axis per factor; the places of a *plain* group are
a permutation of their own, those of a *family* (attention heads and the units within them) are handled together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from wsexplore.align.flips import classes_of, sign_classes
from wsexplore.nets import Layout
from wsexplore.symmetry import Block, PermutationSpec, check_shapes, permute_block

Key = tuple[str, str | None]
"""A group, and the class of signs that one of its axes carries."""

WIDE = 128
"""Units from which products are taken in single precision, for speed; the objective itself is always double."""


@dataclass(slots=True)
class Term:
    """A block whose axes of plain groups come first.

    Attributes:
        keys: one per axis of a plain group.
        goal: of the reference, `(1 or models, *units, rest)`.
        state: of the networks as they came, `(models, *units, rest)`.
    """

    keys: tuple[Key, ...]
    goal: Float[Tensor, "..."]
    state: Float[Tensor, "..."]

    def rows(self, chosen: Int[Tensor, " rows"]) -> "Term":
        """The same for some of the networks."""
        return Term(self.keys, self.goal if len(self.goal) == 1 else self.goal[chosen], self.state[chosen])


@dataclass(slots=True)
class Held:
    """A block with places of a family, from which terms are made anew when the family moves."""

    block: Block
    classes: tuple[str | None, ...]
    goal: Float[Tensor, "..."]
    state: Float[Tensor, "..."]


@dataclass(slots=True)
class Problem:
    """What matching climbs, and where it stands.

    Attributes:
        spec: of the architecture.
        plain: groups that are permutations of their own.
        families: owner to the groups within it; the owner may be one that stays in order.
        linear: gains that no other group changes, by key.
        single: the blocks behind them.
        terms: blocks with two or more plain axes and no family.
        held: blocks with places of a family.
        units: the old unit at each new place, per group: `(models, units)` or `(models, owners, units)`.
        signs: 1 or -1 for each new place, per class of signs.
    """

    spec: PermutationSpec
    plain: tuple[str, ...]
    families: Mapping[str, tuple[str, ...]]
    keys: Mapping[str, tuple[Key, ...]]
    linear: dict[Key, Float[Tensor, "models _ _"]] = field(default_factory=dict)
    single: list[Term] = field(default_factory=list)
    terms: list[Term] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)
    units: dict[str, Int[Tensor, "..."]] = field(default_factory=dict)
    signs: dict[str, Float[Tensor, "models _"]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        weights: Float[Tensor, "models parameters"],
        reference: Float[Tensor, "one_or_models parameters"],
        spec: PermutationSpec,
        layout: Layout,
        *,
        signs: bool,
    ) -> "Problem":
        """Lay out networks beside their reference; matching starts from the order they came in."""
        families: dict[str, tuple[str, ...]] = {}
        for group, owner in spec.within.items():
            families[owner] = (*families.get(owner, ()), group)
        bound = {*families, *spec.within}
        plain = tuple(group for group in spec.groups if group not in bound)
        classes = sign_classes(spec, plain) if signs else {}
        keys: dict[str, list[Key]] = {group: [] for group in plain}
        problem = cls(spec, plain, families, {})
        ours, theirs = layout.unflatten(reference.to(problem.dtype)), layout.unflatten(weights.to(problem.dtype))
        for name in layout_names(layout, spec):
            for block, of_class in zip(spec.blocks[name], classes_of(spec, name, classes), strict=True):
                if not any(group in spec.sizes for group in block.groups):
                    continue
                goal, state = (_block(values[name], block) for values in (ours, theirs))
                for member, sign in zip(block.groups, of_class, strict=True):
                    if member in keys and (member, sign) not in keys[member]:
                        keys[member].append((member, sign))
                if any(group in bound for group in block.groups):
                    problem.held.append(Held(block, of_class, goal, state))
                else:
                    problem._add(_term(block, of_class, goal, state, plain))
        problem.keys = {group: tuple(found) for group, found in keys.items()}
        models = len(weights)
        for group in spec.groups:
            shape = (models, *spec.shape_of(group))
            problem.units[group] = torch.arange(spec.sizes[group]).expand(shape).clone()
        for sign, group in classes.items():
            problem.signs[sign] = torch.ones(models, spec.sizes[group], dtype=problem.dtype)
        return problem

    @property
    def dtype(self) -> torch.dtype:
        """Of the products."""
        return torch.float32 if max(self.spec.sizes.values(), default=0) >= WIDE else torch.float64

    def start(self) -> "Problem":
        """The same with every unit where it came from."""
        units = {
            group: torch.arange(self.spec.sizes[group]).expand(units.shape).clone()
            for group, units in self.units.items()
        }
        signs = {sign: torch.ones_like(values) for sign, values in self.signs.items()}
        return replace(self, units=units, signs=signs)

    def objective(self) -> Float[Tensor, " models"]:
        """The inner product of everything that can move with its goal."""
        total = torch.zeros(self.models, dtype=torch.float64)
        for (group, sign), gain in self.linear.items():
            values = gain.gather(2, self.units[group].unsqueeze(2)).squeeze(2)
            total += (values if sign is None else values * self.signs[sign]).double().sum(1)
        for term in self.all_terms(bare=True):
            total += self.value(term)
        return total

    def _add(self, term: Term) -> None:
        """A term with one plain axis never changes: its gains are summed once and for all."""
        if len(term.keys) > 1:
            self.terms.append(term)
        elif term.keys:
            (key,) = term.keys
            gain = torch.matmul(term.goal, term.state.transpose(1, 2))
            self.linear[key] = self.linear[key] + gain if key in self.linear else gain
            self.single.append(term)

    @property
    def models(self) -> int:
        """Number of networks."""
        parts = [*self.units.values()]
        return len(parts[0]) if parts else 0

    def rows(self, chosen: Int[Tensor, " rows"]) -> "Problem":
        """The same for some of the networks; nothing but units and signs is copied where they are all there are."""
        if len(chosen) == self.models and bool((chosen == torch.arange(self.models)).all()):
            units = {group: units.clone() for group, units in self.units.items()}
            return replace(self, units=units, signs={sign: values.clone() for sign, values in self.signs.items()})
        return Problem(
            self.spec,
            self.plain,
            self.families,
            self.keys,
            {key: gain[chosen] for key, gain in self.linear.items()},
            [term.rows(chosen) for term in self.single],
            [term.rows(chosen) for term in self.terms],
            [
                Held(h.block, h.classes, h.goal if len(h.goal) == 1 else h.goal[chosen], h.state[chosen])
                for h in self.held
            ],
            {group: units[chosen] for group, units in self.units.items()},
            {sign: values[chosen] for sign, values in self.signs.items()},
        )

    def all_terms(self, *, bare: bool = False) -> list[Term]:
        """Every block with a plain axis, the places of families where they stand now; `bare` has those without, too."""
        return [*self.terms, *(term for held in self.held if (term := self._standing(held)).keys or bare)]

    def terms_of(self, group: str, standing: dict[int, Term]) -> list[Term]:
        """Blocks that a plain group and others change; those with places of families are kept in `standing`."""
        found = [term for term in self.terms if any(key[0] == group for key in term.keys)]
        for place, held in enumerate(self.held):
            if group in held.block.groups:
                if place not in standing:
                    standing[place] = self._standing(held)
                found.append(standing[place])
        return found

    def everything(self) -> list[Term]:
        """Every block with a plain axis, those that only one group changes among them."""
        return [*self.single, *self.all_terms()]

    def _standing(self, held: Held) -> Term:
        bound = {group: units for group, units in self.units.items() if group not in self.plain}
        state = permute_block(held.state, bound, held.block, self.spec)
        return _term(held.block, held.classes, held.goal, state, self.plain)

    def gains(self, group: str, terms: Sequence[Term]) -> dict[Key, Float[Tensor, "models _ _"]]:
        """What is gained where an old unit (column) takes a place (row), all other groups as they stand."""
        gains = {key: self.linear[key] for key in self.keys[group] if key in self.linear}
        for term in terms:
            for axis, key in enumerate(term.keys):
                if key[0] == group:
                    part = self.along(term, axis)
                    gains[key] = gains[key] + part if key in gains else part
        return gains

    def along(self, term: Term, axis: int) -> Float[Tensor, "models _ _"]:
        """Inner products of every place with every old unit along one axis of a term, the others as they stand."""
        state = term.state
        for other, key in enumerate(term.keys):
            if other != axis:
                state = placed(state, other, self.units[key[0]], self.signs.get(key[1]) if key[1] else None)
        return products(term.goal, state, axis)

    def value(self, term: Term) -> Float[Tensor, " models"]:
        """The inner product of a term with its goal, as everything stands."""
        state = term.state
        for axis, key in enumerate(term.keys):
            state = placed(state, axis, self.units[key[0]], self.signs.get(key[1]) if key[1] else None)
        return (term.goal * state).flatten(1).double().sum(1)


def placed(
    state: Float[Tensor, "..."], axis: int, units: Int[Tensor, "models _"], signs: Float[Tensor, "..."] | None
) -> Float[Tensor, "..."]:
    """A stack with the units of one axis in their places, flipped where a sign says so."""
    if len(state) == 1:
        state = state.index_select(axis + 1, units[0])
    else:
        shape = [1] * state.dim()
        shape[0], shape[axis + 1] = len(state), units.shape[1]
        state = torch.take_along_dim(state, units.view(shape), axis + 1)
    if signs is None:
        return state
    shape = [1] * state.dim()
    shape[0], shape[axis + 1] = len(state), signs.shape[1]
    return state * signs.view(shape)


def products(goal: Float[Tensor, "..."], state: Float[Tensor, "..."], axis: int) -> Float[Tensor, "models _ _"]:
    """Inner products of the slices of two stacks along one axis."""
    one = goal.movedim(axis + 1, 1).reshape(len(goal), goal.shape[axis + 1], -1)
    other = state.movedim(axis + 1, 1).reshape(len(state), state.shape[axis + 1], -1)
    return torch.matmul(one, other.transpose(1, 2))


def layout_names(layout: Layout, spec: PermutationSpec) -> list[str]:
    """The parameters that the spec speaks of, in the order of the layout.

    Raises:
        ValueError: the spec is of another architecture.
    """
    check_shapes(spec.axes, {slot.name: slot.shape for slot in layout.slots})
    return [slot.name for slot in layout.slots if slot.name in spec.axes]


def _block(value: Float[Tensor, "..."], block: Block) -> Float[Tensor, "..."]:
    return value[(slice(None), *block.slices)].reshape(len(value), *block.shape)


def _term(
    block: Block,
    classes: Sequence[str | None],
    goal: Float[Tensor, "..."],
    state: Float[Tensor, "..."],
    plain: Sequence[str],
) -> Term:
    axes = [place for place, group in enumerate(block.groups) if group in plain]
    keys = tuple((str(block.groups[place]), classes[place]) for place in axes)
    sizes = [block.shape[place] for place in axes]

    def front(value: Tensor) -> Tensor:
        moved = value.movedim([place + 1 for place in axes], list(range(1, len(axes) + 1)))
        return moved.reshape(len(value), *sizes, -1)

    return Term(keys, front(goal), front(state))
