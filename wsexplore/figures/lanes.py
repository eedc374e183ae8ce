"""The groups of a network as lanes beside its layers: a letter, a colour and a place for each."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from wsexplore.figures.groups import SpecGroup, SpecRow
from wsexplore.figures.theme import CATEGORIES

GREY = CATEGORIES[4]
"""What stays in order."""

SHADES = tuple(colour for colour in CATEGORIES if colour != GREY)


@dataclass(frozen=True, slots=True)
class Lane:
    """How a group is drawn.

    Attributes:
        group: the units.
        letter: A to Z, then AA, AB and so on.
        colour: another one than that of the lanes beside it, as far as there are colours.
        place: from the left; lanes that meet no layer in common may share one.
        rows: the layers that it touches, in order.
    """

    group: SpecGroup
    letter: str
    colour: str
    place: int
    rows: tuple[int, ...]


def lanes_of(rows: Sequence[SpecRow], groups: Sequence[SpecGroup]) -> dict[str, Lane]:
    """Lanes by the name of their group, in the order of their letters; groups that no layer has are left out."""
    touched: dict[str, list[int]] = {}
    for number, row in enumerate(rows):
        for name in dict.fromkeys(row.makes + row.takes):
            touched.setdefault(name, []).append(number)
    lettered = {group.name: (place, group) for place, group in enumerate(g for g in groups if g.name in touched)}
    lanes: list[Lane] = []
    for name, (place, group) in sorted(lettered.items(), key=lambda item: (touched[item[0]][0], item[1][0])):
        first = touched[name][0]
        taken = {lane.place for lane in lanes if lane.rows[-1] >= first}
        free = next(k for k in itertools.count() if k not in taken)
        lanes.append(Lane(group, _letter(place), _colour(lanes, first), free, tuple(touched[name])))
    return {lane.group.name: lane for lane in sorted(lanes, key=lambda lane: lettered[lane.group.name][0])}


def _letter(place: int) -> str:
    return (_letter(place // 26 - 1) if place >= 26 else "") + chr(ord("A") + place % 26)


def _colour(lanes: Sequence[Lane], first: int) -> str:
    """The colour that was longest not used, of those that no lane near has."""
    near = {lane.colour for lane in lanes if lane.rows[-1] >= first - 2}
    recent = [lane.colour for lane in reversed(lanes)]
    ages = {shade: recent.index(shade) if shade in recent else len(recent) for shade in SHADES}
    free = [shade for shade in SHADES if shade not in near] or list(SHADES)
    return max(free, key=lambda shade: ages[shade])
