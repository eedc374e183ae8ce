"""What differs between the networks of a training: nothing but seeds, random draws, or a grid."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from app_pages.link import check_link
from wsexplore.population import FIELDS
from wsexplore.population.vary import is_range

SEEDS, RANDOM, GRID = "Seeds only", "Random draws", "Grid"
NUMBERS = ("lr", "weight_decay", "batch_size", "momentum", "label_noise", "data_share")
NAMES = ("optimizer", "init", "activation")
LABELS = {"lr": "Learning rate", "init": "Initialisation"}
STARTS: Mapping[str, Mapping[str, str]] = {
    SEEDS: {},
    RANDOM: {"lr": "0.0005..0.02", "weight_decay": "0.00001..0.01"},
    GRID: {"lr": "0.001, 0.003, 0.01", "weight_decay": "0, 0.001"},
}
"""What the fields of numbers hold at first, where it is not the default."""


@dataclass(frozen=True, slots=True)
class Varied:
    """Hyper-parameters of a population.

    Attributes:
        design: "random" or "grid".
        vary: name to a range or a list.
        fixed: name to the one value that all share.
    """

    design: str = "random"
    vary: dict[str, Any] = field(default_factory=dict)
    fixed: dict[str, Any] = field(default_factory=dict)

    @property
    def points(self) -> int:
        """Number of combinations of a grid."""
        return math.prod(len(values) for values in self.vary.values()) if self.design == "grid" else 1


def varied(*, field_task: bool, activation: str | None) -> Varied:
    """The design and its hyper-parameters, as the widgets say.

    Args:
        field_task: whether the networks are pictures, which have neither batches nor labels.
        activation: of the architecture, `None` where it has none to choose.

    Raises:
        ValueError: a value cannot be read, or a grid is given a range.
    """
    designs = (SEEDS, RANDOM, GRID)
    check_link("design", designs, "design")
    design = st.segmented_control(
        "What varies",
        designs,
        default=RANDOM,
        required=True,
        key="design",
        bind="query-params",
        help="As in the published zoos: one setting and many seeds, random hyper-parameters, or every combination.",
    )
    told = {
        SEEDS: "All networks share these values; only their seeds differ.",
        RANDOM: "A range like 0.001..0.01 or a list like 0, 0.01: every network draws its own values.",
        GRID: "A list like 0.001, 0.01: every combination is trained.",
    }
    st.caption(told[design])
    numbers = [name for name in NUMBERS if not (field_task and name in ("batch_size", "label_noise", "data_share"))]
    names = [name for name in NAMES if name != "activation" or activation is not None]
    vary: dict[str, Any] = {}
    fixed: dict[str, Any] = {}
    with st.grid("auto", min_column_width=150):
        for name in names:
            values = _names(name, design, activation)
            (vary if len(values) > 1 else fixed)[name] = values if len(values) > 1 else values[0]
        for name in numbers:
            found = _numbers(name, design)
            (vary if isinstance(found, tuple | list) else fixed)[name] = found
    if design == GRID and (ranges := [name for name, values in vary.items() if is_range(values)]):
        raise ValueError(f"a grid goes through lists; write values like 0.001, 0.01 for {', '.join(ranges)}")
    return Varied("grid" if design == GRID else "random", vary, fixed)


def _names(name: str, design: str, activation: str | None) -> list[str]:
    """The picked values of a hyper-parameter that is a word; at least one."""
    choices, label = list(FIELDS[name].choices), LABELS.get(name, name.capitalize())
    default = str(activation if name == "activation" else FIELDS[name].default)
    if design == SEEDS:
        key = f"one-{name}"
        return [st.selectbox(label, choices, choices.index(default), key=key, bind="query-params")]
    picked = st.multiselect(label, choices, [default], key=f"some-{name}", bind="query-params")
    return list(picked) or [default]


def _numbers(name: str, design: str) -> Any:
    """What the text of a hyper-parameter that is a number says: one number, a range as a tuple, or a list."""
    default = f"{FIELDS[name].default:g}"
    start = STARTS[design].get(name, default)
    label = LABELS.get(name, name.replace("_", " ").capitalize())
    key = f"{design.split()[0].lower()}-{name}"
    text = st.text_input(label, start, key=key, bind="query-params").strip() or default
    found = parse_numbers(text, label)
    if design == SEEDS and not isinstance(found, float):
        raise ValueError(f"{label} is one number where only seeds differ, got {text[:60]!r}")
    for value in found if isinstance(found, tuple | list) else [found]:
        FIELDS[name].check(name, value)
    return found


def parse_numbers(text: str, what: str) -> float | tuple[float, float] | list[float]:
    """`0.01` is a number, `0.001..0.01` a range, `0.001, 0.01` a list.

    Raises:
        ValueError: it is none of these.
    """
    try:
        if ".." in text:
            low, _, high = text.partition("..")
            return float(low), float(high)
        values = [float(part) for part in text.split(",")]
    except ValueError:
        raise ValueError(f"{what} takes 0.01, a range 0.001..0.01 or a list 0.001, 0.01, got {text[:60]!r}") from None
    return values if len(values) > 1 else values[0]
