"""The work of the app, in the sidebar of every page: what runs, how far it is, and the way back to it."""

from collections.abc import Mapping
from time import time
from typing import Any
from urllib.parse import parse_qs

import streamlit as st

from app_pages.handles import jobs
from app_pages.plain import plain
from app_pages.work import lasting
from wsexplore.jobs import Status

RECENT = 120.0
"""Seconds that the list tells of a job that has ended."""

SHORT = 2.0
"""Seconds of work that the list is silent about."""

WIDTH = 216
"""Of a title, in pixels: what a button beside it leaves of the sidebar."""

MOST = 5
"""Jobs in the list."""

BELOW = "<style>div:has(> .st-key-working) { order: 1 }</style>"
"""Brings the list below all that pages write into the sidebar; a page that stops early could not draw it last."""

ROW = """<div style="margin: -0.2rem 0 0.5rem 2rem; font-size: 0.8rem">
<span style="opacity: 0.65">{words}</span>{bar}</div>"""
BAR = """<div role="progressbar" aria-valuenow="{percent}" aria-valuemin="0" aria-valuemax="100" aria-label="done"
style="height: 3px; border-radius: 2px; background: color-mix(in srgb, currentColor 14%, transparent)">
<div style="height: 100%; width: {percent}%; border-radius: 2px; background: currentColor; opacity: 0.6"></div></div>"""

ICONS = {
    "waiting": ":material/schedule:",
    "running": ":material/progress_activity:",
    "done": ":material/check_circle:",
    "failed": ":material/error:",
    "cancelled": ":material/cancel:",
    "interrupted": ":material/pause_circle:",
}


def working(pages: Mapping[str, Any]) -> None:
    """A list of the jobs, as long as there is something to tell; it keeps itself up to date while one runs."""
    every = jobs().listed()
    if not (busy := any(not status.ended for status in every)) and not _told(every):
        return
    with st.sidebar.container(key="working"):
        st.html(BELOW)
        st.fragment(_list, run_every=1.0 if busy else None)(pages)


def _list(pages: Mapping[str, Any]) -> None:
    """Redrawn by itself; the page is left alone."""
    told = _told(jobs().listed())
    if not told:
        return
    st.divider()
    with st.container(gap=None):
        for status in told[:MOST]:
            _row(status, pages)
        if len(told) > MOST:
            st.caption(f"and {len(told) - MOST} more")


def _told(every: list[Status]) -> list[Status]:
    """Jobs that are worth a line: those that run or wait, and those that ended lately or before their end."""
    return [status for status in every if _is_told(status)]


def _is_told(status: Status) -> bool:
    if status.state in ("waiting", "interrupted"):
        return True
    if status.seconds < SHORT:
        return False
    return not status.ended or time() - (status.over or 0.0) < RECENT


def _row(status: Status, pages: Mapping[str, Any]) -> None:
    page, _, query = status.link.partition("?")
    name, icon = plain(status.title), ICONS[status.state]
    with st.container(horizontal=True, gap=None, vertical_alignment="center"):
        with st.container(width=WIDTH):
            if page in pages:
                asked = parse_qs(query)
                st.page_link(pages[page], label=name, icon=icon, query_params=asked, help=name, width="stretch")
            else:
                st.caption(f"{icon} {name}")
        _way_out(status)
    bar = "" if status.ended else BAR.format(percent=round(100 * status.fraction))
    st.html(ROW.format(words=_words(status), bar=bar))


def _way_out(status: Status) -> None:
    """A button that cancels a job, or forgets what it left."""
    if not status.ended:
        st.button(
            ":material/close:",
            key=f"stop-{status.id}",
            type="tertiary",
            disabled=status.stopping,
            help="Cancel it; what was done is kept.",
            on_click=jobs().cancel,
            args=(status.id,),
        )
    elif status.state != "done":
        st.button(
            ":material/delete:",
            key=f"drop-{status.id}",
            type="tertiary",
            help="Forget it, and what it did so far.",
            on_click=jobs().forget,
            args=(status.id,),
        )


def _words(status: Status) -> str:
    """The state in a few words."""
    match status.state:
        case "waiting":
            return "waiting for its turn"
        case "running" if status.stopping:
            return "stopping"
        case "running":
            return f"{status.fraction:.0%}, {lasting(status.seconds)}"
        case "done":
            return f"done in {lasting(status.seconds)}"
        case "failed":
            return "failed; its page says why"
        case _:
            return f"{status.state} at {status.fraction:.0%}"
