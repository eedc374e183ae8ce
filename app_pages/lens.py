"""The symmetry lens: the same networks before and after alignment, and one network's orbit."""

import math

import numpy as np
import pandas as pd
import streamlit as st

from app_pages.frame import recipe, sentence, show
from app_pages.handles import open_alignment, open_projection, open_zoo
from app_pages.plain import plain
from wsexplore.align import spec_of
from wsexplore.embed import thinned
from wsexplore.figures import lens_figure
from wsexplore.symmetry import orbit, orbit_size

COPIES = 80


@st.cache_data(max_entries=16, show_spinner="Permuting one network…")
def _orbit_points(name: str, version: str, row: int) -> tuple[np.ndarray, np.ndarray]:
    zoo, alignment = open_zoo(name), open_alignment(name)
    spec, layout = spec_of(zoo.architecture), zoo.architecture.layout
    copies = orbit(zoo.rows([row])[0], spec, layout, copies=COPIES, seed=0)
    raw, aligned = (open_projection(name, "pca", frame) for frame in ("raw", "aligned"))
    matched = alignment.place(copies, zoo.architecture)
    return raw.place(copies.numpy(), zoo), aligned.place(matched.numpy(), zoo)


def symmetry_lens(name: str, rows: np.ndarray, row: int, colour: str) -> None:
    """The figure, its caption and its recipe; `row` is the network whose orbit is drawn."""
    zoo = open_zoo(name)
    colour = colour if pd.api.types.is_numeric_dtype(zoo.table[colour]) else "epoch"
    drawn = thinned(rows)
    with sentence():
        raw, aligned = (open_projection(name, "pca", frame) for frame in ("raw", "aligned"))
        alignment = open_alignment(name)
        orbit_raw, orbit_aligned = _orbit_points(name, zoo.fingerprint, row)
    network = zoo.table["id"].iloc[row]
    spread = float(np.linalg.norm(orbit_aligned - orbit_aligned.mean(0), axis=1).max())
    show(
        lens_figure(
            raw.points[drawn],
            aligned.points[drawn],
            zoo.table[colour].to_numpy(float)[drawn],
            orbit_raw,
            orbit_aligned,
            colour=colour,
        ),
        key="lens",
        alt=f"{COPIES} permuted copies of {network} lie scattered among the networks; aligned, they are one point",
        table=zoo.table.iloc[drawn][["id"]].assign(
            raw_x=raw.points[drawn, 0],
            raw_y=raw.points[drawn, 1],
            aligned_x=aligned.points[drawn, 0],
            aligned_y=aligned.points[drawn, 1],
        ),
    )
    digits = orbit_size(spec_of(zoo.architecture)).log_orders / math.log(10)
    st.caption(
        f"The stars are {COPIES} copies of network {plain(network)}, their hidden units in random order: one function, "
        f"$10^{{{digits:.0f}}}$ places in weight space. Press Align: they fall onto one point (largest distance from "
        f"their mean on the map {spread:.1e}), and the zoo draws together. Each frame has its own PCA axes."
    )
    recipe(alignment.recipe)
