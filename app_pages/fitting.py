"""A fit as a job: its cost, its curves as they grow, its end, and where its flow goes."""

import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from app_pages.fit_cost import COVARIED, FitCost, fit_cost
from app_pages.fit_kinds import kind_of
from app_pages.handles import jobs, open_encoder
from app_pages.plain import plain
from wsexplore.align import align
from wsexplore.datasets import Dataset
from wsexplore.figures import Figure
from wsexplore.figures.fitting import accuracies_figure, dispersion_figure, fit_finding, losses_figure
from wsexplore.generate import FitStep, FlowConfig, control, fit_flow, forget_training
from wsexplore.generate.finish import mean_accuracy
from wsexplore.jobs import Progress, Work
from wsexplore.population import OnStep
from wsexplore.settings import settings
from wsexplore.zoo import Zoo, select_rows

JUDGED = 64
"""Networks of the Gaussian, and of a zoo whose table does not tell, that are tested."""

OLD = 7 * 24 * 3600.0
"""Seconds after which the folder of a fit that no job knows is removed."""

Heard = tuple[dict[str, float], tuple[FitStep, ...]]
"""What a fit said so far: the accuracies that it is measured against, and its checks."""


@dataclass(frozen=True, slots=True)
class AskedFit:
    """All that a fit depends on.

    Attributes:
        zoo: its name.
        fingerprint: its content.
        where: predicate that chooses the networks.
        config: of the flow.
        seed: of everything random.
        encoder: name of the encoder of a latent flow.
        encoded: its content.
    """

    zoo: str
    fingerprint: str
    where: str
    config: FlowConfig
    seed: int
    encoder: str = ""
    encoded: str = ""

    @property
    def name(self) -> str:
        """Says everything, so that the same fit is the same job; the names themselves decide nothing."""
        return f"fit {self.fingerprint} {self.where!r} {self.config} {self.seed} {self.encoded}"

    @property
    def title(self) -> str:
        """In a few words."""
        return f"Fitting a flow to {self.zoo} ({kind_of(self.config).lower()})"

    @property
    def home(self) -> Path:
        """Where its training is kept, and the flow until it is given a name."""
        return settings().user / "fits" / jobs().id_of(self.name)


def work_of(asked: AskedFit, zoo: Zoo, data: Dataset | None) -> Work:
    """The work of the job: it goes on from its last check. Its result is the fingerprint of the flow in its folder."""
    encoder = open_encoder(asked.encoder) if asked.encoder else None
    home = asked.home

    def work(progress: Progress) -> str:
        earlier: Heard | None = progress.earlier
        if earlier is None:
            shutil.rmtree(home, ignore_errors=True)
            levels = levels_of(asked, zoo, data, lambda f, m: progress(0.05 * f, m))
            progress.partial((levels, ()))
        else:
            levels = earlier[0]
        history: list[FitStep] = []

        def check(step: FitStep) -> None:
            history.append(step)
            progress.partial((levels, tuple(history)))

        progress(0.05, "preparing the networks")
        flow = fit_flow(
            zoo,
            where=asked.where,
            seed=asked.seed,
            config=asked.config,
            encoder=encoder,
            data=data,
            checkpoint=home / "training",
            on_step=lambda f, m: progress(0.05 + 0.95 * f, m),
            on_check=check,
            device="auto",
        )
        flow.save(home / "flow")
        forget_training(home / "training")
        return flow.fingerprint

    return work


def levels_of(asked: AskedFit, zoo: Zoo, data: Dataset | None, on_step: OnStep) -> dict[str, float]:
    """Mean test accuracy of the networks and of the Gaussian with their mean and covariance, once aligned."""
    if data is None:
        return {}
    part = zoo.select(select_rows(zoo.table, asked.where)) if asked.where else zoo
    architecture = part.groups()[0][0]
    on_step(0.0, "testing the zoo")
    some = part.select(range(0, len(part), max(1, len(part) // JUDGED)))
    told = "test_accuracy" in part.columns and part.table["test_accuracy"].notna().all()
    own = float(part.table["test_accuracy"].mean()) if told else mean_accuracy(architecture, some.weights, data)
    few = part.select(range(0, len(part), -(-len(part) // COVARIED)))
    aligned = align(few, seed=asked.seed, on_step=lambda f, m: on_step(0.9 * f, f"aligning for the Gaussian: {m}"))
    on_step(0.9, "testing the Gaussian")
    drawn = control(aligned, "gaussian", JUDGED, seed=asked.seed)
    return {"zoo": own, "gaussian": mean_accuracy(architecture, drawn.weights, data)}


def tidy() -> None:
    """Remove what fits left that nobody can come back to."""
    fits = settings().user / "fits"
    for folder in fits.iterdir() if fits.is_dir() else ():
        if jobs().status(folder.name) is None and time.time() - folder.stat().st_mtime > OLD:
            shutil.rmtree(folder, ignore_errors=True)


def cost(asked: AskedFit, part: Zoo, *, tested: bool) -> FitCost | str | None:
    """What a fit will take; why it cannot be done; or nothing while that is being measured."""
    encoder = open_encoder(asked.encoder) if asked.encoder else None

    def work(progress: Progress) -> FitCost:
        return fit_cost(part, asked.config, encoder, progress, gaussian=tested)

    told, before = f"cost of {asked.name}", st.session_state.get("fit-cost")
    job = jobs().start(f"Measuring {asked.title}", work, name=told, quiet=True)
    if before is not None and before != job:
        jobs().cancel(before)
        jobs().forget(before)
    st.session_state["fit-cost"] = job
    status = jobs().status(job)
    if status is None or not status.ended:
        return None
    return status.result if status.state == "done" else status.error


def growing(heard: Heard, steps: int, *, live: bool = True) -> None:
    """The curves so far, three beside each other; two where samples cannot be tested."""
    levels, history = heard
    if not history:
        st.caption(f"The first of twenty checks comes at step {max(1, steps // 20):,}.")
        return
    drawn: list[tuple[str, str, Figure]] = [("losses", "Loss", losses_figure(history, steps=steps))]
    if any(one.accuracy is not None for one in history):
        drawn.append(("accuracies", "Accuracy of samples", accuracies_figure(history, levels, steps=steps)))
    drawn.append(("dispersion", "Spread of samples", dispersion_figure(history, steps=steps)))
    finding = fit_finding(history, levels)
    for cell, (key, title, figure) in zip(st.columns(len(drawn), gap="medium"), drawn, strict=True):
        cell.markdown(f"**{title}**")
        cell.plotly_chart(
            figure,
            key=f"{'live' if live else 'fit'}-{key}",
            alt=f"{title} by optimiser step. {finding}",
            config={"displayModeBar": False},
        )
    st.caption(plain(f"{finding}. Each of {len(history)} checks samples 64 networks."))


def frame_of(heard: Heard) -> pd.DataFrame:
    """The checks as a table."""
    rows: list[dict[str, Any]] = [
        {
            "step": one.step,
            "loss": one.loss,
            "held-out loss": one.held_out_loss,
            "dispersion": one.dispersion,
            "accuracy": one.accuracy,
        }
        for one in heard[1]
    ]
    return pd.DataFrame(rows)
