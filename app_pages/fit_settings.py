"""The settings of a fit: size, length and seed, and everything else folded away."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import streamlit as st

from app_pages.link import check_link, check_link_number
from wsexplore.generate import VARIANTS, FlowConfig
from wsexplore.generate.config import BASES, COUPLINGS, PATH_NAMES, SOURCES

SIZES: Mapping[str, tuple[tuple[int, int], tuple[int, int]]] = {
    "Small": ((48, 3), (128, 2)),
    "Usual": ((96, 4), (512, 3)),
    "Large": ((160, 6), (1024, 4)),
}
"""Width and layers, of tokens and of the other kinds."""

LENGTHS = {"Short": 0.25, "Usual": 1.0, "Long": 3.0}
"""Factor on the steps that a kind usually takes."""


@dataclass(frozen=True, slots=True)
class _Number:
    """A number that may be changed: its name in the configuration, its range, and what it is."""

    name: str
    low: float
    high: float
    help: str


NUMBERS = (
    _Number("steps", 1, 1_000_000, "Optimiser steps."),
    _Number("batch", 1, 4096, "Networks per step."),
    _Number("width", 4, 4096, "Numbers per token, a multiple of 4 heads; hidden units of the other kinds."),
    _Number("layers", 1, 32, "Transformer layers or residual blocks; the plain network always has three."),
    _Number("learning_rate", 1e-6, 1.0, "Highest learning rate of the one-cycle schedule of AdamW."),
    _Number("weight_decay", 0.0, 1.0, "Decoupled weight decay of AdamW."),
    _Number("dropout", 0.0, 0.9, "Share of hidden values left out while training."),
    _Number("held_out", 0.0, 0.5, "Share of the networks kept out of the training, on which the loss is watched."),
    _Number("patience", 0, 20, "Checks of twenty without a lower held-out loss after which it ends; 0 to go on."),
    _Number("components", 0, 100_000, "Principal components that are kept; 0 for all."),
    _Number("pool", 0, 100_000, "Noise vectors drawn once and used all along, as in the paper; 0 for fresh noise."),
    _Number("source_scale", 0.001, 100.0, "Factor on the spread of the source."),
    _Number("drop", 0.0, 0.9, "Share of networks whose conditions are left out while training, for guidance."),
)
CHOICES: Mapping[str, tuple[tuple[str, ...], str]] = {
    "path": (PATH_NAMES, "From noise to weights: of unit variance all along, or straight."),
    "source": (SOURCES, "Where samples start."),
    "coupling": (
        COUPLINGS,
        "How noise and networks are paired: unit by unit, not at all, or by optimal transport in each batch.",
    ),
    "basis": (
        BASES,
        "Of a plain flow the weights or all principal components; of a preconditioned one these or what they change of "
        "the outputs.",
    ),
}


def asked_config(kind: str, conditions: tuple[str, ...]) -> tuple[FlowConfig, int]:
    """The configuration that the widgets say, and the seed; they live in the link.

    Raises:
        ValueError: two settings do not go together.
    """
    cells = st.columns([1.3, 1.3, 0.8])
    size = _preset("Size", SIZES, cells[0], "How much the flow can hold: its width and its layers.")
    length = _preset("Length", LENGTHS, cells[1], "How long it learns: a quarter of the usual steps, or three times.")
    check_link_number("seed", 0, 2**31 - 1, "seed")
    seed = cells[2].number_input(
        "Seed", 0, 2**31 - 1, 0, key="seed", bind="query-params", help="The same seed and settings give the same flow."
    )
    start = VARIANTS[kind]
    width, layers = SIZES[size][0 if start.kind == "tokens" else 1]
    start = replace(start, width=width, layers=layers, steps=max(20, round(LENGTHS[length] * start.steps)))
    changed: dict[str, Any] = {}
    with st.expander("More settings", icon=":material/tune:"):
        with st.grid("auto", min_column_width=170):
            for number in NUMBERS:
                changed[number.name] = _number(number, getattr(start, number.name), f"{kind}-{size}-{length}".lower())
            for name in CHOICES:
                changed[name] = _choice(name, getattr(start, name), kind)
        if start.kind in ("tokens", "plain"):
            changed["augment"] = st.toggle(
                "Permute units at random",
                start.augment,
                key=f"{kind}-augment",
                bind="query-params",
                help="Every batch has its units in another order, so that the flow sees the whole orbit.",
            )
    return FlowConfig.from_dict({**asdict(start), **changed, "conditions": conditions}), int(seed)


def _preset(label: str, options: Mapping[str, Any], cell: Any, help: str) -> str:
    key = label.lower()
    with cell:
        check_link(key, list(options), f"a {key} of")
        chosen: str = st.segmented_control(
            label, list(options), default="Usual", required=True, key=key, bind="query-params", help=help
        )
    return chosen


def _number(number: _Number, value: float, preset: str) -> float:
    """A field as a widget; those that a preset decides start anew with another preset."""
    key = f"{preset}-{number.name}"
    check_link_number(key, number.low, number.high, f"{_said(number.name)} of")
    if isinstance(value, int):
        low, high = int(number.low), int(number.high)
        found: int = st.number_input(
            _said(number.name), low, high, value, key=key, bind="query-params", help=number.help
        )
        return found
    share: float = st.number_input(
        _said(number.name),
        number.low,
        number.high,
        float(value),
        step=10.0 ** math.floor(math.log10(value) - 0.01) if value else 0.01,
        key=key,
        bind="query-params",
        format="%g",
        help=number.help,
    )
    return share


def _choice(name: str, value: str, kind: str) -> str:
    options, help = CHOICES[name]
    key = f"{kind}-{name}"
    check_link(key, options, f"the {_said(name).lower()}")
    chosen: str = st.selectbox(
        _said(name), options, options.index(value), key=key, bind="query-params", help=help, format_func=str
    )
    return chosen


def _said(name: str) -> str:
    return name.replace("_", " ").capitalize()
