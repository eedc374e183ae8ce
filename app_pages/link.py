"""Links: each page is found again as it was left, and what a link asks for in vain is said on the page."""

from collections.abc import Sequence
from urllib.parse import urlencode

import streamlit as st

from app_pages.plain import plain


def enter(page: str, keys: Sequence[str] = ()) -> None:
    """Drop what was said of the link when another page opens; `keys` are picked for it in the sidebar."""
    if st.session_state.get("page") != page:
        st.session_state["page"], st.session_state["notes"] = page, {}
    st.session_state["picked-here"] = tuple(keys)


def here() -> str:
    """The page with its query and what was picked for it, as a link that finds it again."""
    picked: dict[str, str] = st.session_state.get("picked", {})
    query = {key: [picked[key]] for key in st.session_state.get("picked-here", ()) if key in picked}
    query |= {key: st.query_params.get_all(key) for key in st.query_params}
    page = st.session_state.get("page") or "home"
    return f"{page}?{urlencode(query, doseq=True)}" if query else page


def leave(page: str) -> None:
    """Remember the link of a page."""
    st.session_state.setdefault("links", {})[page] = st.query_params.to_dict()


def left_at(page: str) -> dict[str, str]:
    """The query of a page's link when it was left; empty before the first visit."""
    query: dict[str, str] = st.session_state.get("links", {}).get(page, {})
    return query


def check_link(key: str, options: Sequence[str], what: str) -> None:
    """Say it when the link names something that is not there; the page goes on with its default."""
    if asked := st.query_params.get_all(key):
        unknown = next((one for one in asked if one not in options), None)
        _note(key, "" if unknown is None else f"The link asks for {what} {unknown[:60]!r}, which is not here")
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
