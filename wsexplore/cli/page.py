"""A page of its own: the figures of a command one under the other, each with what it shows, and the recipe."""

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from wsexplore.cli.frame import beside

if TYPE_CHECKING:
    from wsexplore.figures import Figure
    from wsexplore.zoo import Recipe

Html = Annotated[str, typer.Option("--html", metavar="FILE", help="Draw the figures into a page of their own.")]

STYLE = (
    "body { margin: 2rem auto; max-width: 70rem; padding: 0 1rem; background: #fff; color: #1b1e2e; "
    "font: 16px/1.5 system-ui, sans-serif } figure { margin: 0 0 2.5rem } figcaption, footer { color: #555a70 } "
    "h1 { font-size: 1.6rem } h2 { font-size: 1.15rem; margin-bottom: 0.3rem } pre { white-space: pre-wrap }"
)


class Drawing(NamedTuple):
    """A figure on a page.

    Attributes:
        title: above it.
        figure: itself.
        finding: what it shows, in a sentence: below it, and its alt text.
    """

    title: str
    figure: "Figure"
    finding: str


def write_html(path: str, title: str, drawings: Sequence[Drawing], recipe: "Recipe") -> None:
    """Write figures as a page, whole or not at all; it loads plotly from its CDN.

    Args:
        path: of the file.
        title: of the page.
        drawings: the figures, from top to bottom.
        recipe: how the numbers were made.
    """
    parts = [_part(drawing, first=place == 0) for place, drawing in enumerate(drawings)]
    inputs = ", ".join(f"{name} {value[:12]}" for name, value in recipe.inputs.items())
    made = f"<pre>{escape(recipe.cli or recipe.python)}</pre>"
    text = (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        f"<style>{STYLE}</style>\n</head>\n<body>\n<h1>{escape(title)}</h1>\n{''.join(parts)}<footer>{made}"
        f"<p>wsexplore {escape(recipe.version)}. Inputs by content: {escape(inputs)}. Seed: {recipe.seed}.</p></footer>"
        "\n</body>\n</html>\n"
    )
    with beside(path) as file:
        file.write_text(text, encoding="utf-8")


def _part(drawing: Drawing, *, first: bool) -> str:
    figure, finding = drawing.figure.update_layout(template="plotly_white"), escape(drawing.finding)
    config = {"displaylogo": False, "toImageButtonOptions": {"format": "png", "scale": 2}}
    plot = figure.to_html(
        full_html=False,
        include_plotlyjs="cdn" if first else False,
        config=config,
        default_height=f"{figure.layout.height}px",
    )
    return (
        f'<figure>\n<h2>{escape(drawing.title)}</h2>\n<div role="img" aria-label="{finding}">{plot}</div>\n'
        f"<figcaption>{finding}.</figcaption>\n</figure>\n"
    )
