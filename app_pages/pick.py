"""What the pages look at: the zoo, the pair of networks and the flow, picked in the sidebar and kept in the link.

The frame draws these pickers, not the pages: a widget of one page is another widget on the next, and its value would
leave the link on the way.
"""

from collections.abc import Sequence

import streamlit as st

from app_pages.frame import sentence
from app_pages.gathered import Ref, siblings
from app_pages.handles import open_zoo
from app_pages.link import check_link
from app_pages.plain import plain
from wsexplore.datasets import Dataset, dataset
from wsexplore.datasets.names import is_registered
from wsexplore.zoo import Zoo, shelf

DEFAULT_ZOO = "digits-mlp"
MANY = 5000
"""Networks up to which a picker lists them all; beyond, the id is typed."""


def pick(keys: Sequence[str]) -> None:
    """Draw the pickers that a page needs; a sentence instead of the page where there is nothing to pick."""
    if "zoo" in keys:
        _pick_zoo()
    if "a" in keys:
        _, zoo = current_zoo()
        first, second = default_pair(zoo)
        _pick_network("First network" if "b" in keys else "Network", "a", zoo, first)
        if "b" in keys:
            _pick_second(zoo, second, anywhere="b_zoo" in keys)
    if "flow" in keys:
        _pick_flow()


def picked(keys: Sequence[str]) -> dict[str, str]:
    """What was picked last, by key, as far as it was."""
    values = st.session_state.get("picked", {})
    strange = "b_zoo" not in keys and values.get("b_zoo", values.get("zoo")) != values.get("zoo")
    return {key: values[key] for key in keys if key in values and not (strange and key == "b")}


def current_zoo() -> tuple[str, Zoo]:
    """The picked zoo, by name and handle; a sentence instead of the page where it cannot be opened."""
    name = st.session_state["picked"]["zoo"]
    with sentence():
        zoo = open_zoo(name)
        if len(zoo) == 0:
            raise ValueError(f"the zoo {name} is empty; pick another one")
        return name, zoo


def current_pair(zoo: Zoo) -> tuple[int, int]:
    """Rows of the picked networks."""
    ids, values = zoo.table["id"].tolist(), st.session_state["picked"]
    return ids.index(values["a"]), ids.index(values["b"])


def current_refs() -> tuple[Ref, Ref]:
    """The picked networks, each by its zoo and id; the second may come from another zoo of the same architecture."""
    values = st.session_state["picked"]
    return (values["zoo"], values["a"]), (values.get("b_zoo", values["zoo"]), values["b"])


def current_network(zoo: Zoo) -> int:
    """Row of the picked network, the first of a pair."""
    return zoo.row_of(st.session_state["picked"]["a"])


def current_flow() -> str:
    """Name of the picked flow."""
    return str(st.session_state["picked"]["flow"])


def data_of(zoo: Zoo) -> Dataset:
    """The data set that a zoo's networks were trained on."""
    names = zoo.table["dataset"].unique() if "dataset" in zoo.table else ["digits"]
    with sentence():
        return registered(str(names[0]))


def registered(name: str) -> Dataset:
    """A data set of the registry; a name from a zoo's table must not open files of this machine.

    Raises:
        ValueError: the name is no registered one, or the data set cannot be read.
    """
    if not is_registered(name):
        raise ValueError(f"the zoo names the data set {name[:60]!r}, which is not in the registry")
    return dataset(name)


def default_pair(zoo: Zoo) -> tuple[int, int]:
    """Two of the best networks of the zoo, of different runs and of one kind."""
    table = zoo.table
    if "activation" in table:
        table = table[table["activation"] == table["activation"].mode()[0]]
    if (metric := next((name for name in ("test_accuracy", "psnr") if name in table), None)) is not None:
        table = table.sort_values(metric, ascending=False, kind="stable")
    best = table.drop_duplicates("run").index[:2]
    return int(best[0]), int(best[-1])


def _pick_zoo() -> None:
    names = sorted(shelf("zoos"), key=lambda name: name != DEFAULT_ZOO)
    if not names:
        st.error("There is no zoo yet. Run `wsexplore demo build`, or train one with `wsexplore zoo train`.")
        st.stop()
    check_link("zoo", names, "zoo")
    _keep("zoo", st.sidebar.selectbox("Zoo", names, key="zoo", bind="query-params", help="A population of networks."))
    _, zoo = current_zoo()
    st.sidebar.caption(f"{len(zoo):,} networks of {zoo.architecture.layout.size:,} weights")


def _pick_network(label: str, key: str, zoo: Zoo, default: int) -> None:
    ids = zoo.table["id"].tolist()
    check_link(key, ids, "network")
    if len(ids) <= MANY:
        ordered = [ids[default], *ids[:default], *ids[default + 1 :]]
        name = st.sidebar.selectbox(label, ordered, key=key, bind="query-params", help="Type to search by id.")
    else:
        asked = st.sidebar.text_input(
            label, key=key, bind="query-params", placeholder=ids[default], help="The id of a network."
        )
        name = asked.strip() or ids[default]
    if name not in ids:
        st.error(plain(f"This zoo has no network {str(name)[:60]!r}; pick an id from the Atlas."))
        st.stop()
    _keep(key, name)


def _pick_second(zoo: Zoo, default: int, *, anywhere: bool) -> None:
    """The second network, from the zoo of the first or, where the page can do that, from one like it."""
    name = st.session_state["picked"]["zoo"]
    known = siblings(name) if anywhere else [name]
    if len(known) > 1:
        check_link("b_zoo", known, "second zoo")
        name = st.sidebar.selectbox(
            "Second network from",
            known,
            key="b_zoo",
            bind="query-params",
            help="Zoos whose networks lie in the same weight space, sampled ones included.",
        )
    _keep("b_zoo", name)
    if name != known[0]:
        with sentence():
            zoo = open_zoo(name)
        default = default_pair(zoo)[0]
    _pick_network("Second network", "b", zoo, default)


def _pick_flow() -> None:
    names = sorted(shelf("flows"), key=lambda name: name != DEFAULT_ZOO)
    if not names:
        st.error("There is no flow yet. Run `wsexplore demo build`, or fit one with `wsexplore flow fit`.")
        st.stop()
    check_link("flow", names, "flow")
    _keep("flow", st.sidebar.selectbox("Flow", names, key="flow", bind="query-params", help="A generator of networks."))


def _keep(key: str, value: str) -> None:
    st.session_state.setdefault("picked", {})[key] = value
