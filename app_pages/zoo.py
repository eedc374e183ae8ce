"""Zoo: every population on this machine, those that others published, and what is in the one that is open."""

import streamlit as st

from app_pages.bring import BRING, HERE, PUBLISHED, bring_in, brought
from app_pages.cards import published_cards, zoo_cards
from app_pages.explore import explore
from app_pages.link import check_link
from app_pages.pick import current_zoo

SHELVES = (HERE, PUBLISHED, BRING)

name, zoo = current_zoo()
st.title("Which populations of networks are there?")
st.caption(
    "A zoo is a population of networks of one architecture: a matrix of weights, and a table that says how each was "
    "trained and how good it is. Open one, fetch one that others published, bring your own, or train one."
)
check_link("shelf", SHELVES, "shelf")
with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
    place = st.segmented_control(
        "Shelf",
        SHELVES,
        default=HERE,
        required=True,
        key="shelf",
        bind="query-params",
        label_visibility="collapsed",
    )
    st.page_link("app_pages/train.py", label="Train a zoo", icon=":material/model_training:", width="content")
brought()
if place == PUBLISHED:
    published_cards(st.text_input("Search", key="search", bind="query-params", placeholder="mnist resnet"))
elif place == BRING:
    bring_in()
else:
    zoo_cards(name)
st.divider()
explore(zoo)
