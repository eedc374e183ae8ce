"""Links: each page is found again as it was left, and what a link asks for in vain is said on the page."""

from collections.abc import Sequence

import streamlit as st

from app_pages.plain import plain


def enter(page: str) -> None:
    """Drop what was said of the link when another page opens."""
    if st.session_state.get("page") != page:
        st.session_state["page"], st.session_state["notes"] = page, {}


def leave(page: str) -> None:
    """Remember the link of a page."""
    st.session_state.setdefault("links", {})[page] = st.query_params.to_dict()


def left_at(page: str) -> dict[str, str]:
    """The query of a page's link when it was left; empty before the first visit."""
    query: dict[str, str] = st.session_state.get("links", {}).get(page, {})
    return query


def check_link(key: str, options: Sequence[str], what: str) -> None:
    """Say it when the link names something that is not there; the page goes on with its default."""
    asked = st.query_params.get(key)
    if asked is not None:
        _note(key, "" if asked in options else f"The link asks for {what} {asked[:60]!r}, which is not here")
    _say(key)


def check_link_number(key: str, low: float, high: float, what: str) -> None:
    """Say it when the link holds no number, or one out of range; the page goes on with its default."""
    asked = st.query_params.get(key)
    if asked is not None:
        try:
            good = low <= float(asked) <= high
        except ValueError:
            good = False
        _note(key, "" if good else f"The link asks for {what} {asked[:60]!r}, which is not from {low:g} to {high:g}")
    _say(key)


def _note(key: str, text: str) -> None:
    """Remember it over reruns: the browser drops what it cannot use from the link at once."""
    st.session_state.setdefault("notes", {})[key] = text


def _say(key: str) -> None:
    text = st.session_state.get("notes", {}).get(key)
    if text:
        st.warning(plain(f"{text}; the page shows the default instead."))
