"""Train an encoder as a job, with live losses, the accuracy of what it decodes, and what its points tell."""

from typing import Any

import pandas as pd
import streamlit as st

from app_pages.encoders import aligned_zoo
from app_pages.frame import sentence
from app_pages.handles import jobs
from app_pages.link import check_link, check_link_number, here
from app_pages.pick import data_of
from app_pages.probed import some_runs
from app_pages.work import lasting, lost, watch
from wsexplore.datasets import Dataset
from wsexplore.embed import Encoder, EncoderConfig, EncoderStep, fit_encoder, probe
from wsexplore.embed.fit import FEWEST
from wsexplore.figures import history_figure
from wsexplore.jobs import Progress, Status
from wsexplore.population import evaluate
from wsexplore.zoo import Zoo, keep_path, shelf

JUDGED = 200
"""Networks that a check decodes and probes."""
TOLD = {"answers": "answers and statistics", "statistics": "statistics of weights", "nothing": "nothing"}


Heard = tuple[tuple[EncoderStep, ...], tuple[dict[str, Any], ...]]
"""What a training said so far: its steps, and how good what it decodes was."""


def training(name: str, zoo: Zoo) -> None:
    """The form, the running training, and the end of it."""
    if len(zoo) < FEWEST:
        st.info(f"An encoder needs at least {FEWEST} networks, this zoo has {len(zoo)}.")
        st.stop()
    data = data_of(zoo) if "test_accuracy" in zoo.columns and zoo.architecture.task != "field" else None
    config, told, seed = _asked(answers=data is not None)
    st.caption(
        f"{config.steps:,} steps of {config.batch} networks in two views each, one in its own order of units and one "
        "in a random one. A tenth of the runs is kept out to judge by."
    )
    asked = f"encoder {zoo.fingerprint} {config} {told} {seed}"
    status = jobs().status(jobs().id_of(asked))
    if st.button(
        "Train the encoder",
        type="primary",
        icon=":material/play_arrow:",
        disabled=status is not None and not status.ended,
        help="It goes on when the page is left; it can be cancelled at any time.",
    ):
        if status is not None:
            jobs().forget(status.id)
        _start(asked, name, zoo, config, seed, data, told=told)
        st.rerun()
    if status is None:
        return
    if not status.ended:
        watch(status.id, lambda heard: _curves(heard, config.steps), before="The first measurement is on its way.")
    elif status.state == "done":
        _done(status, name)
    else:
        lost(status, "training")
        _curves(status.partial, config.steps)


def _asked(*, answers: bool) -> tuple[EncoderConfig, str, int]:
    """The settings, what the latents tell, and the seed; they live in the link. Fields give no answers to tell."""
    kinds = {"tokens": "every token (SANE)", "network": "the whole network (hyper-representation)"}
    offered = tuple(one for one in TOLD if answers or one != "answers")
    check_link("latent_of", tuple(kinds.values()), "a latent for")
    check_link("told", [TOLD[one] for one in offered], "latents that tell")
    for key, low, high, what in (
        ("latent", 1, 1024, "latents of"),
        ("width", 8, 1024, "a width of"),
        ("steps", 10, 100_000, "a number of steps of"),
        ("contrast", 0, 1, "a contrast of"),
        ("seed", 0, 2**31 - 1, "a seed of"),
    ):
        check_link_number(key, low, high, what)
    left, right = st.columns(2)
    latent_of = left.selectbox(
        "A latent for",
        tuple(kinds),
        key="latent_of",
        bind="query-params",
        format_func=kinds.get,
        help="SANE gives each row of weights a latent; the earlier autoencoders give the network one.",
    )
    told = right.selectbox(
        "Latents tell",
        offered,
        key="told",
        bind="query-params",
        format_func=TOLD.get,
        help="What a linear map of the mean latent learns to tell beside the reconstruction: what the networks answer "
        "on samples of their training split, whose classes are not read, and statistics of their weights. SANE tells "
        "nothing.",
    )
    cells = st.columns(5, vertical_alignment="bottom")
    latent = cells[0].number_input("Latent", 1, 1024, 64, key="latent", bind="query-params", help="Numbers per latent.")
    width = cells[1].number_input(
        "Width", 8, 1024, 96, 8, key="width", bind="query-params", help="Of the transformers, a multiple of 4."
    )
    steps = cells[2].number_input("Steps", 10, 100_000, 2000, 100, key="steps", bind="query-params", help="Of Adam.")
    contrast = cells[3].number_input(
        "Contrast",
        0.0,
        1.0,
        0.05,
        0.05,
        key="contrast",
        bind="query-params",
        help="Weight of the contrastive loss, which brings two views of one network together.",
    )
    seed = cells[4].number_input("Seed", 0, 2**31 - 1, 0, key="seed", bind="query-params", help="Of everything random.")
    with sentence():
        config = EncoderConfig(
            latent_of=latent_of,
            latent=int(latent),
            width=int(width),
            steps=int(steps),
            contrast=float(contrast),
            learning_rate=2e-3,
            telling=0.0 if told == "nothing" else EncoderConfig().telling,
        )
    return config, told, int(seed)


def _start(
    asked: str, name: str, zoo: Zoo, config: EncoderConfig, seed: int, data: Dataset | None, *, told: str
) -> None:
    def work(progress: Progress) -> Encoder:
        aligned = aligned_zoo(name, zoo, lambda f, m: progress(0.1 * f, m))
        some = aligned.select(some_runs(aligned)[:JUDGED])
        history: list[EncoderStep] = []
        judged: list[dict[str, Any]] = []

        def check(step: EncoderStep, encoder: Encoder) -> None:
            history.append(step)
            if data is not None:
                found = {"step": step.step, "accuracy": float(some.table["test_accuracy"].mean())}
                found["decoded"] = float(evaluate(encoder.reconstruct(some), data)["test_accuracy"].mean())
                found |= _probed(encoder, some)
                judged.append(found)
            progress.partial((tuple(history), tuple(judged)))

        return fit_encoder(
            aligned,
            data=data if told == "answers" else None,
            seed=seed,
            config=config,
            on_step=lambda f, m: progress(0.1 + 0.9 * f, m),
            on_check=check,
        )

    jobs().start(f"Training an encoder of {name}", work, name=asked, link=here())


def _probed(encoder: Encoder, some: Zoo) -> dict[str, float]:
    """How well a linear model tells the accuracy from the points, if runs enough are there."""
    try:
        report = probe({"encoder": encoder.embed(some)}, some.table, ("test_accuracy",), models=("ridge",))
    except ValueError:
        return {}
    return {"R2 of accuracy": float(report.frame["r2"].iloc[0])}


def _curves(heard: Heard | None, steps: int) -> None:
    if heard is None:
        return
    history, judged = heard
    left, right = st.columns([1.4, 1])
    last = history[-1]
    left.plotly_chart(
        history_figure(list(history), steps=steps),
        key="live-history",
        alt=f"Error of reconstruction by step, {last.judged:.3f} at step {last.step}",
        config={"displayModeBar": False},
    )
    if judged:
        right.dataframe(
            pd.DataFrame(judged).iloc[::-1],
            hide_index=True,
            height=300,
            key="live-judged",
            column_config={
                name: st.column_config.NumberColumn(name, format="%.3f")
                for name in ("accuracy", "decoded", "R2 of accuracy")
            },
        )


def _done(status: Status, name: str) -> None:
    """A trained encoder, to keep."""
    encoder: Encoder = status.result
    best = min(encoder.history, key=lambda one: one.judged)
    st.success(f"Trained in {lasting(status.seconds)}: error {best.judged:.3f}, {encoder.size:,} parameters.")
    if encoder.stopped:
        st.warning(f"The training ended early: {encoder.stopped}.")
    _curves(status.partial, encoder.config.steps)
    with st.form("keep-encoder", border=False):
        into = st.text_input("Keep it as", f"{name}-own", key="keep-encoder-name", help="Pages then offer it.")
        if st.form_submit_button("Keep", icon=":material/save:"):
            with sentence():
                if into in shelf("encoders"):
                    raise ValueError(f"there is already an encoder called {into}; choose another name")
                encoder.save(keep_path("encoders", into))
            st.rerun()
