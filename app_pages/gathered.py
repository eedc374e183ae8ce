"""Networks of one or several zoos that share an architecture, looked at together."""

import shlex
from dataclasses import dataclass, replace

import numpy as np
import streamlit as st

from app_pages.handles import open_zoo, version_of
from wsexplore.zoo import Recipe, Zoo, concat, shelf

Ref = tuple[str, str]
"""Name of a zoo, and the id of a network in it."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """Some networks, in order.

    Attributes:
        refs: where each comes from.
        name: of their zoo, or of all their zoos; it says what a cache depends on.
        zoo: that holds them.
        rows: of the networks in it.
    """

    refs: tuple[Ref, ...]
    name: str
    zoo: Zoo
    rows: tuple[int, ...]

    @property
    def ids(self) -> tuple[str, ...]:
        """Of the networks, as the zoo that holds them calls them."""
        return tuple(str(self.zoo.table["id"].iloc[row]) for row in self.rows)

    def recipe(self, of: Recipe) -> Recipe:
        """A recipe that says first where the networks come from, and names them for the command line."""
        names = [name for name, _ in self.refs]
        main = names[0]
        opened = [f"wx.Zoo.open({name!r})" for name in names]
        python = f"zoo = {opened[0]}"
        words = {}
        if len(set(names)) > 1:
            rows = [open_zoo(name).row_of(network) for name, network in self.refs]
            parts = [f"{zoo}.select([{row}])" for zoo, row in zip(opened, rows, strict=True)]
            python = f"zoo = wx.concat([{', '.join(parts)}])"
            named = [network if name == main else f"{network}@{name}" for name, network in self.refs]
            words = dict(zip(self.ids, named, strict=True))
        cli = [shlex.quote(words.get(word, main if word == "ZOO" else word)) for word in shlex.split(of.cli)]
        return replace(of, cli=" ".join(cli), python=f"{python}\n{of.python}")


def gathered(refs: tuple[Ref, ...]) -> Gathered:
    """Networks by zoo and id.

    Raises:
        ValueError: a zoo or a network is not there, or the architectures differ.
    """
    names = sorted({name for name, _ in refs})
    if len(names) == 1:
        zoo = open_zoo(names[0])
        return Gathered(
            refs, f"{names[0]} {version_of('zoos', names[0])}", zoo, tuple(zoo.row_of(one) for _, one in refs)
        )
    versions = tuple(version_of("zoos", name) for name, _ in refs)
    return Gathered(refs, f"{refs} {versions}", _joined(refs, versions), tuple(range(len(refs))))


@st.cache_resource(max_entries=16, show_spinner=False)
def _joined(refs: tuple[Ref, ...], versions: tuple[float, ...]) -> Zoo:
    return concat([open_zoo(name).select(np.array([open_zoo(name).row_of(network)])) for name, network in refs])


def siblings(name: str) -> list[str]:
    """Zoos whose networks lie in the same weight space, the named one first."""
    mine = _architecture(name, version_of("zoos", name))
    others = [other for other in shelf("zoos") if other != name and _same(other, mine)]
    return [name, *sorted(others)]


def _same(name: str, architecture: str) -> bool:
    try:
        return _architecture(name, version_of("zoos", name)) == architecture
    except (ValueError, OSError):  # a broken zoo on the shelf is nobody's sibling
        return False


@st.cache_data(max_entries=256, show_spinner=False)
def _architecture(name: str, version: float) -> str:
    return repr(open_zoo(name).architecture.to_dict())
