"""What a training is asked for: architecture, data, how many, how long, and what varies."""

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from app_pages.behaviour import is_image
from app_pages.frame import show
from app_pages.link import check_link_number
from app_pages.live import Asked
from app_pages.plain import plain
from app_pages.presets import WORDS, family_choice, fields, whole_numbers
from app_pages.samples import data_choice
from app_pages.vary import varied
from wsexplore.datasets import Dataset
from wsexplore.figures import anatomy_figure, blocks_of, images_figure
from wsexplore.nets import FAMILIES, Architecture, architecture

SEEN = 10
"""Samples that are shown."""

KEPT = 10
"""Checkpoints of each run, about."""


def ask(left: Any, right: Any) -> Asked | None:
    """The training that the widgets describe; nothing where they do not, and the page says why.

    Args:
        left: container of the widgets.
        right: container of the drawings.
    """
    with left:
        try:
            family, preset = family_choice()
            st.caption(WORDS[family])
            data = data_choice(family, preset)
            config = fields(family, preset, data)
            kind = architecture(family, **config)
            asked = _asked(family, config, data)
        except (ValueError, OSError) as error:
            text = str(error)
            st.error(plain(f"{text[:1].upper()}{text[1:].removesuffix('.')}."))
            return None
    with right:
        _drawn(kind)
        if is_image(data):
            _seen(data)
    return asked


def _asked(family: str, config: dict[str, Any], data: Dataset) -> Asked:
    """Numbers and hyper-parameters.

    Raises:
        ValueError: one cannot be read, or is out of range.
    """
    is_field = FAMILIES[family].task == "field"
    check_link_number("models", 2, 20_000, "a number of networks of")
    check_link_number("epochs", 1, 2000, "a number of epochs of")
    check_link_number("seed", 0, 2**31 - 1, "seed")
    cells = st.columns(4)
    number = cells[0].number_input(
        "Networks", 2, 20_000, 60, key="models", bind="query-params", help="Runs. A grid shares them out evenly."
    )
    epochs = cells[1].number_input(
        "Epochs", 1, 2000, 200 if is_field else 12, key="looks" if is_field else "epochs", bind="query-params"
    )
    text = cells[2].text_input(
        "Checkpoints",
        key="checkpoints",
        bind="query-params",
        placeholder=", ".join(map(str, usual_checkpoints(int(epochs))[:6])) + "…",
        help="Epochs whose weights are kept, like 0, 1, 5, 12; 0 is the start. Empty: a good spread.",
    )
    seed = cells[3].number_input("Seed", 0, 2**31 - 1, 0, key="seed", bind="query-params")
    how = varied(field_task=is_field, activation=config.get("activation"))
    if how.points > 1:
        st.caption(f"The grid has {how.points:,} combinations: {int(number) / how.points:.3g} networks for each.")
    kept = sorted(set(whole_numbers(text, "Checkpoints"))) or usual_checkpoints(int(epochs))
    return Asked(
        family, config, data.name, int(number), int(epochs), tuple(kept), how.design, how.vary, how.fixed, int(seed)
    )


def usual_checkpoints(epochs: int) -> list[int]:
    """Every epoch of a short training; of a long one the first few, then evenly spaced ones."""
    if epochs <= KEPT + 2:
        return list(range(epochs + 1))
    return sorted({0, 1, 2, 3, 5, *range(0, epochs, -(-epochs // KEPT)), epochs})


def _drawn(kind: Architecture) -> None:
    blocks = blocks_of(kind)
    show(
        anatomy_figure(blocks, kind.input_shape),
        key="anatomy",
        alt=f"{kind.name} of {len(blocks)} blocks and {kind.layout.size:,} parameters",
        table=pd.DataFrame([{"block": block.path, "parameters": block.parameters} for block in blocks]),
    )


def _seen(data: Dataset) -> None:
    """Some training samples."""
    st.subheader("What they see", anchor=False)
    some = np.random.default_rng(0).permutation(len(data.train))[:SEEN]
    titles = [data.classes[number] for number in data.train.targets[some].tolist()]
    images = np.clip(data.images(data.train.inputs[some]).numpy(), 0, 1)
    show(
        images_figure(images, titles, columns=5),
        key="seen",
        alt=f"{len(some)} training samples of {data.name}: {', '.join(titles)}",
        table=pd.DataFrame({"sample": some, "class": titles}),
    )
