"""One picture that turns into another: the networks between two fields, raw and aligned."""

import numpy as np
import pandas as pd
import streamlit as st
import torch

from app_pages.frame import show
from app_pages.handles import open_zoo, version_of
from wsexplore.figures import gallery_figure, morph_figure
from wsexplore.landscape import linear_path, pair_ends
from wsexplore.population import pictures_of, render
from wsexplore.zoo import Zoo

STEPS = 41
SIDE = 64
"""Pixels along each side of a picture on a path."""

THUMB = 24
"""Pixels along each side of a picture in a gallery."""

SHOWN = 36
"""Most pictures in a gallery."""


@st.cache_data(max_entries=64, show_spinner="Drawing the path…")
def _morph(zoo: str, version: float, first: int, second: int, align: bool, method: str, canonical: str) -> np.ndarray:
    ends = pair_ends(open_zoo(zoo), first, second, align=align, method=method, canonical=canonical)
    path = linear_path(ends.weights[0], ends.weights[1], torch.linspace(0, 1, STEPS))
    return render(ends.architecture, path, height=SIDE, width=SIDE).numpy()


def morph(name: str, zoo: Zoo, first: int, second: int, method: str = "auto", canonical: str = "none") -> None:
    """The pictures on the raw and on the aligned path between two fields, moved by one slider."""
    version = version_of("zoos", name)
    raw = _morph(name, version, first, second, False, "auto", "none")
    aligned = _morph(name, version, first, second, True, method, canonical)
    ids = [str(zoo.table["id"].iloc[row]) for row in (first, second)]
    alphas = np.linspace(0, 1, STEPS)
    middle = STEPS // 2
    show(
        morph_figure([("raw", raw), ("aligned", aligned)], alphas),
        key="morph",
        alt=f"Pictures of the networks from {ids[0]} to {ids[1]}: half-way the raw one has a contrast of "
        f"{raw[middle].std():.2f}, the aligned one of {aligned[middle].std():.2f}",
        table=pd.DataFrame(
            {"position": alphas, "contrast_raw": raw.std((1, 2)), "contrast_aligned": aligned.std((1, 2))}
        ),
    )
    st.caption(
        f"{STEPS} networks on the straight line between the weights of {ids[0]} and {ids[1]}, each drawn at {SIDE} x "
        f"{SIDE} pixels. Nothing is sent while you scrub. Contrast in the table: standard deviation of the intensity."
    )


@st.cache_data(max_entries=64, show_spinner=False)
def _gallery(zoo: str, version: float, rows: tuple[int, ...]) -> np.ndarray:
    opened = open_zoo(zoo)
    return pictures_of(opened, np.array(rows), height=THUMB, width=THUMB).numpy()


def gallery(name: str, zoo: Zoo, rows: np.ndarray) -> None:
    """The pictures of some fields."""
    some = rows[:SHOWN]
    pictures = _gallery(name, version_of("zoos", name), tuple(int(row) for row in some))
    ids = zoo.table["id"].iloc[some].astype(str).tolist()
    show(
        gallery_figure(pictures, ids),
        key="gallery",
        alt=f"The pictures that {len(some)} of the selected networks are, the first {ids[0]}",
        table=zoo.table.iloc[some],
    )
    more = f"{len(some)} of {len(rows):,} pictures drawn. " if len(some) < len(rows) else ""
    st.caption(f"{more}Each network is a picture: it answers with an intensity for every place.")
