"""Pickers whose values live in the link."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from app_pages.frame import sentence
from app_pages.handles import open_zoo
from wsexplore.datasets import Dataset, dataset
from wsexplore.zoo import Zoo, shelf

DEFAULT_ZOO = "digits-mlp"
MANY = 5000
"""Networks up to which a picker lists them all; beyond, the id is typed."""


def current_zoo() -> tuple[str, Zoo]:
    """The zoo picked in the sidebar, by name and handle; a sentence instead of the page where it cannot be opened."""
    names = list(shelf("zoos"))
    if not names:
        st.error("There is no zoo yet. Run `wsexplore demo build`, or train one with `wsexplore zoo train`.")
        st.stop()
    check_link("zoo", names, "zoo")
    start = names.index(DEFAULT_ZOO) if DEFAULT_ZOO in names else 0
    name = st.sidebar.selectbox(
        "Zoo", names, index=start, key="zoo", bind="query-params", help="A population of trained networks."
    )
    with sentence():
        zoo = open_zoo(name)
    st.sidebar.caption(f"{len(zoo):,} networks of {zoo.architecture.layout.size:,} weights")
    return name, zoo


def data_of(zoo: Zoo) -> Dataset:
    """The data set that a zoo's networks were trained on."""
    names = zoo.table["dataset"].unique() if "dataset" in zoo.table else ["digits"]
    with sentence():
        return dataset(str(names[0]))


def pick_pair(zoo: Zoo) -> tuple[int, int]:
    """Two networks, side by side; by default two good ones of different runs and of one kind."""
    first, second = default_pair(zoo)
    left, right = st.columns(2)
    return _pick(left, "First network", "a", zoo, first), _pick(right, "Second network", "b", zoo, second)


def _pick(where: Any, label: str, key: str, zoo: Zoo, default: int) -> int:
    ids = zoo.table["id"].tolist()
    check_link(key, ids, "network")
    if len(ids) <= MANY:
        picked = where.selectbox(label, ids, index=default, key=key, bind="query-params", help="Type to search by id.")
    else:
        picked = where.text_input(label, ids[default], key=key, bind="query-params", help="The id of a network.")
    if picked not in ids:
        st.error(f"This zoo has no network {str(picked)[:60]!r}; pick an id from the Atlas.")
        st.stop()
    return int(ids.index(picked))


def default_pair(zoo: Zoo) -> tuple[int, int]:
    """Two of the best networks of the zoo."""
    table = zoo.table
    if "activation" in table:
        table = table[table["activation"] == table["activation"].mode()[0]]
    if "test_accuracy" in table:
        table = table.sort_values("test_accuracy", ascending=False, kind="stable")
    best = table.drop_duplicates("run").index[:2]
    return int(best[0]), int(best[-1])


def check_link(key: str, options: Sequence[str], what: str) -> None:
    """Say it when the link names something that is not there; the page goes on with its default."""
    asked = st.query_params.get(key)
    if asked is not None and asked not in options:
        st.warning(f"The link asks for {what} {asked[:60]!r}, which is not here; the page shows the default instead.")


def check_link_number(key: str, low: float, high: float, what: str) -> None:
    """Say it when the link holds no number, or one out of range; the page goes on with its default."""
    asked = st.query_params.get(key)
    try:
        good = asked is None or low <= float(asked) <= high
    except ValueError:
        good = False
    if not good:
        st.warning(
            f"The link asks for {what} {str(asked)[:60]!r}; it goes from {low:g} to {high:g}, and the page shows the "
            "default instead."
        )
