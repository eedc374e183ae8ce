"""A training that runs: its curves as they grow, its end, and the way on from there."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from time import monotonic, sleep
from typing import Any

import pandas as pd
import streamlit as st

from app_pages.frame import recipe, show
from app_pages.handles import jobs
from app_pages.keep import take_along
from app_pages.plain import plain
from wsexplore.figures import histogram_figure, population_figure
from wsexplore.population import OnStep, TrainingCost, train_zoo, training_cost
from wsexplore.zoo import Zoo, shelf

MOMENT = 0.6
"""Seconds that the page waits for a cancelled training before it says that it is stopping."""


REMEMBERED = 8
"""Trainings whose curves are kept."""


@dataclass(frozen=True, slots=True)
class Asked:
    """All that a training depends on.

    Attributes:
        family: name of the architecture.
        config: its fields.
        data: name of the data set.
        models: number of networks.
        epochs: passes over the training split.
        checkpoints: epochs to keep.
        design: "random" or "grid".
        vary: hyper-parameters that differ.
        fixed: hyper-parameters that all share.
        seed: of the population.
    """

    family: str
    config: dict[str, Any]
    data: str
    models: int
    epochs: int
    checkpoints: tuple[int, ...]
    design: str = "random"
    vary: dict[str, Any] = field(default_factory=dict)
    fixed: dict[str, Any] = field(default_factory=dict)
    seed: int = 0

    @property
    def name(self) -> str:
        """Says everything, so that the same training is the same job."""
        return repr(asdict(self))

    @property
    def title(self) -> str:
        """In a few words."""
        return f"{self.models:,} {self.family} networks on {self.data}"

    def arguments(self) -> dict[str, Any]:
        """Of `train_zoo` and `training_cost`."""
        return {
            "arch": self.family,
            "data": self.data,
            "models": self.models,
            "epochs": self.epochs,
            "checkpoints": list(self.checkpoints),
            "design": self.design,
            "vary": self.vary,
            "seed": self.seed,
            "config": self.config,
            **self.fixed,
        }


@st.cache_resource(show_spinner=False)
def _curves() -> dict[str, list[pd.DataFrame]]:
    """Metrics of running trainings as they come, by job."""
    return {}


def start(asked: Asked) -> None:
    """Begin a training as a job; this visitor's page watches it, and it goes on when the page is left."""
    job, curves = f"train {asked.name}", _curves()
    heard = curves.setdefault(job, [])
    while len(curves) > REMEMBERED:
        del curves[next(iter(curves))]

    def work(on_step: OnStep) -> Zoo:
        heard.clear()
        return train_zoo(**asked.arguments(), on_step=on_step, on_metrics=heard.append)

    if (status := jobs().status(job)) is not None and status.state in ("failed", "cancelled"):
        jobs().forget(job)
    jobs().start(f"Training {asked.title}", work, name=job)
    st.session_state["training"] = asked
    st.session_state.pop("cancelling", None)


def watched() -> Asked | None:
    """The training that this visitor started last, while it is known."""
    asked: Asked | None = st.session_state.get("training")
    return asked if asked is not None and jobs().status(f"train {asked.name}") is not None else None


def running(asked: Asked | None) -> bool:
    """Whether a training is under way."""
    status = jobs().status(f"train {asked.name}") if asked is not None else None
    return status is not None and not status.ended


def cost(asked: Asked) -> TrainingCost | str | None:
    """What a training will take; why it cannot be done; or nothing while that is being measured."""
    job, before = f"cost {asked.name}", st.session_state.get("cost")
    if before is not None and before != job:
        jobs().cancel(before)
        jobs().forget(before)
    st.session_state["cost"] = job
    jobs().start(f"Measuring {asked.title}", _cost_of(asked), name=job)
    status = jobs().status(job)
    if status is None or not status.ended:
        return None
    return status.result if status.state == "done" else status.message


def _cost_of(asked: Asked) -> Callable[[OnStep], TrainingCost]:
    return lambda on_step: training_cost(**asked.arguments())


def watch(asked: Asked) -> None:
    """The curves of a training while it runs, and what came of it."""
    st.header(plain(asked.title), anchor=False)
    status = jobs().status(f"train {asked.name}")
    if status is None:
        return
    if not status.ended:
        _live(asked)
    elif status.state == "done":
        _trained(asked, status.result, status.seconds)
    elif status.state == "cancelled":
        st.info("The training was cancelled; nothing was kept.")
    else:
        st.error(plain(f"{status.message[:1].upper()}{status.message[1:].removesuffix('.')}."))


@st.fragment(run_every=1.0)
def _live(asked: Asked) -> None:
    """Redrawn every second until the training ends."""
    job = f"train {asked.name}"
    status = jobs().status(job)
    if status is None or status.ended:
        st.rerun()
        return
    left, right = st.columns([5, 1], vertical_alignment="bottom")
    cancelling = st.session_state.get("cancelling") == job
    told = "stopping" if cancelling else status.message or "starting"
    left.progress(status.fraction, plain(f"{told} ({status.seconds:.0f} s)"))
    if right.button("Cancel", key="cancel-training", disabled=cancelling, width="stretch"):
        jobs().cancel(job)
        st.session_state["cancelling"] = job
        _wait_for_end(job)
        st.rerun()
    heard = list(_curves().get(job, []))
    if not heard:
        st.caption("The first checkpoints are on their way; every run becomes a line.")
        return
    metrics = pd.concat(heard, ignore_index=True)
    column = metric_of(metrics)
    last = metrics.sort_values("epoch").groupby("run")[column].last()
    st.plotly_chart(
        population_figure(metrics, column=column, epochs=asked.epochs),
        key="live",
        alt=f"{column} by epoch of {metrics['run'].nunique():,} runs so far; median of the latest {last.median():.3f}",
        config={"displayModeBar": False},
    )
    st.caption(
        f"{metrics['run'].nunique():,} of {asked.models:,} runs have reached a checkpoint. Redrawn every second."
    )


def _wait_for_end(job: str) -> None:
    """Give a cancelled training the moment it needs, so that its end is seen at once."""
    until = monotonic() + MOMENT
    while monotonic() < until and (status := jobs().status(job)) is not None and not status.ended:
        sleep(0.05)


def metric_of(metrics: pd.DataFrame) -> str:
    """The column that tells how good the networks are."""
    return "test_accuracy" if "test_accuracy" in metrics else "psnr"


def _trained(asked: Asked, zoo: Zoo, seconds: float) -> None:
    """The trained zoo: its numbers, its curves, and where it goes."""
    table = zoo.table
    column = metric_of(table)
    last = table.loc[table.groupby("run")["epoch"].idxmax()]
    unit = "{:.1%}" if column == "test_accuracy" else "{:.1f} dB"
    words = column.replace("_", " ")
    cells = st.columns(4)
    cells[0].metric("Networks", f"{len(zoo):,}", help="Checkpoints of all runs.")
    cells[1].metric(f"Median {words}", unit.format(last[column].median()))
    cells[2].metric(f"Best {words}", unit.format(last[column].max()))
    cells[3].metric("Time", f"{seconds:.1f} s")
    left, right = st.columns([1.3, 1], gap="medium")
    with left:
        show(
            population_figure(table, column=column, epochs=asked.epochs),
            key="curves",
            alt=f"{column} by epoch of {table['run'].nunique():,} runs; median at the end {last[column].median():.3f}",
            table=table[["id", "run", "epoch", column]],
        )
    with right:
        varies = [name for name in asked.vary if name in last]
        show(
            histogram_figure(last, column, colour=varies[0] if varies else None, height=380),
            key="last",
            alt=f"{column} of {len(last):,} runs at their end: {last[column].min():.3f} to {last[column].max():.3f}",
            table=last[["id", "run", column, *varies]],
        )
    if len(last) < asked.models:
        st.caption(f"{asked.models - len(last):,} runs diverged and were left out.")
    recipe(zoo.recipe)
    take_along(zoo, _free_name(f"{asked.data.replace('@', '-').replace(':', '-')}-{asked.family}"))


def _free_name(name: str) -> str:
    """The name, or the first `name-2`, `name-3` ... that no zoo has."""
    taken, number, free = shelf("zoos"), 1, name
    while free in taken:
        number += 1
        free = f"{name}-{number}"
    return free
