"""What one network says: how often it is right for each class, and its mistakes as pictures."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float, Int
from numpy import ndarray as Array
from plotly.subplots import make_subplots

from wsexplore.figures.theme import CATEGORIES, INK, SHARES, layout, plain, plain_axes, scale

PALE, DEEP = 0.18, 0.38
"""Shares from which a cell takes dark letters, and white ones."""

WRITTEN = 12
"""Most classes whose counts are written into their cells."""


def confusion_figure(
    confusion: Int[Array, "classes classes"], classes: Sequence[str], *, height: int = 430
) -> go.Figure:
    """Per-class accuracy as bars, level with the rows of the confusion matrix.

    Args:
        confusion: counts, true class by row and given class by column.
        classes: a name per class.
        height: in pixels.
    """
    names = [_short(name) for name in classes]
    totals = confusion.sum(1)
    shares = confusion / np.maximum(totals[:, None], 1)
    right = np.diag(shares)
    figure = make_subplots(1, 2, column_widths=[0.68, 0.32], horizontal_spacing=0.03, shared_yaxes=True)
    figure.add_trace(
        go.Heatmap(
            z=shares.astype(np.float32),
            x=names,
            y=names,
            zmin=0,
            zmax=1,
            colorscale=scale(SHARES),
            showscale=False,
            xgap=1,
            ygap=1,
            customdata=confusion,
            hovertemplate="truth %{y}, given %{x}<br>%{customdata} samples, %{z:.1%} of the class<extra></extra>",
        ),
        1,
        1,
    )
    figure.add_trace(
        go.Bar(
            x=right,
            y=names,
            orientation="h",
            marker={"color": CATEGORIES[0], "line": {"width": 0}},
            text=[f"{value:.0%}" for value in right],
            textposition="auto",
            insidetextfont={"color": "#ffffff"},
            customdata=totals,
            hovertemplate="%{y}: %{x:.1%} of %{customdata} samples right<extra></extra>",
            showlegend=False,
        ),
        1,
        2,
    )
    if len(names) <= WRITTEN:
        _write_counts(figure, confusion, shares, names)
    figure.update_xaxes(title="given", type="category", side="bottom", showgrid=False, row=1, col=1)
    figure.update_yaxes(title="truth", type="category", autorange="reversed", showgrid=False, row=1, col=1)
    figure.update_xaxes(title="share right", range=[0, 1], tickformat=".0%", row=1, col=2)
    figure.update_yaxes(type="category", autorange="reversed", showgrid=False, row=1, col=2)
    return layout(figure, height=height, bargap=0.25)


def _write_counts(
    figure: go.Figure,
    confusion: Int[Array, "classes classes"],
    shares: Float[Array, "classes classes"],
    names: Sequence[str],
) -> None:
    """The counts in their cells: white on the deep colours, dark on the pale ones, grey on the faint ones."""
    bands = np.digitize(shares, (PALE, DEEP))
    for band, colour in enumerate((CATEGORIES[4], INK[1], "#ffffff")):
        rows, columns = np.nonzero((confusion > 0) & (bands == band))
        figure.add_trace(
            go.Scatter(
                x=[names[int(column)] for column in columns],
                y=[names[int(row)] for row in rows],
                text=confusion[rows, columns].astype(str),
                mode="text",
                textfont={"color": colour, "size": 12},
                hoverinfo="skip",
                showlegend=False,
            ),
            1,
            1,
        )


def mistakes_figure(
    images: Float[Array, "samples ..."],
    given: Sequence[str],
    truth: Sequence[str],
    confidence: Float[Array, " samples"],
    samples: Int[Array, " samples"],
    *,
    columns: int = 6,
) -> go.Figure:
    """Samples as images, each with the class that the network gave and the true one.

    Args:
        images: pixels in 0 to 1, `(samples, height, width)` or `(samples, 1 or 3, height, width)`.
        given: class that the network gave, by sample.
        truth: true class, by sample.
        confidence: probability that the network gave to its class, 0 to 1.
        samples: number of each sample in its split.
        columns: images in a row.
    """
    titles = [f"{_short(a)} ({p:.0%})<br>is {_short(b)}" for a, b, p in zip(given, truth, confidence, strict=True)]
    figure = _images(images, titles, [f"sample {sample}" for sample in samples], columns=columns, tall=165, title=34)
    figure.update_layout(margin={"t": 44})
    return figure


def images_figure(
    images: Float[Array, "samples ..."], titles: Sequence[str], *, columns: int = 6, tall: int = 110
) -> go.Figure:
    """Images side by side, each under its title.

    Args:
        images: pixels in 0 to 1, `(samples, height, width)` or `(samples, 1 or 3, height, width)`.
        titles: one per image.
        columns: images in a row.
        tall: height of a row in pixels.
    """
    names = [_short(title) for title in titles]
    return _images(images, names, names, columns=columns, tall=tall, title=22)


def pictures_figure(pictures: Mapping[str, Float[Array, "height width"]], *, height: int = 420) -> go.Figure:
    """Grey pictures of any sizes side by side, intensities 0 to 1, by title."""
    figure = make_subplots(1, len(pictures), subplot_titles=[plain(title) for title in pictures])
    for place, image in enumerate(pictures.values(), start=1):
        card = "row %{y}, column %{x}<br>intensity %{z:.3f}<extra></extra>"
        _add_image(figure, image, card, 1, place, place)
    plain_axes(figure)
    return layout(figure, height=height)


def _images(
    images: Float[Array, "samples ..."],
    titles: Sequence[str],
    cards: Sequence[str],
    *,
    columns: int,
    tall: int,
    title: int,
) -> go.Figure:
    """Images in rows of `tall` pixels, of which a title takes `title`."""
    rows = max(1, math.ceil(len(images) / columns))
    figure = make_subplots(
        rows,
        columns,
        subplot_titles=titles,
        horizontal_spacing=0.02,
        vertical_spacing=min(1.0 / max(1, rows - 1), title * 1.3 / (tall * rows)),
    )
    for place, (image, card) in enumerate(zip(images, cards, strict=True)):
        _add_image(figure, image, f"{card}<extra></extra>", place // columns + 1, place % columns + 1, place + 1)
    plain_axes(figure)
    figure.update_annotations(font_size=12)
    return layout(figure, height=40 + tall * rows)


def _add_image(figure: go.Figure, image: Float[Array, "..."], card: str, row: int, column: int, place: int) -> None:
    """One image with square pixels; `place` is the number of its axes."""
    if image.ndim == 3 and len(image) == 3:
        pixels = (255 * np.clip(image, 0, 1)).round().astype(np.uint8).transpose(1, 2, 0)
        trace: go.Image | go.Heatmap = go.Image(z=pixels, hovertemplate=card)
    else:
        flat = image.reshape(image.shape[-2:]).astype(np.float32)
        trace = go.Heatmap(z=flat, zmin=0, zmax=1, colorscale=scale(INK), showscale=False, hovertemplate=card)
    figure.add_trace(trace, row, column)
    across = f"x{place if place > 1 else ''}"
    figure.update_yaxes(autorange="reversed", scaleanchor=across, constrain="domain", row=row, col=column)
    figure.update_xaxes(constrain="domain", row=row, col=column)


def _short(name: str) -> str:
    text = str(name)
    return plain(text if len(text) <= 14 else f"{text[:13]}…")
