"""What samples are worth as a start: trained further beside networks of the zoo and fresh ones."""

from typing import Any

import pandas as pd
import streamlit as st

from app_pages.drawing import Drawn
from app_pages.frame import show
from app_pages.handles import jobs
from app_pages.link import here
from app_pages.work import lasting, lost, watch
from wsexplore import figures
from wsexplore.generate.judge import Tuning, tuning_curves
from wsexplore.zoo import Zoo

EACH = 0.06
"""Seconds that one network of 2,410 weights takes for all epochs, about."""


def tuned(told: str, data: str, part: Zoo, drawn: Drawn) -> None:
    """The curves, the offer to make them, or how far they are; `part` is what the flow was fitted on."""
    plan = Tuning()
    models = min(plan.models, len(drawn.zoo), len(part))
    cost = 2.0 + 3 * models * EACH * part.architecture.layout.size / 2410
    name = f"tune {told}"
    status = jobs().status(jobs().id_of(name))

    def work(progress: Any) -> pd.DataFrame:
        starts = {"flow": drawn.zoo.select(range(models)), "zoo": part.select(range(models))}
        return tuning_curves(starts, data, plan, on_step=progress)

    if status is None:
        st.info(
            f"{models} samples, as many networks of the zoo and fresh ones are trained for {max(plan.epochs)} more "
            f"epochs. This takes about {lasting(cost)}.",
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
