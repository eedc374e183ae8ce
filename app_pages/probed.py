"""What embeddings tell: scores of every baseline and of an encoder, split by run."""

import numpy as np
import streamlit as st

from app_pages.encoders import aligned_zoo
from app_pages.frame import result_of, sentence, show
from app_pages.link import check_link
from app_pages.pick import data_of
from wsexplore.embed import Encoder, ProbeReport, probe_zoo
from wsexplore.embed.probe import MODELS
from wsexplore.figures import probe_figure, probe_finding
from wsexplore.population import OnStep
from wsexplore.zoo import Zoo

MOST = 2000
"""Networks that are probed, whole runs drawn evenly; more take minutes and change little."""
SAID = {"ridge": "Linear", "boosting": "Boosted trees", "both": "Both"}


def probes(name: str, zoo: Zoo, encoder: Encoder | None) -> None:
    """Choose the models, then see the table."""
    check_link("models", tuple(SAID), "models")
    models = st.segmented_control(
        "Models",
        tuple(SAID),
        default="ridge",
        required=True,
        key="models",
        bind="query-params",
        format_func=SAID.get,
        help="What predicts from the features. Linear: ridge regression, seconds. Boosted trees: up to minutes.",
    )
    asked = MODELS if models == "both" else (models,)
    data = data_of(zoo)
    drawn = some_runs(zoo)

    def work(on_step: OnStep) -> ProbeReport:
        aligned = aligned_zoo(name, zoo).select(drawn)
        return probe_zoo(zoo.select(drawn), encoder=encoder, aligned=aligned, data=data, models=asked, on_step=on_step)

    key = f"probes {zoo.fingerprint} {encoder.fingerprint if encoder else ''} {asked}"
    with sentence():
        report: ProbeReport = result_of(key, "Probing", work)
    st.markdown(finding(report))
    show(
        probe_figure(report),
        key="probes",
        alt=probe_finding(report),
        table=report.frame,
    )
    more = "" if len(drawn) == len(zoo) else f" {len(drawn):,} of {len(zoo):,} networks are probed, whole runs."
    st.caption(
        "Checkpoints of one run never lie on both sides of the split. Lines are 95 % intervals over runs; the hollow "
        f"mark is the control with permuted labels.{more}"
    )


def some_runs(zoo: Zoo) -> np.ndarray:
    """Rows of whole runs, drawn with a fixed seed, `MOST` at most."""
    if len(zoo) <= MOST:
        return np.arange(len(zoo))
    runs = zoo.table["run"].to_numpy()
    order = np.random.default_rng(0).permutation(np.unique(runs))
    sizes = np.cumsum([int((runs == run).sum()) for run in order])
    return np.flatnonzero(np.isin(runs, order[: max(1, int((sizes <= MOST).sum()))]))


def finding(report: ProbeReport) -> str:
    """Which features tell most about each target, in a sentence."""
    best = report.best()
    said = []
    for target, rows in best.groupby("target", sort=False):
        top = rows.loc[rows["r2"].idxmax()]
        said.append(f"**{str(target).replace('_', ' ')}** is told best by {top['features']} ({top['r2']:.2f})")
    return "Of a network's weights alone: " + ", ".join(said) + "."
