"""Network: one network of a zoo, its layers, its weights, how it learnt, and what it gets wrong."""

import streamlit as st

from app_pages.behaviour import behaviour
from app_pages.body import anatomy, weights
from app_pages.frame import recipe, show
from app_pages.judge import state_dict_bytes
from app_pages.pick import current_network, current_zoo, default_pair
from app_pages.plain import plain
from wsexplore.figures import population_figure
from wsexplore.zoo import Zoo

CURVES = ("test_accuracy", "psnr", "val_accuracy", "train_accuracy", "test_loss", "mse")
METRICS = {
    "test_accuracy": "Test accuracy",
    "train_accuracy": "Train accuracy",
    "test_loss": "Test loss",
    "psnr": "PSNR",
}
SHORT = 5
"""Blocks below which a network's drawing leaves room for its row."""

UNITS = {"test_loss": "{:.3f} nats", "psnr": "{:.1f} dB"}


def facts(zoo: Zoo, row: int) -> None:
    """The network's row: metrics first, then everything."""
    values = zoo.table.iloc[row]
    known = [name for name in METRICS if name in zoo.table and values[name] == values[name]]
    cells = st.columns(4)
    cells[0].metric("Parameters", f"{zoo.architecture.layout.size:,}")
    for cell, name in zip(cells[1:], known, strict=False):
        cell.metric(METRICS[name], UNITS.get(name, "{:.1%}").format(values[name]))


def curve(zoo: Zoo, row: int) -> None:
    """The checkpoints of the same run, over those of all others."""
    table = zoo.table
    column = next((name for name in CURVES if name in table and table[name].notna().any()), None)
    run = int(table["run"].iloc[row])
    mine = table[table["run"] == run]
    if column is None or table["epoch"].nunique() < 2:
        st.caption("The zoo holds one checkpoint of each run, or no metric, so there is no training curve.")
        return
    show(
        population_figure(table[["run", "epoch", column]], column=column, highlight=run, height=430),
        key="curve",
        alt=f"{column} of run {run} by epoch: first {mine[column].iloc[0]:.3f}, in the end {mine[column].iloc[-1]:.3f}",
        table=mine[["id", "run", "epoch", column]],
    )
    st.caption(f"Run {run} over the {table['run'].nunique():,} runs of the zoo.")


def ways_on(zoo: Zoo, row: int) -> None:
    """Links to the pages for pairs, and the weights as a file."""
    table = zoo.table
    first, second = default_pair(zoo)
    partner = str(table["id"].iloc[second if table["run"].iloc[row] != table["run"].iloc[second] else first])
    network = str(table["id"].iloc[row])
    with st.container(horizontal=True, vertical_alignment="center"):
        for page, label, icon in (
            ("align", "Align with another", ":material/join_inner:"),
            ("interpolate", "Walk to another", ":material/timeline:"),
        ):
            st.page_link(f"app_pages/{page}.py", label=label, icon=icon, query_params={"b": partner}, width="content")
        st.download_button(
            "Download as safetensors",
            lambda: state_dict_bytes(zoo, row),
            f"{network}.safetensors",
            "application/octet-stream",
            key="download",
            icon=":material/download:",
            on_click="ignore",
            help="The network's state dict: load_state_dict takes it as it is.",
        )


def own_row(zoo: Zoo, row: int) -> None:
    """Everything that the table knows of the network."""
    st.subheader("Its row in the table", anchor=False)
    st.dataframe(
        [
            {"column": key, "value": f"{value:.6g}" if isinstance(value, float) else str(value)}
            for key, value in zoo.table.iloc[row].items()
        ],
        hide_index=True,
        height=260,
        key="row",
    )


name, zoo = current_zoo()
row = current_network(zoo)
st.title("Who is this network?")
st.caption(
    f"Network {plain(zoo.table['id'].iloc[row])} of the zoo {plain(name)}: what it is made of, and what it does."
)
facts(zoo, row)
ways_on(zoo, row)
left, right = st.columns([1, 1.15], gap="large")
with left:
    st.header("How it is built", anchor=False)
    blocks = anatomy(zoo, row)
with right:
    st.header("How it learnt", anchor=False)
    curve(zoo, row)
with left if blocks < SHORT else right:
    own_row(zoo, row)
behaviour(name, zoo, row)
weights(name, zoo, row)
recipe(zoo.recipe)
