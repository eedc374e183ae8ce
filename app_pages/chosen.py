"""Choices of the Align page that several of its parts share: they are kept while another part hides them."""

from collections.abc import Sequence

import streamlit as st

from app_pages.link import check_link


def chosen(key: str, label: str, options: Sequence[str], *, what: str, help: str, usual: str = "") -> str:
    """A box to choose from, in the link; it comes back as it was left.

    Streamlit forgets a box that is not drawn, and takes its value out of the link.

    Args:
        key: of the box, and its name in the link.
        label: above it.
        options: to choose from.
        what: what one of them is, for a link that asks for another.
        help: beside the label.
        usual: the option at first; by default the first.
    """
    check_link(key, options, what)
    kept = st.session_state.setdefault("chosen", {})
    if key not in st.session_state and key not in st.query_params and kept.get(key) in options:
        st.session_state[key] = kept[key]
    index = options.index(usual) if usual else 0
    found: str = st.selectbox(label, options, index=index, key=key, bind="query-params", help=help)
    kept[key] = found
    return found
