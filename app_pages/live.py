"""A training that runs: its curves as they grow, its end, and the way on from there."""

from dataclasses import asdict, dataclass, field
from typing import Any

import pandas as pd
import streamlit as st

from app_pages.frame import recipe, show
from app_pages.handles import jobs
from app_pages.keep import take_along
from app_pages.link import here
from app_pages.plain import plain
from app_pages.work import lost, watch
from wsexplore.figures import histogram_figure, population_figure
from wsexplore.jobs import Progress, Work
from wsexplore.population import TrainingCost, train_zoo, training_cost
from wsexplore.zoo import Zoo, shelf


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


def start(asked: Asked) -> None:
    """Begin a training as a job; this visitor's page watches it, and it goes on when the page is left."""

    def work(progress: Progress) -> Zoo:
        heard: list[pd.DataFrame] = []

        def hear(metrics: pd.DataFrame) -> None:
            heard.append(metrics)
            progress.partial(tuple(heard))

        return train_zoo(**asked.arguments(), on_step=progress, on_metrics=hear)

    job = _job(asked)
    if (status := jobs().status(job)) is not None and status.state != "done":
        jobs().forget(job)
    seconds = found.seconds if isinstance(found := cost(asked), TrainingCost) else None
    jobs().start(f"Training {asked.title}", work, name=f"train {asked.name}", cost=seconds, link=here())
    st.session_state["training"] = asked


def watched(asked: Asked | None) -> Asked | None:
    """The training that this visitor started last, while it is known; else the one asked for, where there is one."""
    known = [one for one in (st.session_state.get("training"), asked) if one and jobs().status(_job(one)) is not None]
    return known[0] if known else None


def running(asked: Asked | None) -> bool:
    """Whether a training is under way."""
    status = jobs().status(_job(asked)) if asked is not None else None
    return status is not None and not status.ended


def cost(asked: Asked) -> TrainingCost | str | None:
    """What a training will take; why it cannot be done; or nothing while that is being measured."""
    told, before = f"cost {asked.name}", st.session_state.get("cost")
    job = jobs().start(f"Measuring {asked.title}", _cost_of(asked), name=told, quiet=True)
    if before is not None and before != job:
        jobs().cancel(before)
        jobs().forget(before)
    st.session_state["cost"] = job
    status = jobs().status(job)
    if status is None or not status.ended:
        return None
    return status.result if status.state == "done" else status.error


def _cost_of(asked: Asked) -> Work:
    return lambda progress: training_cost(**asked.arguments())


def _job(asked: Asked) -> str:
    return jobs().id_of(f"train {asked.name}")


def watch_training(asked: Asked) -> None:
    """The curves of a training while it runs, and what came of it."""
    st.header(plain(asked.title), anchor=False)
    status = jobs().status(_job(asked))
    if status is None:
        return
    if not status.ended:
        watch(
            status.id,
            lambda heard: _growing(asked, heard),
            before="The first checkpoints are on their way; every run becomes a line.",
        )
    elif status.state == "done":
        _trained(asked, status.result, status.seconds)
    else:
        lost(status, "training")
        if status.partial is not None:
            _growing(asked, status.partial)


def _growing(asked: Asked, heard: tuple[pd.DataFrame, ...]) -> None:
    """The curves so far."""
    metrics = pd.concat(heard, ignore_index=True)
    column = metric_of(metrics)
    last = metrics.sort_values("epoch").groupby("run")[column].last()
    st.plotly_chart(
        population_figure(metrics, column=column, epochs=asked.epochs),
        key="live",
        alt=f"{column} by epoch of {metrics['run'].nunique():,} runs so far; median of the latest {last.median():.3f}",
        config={"displayModeBar": False},
    )
    st.caption(f"{metrics['run'].nunique():,} of {asked.models:,} runs have reached a checkpoint.")


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
