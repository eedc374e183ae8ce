"""What samples are asked for: a slider for a column of numbers, a choice for one of words; each may stay open."""

import math
from collections.abc import Sequence
from typing import Any

import streamlit as st

from app_pages.link import check_link, check_link_number
from app_pages.turn import Turn
from wsexplore.generate.conditions import Column

FEW = 12
"""Words that lie side by side; more are listed in a box."""

ANY = "any"
"""The choice that leaves a column of words open."""

EACH = "each in turn"
"""The choice that asks for every word of a column, network by network."""


def ask_for(columns: Sequence[Column], *, turned: bool) -> tuple[tuple[tuple[str, Any], ...], Turn]:
    """The widgets of a flow's columns; what was asked for, without what stays open, and what is asked for in turn.

    With `turned` the first column of words can be asked for word by word, which it is at first.
    """
    asked: list[tuple[str, Any]] = []
    turn: Turn = ()
    first = next((column.name for column in columns if column.values), "") if turned else ""
    numbers = [column for column in columns if not column.values]
    for column in columns:
        if column.values:
            value = _word(column, turned=column.name == first)
            if value == EACH and column.name == first:
                turn = tuple((column.name, word) for word in column.values)
            elif value != ANY:
                asked.append((column.name, value))
    for start in range(0, len(numbers), 3):
        for cell, column in zip(st.columns(3), numbers[start : start + 3], strict=False):
            with cell:
                value = _number(column)
                asked += [] if value is None else [(column.name, value)]
    return tuple(asked), turn


def _word(column: Column, *, turned: bool) -> str:
    """One of the words that the flow saw, or `ANY`, or with `turned` `EACH`."""
    more = [ANY, EACH] if turned else [ANY]
    key, options = f"ask_{column.name}", [*more, *column.values]
    check_link(key, options, f"{_said(column)} of")
    told: dict[str, Any] = {
        "key": key,
        "bind": "query-params",
        "help": f"Ask for networks whose {_said(column)} is this. With `{ANY}` it is left open, and as frequent as in "
        "the zoo." + (f" With `{EACH}` every network is asked for the next one." if turned else ""),
    }
    label = _said(column).capitalize()
    if len(options) <= FEW:
        found = st.segmented_control(label, options, default=more[-1], required=True, **told)
    else:
        found = st.selectbox(label, options, index=len(more) - 1, **told)
    return str(found)


def _number(column: Column) -> float | None:
    """A number between the lowest and the highest that the flow saw; `None` where it is left open."""
    low, high = (math.log10(value) if column.logarithmic else value for value in (column.low, column.high))
    key, switch = f"ask_{column.name}", f"open_{column.name}"
    check_link_number(key, low, high, f"{_said(column)} of")
    asked = key in st.query_params and switch not in st.session_state
    free = st.toggle(
        f"Leave {_said(column)} open",
        value=not asked,
        key=switch,
        bind="query-params",
        help="Left open, it is as varied as in the zoo. Otherwise networks are asked for that have this value.",
    )
    step = (high - low) / 100
    found = st.slider(
        _said(column).capitalize() + (" (power of ten)" if column.logarithmic else ""),
        low,
        high,
        (low + high) / 2,
        step,
        key=key,
        bind="query-params",
        disabled=free,
        format=_format(step),
        label_visibility="collapsed",
        help=f"The zoo has it from {column.low:.4g} to {column.high:.4g}.",
    )
    if free:
        return None
    return float(10**found) if column.logarithmic else float(found)


def _said(column: Column) -> str:
    return column.name.replace("_", " ")


def _format(step: float) -> str:
    """As many decimals as the steps of the slider need."""
    return f"%.{max(0, min(6, -math.floor(math.log10(max(step, 1e-9)))))}f"
