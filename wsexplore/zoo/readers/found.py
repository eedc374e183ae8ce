"""What every reader says and gives: one look at what is there, then networks in slices."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

import pandas as pd
from jaxtyping import Float
from torch import Tensor

from wsexplore.nets import Architecture
from wsexplore.zoo.readers.tree import Tree, sentence

Epochs = tuple[int, ...] | Literal["last"] | None


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user asks of a reader.

    Attributes:
        epochs: checkpoints to take, "last" for the last of every run, `None` for all.
        trust: whether files may be unpickled that run code when they are read.
        architecture: name of a family, where the files do not tell which it is.
        config: fields of the architecture that the files do not tell.
    """

    epochs: Epochs = None
    trust: bool = False
    architecture: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Found:
    """What lies at a path, seen without reading weights.

    Attributes:
        format: name of the format, for people.
        name: the folder's or file's own name.
        networks: how many there are to read.
        architecture: of the networks, `None` where the files do not tell.
        bytes: size of the files that would be read.
        says: what the files say about themselves.
        problems: what was noticed, one sentence each; the networks can be read all the same.
        obstacle: why they cannot be read, one sentence; empty where they can.
    """

    format: str
    name: str
    networks: int
    architecture: Architecture | None
    bytes: int
    says: Mapping[str, Any] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    obstacle: str = ""


@dataclass(frozen=True, slots=True)
class Batch:
    """Some networks of a source.

    Attributes:
        weights: one row for each network asked for; what stands in rows left out is of no meaning.
        buffers: running statistics in the same rows, `None` where the architecture has none.
        left_out: row of the batch -> why the network cannot be taken.
    """

    weights: Float[Tensor, "models parameters"]
    buffers: Float[Tensor, "models buffers"] | None = None
    left_out: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Source:
    """Networks that can be read.

    Attributes:
        found: the look without weights.
        table: reads the table, one row per network; the order is that of `read`.
        read: the networks of some rows of the table.
        notes: what the recipe should keep beside the counts, JSON values.
        close: releases open files.
    """

    found: Found
    table: Callable[[], pd.DataFrame]
    read: Callable[[Sequence[int]], Batch]
    notes: Callable[[], dict[str, Any]] = dict
    close: Callable[[], None] = lambda: None


class Reader(Protocol):
    """One format of other people's zoos."""

    def __call__(self, tree: Tree, wishes: Wishes) -> Source | None:
        """The networks at this path, or `None` where it is another format.

        Raises:
            ValueError: it is this format, and broken beyond reading.
        """


def hindered(found: Found, obstacle: str) -> Source:
    """A source that was recognised and cannot be read, with the sentence that says why."""

    def refuse(*_: object) -> Any:
        raise ValueError(sentence(obstacle))

    return Source(replace(found, obstacle=sentence(obstacle)), refuse, refuse)
