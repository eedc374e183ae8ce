"""What one network does: the classes it confuses, the samples it gets wrong, or the picture that it is."""

import numpy as np
import pandas as pd
import streamlit as st

from app_pages.frame import show
from app_pages.judge import Answers, answers, data_name
from app_pages.link import check_link
from app_pages.pick import registered
from app_pages.plain import plain
from app_pages.samples import fitting
from wsexplore.datasets import Dataset
from wsexplore.figures import confusion_figure, mistakes_figure, pictures_figure
from wsexplore.zoo import Zoo

SHOWN = 12
"""Most mistakes shown as images."""

SIDE = 128
"""Pixels along each side of the picture that a field is."""


def behaviour(name: str, zoo: Zoo, row: int) -> None:
    """The picture of a field; the answers of a classifier; one sentence where neither can be had."""
    if zoo.architecture.task == "field":
        st.header("What it shows", anchor=False)
        _picture(name, zoo, row)
        return
    st.header("What it gets right and wrong", anchor=False)
    try:
        data = registered(_judged_on(zoo, row))
        found = answers(name, row, data.name)
    except (ValueError, OSError, RuntimeError) as error:
        st.info(plain(f"It cannot be judged here: {error}."))
        return
    left, right = st.columns([1, 1.15], gap="large")
    with left:
        _confusion(data, found)
    with right:
        _mistakes(data, found)


def _judged_on(zoo: Zoo, row: int) -> str:
    """The data set that the zoo names; one that the visitor picks where it names none.

    Raises:
        ValueError: nothing here fits the networks.
    """
    if own := data_name(zoo, row):
        return own
    names = fitting(zoo.architecture_of(row))
    if not names:
        raise ValueError("the zoo does not name its data set, and no data set here fits its networks")
    check_link("data", names, "data set")
    return st.selectbox(
        "Judge it on",
        names,
        key="data",
        bind="query-params",
        help="The zoo does not say what its networks were trained on; these data sets fit them.",
    )


def _confusion(data: Dataset, found: Answers) -> None:
    classes = [*data.classes, *(f"output {place}" for place in range(len(data.classes), len(found.confusion)))]
    shares = np.diag(found.confusion) / np.maximum(found.confusion.sum(1), 1)
    known = shares[: len(data.classes)]
    worst = int(known.argmin())
    show(
        confusion_figure(found.confusion, classes),
        key="confusion",
        alt=f"Confusion on {found.samples:,} test samples: {found.accuracy:.1%} right; the hardest class is "
        f"{data.classes[worst]} with {known[worst]:.1%}",
        table=pd.DataFrame(found.confusion, columns=classes).assign(truth=classes, right=shares),
    )
    st.caption(
        f"{found.accuracy:.1%} of {found.samples:,} test samples of {plain(data.name)} right; hardest class: "
        f"{plain(data.classes[worst])}."
    )


def _mistakes(data: Dataset, found: Answers) -> None:
    if len(found.mistakes) == 0:
        st.caption(f"It gets every one of the {found.samples:,} test samples right.")
        return
    chosen = found.mistakes[:SHOWN]
    given = [_class(data, number) for number in found.given[:SHOWN]]
    truth = [data.classes[number] for number in data.test.targets[chosen].tolist()]
    table = pd.DataFrame(
        {"sample": chosen, "given": given, "truth": truth, "confidence": found.confidence[: len(chosen)]}
    )
    if is_image(data):
        images = np.clip(data.images(data.test.inputs[chosen]).numpy(), 0, 1)
        show(
            mistakes_figure(images, given, truth, found.confidence[: len(chosen)], chosen, columns=4),
            key="mistakes",
            alt=f"The {len(chosen)} most confident of {len(found.mistakes):,} mistakes: sample {chosen[0]} is "
            f"{truth[0]}, the network says {given[0]} with {found.confidence[0]:.0%}",
            table=table,
        )
    else:
        st.dataframe(table, hide_index=True, key="mistakes")
    st.caption(f"The most confident of its {len(found.mistakes):,} mistakes: what it said, how sure it was, the truth.")


def _class(data: Dataset, number: int) -> str:
    return data.classes[number] if number < len(data.classes) else f"output {number}"


def is_image(data: Dataset) -> bool:
    """Whether the samples of a data set are grey or colour images."""
    shape = data.input_shape
    return (len(shape) == 2 or (len(shape) == 3 and shape[0] in (1, 3))) and min(shape[-2:]) > 3


def picture_of(zoo: Zoo, row: int) -> np.ndarray:
    """The picture that a field is, intensities 0 to 1, `(height, width)`.

    Raises:
        ValueError: it is no field of one intensity.
    """
    from wsexplore.population.fields import render

    image = render(zoo.architecture_of(row), zoo.rows([row]), height=SIDE, width=SIDE)
    return np.clip(image[0].numpy(), 0, 1)


def _picture(name: str, zoo: Zoo, row: int) -> None:
    try:
        picture = picture_of(zoo, row)
    except (ValueError, ImportError) as error:
        st.info(plain(f"It cannot be drawn here: {error}."))
        return
    label = zoo.table["label"].iloc[row] if "label" in zoo.table else None
    told = f", fitted to an image of class {label}" if label is not None else ""
    pictures = {"what the network shows": picture, **_fitted_to(zoo, row)}
    show(
        pictures_figure(pictures),
        key="picture",
        alt=f"The picture that network {row} of {name} is{told}: mean intensity {picture.mean():.2f}",
        table=pd.DataFrame(picture),
    )
    st.caption(
        plain(f"The network asked at {SIDE} x {SIDE} places{told}. It knows no pixels: ask it at any resolution.")
    )


def _fitted_to(zoo: Zoo, row: int) -> dict[str, np.ndarray]:
    """The image that a field was fitted to, where the zoo tells and the data are here."""
    if "sample" not in zoo.table:
        return {}
    try:
        data = registered(data_name(zoo, row))
    except (ValueError, OSError):
        return {}
    sample, first = int(zoo.table["sample"].iloc[row]), len(data.train)
    inputs = data.train.inputs[sample] if sample < first else data.test.inputs[sample - first]
    image = np.clip(data.images(inputs).numpy(), 0, 1)
    return {"what it was fitted to": image.reshape(image.shape[-2:])}
