"""What samples are worth as a start: trained further beside networks of the zoo and fresh ones."""

from dataclasses import replace
from typing import Any

import pandas as pd
import streamlit as st

from app_pages.drawing import Drawn
from app_pages.frame import show
from app_pages.handles import jobs
from app_pages.link import check_link, here
from app_pages.plain import plain
from app_pages.samples import fitting
from app_pages.work import lasting, lost, watch
from wsexplore import figures
from wsexplore.datasets import DATASETS, dataset
from wsexplore.datasets.names import is_registered, parse_name
from wsexplore.generate.judge import Tuning, tuning_curves
from wsexplore.zoo import Zoo

EACH = 0.06
"""Seconds that one network of 2,410 weights takes for all epochs of 1,437 samples, about."""

NONE = "none"
"""No other data set than the flow's own."""


def tuned(told: str, data: str, part: Zoo, drawn: Drawn) -> None:
    """The curves, the offer to make them, or how far they are; `part` is what the flow was fitted on."""
    other = _transfer(data, part)
    plan = Tuning(transfer=other)
    models = min(plan.models, len(drawn.zoo), len(part))
    size = part.architecture.layout.size / 2410 * _samples(other or data) / _samples("digits")
    cost = 2.0 + 3 * models * EACH * size
    name = f"tune {told} {other}"
    status = jobs().status(jobs().id_of(name))

    def work(progress: Any) -> pd.DataFrame:
        starts = {"flow": drawn.zoo.select(range(models)), "zoo": part.select(range(models))}
        head = bool(other) and dataset(other).classes != dataset(data).classes
        return tuning_curves(starts, data, replace(plan, new_head=head), on_step=progress)

    if status is None:
        st.info(
            f"{models} samples, as many networks of the zoo and fresh ones are trained for {max(plan.epochs)} more "
            f"epochs{f' of {plain(other)}' if other else ''}. This takes about {lasting(cost)}.",
            icon=":material/model_training:",
        )
        if st.button("Train them further", key="tune", type="primary"):
            jobs().start(f"Training {3 * models} networks further", work, name=name, cost=cost, link=here())
            st.rerun()
    elif not status.ended:
        watch(status.id)
    elif status.state != "done":
        lost(status, "further training")
        if st.button("Try again", key="tune-again"):
            jobs().forget(status.id)
            st.rerun()
    else:
        curves: pd.DataFrame = status.result
        finding = figures.tuning_curves_finding(curves)
        show(figures.tuning_curves_figure(curves), key="tuning", alt=finding, table=curves)
        st.caption(finding if finding.endswith(".") else f"{finding}.")
        if other and dataset(other).classes != dataset(data).classes:
            st.caption("The classes differ, so all starts have the same new last layers.")


def _transfer(data: str, part: Zoo) -> str:
    """Another data set for further training, from those on this machine that the networks take; empty for none."""
    base = parse_name(data).base if is_registered(data) else ""
    most = DATASETS[base].classes if base else 0
    there = [name for name in fitting(part.architecture) if DATASETS[parse_name(name).base].classes <= most]
    options = [NONE, *(name for name in there if parse_name(name).base != base)]
    check_link("transfer", options, "another data set")
    chosen = st.selectbox(
        "Transfer to another data set",
        options,
        key="transfer",
        bind="query-params",
        width=320,
        help="Train and test all starts on it instead of the data that the zoo was trained on. Listed are those on "
        "this machine with inputs of the same shape, images resized to it. Where the classes differ the last layer is "
        "new.",
    )
    return "" if chosen == NONE else str(chosen)


def _samples(name: str) -> int:
    """Training samples of a data set of the registry; as many as of digits where it is none."""
    return DATASETS[parse_name(name).base if is_registered(name) else "digits"].train
