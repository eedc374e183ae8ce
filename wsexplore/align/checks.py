"""What matching refuses, each in one sentence that names what is wrong."""

from collections.abc import Iterable, Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from wsexplore.nets import Layout
from wsexplore.symmetry import FORMS

CANONICALS = tuple(form for form in FORMS if form != "sorted")
"""Representatives that networks may be brought to before they are matched. "sorted" orders units, which matching does
itself."""


def check_word(word: str, known: Iterable[str], what: str) -> None:
    """Check that a word is one of those known.

    Raises:
        ValueError: it is not.
    """
    if word not in (words := list(known)):
        raise ValueError(f"{what} {word!r} is unknown; choose one of {', '.join(words)}")


def check_canonical(form: str) -> None:
    """Check the name of a representative that networks are brought to before they are matched.

    Raises:
        ValueError: it is unknown, or "sorted".
    """
    check_word(form, CANONICALS, "canonical form")


def check_counts(least: Mapping[str, tuple[int, int]]) -> None:
    """Check numbers by name, each beside the least that it may be.

    Raises:
        ValueError: one is less.
    """
    for name, (value, bound) in least.items():
        if value < bound:
            raise ValueError(f"{name} must be at least {bound}, got {value}")


def check_finite(weights: Float[Tensor, "models parameters"], layout: Layout, names: Sequence[str] = ()) -> None:
    """Check that every weight is a finite number.

    Args:
        weights: one network per row.
        layout: of all of them.
        names: what to call each network; by default by its row.

    Raises:
        ValueError: one is not; the network and the parameter are named.
    """
    finite = torch.isfinite(weights)
    if bool(finite.all()):
        return
    row, place = (int(number) for number in (~finite).nonzero()[0])
    parameter = next(slot.name for slot in layout.slots if slot.start <= place < slot.stop)
    raise ValueError(
        f"{names[row] if names else f'network {row}'} has weights that are not finite in {parameter}, so it cannot be "
        "matched; leave it out of the zoo"
    )


def check_alike(one: Mapping[str, tuple[int, ...]], other: Mapping[str, tuple[int, ...]]) -> None:
    """Check that two networks have parameters of the same names and shapes.

    Raises:
        ValueError: they have not; the first parameter in which they differ is named.
    """
    for name in [*one, *other]:
        if one.get(name) != other.get(name):
            first, second = (f"shape {held[name]}" if name in held else "no such parameter" for held in (one, other))
            raise ValueError(
                f"the two networks differ in {name}: the reference has {first}, the other {second}; match networks of "
                "one architecture"
            )
