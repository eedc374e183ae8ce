"""A network drawn from top to bottom: what each layer gives, and how many weights it takes."""

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from wsexplore.figures.blocks import Block, cells
from wsexplore.figures.theme import CATEGORIES, LINE, TIMES, clear, layout, plain

Pixels = float | int

ROW = 86
"""Height of a block in pixels."""

LEFT, TEXT, BAR = 62, 140, 150
"""Middle of the drawings, left end of the words, and length of the longest bar, in pixels."""

SIDE = 46
"""Side of the largest sheet in pixels."""

SHADES = {"convolution": 0, "linear": 1, "stage": 0, "embedding": 3, "parameters": 2}
"""Place in `CATEGORIES` by kind; all norms are grey."""


def anatomy_figure(blocks: Sequence[Block], inputs: tuple[int, ...]) -> go.Figure:
    """Blocks from the input down to the output.

    Maps of channels are drawn as sheets, one behind the other, units as cells in a row, and the share of the
    network's parameters as a bar. Sizes are in pixels, so that the drawing is the same on a wide and a narrow screen.

    Args:
        blocks: the layers.
        inputs: shape of one input.
    """
    total = max(1, sum(block.parameters for block in blocks))
    figure = go.Figure()
    figure.add_scatter(
        x=[0.02] * (len(blocks) + 1),
        y=list(range(len(blocks) + 1)),
        mode="markers",
        marker={"size": ROW * 0.7, "opacity": 0},
        text=["<b>input</b><br>" + _shape(inputs), *(_card(block) for block in blocks)],
        hovertemplate="%{text}<extra></extra>",
        showlegend=False,
    )
    shapes, notes = _picture(inputs, 0, CATEGORIES[4]), _words(0, "input", _shape(inputs), "")
    for row, block in enumerate(blocks, start=1):
        shade = CATEGORIES[SHADES.get(block.kind, 4 if "norm" in block.kind else 2)]
        shapes += [
            _arrow(row),
            *_picture(block.output or (1,), row, shade),
            *_bar(row, block.parameters / total, shade),
        ]
        gives = f"{_shape(block.output)}, " if block.output else ""
        notes += _words(
            row,
            f"{plain(block.kind)} <span style='font-weight:400'>{plain(block.facts)}</span>",
            _place(block),
            f"{gives}{block.parameters:,} parameters",
        )
    figure.update_layout(shapes=shapes, annotations=notes)
    figure.update_xaxes(visible=False, range=[0, 1], fixedrange=True)
    figure.update_yaxes(visible=False, range=[len(blocks) + 0.55, -0.55], fixedrange=True)
    layout(figure, height=ROW * (len(blocks) + 1) + 16)
    figure.update_layout(margin={"l": 0, "r": 0, "t": 8, "b": 8}, hovermode="closest", dragmode=False)
    return figure


def _place(block: Block) -> str:
    """What follows a layer, and of a stage also where it is; where a layer is that nothing follows."""
    then = f"then {', '.join(plain(name) for name in block.then)}" if block.then else ""
    if then and block.kind != "stage":
        return then
    return ", ".join(part for part in (plain(block.path), then) if part)


def _shape(shape: tuple[int, ...]) -> str:
    if len(shape) == 3:
        return f"{shape[0]} channel{'s' if shape[0] > 1 else ''} of {shape[1]} {TIMES} {shape[2]}"
    if len(shape) == 1:
        return f"{shape[0]:,} units" if shape[0] > 1 else "1 unit"
    return f" {TIMES} ".join(str(length) for length in shape)


def _card(block: Block) -> str:
    slots = [f"{plain(slot.name)}  {f' {TIMES} '.join(map(str, slot.shape))}" for slot in block.slots[:6]]
    more = [f"and {len(block.slots) - 6} more"] if len(block.slots) > 6 else []
    return "<br>".join([f"<b>{plain(block.path)}</b>", *slots, *more])


def _box(row: int, x: Pixels, y: Pixels, width: Pixels, height: Pixels, **style: Any) -> dict[str, Any]:
    """A rectangle around a point given in pixels from the left end and from the middle of a row."""
    return {
        "type": "rect",
        "xref": "x",
        "yref": "y",
        "xsizemode": "pixel",
        "ysizemode": "pixel",
        "xanchor": 0,
        "yanchor": row,
        "x0": x - width / 2,
        "x1": x + width / 2,
        "y0": y - height / 2,
        "y1": y + height / 2,
        **style,
    }


def _picture(shape: tuple[int, ...], row: int, shade: str) -> list[dict[str, Any]]:
    """Sheets for maps of channels, a row of cells for units."""
    style = {"line": {"color": shade, "width": 1.4}, "fillcolor": clear(shade, 0.2)}
    if len(shape) < 2:
        count = min(cells(shape), 12)
        width = 100 / max(count, 6) * 0.96
        start = LEFT - width * (count - 1) / 2
        return [_box(row, start + width * place, 0, width - 2, min(width - 2, 14), **style) for place in range(count)]
    channels, height, width = (1, *shape)[-3:]
    sheets = min(channels, 7)
    largest = max(height, width)
    side = SIDE * max(0.22, min(1.0, (largest / 32) ** 0.5))
    step = min(6.0, 34 / max(1, sheets))
    first = LEFT - step * (sheets - 1) / 2
    return [
        _box(
            row,
            first + step * place,
            step * (sheets - 1) / 2 * 0.5 - step * place * 0.5,
            side * width / largest,
            side * height / largest,
            **style,
        )
        for place in range(sheets)
    ]


def _arrow(row: int) -> dict[str, Any]:
    """The line from the block above."""
    return {
        "type": "path",
        "xref": "x",
        "yref": "y",
        "xsizemode": "pixel",
        "ysizemode": "pixel",
        "xanchor": 0,
        "yanchor": row - 0.5,
        "path": f"M {LEFT} 6 L {LEFT} -5 M {LEFT - 4} -1 L {LEFT} -6 L {LEFT + 4} -1",
        "line": {"color": LINE, "width": 1.4},
    }


def _bar(row: int, share: float, shade: str) -> list[dict[str, Any]]:
    """The share of the parameters, on the track of all of them."""
    style = {"line": {"width": 0}, "layer": "above"}
    filled = max(2.0, BAR * share)
    return [
        _box(row, TEXT + BAR / 2, -31, BAR, 4, fillcolor=clear(CATEGORIES[4], 0.2), **style),
        _box(row, TEXT + filled / 2, -31, filled, 4, fillcolor=shade, **style),
    ]


def _words(row: int, title: str, shape: str, size: str) -> list[dict[str, Any]]:
    lines = [(18, f"<b>{title}</b>", 14), (-2, shape, 12), (-20, size, 12)]
    return [
        {
            "x": 0,
            "y": row,
            "xref": "x",
            "yref": "y",
            "xshift": TEXT,
            "yshift": shift,
            "text": text,
            "showarrow": False,
            "xanchor": "left",
            "align": "left",
            "font": {"size": size_},
        }
        for shift, text, size_ in lines
        if text
    ]
