"""Which networks a flow is fitted to, what it can be told of them, and the data on which its samples are tested."""

import math

import pandas as pd
import streamlit as st

from app_pages.link import check_link
from app_pages.pick import registered
from app_pages.plain import plain
from wsexplore.datasets import Dataset
from wsexplore.generate.conditions import Column
from wsexplore.generate.fit import FEWEST
from wsexplore.zoo import Zoo, select_rows

NAMES = ("id", "run", "seed")
"""Columns that tell networks apart and say nothing of them."""


def asked_networks(zoo: Zoo) -> tuple[str, Zoo]:
    """The predicate that the widgets say, and the networks it leaves.

    Raises:
        ValueError: it cannot be read, or no flow can be fitted to what it leaves.
    """
    left, right = st.columns([2.2, 1], vertical_alignment="bottom")
    typed = (
        left.text_input(
            "Filter",
            key="where",
            bind="query-params",
            placeholder="test_accuracy > 0.9",
            help=f"An SQL predicate over the columns: {', '.join(zoo.columns)}. Empty: all networks.",
        )
        or ""
    )
    parts = [typed.strip()] if typed.strip() else []
    epochs = sorted(zoo.table["epoch"].unique()) if "epoch" in zoo.columns else []
    if len(epochs) > 1 and right.toggle(
        f"Only epoch {epochs[-1]:,}",
        value=True,
        key="last",
        bind="query-params",
        help=f"The zoo holds checkpoints of {len(epochs)} epochs; without this, half-trained networks are learnt too.",
    ):
        parts.insert(0, f"epoch = {epochs[-1]}")
    where = " and ".join(f"({part})" for part in parts) if len(parts) > 1 else "".join(parts)
    part = zoo.select(select_rows(zoo.table, where)) if where else zoo
    st.caption(f"**{len(part):,}** of {len(zoo):,} networks." + (f" `{where}`" if where and "`" not in where else ""))
    _check(part)
    return where, part


def _check(part: Zoo) -> None:
    if len(part) < FEWEST:
        raise ValueError(f"a flow needs at least {FEWEST} networks, this filter leaves {len(part):,}")
    groups = part.groups()
    if len(groups) > 1:
        names = [n for n in part.architecture.row_fields if len({str(one.config[n]) for one, _ in groups}) > 1]
        value = groups[0][0].config[names[0]]
        raise ValueError(
            f"the networks differ in {', '.join(names)} and a flow makes one kind alone; add a filter like "
            f"{names[0]} = {value!r}"
        )


def asked_conditions(table: pd.DataFrame) -> tuple[str, ...]:
    """The columns that a sample shall be able to ask for; those that cannot be learnt are listed with the reason."""
    reasons = {name: _reason(str(name), table[name]) for name in table}
    able = [name for name, reason in reasons.items() if not reason]
    left, right = st.columns([2.2, 1], vertical_alignment="bottom")
    with left:
        check_link("conditions", able, "a condition on column")
        chosen = st.multiselect(
            "Conditions",
            able,
            key="conditions",
            bind="query-params",
            placeholder="none: samples are like the networks as a whole",
            help="Columns whose value a sample can be asked for, like its accuracy or the learning rate behind it.",
        )
    unable = [{"column": name, "why not": reason} for name, reason in reasons.items() if reason]
    if unable:
        with right.popover(f"{len(unable)} columns cannot", type="tertiary", icon=":material/help:", key="unable"):
            st.table(pd.DataFrame(unable).set_index("column"))
    return tuple(chosen)


def _reason(name: str, values: "pd.Series[object]") -> str:
    """Why a column cannot be learnt; empty where it can."""
    if name in NAMES:
        return "it tells networks apart and says nothing of them"
    try:
        Column.of(name, values)
    except ValueError as error:
        return str(error).removeprefix(f"column {name} ")
    return ""


def tested_on(zoo: Zoo) -> Dataset | str:
    """The data set on which samples are tested, or why there is none."""
    if zoo.architecture.task == "field":
        return "these networks are pictures and classify nothing"
    names = [str(name) for name in zoo.table["dataset"].unique()] if "dataset" in zoo.columns else []
    if len(names) != 1:
        return f"the networks were trained on {len(names)} data sets" if names else "the zoo names no data set"
    try:
        found = registered(names[0])
    except (ValueError, OSError) as error:
        return str(error).removesuffix(".")
    if found.test.inputs[0].numel() != math.prod(zoo.architecture.input_shape):
        return f"samples of {plain(names[0])} do not fit these networks"
    return found
