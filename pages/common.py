"""What the pages share: handles to zoos and maps, pickers bound to the link, and the frame around a figure."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st
from wsexplore.align import Alignment
from wsexplore.zoo import Recipe, Zoo, item, shelf

from wsexplore.datasets import Dataset, dataset
from wsexplore.embed import Projection
from wsexplore.generate import WeightFlow
from wsexplore.jobs import Jobs

DEFAULT_ZOO = "digits-mlp"
FRAMES = ("raw", "aligned")
MANY = 5000
"""Networks up to which a picker lists them all; beyond, the id is typed."""


@st.cache_resource(max_entries=8, show_spinner="Opening the zoo…")
def open_zoo(name: str, version: float) -> Zoo:
    """The zoo's handle; `version` is the time it was written."""
    return Zoo.open(item("zoos", name))


@st.cache_resource(max_entries=16, show_spinner=False)
def open_projection(zoo: str, method: str, frame: str, version: float) -> Projection:
    """A stored map."""
    return Projection.open(item("projections", zoo) / f"{method}-{frame}")


@st.cache_resource(max_entries=4, show_spinner=False)
def open_alignment(zoo: str, version: float) -> Alignment:
    """The stored permutations of a zoo."""
    return Alignment.open(item("alignments", zoo))


@st.cache_resource(max_entries=4, show_spinner="Loading the flow…")
def open_flow(name: str, version: float) -> WeightFlow:
    """The flow's handle."""
    return WeightFlow.open(item("flows", name))


@st.cache_resource(show_spinner=False, on_release=lambda pool: pool.close())
def jobs() -> Jobs:
    """The one pool of background workers."""
    return Jobs()


def version_of(kind: str, name: str) -> float:
    """When an item was written, so that a cache notices a new one."""
    return (item(kind, name) / "manifest.json").stat().st_mtime


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
        zoo = open_zoo(name, version_of("zoos", name))
    st.sidebar.caption(f"{len(zoo):,} networks of {zoo.architecture.layout.size:,} weights")
    return name, zoo


def data_of(zoo: Zoo) -> Dataset:
    """The data set that a zoo's networks were trained on."""
    names = zoo.table["dataset"].unique() if "dataset" in zoo.table else ["digits"]
    with sentence():
        return dataset(str(names[0]))


def pick_network(where: Any, label: str, key: str, zoo: Zoo, default: int) -> int:
    """A row of the zoo, picked by id."""
    ids = zoo.table["id"].tolist()
    check_link(key, ids, "network")
    if len(ids) <= MANY:
        picked = where.selectbox(label, ids, index=default, key=key, bind="query-params", help="Type to search by id.")
    else:
        picked = where.text_input(label, ids[default], key=key, bind="query-params", help="The id of a network.")
    if picked not in ids:
        st.error(f"This zoo has no network {picked!r}; pick an id from the Atlas.")
        st.stop()
    return ids.index(picked)


def pick_pair(zoo: Zoo) -> tuple[int, int]:
    """Two networks, side by side; by default two good ones of different runs that share an activation."""
    first, second = default_pair(zoo)
    left, right = st.columns(2)
    return pick_network(left, "First network", "a", zoo, first), pick_network(right, "Second network", "b", zoo, second)


def default_pair(zoo: Zoo) -> tuple[int, int]:
    """Two of the best networks of the zoo."""
    table = zoo.table
    if "activation" in table:
        table = table[table["activation"] == table["activation"].mode()[0]]
    if "test_accuracy" in table:
        table = table.sort_values("test_accuracy", ascending=False, kind="stable")
    best = table.drop_duplicates("run").index[:2]
    return int(best[0]), int(best[-1])


def check_link(key: str, options: list[str], what: str) -> None:
    """Say it when the link names something that is not there; the page goes on with its default."""
    asked = st.query_params.get(key)
    if asked is not None and asked not in options:
        st.warning(f"The link asks for {what} {asked[:60]!r}, which is not here; the page shows the default instead.")


@contextmanager
def sentence() -> Iterator[None]:
    """Turn bad input into one sentence on the page."""
    try:
        yield
    except (ValueError, OSError) as error:
        st.error(str(error))
        st.stop()


def show(figure: go.Figure, *, key: str, alt: str, table: pd.DataFrame, **settings: Any) -> Any:
    """A figure with what every chart owes: an alt text, a table, and downloads."""
    picture = {"format": "svg", "filename": key, "scale": 2}
    config = {"displaylogo": False, "toImageButtonOptions": picture, **settings.pop("config", {})}
    event = st.plotly_chart(figure, key=key, alt=alt, config=config, **settings)
    with st.popover("Table and downloads", icon=":material/table_chart:", type="tertiary", key=f"{key}-more"):
        st.dataframe(table, hide_index=True, height=260, key=f"{key}-table")
        left, right = st.columns(2)
        left.download_button(
            "CSV", lambda: table.to_csv(index=False), f"{key}.csv", "text/csv", key=f"{key}-csv", on_click="ignore"
        )
        right.download_button(
            "HTML",
            lambda: figure.to_html(
                include_plotlyjs="cdn", config={"toImageButtonOptions": {**picture, "format": "png"}}
            ),
            f"{key}.html",
            "text/html",
            key=f"{key}-html",
            on_click="ignore",
            help="A page of its own. Its camera saves PNG; the camera above saves SVG.",
        )
    return event


def recipe(of: Recipe) -> None:
    """How a result came to be, folded away below it."""
    with st.expander("How was this made?", icon=":material/receipt_long:"):
        st.code(of.cli, language="bash")
        st.code(of.python, language="python")
        inputs = ", ".join(f"{name} `{value[:12]}`" for name, value in of.inputs.items())
        st.caption(f"wsexplore {of.version}. Inputs by content: {inputs or 'none'}. Seed: {of.seed}.")
