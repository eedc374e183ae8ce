"""The frame around a result: one sentence for bad input, a figure with its table and downloads, a recipe."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pandas as pd
import streamlit as st

from app_pages.plain import plain
from wsexplore.figures import Figure
from wsexplore.zoo import Recipe


@contextmanager
def sentence() -> Iterator[None]:
    """Turn bad input into one sentence on the page."""
    try:
        yield
    except (ValueError, OSError) as error:
        text = str(error)
        st.error(plain(f"{text[:1].upper()}{text[1:].removesuffix('.')}."))
        st.stop()


def show(figure: Figure, *, key: str, alt: str, table: pd.DataFrame, **settings: Any) -> Any:
    """A figure with what every chart owes: an alt text, a table, and downloads."""
    picture = {"format": "svg", "filename": key, "scale": 2}
    config = {"displaylogo": False, "toImageButtonOptions": picture}
    exported = {"toImageButtonOptions": {**picture, "format": "png"}}
    event = st.plotly_chart(figure, key=key, alt=alt, config=config, **settings)
    with st.popover("Table and downloads", icon=":material/table_chart:", type="tertiary", key=f"{key}-more"):
        st.dataframe(table, hide_index=True, height=260, key=f"{key}-table")
        left, right = st.columns(2)
        left.download_button(
            "CSV", lambda: table.to_csv(index=False), f"{key}.csv", "text/csv", key=f"{key}-csv", on_click="ignore"
        )
        right.download_button(
            "HTML",
            lambda: figure.to_html(include_plotlyjs="cdn", config=exported),
            f"{key}.html",
            "text/html",
            key=f"{key}-html",
            on_click="ignore",
            help="A page of its own. Its camera saves PNG; the camera above the chart saves SVG.",
        )
    return event


def recipe(of: Recipe) -> None:
    """How a result came to be, folded away below it."""
    with st.expander("How was this made?", icon=":material/receipt_long:"):
        if of.cli:
            st.code(of.cli, language="bash", wrap_lines=True)
        st.code(of.python, language="python", wrap_lines=True)
        inputs = ", ".join(f"{name} `{value[:12]}`" for name, value in of.inputs.items())
        st.caption(f"wsexplore {of.version}. Inputs by content: {inputs or 'none'}. Seed: {of.seed}.")
