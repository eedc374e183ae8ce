"""What may stand in a pickle that is read as data: a short list of names, each with what to make of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Name:
    """A class or function that a pickle mentions."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"[:120]


@dataclass(slots=True, eq=False)
class Thing:
    """An object of a class that is known and of no interest but for its attributes."""

    kind: Name
    attributes: dict[str, Any] = field(default_factory=dict)


Make = Callable[[tuple[Any, ...]], Any]


class UnknownNameError(ValueError):
    """The pickle holds a name outside the list, so only running its code could read it."""

    def __init__(self, name: Name):
        super().__init__(f"it holds {name}")
        self.name = name


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What may stand in a pickle.

    Attributes:
        make: full name of a function or class -> the plain value that a call of it stands for.
        things: modules, with all below them, whose objects are kept as `Thing`.
        stored: the value of a persistent id, for example a tensor's storage.
    """

    make: Mapping[str, Make]
    things: tuple[str, ...] = ()
    stored: Callable[[Any], Any] | None = None

    def knows(self, name: Name) -> bool:
        """Whether a name may be read."""
        return str(name) in self.make or self.is_thing(name)

    def is_thing(self, name: Name) -> bool:
        """Whether objects of this class are kept for their attributes."""
        return any(name.module == part or name.module.startswith(f"{part}.") for part in self.things)
