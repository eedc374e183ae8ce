"""Architectures to start from, and their fields as widgets."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from app_pages.link import check_link
from wsexplore.datasets import Dataset
from wsexplore.nets import ACTIVATIONS, FAMILIES
from wsexplore.nets.resnet import NORMS, PLANS

PRESETS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "mlp": {
        "one hidden layer": {"widths": [32]},
        "two hidden layers": {"widths": [64, 64]},
        "deep and narrow": {"widths": [24] * 6, "norm": "layer"},
    },
    "small-cnn": {
        "published, small": {"variant": "cnn"},
        "published, large": {"variant": "cnn3", "activation": "gelu"},
        "published, second": {"variant": "cnn2"},
    },
    "cnn": {
        "three convolutions": {},
        "Small CNN Zoo": {"stride": 2, "pool": 1, "hidden": [], "head": "average"},
        "batch norm": {"channels": [16, 32], "norm": "batch"},
    },
    "resnet": {"ResNet-8, thin": {"depth": 8, "width": 8}, "ResNet-20": {"depth": 20}, "ResNet-18": {"depth": 18}},
    "vit": {"tiny": {}, "small": {"dim": 64, "depth": 4}},
    "siren": {"one picture, one network": {}},
    "field-mlp": {"one picture, one network": {}},
    "gru": {"small": {}, "wide": {"hidden": 96}},
}
"""Name of a preset and the fields in which it differs from the family's defaults, by family."""

WORDS = {
    "mlp": "Linear layers, one after the other.",
    "small-cnn": "The networks of the published Model Zoos, name for name.",
    "cnn": "Convolutions, then linear layers; every size is yours to choose.",
    "resnet": "Residual networks, the small ones for CIFAR and ResNet-18.",
    "vit": "Transformers over patches of an image.",
    "siren": "Each network is one picture: coordinates in, intensity out, sines between.",
    "field-mlp": "Each network is one picture, with waves of the coordinates as inputs.",
    "gru": "A recurrent network that reads short texts, token by token.",
}

CHOICES: Mapping[tuple[str, str], Sequence[Any]] = {
    ("mlp", "norm"): ("none", "layer"),
    ("cnn", "head"): ("flatten", "average"),
    ("cnn", "norm"): ("none", "batch"),
    ("resnet", "norm"): NORMS,
    ("resnet", "depth"): sorted(PLANS),
    ("resnet", "shortcut"): ("projection", "pad"),
    ("resnet", "stem"): ("small", "imagenet"),
    ("vit", "pool"): ("cls", "mean"),
    ("gru", "pool"): ("last", "mean"),
}
"""Values of fields that have only some."""


def family_choice() -> tuple[str, str]:
    """The family and the preset that are picked."""
    names = [name for name in FAMILIES if name in PRESETS]
    check_link("family", names, "architecture")
    left, right = st.columns(2)
    family = left.selectbox("Architecture", names, key="family", bind="query-params", help="The kind of network.")
    presets = list(PRESETS[family])
    if len(presets) == 1:
        right.selectbox("Start from", presets, key=f"{family}-only", disabled=True)
        return family, presets[0]
    check_link(f"{family}-from", presets, "preset")
    preset = right.selectbox(
        "Start from", presets, key=f"{family}-from", bind="query-params", help="Sets the fields below."
    )
    return family, preset


def fields(family: str, preset: str, data: Dataset) -> dict[str, Any]:
    """The configuration that the widgets say; what follows from the data is filled in.

    Raises:
        ValueError: a list of numbers cannot be read, or a field is out of range.
    """
    known = FAMILIES[family].complete({})
    own = PRESETS[family][preset]
    if family == "resnet" and "width" not in own:
        known = FAMILIES[family].complete({"depth": own["depth"]})
    start = {**known, **own}
    fitted = _of_data(family, start, data)
    if family == "mlp":
        start["widths"] = start["widths"] if "widths" in own else start["widths"][1:-1]
    config: dict[str, Any] = {}
    with st.expander("Fields of the architecture", icon=":material/tune:"), st.grid("auto", min_column_width=190):
        for name, value in start.items():
            if name not in fitted or name == "widths":
                config[name] = _field(family, name, value, f"{family}-{list(PRESETS[family]).index(preset)}-{name}")
    if family == "mlp":
        inputs = int(data.train.inputs[0].numel())
        config["widths"] = [inputs, *config["widths"], len(data.classes)]
    return {**config, **{name: value for name, value in fitted.items() if name != "widths"}}


def _of_data(family: str, start: Mapping[str, Any], data: Dataset) -> dict[str, Any]:
    """Fields that the data set decides."""
    shape = data.input_shape
    image = [1, *shape] if len(shape) == 2 else list(shape)
    decided: dict[str, Any] = {"classes": len(data.classes)}
    if family == "small-cnn":
        return {"channels": image[0], "variant": start["variant"]}
    if "input" in start:
        decided["input"] = image
    if family == "gru":
        decided["length"] = shape[0]
        if (tokens := getattr(data, "vocabulary", None)) is not None:
            decided["vocabulary"] = tokens if isinstance(tokens, int) else len(tokens)
    return {name: value for name, value in decided.items() if name in start}


def _field(family: str, name: str, value: Any, key: str) -> Any:
    """One field as a widget."""
    label = "Hidden widths" if (family, name) == ("mlp", "widths") else name.replace("_", " ").capitalize()
    choices = tuple(ACTIVATIONS) if name == "activation" else CHOICES.get((family, name))
    if choices is not None:
        return st.selectbox(label, choices, list(choices).index(value), key=key, bind="query-params")
    if isinstance(value, bool):
        return st.toggle(label, value, key=key, bind="query-params")
    if isinstance(value, int):
        return int(st.number_input(label, 0, 1_000_000, value, key=key, bind="query-params"))
    if isinstance(value, float):
        return float(st.number_input(label, value=value, key=key, bind="query-params", format="%g"))
    if isinstance(value, list):
        text = st.text_input(label, ", ".join(map(str, value)), key=key, bind="query-params", help="Whole numbers.")
        return whole_numbers(text, label)
    return st.text_input(label, str(value), key=key, bind="query-params")


def whole_numbers(text: str, what: str) -> list[int]:
    """Whole numbers from a text like `16, 16, 32`; none from an empty one.

    Raises:
        ValueError: a part of it is none.
    """
    parts = text.replace(",", " ").split()
    if not all(part.isdecimal() and len(part) < 8 for part in parts):
        raise ValueError(f"{what} takes whole numbers like 16, 16, 32, got {text[:60]!r}")
    return [int(part) for part in parts]
