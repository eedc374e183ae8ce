"""A third network, picked on the page: it may come from another zoo of the same architecture, or be left out."""

import streamlit as st

from app_pages.frame import sentence
from app_pages.gathered import Ref, siblings
from app_pages.handles import open_zoo
from app_pages.link import check_link
from app_pages.pick import MANY

NONE = "none"


def pick_third(refs: tuple[Ref, ...], *, optional: bool = False) -> Ref | None:
    """The third network by zoo and id, by default the best of a run that the others are not of; or none.

    Args:
        refs: the networks that are picked already; the first says which zoos are offered.
        optional: whether there may be none, which is the default then.
    """
    known = siblings(refs[0][0])
    left, right = st.columns(2)
    name = known[0]
    if len(known) > 1:
        check_link("c_zoo", known, "third zoo")
        name = left.selectbox(
            "Third network from",
            known,
            key="c_zoo",
            bind="query-params",
            help="Zoos whose networks lie in the same weight space, sampled ones included.",
        )
    with sentence():
        zoo = open_zoo(name)
    table = zoo.table
    taken = {network for other, network in refs if other == name}
    runs = set(table.loc[table["id"].isin(taken), "run"])
    others = table[~table["run"].isin(runs) & ~table["id"].isin(taken)]
    others = others if len(others) else table[~table["id"].isin(taken)]
    if not len(others) and not optional:
        raise ValueError(f"the zoo {name} holds no third network; pick another zoo")
    best = others.sort_values("test_accuracy", ascending=False, kind="stable") if "test_accuracy" in others else others
    usual = str(best["id"].iloc[0]) if len(best) else NONE
    ids = [usual, *(network for network in table["id"].tolist() if network != usual)]
    if optional:
        ids = [NONE, *(network for network in ids if network != NONE)]
    check_link("c", ids, "third network")
    place = right if len(known) > 1 else left
    if len(ids) <= MANY:
        asked = place.selectbox("Third network", ids, key="c", bind="query-params", help="Type to search by id.")
    else:
        text = place.text_input("Third network", key="c", bind="query-params", placeholder=ids[0], help="The id.")
        asked = text.strip() or ids[0]
    return None if asked == NONE else (name, str(asked))
