"""Sample here: the region of a map that samples must fall into, and the way to it from the Atlas."""

import streamlit as st

from app_pages.handles import open_zoo, stamp, version_of
from app_pages.inside import MAPS, TRIED, Within
from app_pages.link import check_link
from app_pages.maps import TITLES
from app_pages.plain import plain
from app_pages.view import View
from wsexplore.embed import Selection, parse_selection, selection_text
from wsexplore.zoo import item, read_manifest, shelf

TOLD = {key: f"{frame} weights, {TITLES[method]}" for key, (method, frame) in MAPS.items()}


def sample_here(view: View, selection: Selection) -> None:
    """A link that takes the selection of the Atlas to the Sample page; grey where it cannot be sampled in."""
    if not selection:
        return
    key = f"{view.embedding}-{view.method}"
    why = ""
    if key not in MAPS:
        why = "New networks can be placed on PCA and UMAP maps of raw or aligned weights only. Switch the map to one."
    elif not (flow := _flow_of(view.name)):
        why = "No flow was fitted on this zoo yet. Fit one on the Fit page."
    st.page_link(
        "app_pages/sample.py",
        label="Sample here",
        icon=":material/casino:",
        help=why or "Draw networks that nobody trained until some fall into this region.",
        disabled=bool(why),
        query_params={} if why else {"flow": flow, "within": selection_text(selection), "on": TOLD[key]},
    )


def choose_within() -> Within:
    """The region in the link, with a way to change it and to let go of it; all of the map where there is none."""
    check_link("on", list(TOLD.values()), "map")
    if not st.session_state.get("within") and not st.query_params.get("within"):
        return Within()
    with st.container(border=True):
        left, middle, right = st.columns([3, 1.4, 0.8], vertical_alignment="bottom")
        text = left.text_input(
            "Only networks inside this region",
            key="within",
            bind="query-params",
            help="A region of the map as text, like the Atlas writes it. Networks are drawn until enough fall inside, "
            f"at most {TRIED:,}.",
        )
        on = middle.selectbox(
            "Of the map of",
            list(MAPS),
            key="on",
            bind="query-params",
            format_func=TOLD.__getitem__,
            help="The map that the region was drawn on.",
        )
        right.button("Everywhere", key="everywhere", icon=":material/close:", width="stretch", on_click=_everywhere)
    try:
        return Within(on, parse_selection(text))
    except ValueError as error:
        st.warning(plain(f"The region cannot be read: {error}."))
        return Within()


def said_share(inside: int, outside: int, wanted: int) -> str:
    """How many of all that were drawn fell inside."""
    drawn = inside + outside
    told = f"**{inside:,} of {drawn:,} networks ({inside / max(1, drawn):.1%}) fell inside the region.**"
    if inside < wanted:
        told += f" {wanted:,} were asked for; after {TRIED:,} the search ends."
    return told


def _everywhere() -> None:
    st.session_state["within"] = ""


def _flow_of(zoo: str) -> str:
    """A flow that was fitted on networks of this zoo: the one of its name, else any."""
    names = sorted(shelf("flows"), key=lambda name: name != zoo)
    return next((name for name in names if _fits(name, stamp("flows", name), zoo, version_of("zoos", zoo))), "")


@st.cache_data(max_entries=128, show_spinner=False)
def _fits(flow: str, version: float, zoo: str, zoo_version: float) -> bool:
    try:
        told = read_manifest(item("flows", flow), "flow")
        where = str(told.get("where") or "")
        part = open_zoo(zoo).select(where) if where else open_zoo(zoo)
        return part.fingerprint == told.get("fitted_on")
    except (ValueError, OSError):
        return False
