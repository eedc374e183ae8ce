"""The frame around a result: one sentence for bad input, a figure with its table and downloads, a recipe, a job."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pandas as pd
import streamlit as st

from app_pages.handles import jobs
from app_pages.plain import plain
from wsexplore.figures import Figure
from wsexplore.population import OnStep
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


def result_of(name: str, title: str, work: Callable[[OnStep], Any]) -> Any:
    """The result of a background job, started once per `name`; until it is there the page shows its progress.

    The job goes on when the page is left, and its result is there on return, for every visitor.
    """
    job = jobs().start(title, work, name=name)
    status = jobs().status(job)
    assert status is not None
    if status.state == "done":
        return status.result
    if not status.ended:
        progress(job)
    else:
        st.error(plain(f"{title}: {status.message}." if status.state == "failed" else f"{title}: cancelled."))
        if st.button("Try again", key=f"again-{job}"):
            jobs().forget(job)
            st.rerun()
    st.stop()


@st.fragment(run_every=0.3)
def progress(job: str) -> None:
    """How far a job is, and a button that cancels it; when it ends, the page is drawn anew."""
    status = jobs().status(job)
    if status is None or status.ended:
        st.rerun()
        return
    left, right = st.columns([5, 1], vertical_alignment="bottom")
    told = plain(f"{status.title}: {status.message or 'starting'} ({status.seconds:.0f} s)")
    left.progress(status.fraction, told)
    if right.button("Cancel", key=f"cancel-{job}"):
        jobs().cancel(job)
