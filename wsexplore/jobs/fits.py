"""Whether what a file gives for the fields of a dataclass is what its annotations ask for."""

from collections.abc import Mapping, Sequence
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np
from jaxtyping import jaxtyped

NUMBERS: Mapping[Any, tuple[type, ...]] = {
    float: (float, int, np.floating, np.integer),
    int: (int, np.integer),
    bool: (bool, np.bool_),
}


def fit(kind: type, values: Mapping[str, Any]) -> bool:
    """Whether each value is of the type, and each array of the shape, that a dataclass says; sizes of one name agree.

    An annotation that cannot be judged here lets every value pass.
    """
    try:
        hints = get_type_hints(kind)
    except Exception:  # a name that only a type checker knows
        return True
    with jaxtyped("context"):
        return all(_fits(hints.get(name, Any), value) for name, value in values.items())


def _fits(hint: Any, value: Any) -> bool:
    kind, parts = get_origin(hint), get_args(hint)
    if kind in (Union, UnionType):
        return any(_fits(part, value) for part in parts)
    if kind is Literal:
        return any(type(value) is type(part) and value == part for part in parts)
    if kind is tuple:
        if len(parts) == 2 and parts[1] is Ellipsis:
            return isinstance(value, tuple) and all(_fits(parts[0], part) for part in value)
        return isinstance(value, tuple) and len(value) == len(parts) and all(map(_fits, parts, value))
    if isinstance(kind, type) and issubclass(kind, Mapping):
        return isinstance(value, kind) and all(
            _fits(parts[0], key) and _fits(parts[1], part) for key, part in value.items()
        )
    if isinstance(kind, type) and issubclass(kind, Sequence):
        return isinstance(value, kind) and all(_fits(parts[0], part) for part in value)
    if hint is None:
        return value is None
    try:
        return not isinstance(hint, type) or isinstance(value, NUMBERS.get(hint, hint))
    except Exception:  # a shape in terms of others that are not known
        return True
