"""Networks that a command names: of its zoo, or of others that share the architecture, as `ID@OTHER-ZOO`."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wsexplore.zoo import Recipe, Zoo

NETWORK_HELP = "ID@OTHER is one of another zoo of the same architecture."
"""What is said of ids that may come from elsewhere."""


@dataclass(frozen=True, slots=True, eq=False)
class Gathered:
    """Some networks, in order.

    Attributes:
        zoo: that holds them.
        rows: of the networks in it.
        words: as the command names them.
        python: the expression that gives this zoo from `zoo`, the main one; empty where it is that.
    """

    zoo: "Zoo"
    rows: tuple[int, ...]
    words: tuple[str, ...]
    python: str = ""

    @property
    def ids(self) -> tuple[str, ...]:
        """Of the networks, as the zoo that holds them calls them."""
        ids = self.zoo.entries.part(["id"])["id"]
        return tuple(str(ids.iloc[row]) for row in self.rows)

    @property
    def pair(self) -> tuple[int, int]:
        """Rows of the two networks, where there are two."""
        first, second = self.rows
        return first, second

    def recipe(self, of: "Recipe") -> "Recipe":
        """A recipe that names the networks as the command does, and says first where they come from."""
        named = " ".join(shlex.quote(word) for word in self.words)
        own = " ".join(shlex.quote(network) for network in self.ids)
        cli = of.cli.replace(f" ZOO {own} ", f" ZOO {named} ", 1)
        return replace(of, cli=cli, python=f"zoo = {self.python}\n{of.python}" if self.python else of.python)


def gathered(zoo: str, networks: Sequence[str]) -> Gathered:
    """The networks that a command names; an id of the main zoo that holds an `@` itself comes first.

    Raises:
        ValueError: a zoo or a network is not there, or the architectures differ.
    """
    from wsexplore.zoo import Zoo, concat

    main = Zoo.open(zoo)
    known, places = {"": main}, list[tuple[str, int]]()
    for word in networks:
        network, other = _parted(main, word)
        if other and other not in known:
            known[other] = _sibling(main, zoo, other)
        name = "" if known[other] is main else other
        places.append((name, known[other].row_of(network)))
    names = {name for name, _ in places}
    if names <= {""}:
        return Gathered(main, tuple(row for _, row in places), tuple(networks))
    if len(names) == 1:
        (name,) = names
        return Gathered(known[name], tuple(row for _, row in places), tuple(networks), f"wx.Zoo.open({name!r})")
    each = list(dict.fromkeys(places))
    joined = concat([known[name].select([row]) for name, row in each])
    ids = [_label(known[name], row, name) for name, row in each]
    if len(set(ids)) < len(ids):
        ids = [networks[places.index(place)] for place in each]
    parts = [f"{f'wx.Zoo.open({name!r})' if name else 'zoo'}.select([{row}])" for name, row in each]
    return Gathered(
        joined.with_table(joined.table.assign(id=ids)),
        tuple(each.index(place) for place in places),
        tuple(networks),
        f"wx.concat([{', '.join(parts)}])",
    )


def _label(zoo: "Zoo", row: int, name: str) -> str:
    """The id of a network as figures show it: with the zoo that it comes from, without the folders above that."""
    network = str(zoo.entries.part(["id"])["id"].iloc[row])
    return f"{network}@{Path(name).name}" if name else network


def _parted(main: "Zoo", word: str) -> tuple[str, str]:
    """The id and the name of the other zoo, empty for the main one; names of either may hold an `@`."""
    from wsexplore.zoo import find

    if "@" not in word or (main.entries.part(["id"])["id"] == word).any():
        return word, ""
    cuts = [place for place, letter in enumerate(word[:-1]) if letter == "@"]
    for cut in reversed(cuts):
        try:
            find("zoos", word[cut + 1 :])
        except ValueError:
            continue
        return word[:cut], word[cut + 1 :]
    return (word[: cuts[-1]], word[cuts[-1] + 1 :]) if cuts else (word, "")


def _sibling(main: "Zoo", zoo: str, other: str) -> "Zoo":
    """Another zoo of the same architecture; the main one itself where both are the same."""
    from wsexplore.zoo import Zoo

    found = Zoo.open(other)
    if found.fingerprint == main.fingerprint:
        return main
    if found.architecture != main.architecture:
        one, two = (each.architecture.to_dict() for each in (main, found))
        raise ValueError(
            f"{other} holds networks of another architecture than {zoo}, so no path and no plane joins them: "
            f"{two} and {one}"
        )
    return found
