"""Home: what this is in three sentences, one live picture, and the way in."""

import numpy as np
import streamlit as st

from app_pages.frame import sentence, show
from app_pages.handles import open_projection, open_zoo
from app_pages.pick import DEFAULT_ZOO
from wsexplore.figures import training_figure

DOORS = (
    (
        "zoo",
        "Zoo",
        ":material/inventory_2:",
        "Which populations are there? Open one, fetch a published one, bring yours.",
    ),
    ("train", "Train", ":material/model_training:", "What happens when thousands learn at once? Watch their curves."),
    ("network", "Network", ":material/hub:", "Who is this network? Its layers, its weights, its mistakes."),
    ("atlas", "Atlas", ":material/map:", "Where do trained networks live? The map of a zoo, and the symmetry lens."),
    (
        "represent",
        "Represent",
        ":material/data_array:",
        "What do weights alone tell? Encode them, decode them, probe them.",
    ),
    ("align", "Align", ":material/join_inner:", "Is the mountain between two networks real? Watch the barrier fall."),
    ("interpolate", "Interpolate", ":material/timeline:", "What do networks in between do? Drag from one to another."),
    (
        "landscape",
        "Landscape",
        ":material/landscape_2:",
        "What lies around a network? Planes, learned curves, curvature and phases.",
    ),
    ("fit", "Fit", ":material/graph_4:", "Can the shape of a zoo be learnt? Fit a flow, and watch its samples."),
    ("sample", "Sample", ":material/casino:", "Can we draw a network that nobody trained? Draw one, and judge it."),
)
ROW = 3
"""Doors in the first row; the others stand in the second."""

st.title("wsexplore", anchor=False)
st.markdown(
    "#### Explore the space in which neural networks live.\n"
    "A trained network is a point: its weights. Train a few hundred, and the points form a shape with valleys, walls "
    "and mirror images. This app maps that shape, undoes its symmetries, walks through it, and draws new networks."
)
with sentence():
    zoo = open_zoo(DEFAULT_ZOO)
    projection = open_projection(DEFAULT_ZOO, "pca", "aligned")
table = zoo.table
runs = table.groupby("run")["epoch"].nunique()
whole = table[table["run"].isin(runs.index[runs == runs.max()])].sort_values(["epoch", "run"], kind="stable")
epochs = sorted(int(epoch) for epoch in whole["epoch"].unique())
rows = whole.index.to_numpy().reshape(len(epochs), -1)
accuracy = table["test_accuracy"].to_numpy()[rows].astype(np.float32)
show(
    training_figure(projection.points[rows], accuracy, epochs),
    key="training",
    alt=f"{rows.shape[1]} networks learn: they leave the centre and end between {accuracy[-1].min():.0%} and "
    f"{accuracy[-1].max():.0%} test accuracy",
    table=whole[["id", "run", "epoch", "test_accuracy"]],
)
st.caption(
    f"{rows.shape[1]} networks of {zoo.architecture.layout.size:,} weights learn to read digits, each with its own "
    "learning rate, labels and data. Press Play: they leave their initialisation and part by how well they do."
)
for row in (DOORS[:ROW], DOORS[ROW:]):
    for column, (page, title, icon, text) in zip(st.columns(len(row)), row, strict=True):
        with column.container(border=True, height="stretch"):
            st.page_link(f"app_pages/{page}.py", label=f"**{title}**", icon=icon)
            st.caption(text)
