"""A network read as a sequence of tokens: a row per output channel, in pieces of equal length."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from wsexplore.nets import Layout, Slot
from wsexplore.symmetry import PermutationSpec

LONGEST = 289
"""Numbers per token at most, unless another size is asked for: a row of 32 channels and 3 x 3 filters, and a bias."""
OVERHEAD = 64
"""What a token costs besides its numbers, in numbers."""


@dataclass(frozen=True, slots=True, eq=False)
class RowTokens:
    """Where the entries of every token lie in the flat weight vector (SANE, Schürholt et al. 2024, section 3.1).

    A parameter of two or more axes gives a row for each place along its first axis: all that flows into one unit.
    Parameters of one axis that belong to the same units, a bias or the scale and shift of a normalisation, are
    further columns of these rows; which units they belong to is read from the spec. A row is cut into pieces of
    `size` numbers, the last one padded with zeros. Every parameter lies in exactly one token, so that
    `join(split(w)) = w` to the bit.

    Attributes:
        size: numbers per token, padding among them.
        gather: the parameter behind each entry; the number of parameters where there is none.
        mask: which entries hold a parameter.
        position: for each token its place in the sequence, its layer, and its row within the layer. The pieces of one
            row share the last.
        layers: name of the parameter that gives each layer its rows.
        scatter: the token entry that holds each parameter.
    """

    size: int
    gather: Int[Tensor, "tokens size"]
    mask: Bool[Tensor, "tokens size"]
    position: Int[Tensor, "tokens 3"]
    layers: tuple[str, ...]
    scatter: Int[Tensor, " parameters"]

    @classmethod
    def of(cls, spec: PermutationSpec, layout: Layout, size: int | None = None) -> "RowTokens":
        """The tokens of a traced architecture.

        Args:
            spec: its permutation symmetry.
            layout: of its parameters.
            size: numbers per token; by default the row length, up to `LONGEST`, that makes the sequence cheapest.

        Raises:
            ValueError: the size is below 1, or the architecture has no parameters.
        """
        if size is not None and size < 1:
            raise ValueError(f"a token holds at least 1 number, got a size of {size}")
        if layout.size == 0:
            raise ValueError("the architecture has no parameters, so there is nothing to embed")
        rows = _rows(spec, layout)
        size = size or _cheapest(list(rows.values()))
        cut = {name: _cut(row, size, layout.size) for name, row in rows.items()}
        gather = torch.cat(list(cut.values()))
        places = [
            torch.stack(
                [torch.full((len(pieces),), layer), torch.arange(len(pieces)) // (len(pieces) // len(rows[name]))], 1
            )
            for layer, (name, pieces) in enumerate(cut.items())
        ]
        position = torch.cat([torch.arange(len(gather)).unsqueeze(1), torch.cat(places)], 1)
        mask = gather < layout.size
        scatter = torch.empty(layout.size, dtype=torch.long)
        scatter[gather[mask]] = mask.flatten().nonzero().flatten()
        return cls(size, gather, mask, position, tuple(rows), scatter)

    @property
    def count(self) -> int:
        """Number of tokens of one network."""
        return len(self.gather)

    @property
    def parameters(self) -> int:
        """Number of parameters of one network."""
        return len(self.scatter)

    def split(self, weights: Float[Tensor, "models parameters"]) -> Float[Tensor, "models tokens size"]:
        """The tokens of every network; padding is 0."""
        return torch.nn.functional.pad(weights, (0, 1))[:, self.gather]

    def join(self, tokens: Float[Tensor, "models tokens size"]) -> Float[Tensor, "models parameters"]:
        """The flat vectors of tokens, whatever stands in their padding."""
        return tokens.flatten(1)[:, self.scatter]


def _rows(spec: PermutationSpec, layout: Layout) -> dict[str, Tensor]:
    """For each layer the parameters behind its rows, `(rows, columns)`, in the order of the layout."""
    places = {slot.name: torch.arange(slot.start, slot.stop).view(slot.shape) for slot in layout.slots}
    owners = [slot for slot in layout.slots if len(slot.shape) > 1 and slot.stop > slot.start]
    rows = {slot.name: [places[slot.name].flatten(1)] for slot in owners}
    for place, slot in enumerate(layout.slots):
        if slot.name in rows or slot.stop == slot.start:
            continue
        owner = _owner(slot, place, owners, spec, layout)
        if owner is None:
            rows[slot.name] = [places[slot.name].reshape(1, -1)]
        else:
            rows[owner].append(places[slot.name].unsqueeze(1))
    return {slot.name: torch.cat(rows[slot.name], 1) for slot in layout.slots if slot.name in rows}


def _owner(slot: Slot, place: int, owners: list[Slot], spec: PermutationSpec, layout: Layout) -> str | None:
    """The layer whose rows a parameter of one axis joins: of its own module, or the last before it of its units."""
    alike = [one for one in owners if one.shape[:1] == slot.shape]
    home = slot.name.rpartition(".")[0]
    for one in alike:
        if one.name.rpartition(".")[0] == home:
            return one.name
    axis = spec.axes.get(slot.name)
    if not axis or not any(factor.group for piece in axis[0] for factor in piece):
        return None
    units = axis[0]
    before = [one.name for one in alike if layout.slots.index(one) < place and spec.axes[one.name][0] == units]
    return before[-1] if before else None


def _cheapest(rows: list[Tensor]) -> int:
    """The row length whose pieces, padding and a fixed cost each, are the fewest numbers in all."""
    lengths = sorted({min(LONGEST, layer.shape[1]) for layer in rows}, reverse=True)
    costs = [sum(len(layer) * -(-layer.shape[1] // size) for layer in rows) * (size + OVERHEAD) for size in lengths]
    return lengths[costs.index(min(costs))]


def _cut(rows: Tensor, size: int, nothing: int) -> Tensor:
    """Rows in pieces of `size`, the last piece of each filled up with `nothing`."""
    pieces = -(-rows.shape[1] // size)
    return torch.nn.functional.pad(rows, (0, pieces * size - rows.shape[1]), value=nothing).view(-1, size)
