"""Latents decoded: what a reconstruction keeps of a network, and new networks near others."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import streamlit as st
import torch

from app_pages.encoders import aligned_zoo, python_of
from app_pages.frame import recipe, sentence, show
from app_pages.handles import stamp
from app_pages.keep import take_along
from app_pages.link import check_link, check_link_number
from app_pages.pick import data_of
from app_pages.probed import some_runs
from app_pages.work import result_of
from wsexplore.datasets import Dataset
from wsexplore.embed import Encoder, SampleSettings, sample_encoder
from wsexplore.figures import quality_figure, reconstruction_figure, tuning_figure
from wsexplore.generate import QualityReport, quality
from wsexplore.jobs import Progress
from wsexplore.population import evaluate, fine_tune
from wsexplore.zoo import Zoo, select_rows

EPOCHS = 5
STEP = 100
"""Networks that are decoded between two chances to cancel."""
SAID = {"network": "Whole networks", "token": "Each token alone"}


def reconstruction(name: str, zoo: Zoo, encoder: Encoder) -> None:
    """Accuracy of networks before and after they went through the encoder."""
    if "test_accuracy" not in zoo.table:
        st.info("The networks of this zoo have no test accuracy to compare; open a zoo of classifiers.")
        st.stop()
    data, drawn = data_of(zoo), some_runs(zoo)

    def work(progress: Progress) -> pd.DataFrame:
        some = aligned_zoo(name, zoo, lambda f, m: progress(0.3 * f, m)).select(drawn)
        parts = []
        for start in range(0, len(some), STEP):
            progress(0.3 + 0.3 * start / len(some), "decoding")
            part = some.select(np.arange(start, min(start + STEP, len(some))))
            parts.append(encoder.reconstruct(part).weights)
        rebuilt = some.with_weights(torch.cat(parts), recipe=some.recipe)
        scores = evaluate(rebuilt, data, on_step=lambda f, m: progress(0.6 + 0.4 * f, m))["test_accuracy"].to_numpy()
        error = (rebuilt.weights - some.weights).square().mean(1).sqrt().numpy()
        columns = [column for column in ("id", "epoch", "test_accuracy") if column in some.table]
        return some.table[columns].assign(decoded_accuracy=scores, weight_error=error)

    with sentence():
        key = f"rebuilt {zoo.fingerprint} {encoder.fingerprint} {stamp('alignments', name)}"
        found: pd.DataFrame = result_of(key, "Decoding", work)
    before, after = found["test_accuracy"], found["decoded_accuracy"]
    cells = st.columns(3)
    cells[0].metric("Mean test accuracy", f"{before.mean():.1%}", help="Of the networks themselves.")
    cells[1].metric("Decoded", f"{after.mean():.1%}", f"{100 * (after - before).mean():+.1f} points")
    cells[2].metric(
        "Error of a weight",
        f"{found['weight_error'].mean():.3f}",
        help="Root of the mean squared difference of a weight and its reconstruction, in units of weights.",
    )
    show(
        reconstruction_figure(
            before.to_numpy(), after.to_numpy(), found["id"].tolist(), found["epoch"].tolist(), shade_name="epoch"
        ),
        key="rebuilt",
        alt=f"Mean accuracy of {len(found):,} networks: {before.mean():.3f}, and {after.mean():.3f} when decoded",
        table=found,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Drawn:
    """Samples and their quality."""

    zoo: Zoo
    report: QualityReport


def sampling(name: str, zoo: Zoo, encoder: Encoder, called: str) -> None:
    """Networks drawn from a density over the latents of an encoder of this name, judged like those of a flow."""
    data = data_of(zoo)
    if zoo.architecture.task == "field":
        st.info("Sampling is judged by accuracy, and these networks are fields; open a zoo of classifiers.")
        st.stop()
    check_link_number("n", 2, 128, "a number of networks of")
    check_link_number("bandwidth", 0, 2, "a bandwidth of")
    check_link_number("best_of", 1, 20, "the best of")
    check_link_number("rounds", 1, 10, "a number of rounds of")
    check_link("kernel", tuple(SAID.values()), "noise around")
    with st.form("sampling", border=True):
        cells = st.columns([1, 1, 1.8], vertical_alignment="bottom")
        count = cells[0].slider("Networks", 2, 128, 16, key="n", bind="query-params", help="To draw.")
        bandwidth = cells[1].slider(
            "Bandwidth",
            0.0,
            2.0,
            0.2,
            0.05,
            key="bandwidth",
            bind="query-params",
            help="Spread around an anchor, in standard deviations of the latents. 0 gives reconstructions of anchors.",
        )
        where = cells[2].text_input(
            "Anchors",
            _anchors(zoo),
            key="anchors",
            bind="query-params",
            help="SQL predicate: the networks whose latents carry the density.",
        )
        cells = st.columns([1.4, 1, 1, 0.8], vertical_alignment="bottom")
        kernel = cells[0].selectbox(
            "Noise around",
            tuple(SAID),
            key="kernel",
            bind="query-params",
            format_func=SAID.get,
            help="Whole networks: each sample lies near one anchor. Each token alone: every row of weights near "
            "an anchor of its own (the S_KDE of SANE).",
        )
        candidates = cells[1].number_input(
            "Best of", 1, 20, 1, key="best_of", bind="query-params", help="Networks decoded for each one kept."
        )
        rounds = cells[2].number_input(
            "Rounds",
            1,
            10,
            1,
            key="rounds",
            bind="query-params",
            help="How often the networks kept become the anchors of the next draw (bootstrapping).",
        )
        cells[3].form_submit_button("Draw", icon=":material/casino:", type="primary", width="stretch")

    def work(progress: Progress) -> _Drawn:
        settings = SampleSettings(float(bandwidth), kernel, int(candidates), int(rounds))
        aligned = aligned_zoo(name, zoo, lambda f, m: progress(0.1 * f, m))
        rows = select_rows(zoo.table, where) if where.strip() else np.arange(len(zoo))
        made = sample_encoder(
            encoder,
            aligned,
            count,
            data=data,
            settings=settings,
            where=where.strip(),
            on_step=lambda f, m: progress(0.1 + 0.2 * f, m),
        )
        lines = f"{python_of(name, zoo, called)}\n{_python(made, settings, data, where.strip())}"
        made = replace(made, recipe=replace(made.recipe, python=lines))
        progress(0.3, "judging")
        report = quality(made, zoo.select(rows), data, name="encoder", on_step=lambda f, m: progress(0.3 + 0.7 * f, m))
        return _Drawn(made.with_table(made.table.assign(**_facts(report))), report)

    of = f"{zoo.fingerprint} {encoder.fingerprint} {stamp('alignments', name)}"
    key = f"latents {of} {count} {bandwidth} {where} {kernel} {candidates} {rounds}"
    with sentence():
        drawn: _Drawn = result_of(key, f"Drawing {count} networks", work)
    rows = drawn.report.frame.set_index("generator")
    cells = st.columns(3)
    cells[0].metric(
        "Mean test accuracy",
        f"{rows.mean_accuracy['encoder']:.1%}",
        f"{100 * (rows.mean_accuracy['encoder'] - rows.mean_accuracy['zoo']):+.1f} points against the anchors",
    )
    cells[1].metric("Best", f"{rows.best_accuracy['encoder']:.1%}")
    cells[2].metric(
        "Novelty",
        f"{rows.novelty['encoder']:.2f}",
        help="Median distance to the nearest network, over the zoo's own. 1 is as new as a trained network.",
    )
    st.markdown(f"**Verdict.** {drawn.report.verdict}")
    left, right = st.columns(2)
    with left:
        st.subheader("Against the controls")
        show(
            quality_figure(drawn.report.frame),
            key="drawn",
            alt=f"Accuracy {rows.mean_accuracy['encoder']:.3f} at novelty {rows.novelty['encoder']:.2f}",
            table=drawn.report.frame,
        )
    with right:
        st.subheader("As a place to start from")
        _starts(key, drawn.zoo, data)
    recipe(drawn.zoo.recipe)
    take_along(drawn.zoo, f"{name}-latents")


def _python(made: Zoo, settings: SampleSettings, data: Dataset, where: str) -> str:
    """The line that draws the networks from the `encoder` and the `aligned` zoo."""
    chosen = f"{settings.bandwidth!r}, {settings.kernel!r}, {settings.candidates}, {settings.rounds}"
    told = f"data={data.name!r}, settings=SampleSettings({chosen})" + (f", where={where!r}" if where else "")
    return f"fresh = wx.sample_encoder(encoder, aligned, {len(made)}, {told})"


def _starts(key: str, drawn: Zoo, data: Dataset) -> None:
    """Further training of the samples against training from scratch, for the same epochs."""

    def work(progress: Progress) -> dict[str, pd.DataFrame]:
        some = drawn.select(range(min(len(drawn), 16)))
        tuned = fine_tune(some, data.name, epochs=EPOCHS, on_step=lambda f, m: progress(0.5 * f, m))
        scratch = fine_tune(_initial(some), data.name, epochs=EPOCHS, on_step=lambda f, m: progress(0.5 + 0.5 * f, m))
        return {"from samples": tuned.table, "from scratch": scratch.table}

    curves: dict[str, pd.DataFrame] = result_of(f"starts {key}", "Training further", work)
    last = {name: table.groupby("epoch")["test_accuracy"].mean() for name, table in curves.items()}
    show(
        tuning_figure(curves),
        key="starts",
        alt=f"After {EPOCHS} epochs {last['from samples'].iloc[-1]:.3f} from samples, "
        f"{last['from scratch'].iloc[-1]:.3f} from scratch",
        table=pd.concat([table.assign(start=name) for name, table in curves.items()], ignore_index=True),
    )


def _initial(zoo: Zoo) -> Zoo:
    """As many networks at their initialisation."""
    weights = torch.stack([zoo.architecture.initial_weights(seed=seed) for seed in range(len(zoo))])
    return Zoo.from_weights(zoo.architecture, weights)


def _anchors(zoo: Zoo) -> str:
    """The better half of the networks at their last epoch, as a predicate."""
    table = zoo.table
    if "test_accuracy" not in table:
        return ""
    return f"test_accuracy >= {table['test_accuracy'].quantile(0.7):.3f}"


def _facts(report: QualityReport) -> dict[str, np.ndarray]:
    facts = report.per_sample.drop(columns="id")
    return {str(column): facts[column].to_numpy() for column in facts}
