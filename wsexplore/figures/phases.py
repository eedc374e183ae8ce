"""Phases of learning over two controls: what was measured as small maps, and the phases as a large one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float, Shaped
from numpy import ndarray as Array
from plotly.subplots import make_subplots

from wsexplore.figures.theme import CATEGORIES, DIVERGING, FAINT, SEQUENTIAL, bent, layout, scale, words
from wsexplore.landscape.phase_grid import PHASES, PhaseCell, PhaseGrid, classify, disputed

COLOURS = dict(zip(PHASES, (CATEGORIES[3], CATEGORIES[1], CATEGORIES[5], CATEGORIES[0], CATEGORIES[2]), strict=True))
SHORT = {
    "I": "under-fitted and under-sized",
    "II": "under-fitted",
    "III": "under-sized",
    "IV-A": "fitted, runs differ",
    "IV-B": "fitted, runs alike",
}
"""The phases in a legend."""

UNKNOWN = "\N{EN DASH}"
"""What is written into a cell whose phase is not known."""

WRITTEN = 12
"""Up to so many values of each control, letters and numbers are written into the cells."""

CURVATURES = {"eigenvalue": "leading eigenvalue", "trace": "trace"}
"""What may stand for the sharpness."""

Map = Float[Array, "rows columns"]
Texts = Shaped[Array, "rows columns"]


@dataclass(frozen=True, slots=True)
class _Panel:
    """A small map: what it shows, how values become places on the colour scale, and the ticks beside it."""

    metric: str
    title: str
    colours: tuple[str, ...]
    bend: Callable[[Map], Map]
    ticks: tuple[float, ...]
    digits: int
    middle: bool = False


def phases_figure(
    grid: PhaseGrid,
    *,
    sharpness: str = "eigenvalue",
    loss: float | None = None,
    connectivity: float | None = None,
    cka: float | None = None,
    height: int = 600,
) -> go.Figure:
    """The phase of each cell with its letter, and beside it training loss, sharpness, similarity and connectivity.

    Values of the controls stand side by side at equal steps, so those of a geometric row are on a log scale. Colours of
    the loss are logarithmic. Those of the mode connectivity have 0 in the middle, are linear up to the threshold and
    logarithmic beyond. A question mark follows a phase on which the pairs of runs do not agree. Cells that have no
    runs, or are not measured yet, are empty.

    Args:
        grid: as measured so far.
        sharpness: "eigenvalue" or "trace".
        loss: thresholds as in `classify`, by default the grid's own.
        connectivity: in %.
        cka: 0 to 1.
        height: in pixels.

    Raises:
        ValueError: the sharpness is unknown, or a threshold is out of range.
    """
    if sharpness not in CURVATURES:
        raise ValueError(f"sharpness {sharpness!r} is unknown; choose one of {', '.join(CURVATURES)}")
    limits = {"loss": loss, "connectivity": connectivity, "cka": cka}
    names, doubts = classify(grid, **limits), disputed(grid, **limits)
    cards = _cards(grid, names, doubts)
    panels = _panels(sharpness, grid.thresholds.connectivity if connectivity is None else connectivity)
    figure = make_subplots(
        2,
        3,
        specs=[[{"rowspan": 2}, {}, {}], [None, {}, {}]],
        column_widths=[0.4, 0.3, 0.3],
        horizontal_spacing=0.08,
        vertical_spacing=0.15,
        subplot_titles=[f"phase, {_count(grid)}", *(panel.title for panel in panels)],
    )
    across, down = [[f"{value:g}" for value in values] for values in (grid.x_values, grid.y_values)]
    figure.add_trace(_phase_map(names, doubts, cards, across, down), 1, 1)
    for place, panel in enumerate(panels):
        row, column = place // 2 + 1, place % 2 + 2
        axes = figure.get_subplot(row, column)
        trace = _small_map(grid.map(panel.metric), panel, cards, across, down)
        trace.colorbar.update(x=axes.xaxis.domain[1] + 0.004, y=sum(axes.yaxis.domain) / 2)
        trace.colorbar.update(len=axes.yaxis.domain[1] - axes.yaxis.domain[0], xanchor="left", yanchor="middle")
        figure.add_trace(trace, row, column)
    _legend(figure, names)
    _axes(figure, grid)
    layout(figure, height=height)
    figure.update_layout(margin={"t": 36, "b": 64}, legend={"y": 0, "yref": "container", "yanchor": "bottom"})
    return figure


def phases_finding(
    grid: PhaseGrid, *, loss: float | None = None, connectivity: float | None = None, cka: float | None = None
) -> str:
    """What the figure shows, in a few sentences: its alt text."""
    limits = {"loss": loss, "connectivity": connectivity, "cka": cka}
    names, doubts = classify(grid, **limits), disputed(grid, **limits)
    over = " by ".join(
        f"{name.replace('_', ' ')} {values[0]:g} to {values[-1]:g}"
        for name, values in ((grid.x, grid.x_values), (grid.y, grid.y_values))
    )
    counts = {name: int((names == name).sum()) for name in PHASES}
    found = ", ".join(f"{count} in {name} ({SHORT[name]})" for name, count in counts.items() if count)
    said = [f"Phases of {_count(grid)} over {over}: {found or 'none known'}"]
    judged = [cell for cell in grid.cells if np.isfinite(cell.test_error)]
    if judged:
        best = min(judged, key=lambda cell: cell.test_error)
        phase = str(names[grid.place(best)])
        where = f"{grid.x.replace('_', ' ')} {best.x:g}, {grid.y.replace('_', ' ')} {best.y:g}"
        inside = f", in phase {phase}" if phase else ""
        said.append(f"The lowest test error, {best.test_error:.2f} %, is at {where}{inside}")
    if doubts.any():
        said.append(f"In {int(doubts.sum())} of them the pairs of runs do not agree on the phase")
    if grid.alone:
        said.append(f"{grid.alone} {'has' if grid.alone == 1 else 'have'} one run only, and so no phase")
    if grid.differing:
        said.append(f"Within cells {', '.join(name.replace('_', ' ') for name in grid.differing)} differs, too")
    return ". ".join(said)


def _panels(sharpness: str, small: float) -> list[_Panel]:
    powers, least = tuple(10.0**power for power in range(-6, 5)), max(small, 0.1)
    percents = (-100.0, -30.0, -10.0, -3.0, -1.0, 0.0, 1.0, 3.0, 10.0, 30.0, 100.0)
    curvature = f"{CURVATURES[sharpness]} (log10 nats)"
    return [
        _Panel("train_loss", "training loss (nats, log)", SEQUENTIAL, _logarithm, powers, 2),
        _Panel(sharpness, curvature, SEQUENTIAL, lambda values: values, (), 1),
        _Panel("cka", "CKA of the logits", SEQUENTIAL, lambda values: values, (), 2),
        _Panel(
            "connectivity",
            "mode connectivity (%)",
            DIVERGING[::-1],
            lambda values: bent(values, least),
            percents,
            1,
            middle=True,
        ),
    ]


def _logarithm(values: Map) -> Map:
    found: Map = np.log10(np.maximum(values, 1e-12))
    return found


def _phase_map(names: Texts, doubts: Texts, cards: Texts, across: Sequence[str], down: Sequence[str]) -> go.Heatmap:
    """Letters on colours; grey where cells are measured and no phase is known."""
    order = ["", *PHASES]
    codes = np.array([[order.index(name) for name in row] for row in names], dtype=float)
    codes[cards == ""] = np.nan
    letters = np.where(names == "", UNKNOWN, np.where(doubts, np.char.add(names.astype(str), "?"), names))
    ends = np.linspace(0, 1, len(order) + 1)
    colours = [FAINT, *COLOURS.values()]
    steps = [[float(end), colour] for place, colour in enumerate(colours) for end in ends[place : place + 2]]
    return go.Heatmap(
        x=across,
        y=down,
        z=codes,
        zmin=-0.5,
        zmax=len(order) - 0.5,
        colorscale=steps,
        showscale=False,
        text=np.where(cards == "", "", letters),
        texttemplate="<b>%{text}</b>" if _fits(names) else None,
        textfont={"size": 15},
        hovertext=cards,
        hovertemplate="%{hovertext}<extra></extra>",
        hoverongaps=False,
        xgap=2,
        ygap=2,
    )


def _small_map(values: Map, panel: _Panel, cards: Texts, across: Sequence[str], down: Sequence[str]) -> go.Heatmap:
    """Values as colours, written into the cells where there are few."""
    places = panel.bend(np.where(np.isfinite(values), values, np.nan))
    known = places[np.isfinite(places)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    if panel.middle:
        high = max(-low, high, 1e-9)
        low = -high
    if high <= low:
        low, high = low - 0.5, high + 0.5
    ticks = np.array([panel.ticks]) if panel.ticks else np.zeros((1, 0))
    at = panel.bend(ticks)[0]
    shown = [place for place in range(len(at)) if low - 1e-9 <= at[place] <= high + 1e-9]
    bar: dict[str, Any] = {"thickness": 8, "outlinewidth": 0, "tickfont": {"size": 10}, "nticks": 5}
    if shown:
        bar |= {"tickvals": at[shown], "ticktext": [f"{panel.ticks[place]:g}" for place in shown]}
    return go.Heatmap(
        x=across,
        y=down,
        z=places,
        zmin=low,
        zmax=high,
        colorscale=scale(panel.colours),
        colorbar=bar,
        text=np.array([[_short(value, panel.digits) for value in row] for row in values.tolist()]),
        texttemplate="%{text}" if _fits(values) else None,
        textfont={"size": 9},
        hovertext=cards,
        hovertemplate="%{hovertext}<extra></extra>",
        hoverongaps=False,
        xgap=1,
        ygap=1,
    )


def _short(value: float, digits: int) -> str:
    """At most four letters, so that they fit into a cell; all digits are on the card."""
    return f"{value:z.{0 if abs(value) >= 9.95 else digits}f}" if np.isfinite(value) else ""


def _cards(grid: PhaseGrid, names: Texts, doubts: Texts) -> Texts:
    """All that is known of each cell; empty where nothing is."""
    found = np.full(names.shape, "", dtype=object)
    for cell in grid.cells:
        place = grid.place(cell)
        found[place] = _card(grid, cell, str(names[place]), bool(doubts[place]))
    return found


def _card(grid: PhaseGrid, cell: PhaseCell, name: str, doubted: bool) -> str:
    phase = f"<b>{name}</b>, {SHORT[name]}" if name else "<b>phase not known</b>"
    runs = f"{cell.runs:,} runs" if cell.runs > 1 else "one run only, so no pair to compare"
    lines = [
        f"{words(grid.x)} {cell.x:g}, {words(grid.y)} {cell.y:g}",
        f"{phase}{'; the pairs of runs do not agree' if doubted else ''}",
        f"training loss {cell.train_loss:.3g} nats, error {cell.train_error:.2f} %",
        f"test loss {cell.test_loss:.3g} nats, error {cell.test_error:.2f} %",
        f"leading eigenvalue {_power(cell.eigenvalue)}, trace {_power(cell.trace)}",
    ]
    if cell.runs > 1:
        error = f" ± {cell.connectivity_error:.2f}" if np.isfinite(cell.connectivity_error) else ""
        pairs = len(cell.connectivities)
        lines += [
            f"CKA {_known(cell.cka, '.3f')}",
            f"mode connectivity {_known(cell.connectivity, '+.2f')}{error} % ({pairs} pair{'s' * (pairs != 1)})",
        ]
    return "<br>".join([*lines, runs])


def _power(logarithm: float) -> str:
    return f"{10**logarithm:.3g} nats" if np.isfinite(logarithm) else "not known"


def _known(value: float, digits: str) -> str:
    return format(value, digits) if np.isfinite(value) else "not known"


def _legend(figure: go.Figure, names: Texts) -> None:
    """What the letters say, of those that are there."""
    for name, colour in COLOURS.items():
        if (names == name).any():
            figure.add_scatter(
                x=[None],
                y=[None],
                mode="markers",
                marker={"symbol": "square", "size": 12, "color": colour},
                name=f"{name} {SHORT[name]}",
                hoverinfo="skip",
            )


def _axes(figure: go.Figure, grid: PhaseGrid) -> None:
    """Names of the controls where there is room for them; values on all axes."""
    figure.update_xaxes(type="category", showgrid=False, zeroline=False, ticks="", tickfont={"size": 11})
    figure.update_yaxes(type="category", showgrid=False, zeroline=False, ticks="", tickfont={"size": 11})
    for row, column in ((1, 1), (2, 2), (2, 3)):
        figure.update_xaxes(title={"text": words(grid.x), "standoff": 4}, row=row, col=column)
    for row, column in ((1, 1), (1, 2), (2, 2)):
        figure.update_yaxes(title={"text": words(grid.y), "standoff": 4}, row=row, col=column)
    figure.update_annotations(font_size=13)


def _count(grid: PhaseGrid) -> str:
    return f"{grid.of:,} cells" if grid.done else f"{len(grid.cells):,} of {grid.of:,} cells"


def _fits(values: Array) -> bool:
    return bool(max(values.shape) <= WRITTEN)
