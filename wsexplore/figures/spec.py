"""A network drawn with its symmetry: which units are permuted together, layer by layer."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from wsexplore.figures.groups import SpecAxis, SpecGroup, SpecParameter, SpecRow, rows_of
from wsexplore.figures.lanes import GREY, Lane, lanes_of
from wsexplore.figures.theme import LINE, TIMES, clear, layout, plain

Pixels = float | int

ROW = 52
"""Height of a layer in pixels."""

LEAST = 4
"""Layers for which there is room in the smallest drawing, so that a card fits."""

LANE, TAB, BODY = 20, 24, 82
"""Width of a lane, of a coloured end of a layer, and of the layer between its ends, in pixels."""

HEAD, DOT = 8.5, 5
"""Radius of a lane's first dot, which holds its letter, and of the others, in pixels."""

BASE = -8
"""Middle of a layer's block above the middle of its row, in pixels."""

MOST = 3
"""Most groups that are named at one end of a layer."""

LONGEST = 34
"""Letters of a title; the beginning of a longer one is left out, the card has all of it."""

PARAMETERS = 6
"""Most parameters of a layer that its card tells of."""

STILL = {"input of the network": "in", "output of the network": "out"}
"""Why an end stays in order, in a word; other reasons are on the card."""

WHITE = {"color": "#ffffff"}


def spec_figure(parameters: Sequence[SpecParameter], groups: Sequence[SpecGroup], *, columns: int = 1) -> go.Figure:
    """Layers from the input down, each between the units it reads (left) and the units it makes (right).

    The same letter and colour is one group: wherever it stands, the units are permuted together. Each group is also a
    lane on the left, from the first layer that touches it to the last; a full dot makes its units, a ring reads them.
    Grey ends stay in order. Vectors (biases, normalisation) are told with the layer whose units they have; the card
    of a layer has them all. Sizes are in pixels, so that the drawing is the same on a wide and a narrow screen.

    Args:
        parameters: in the order of the network.
        groups: in the order of their letters; those that no parameter has are left out.
        columns: into which the layers are folded, for a wide picture of a deep network; each takes about 360 pixels.
    """
    rows = rows_of(parameters)
    lanes = lanes_of(rows, groups)
    pen = _Pen(rows, lanes, max(1, math.ceil(len(rows) / columns)), columns)
    parts = [pen.lane(lane) for lane in lanes.values()] + [pen.layer(number) for number in range(len(rows))]
    figure = go.Figure()
    _add_cards(figure, pen)
    _add_key(figure)
    figure.update_layout(
        shapes=[shape for shapes, _ in parts for shape in shapes],
        annotations=[note for _, notes in parts for note in notes],
    )
    figure.update_xaxes(visible=False, range=[0, 1], fixedrange=True)
    height = max(pen.per, LEAST)
    figure.update_yaxes(visible=False, range=[height - 0.4, -0.6], fixedrange=True)
    layout(figure, height=ROW * height + 44)
    figure.update_layout(
        margin={"l": 0, "r": 0, "t": 36, "b": 8}, hovermode="closest", hoverdistance=80, dragmode=False
    )
    return figure


Parts = tuple[list[dict[str, Any]], list[dict[str, Any]]]
"""Shapes and annotations."""


@dataclass(frozen=True, slots=True)
class _Pen:
    """Draws at a distance in pixels from where a layer has its place."""

    rows: Sequence[SpecRow]
    lanes: Mapping[str, Lane]
    per: int
    columns: int

    def lane(self, lane: Lane) -> Parts:
        """The dots of a group and the line from one to the next, broken where a column ends."""
        middle, shapes = 14.0 + LANE * lane.place, []
        for number in lane.rows:
            radius = HEAD if number == lane.rows[0] else DOT
            fill = lane.colour if self._makes(number, lane) else "rgba(0, 0, 0, 0)"
            style = {"type": "circle", "fillcolor": fill, "line": {"color": lane.colour, "width": 2}}
            shapes.append(self._box(number, middle, BASE, 2 * radius, 2 * radius, **style))
        for start, stop in itertools.pairwise(lane.rows):
            radius = HEAD if start == lane.rows[0] else DOT
            for column in range(start // self.per, stop // self.per + 1):
                first, last = max(start, column * self.per), min(stop, (column + 1) * self.per - 1)
                top = BASE - radius if first == start else ROW / 2
                bottom = ROW * (first - last) + (BASE + DOT if last == stop else -ROW / 2)
                style = {"fillcolor": lane.colour, "line": {"width": 0}}
                shapes.append(self._box(first, middle, (top + bottom) / 2, 3, top - bottom, **style))
        ink = WHITE if self._makes(lane.rows[0], lane) else {"color": lane.colour}
        size = 10 if len(lane.letter) < 2 else 8
        return shapes, [self._word(lane.rows[0], middle, BASE, f"<b>{lane.letter}</b>", size, **ink)]

    def layer(self, number: int) -> Parts:
        """The block between its two ends, and the words around it."""
        row = self.rows[number]
        left = 8.0 + LANE * (1 + max((lane.place for lane in self.lanes.values()), default=-1))
        start = left + TAB * max(min(MOST, max(1, len(row.takes))) for row in self.rows)
        stop = start + BODY
        shapes = [self._box(number, start + BODY / 2, BASE, BODY, 22, fillcolor=clear(GREY, 0.14), line={"width": 0})]
        title = plain(row.title if len(row.title) <= LONGEST else f"…{row.title[1 - LONGEST :]}")
        sizes = [f"{axis.size:,}" for axis in (row.reads, row.writes) if axis is not None]
        notes = [
            self._word(number, left, 12, f"<b>{title}</b>", 13, side="left"),
            self._word(number, start + BODY / 2, BASE, " → ".join(sizes), 11),
        ]
        edges = {-1: start, 1: stop}
        for names, axis, side in ((row.takes, row.reads, -1), (row.makes, row.writes, 1)):
            for label, colour in self._labels(names, axis)[::side]:
                style = {"fillcolor": colour, "line": {"width": 0}} if colour else {"line": {"color": LINE, "width": 1}}
                middle = edges[side] + side * TAB / 2
                edges[side] += side * TAB
                shapes.append(self._box(number, middle, BASE, TAB - 2, 22, **style))
                text = f"<b>{label}</b>" if colour else label
                notes.append(self._word(number, middle, BASE, text, 12 if colour else 10, **(WHITE if colour else {})))
        begun = [self.lanes[name] for name in row.makes if name in self.lanes and self.lanes[name].rows[0] == number]
        told = ", ".join(f"{lane.letter}: {_size(lane.group)}" for lane in begun) + (" units" if begun else "")
        weights = sum(parameter.size for parameter in row.parameters)
        count = f"{weights:,}" if weights < 1_000_000 else f"{weights / 1e6:.2f} M"
        notes.append(self._word(number, edges[1] + 8, BASE, told or f"{count} weights", 11, side="left"))
        return shapes, notes

    def _makes(self, number: int, lane: Lane) -> bool:
        return lane.group.name in self.rows[number].makes

    def _labels(self, names: Sequence[str], axis: SpecAxis | None) -> list[tuple[str, str]]:
        """Letters and colours of one end of a layer; without a colour, what stays in order."""
        ends = [self.lanes[name] for name in names if name in self.lanes]
        if not ends:
            return [] if axis is None else [(STILL.get(axis.reason, "·"), "")]
        named = ends if len(ends) <= MOST else ends[: MOST - 1]
        more = [(f"+{len(ends) - len(named)}", GREY)] if len(ends) > len(named) else []
        return [(lane.letter, lane.colour) for lane in named] + more

    def _box(self, row: int, x: Pixels, y: Pixels, width: Pixels, height: Pixels, **style: Any) -> dict[str, Any]:
        """A rectangle around a point in pixels from the left end of a layer's column and from the middle of its row."""
        pixels = {"xref": "x", "yref": "y", "xsizemode": "pixel", "ysizemode": "pixel"}
        place = {"xanchor": row // self.per / self.columns, "yanchor": row % self.per}
        ends = {"x0": x - width / 2, "x1": x + width / 2, "y0": y - height / 2, "y1": y + height / 2}
        return {"type": "rect", **pixels, **place, **ends, **style}

    def _word(
        self, row: int, x: Pixels, y: Pixels, text: str, size: int, *, side: str = "center", **font: Any
    ) -> dict[str, Any]:
        place = {"x": row // self.per / self.columns, "y": row % self.per, "xref": "x", "yref": "y"}
        style = {"showarrow": False, "xanchor": side, "font": {"size": size, **font}}
        return {**place, "xshift": x, "yshift": y, "text": text, **style}


def _add_cards(figure: go.Figure, pen: _Pen) -> None:
    """Points without a look, close enough that a card opens anywhere on a layer."""
    places = (np.arange(10) + 0.5) / 10
    cards = [_card(row, pen.lanes) for row in pen.rows]
    figure.add_scatter(
        x=[(number // pen.per + place) / pen.columns for number in range(len(cards)) for place in places],
        y=[number % pen.per for number in range(len(cards)) for _ in places],
        mode="markers",
        marker={"size": 0.9 * ROW, "opacity": 0},
        text=[card for card in cards for _ in places],
        hovertemplate="%{text}<extra></extra>",
        showlegend=False,
    )


def _add_key(figure: go.Figure) -> None:
    """What dots, rings and empty ends mean."""
    signs = (
        ("makes the units", {"symbol": "circle", "color": LINE, "size": 11}),
        ("reads them", {"symbol": "circle-open", "color": LINE, "size": 11, "line": {"width": 2}}),
        ("stays in order", {"symbol": "square-open", "color": LINE, "size": 12}),
    )
    for name, marker in signs:
        figure.add_scatter(x=[None], y=[None], mode="markers", marker=marker, name=name, hoverinfo="skip")


def _size(group: SpecGroup) -> str:
    return f"{group.copies} {TIMES} {group.size:,}" if group.within else f"{group.size:,}"


def _card(row: SpecRow, lanes: Mapping[str, Lane]) -> str:
    """The parameters of a layer: shape, and what may be done along each axis or why not."""
    lines: list[str] = []
    unscaled: dict[str, None] = {}
    for parameter in row.parameters[:PARAMETERS]:
        shape = f" {TIMES} ".join(f"{axis.size:,}" for axis in parameter.axes) or "one number"
        name = f"<b>{plain(parameter.name)}</b>  {shape}"
        if len(parameter.axes) == 1:
            lines.append(f"{name}: {_told(parameter.axes[0], lanes)}")
        else:
            lines += [name, *_axes_told(parameter, lanes)]
        unscaled |= dict.fromkeys(axis.unscaled for axis in parameter.axes if axis.unscaled not in ("", axis.reason))
    if len(row.parameters) > PARAMETERS:
        lines.append(f"and {len(row.parameters) - PARAMETERS} more")
    return "<br>".join([*lines, *(f"no rescaling where: {plain(reason)}" for reason in unscaled)])


def _axes_told(parameter: SpecParameter, lanes: Mapping[str, Lane]) -> list[str]:
    """A line for each axis, or for several beside each other of which the same is true."""
    told = [(str(place), axis.size, _told(axis, lanes)) for place, axis in enumerate(parameter.axes) if axis.size > 1]
    lines = []
    for same, axes in itertools.groupby(told, key=lambda line: line[2]):
        places, sizes, _ = zip(*axes, strict=True)
        shape = f" {TIMES} ".join(f"{size:,}" for size in sizes)
        lines.append(f"{'axis' if len(places) == 1 else 'axes'} {' and '.join(places)} ({shape}): {same}")
    return lines


def _told(axis: SpecAxis, lanes: Mapping[str, Lane]) -> str:
    named = [f"{lanes[name].letter} ({_size(lanes[name].group)} units)" for name in axis.groups if name in lanes]
    can = [f"permute {' and '.join(named)}"] if named else []
    can += [axis.may] if axis.may else []
    return plain(", ".join(can)) if can else f"in order: {plain(axis.reason or 'no group')}"
