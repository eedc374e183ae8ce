"""The data sets that a training may use here, in the form that the architecture takes."""

import math
from collections.abc import Mapping

import streamlit as st

from app_pages.link import check_link
from app_pages.plain import plain
from wsexplore.datasets import Dataset, Entry, dataset, known
from wsexplore.nets import Architecture
from wsexplore.settings import settings

IMAGES = ("small-cnn", "cnn", "resnet", "vit", "siren", "field-mlp")
KINDS: Mapping[str, tuple[str, ...]] = {
    "mlp": ("image", "sequence", "point"),
    "gru": ("text",),
    **dict.fromkeys(IMAGES, ("image",)),
}
"""Kinds of data that a family takes."""

FOLDERS = {"cifar10": "cifar-10-batches-bin"}
"""Folders of `WSEXPLORE_DATA` that are not named after their data set."""


def data_choice(family: str, preset: str) -> Dataset:
    """The data set that is picked, images resized to what the architecture takes.

    Raises:
        ValueError: it cannot be read.
    """
    fitting = [entry for entry in known() if entry.kind in KINDS[family]]
    here = [entry for entry in fitting if is_here(entry)]
    names = [entry.name for entry in here]
    check_link("data", names, "data set")
    picked = st.selectbox("Data set", names, key="data", bind="query-params", help="What the networks are trained on.")
    entry = next(entry for entry in here if entry.name == picked)
    name = fitted_name(entry, family, preset)
    resized = f" Resized to {name.rpartition('@')[2]} pixels a side for this architecture." if "@" in name else ""
    st.caption(
        f"{plain(entry.about)} {entry.train:,} training and {entry.test:,} test samples, {entry.classes} "
        f"classes.{resized}"
    )
    if away := [entry for entry in fitting if not is_here(entry)]:
        listed = ", ".join(f"{entry.name} ({entry.download:,.0f} MB)" for entry in away)
        st.caption(
            f"Not on this machine: {listed}. Set `WSEXPLORE_DATA` to a folder that holds them, or fetch one with "
            f'`wx.dataset("{away[0].name}")`.'
        )
    return dataset(name)


def fitting(kind: Architecture) -> list[str]:
    """Data sets on this machine whose samples these networks take, images resized where that helps."""
    values, names = math.prod(kind.input_shape), []
    for entry in known():
        channels = entry.shape[0] if len(entry.shape) == 3 else 1
        side = math.isqrt(values // channels)
        if not is_here(entry):
            continue
        if math.prod(entry.shape) == values:
            names.append(entry.name)
        elif entry.kind == "image" and side * side * channels == values and 4 <= side <= 256:
            names.append(f"{entry.name}@{side}")
    return names


def is_here(entry: Entry) -> bool:
    """Whether a data set can be read without fetching anything."""
    if entry.download == 0:
        return True
    homes = [settings().cache / entry.name]
    if (data := settings().data) is not None:
        homes.append(data / FOLDERS.get(entry.name, entry.name))
    return any(home.is_dir() and any(home.iterdir()) for home in homes)


def fitted_name(entry: Entry, family: str, preset: str) -> str:
    """The name of the data set in the colour and size that a family takes."""
    if entry.kind != "image":
        return entry.name
    name = f"{entry.name}:gray" if family in ("siren", "field-mlp") and len(entry.shape) == 3 else entry.name
    side, wanted = entry.shape[-1], entry.shape[-1]
    if family == "small-cnn":
        wanted = 32 if "large" in preset else 28
    elif family == "vit" or (family == "cnn" and side < 28):
        wanted = 28
    return name if wanted == side else f"{name}@{wanted}"
