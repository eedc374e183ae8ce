"""What embeddings tell: scores of every baseline and of an encoder, split by run."""

import numpy as np
import streamlit as st

from app_pages.encoders import aligned_zoo
from app_pages.frame import sentence, show
from app_pages.handles import open_zoo, stamp, version_of
from app_pages.link import check_link
from app_pages.pick import data_of
from app_pages.plain import plain
from app_pages.work import result_of
from wsexplore.embed import TARGETS, Encoder, ProbeReport, probe_zoo
from wsexplore.embed.probe import MODELS
from wsexplore.figures import probe_figure, probe_finding, varying
from wsexplore.jobs import Progress
from wsexplore.zoo import Zoo

MOST = 2000
"""Networks that are probed, whole runs drawn evenly; more take minutes and change little."""
SAID = {"ridge": "Linear", "boosting": "Boosted trees", "both": "Both"}
FIRST = (*TARGETS, "psnr")
"""Columns that are predicted unasked, as far as they vary."""


def probes(name: str, zoo: Zoo, encoder: Encoder | None) -> None:
    """Choose the models and the columns, then see the table."""
    check_link("models", tuple(SAID.values()), "models")
    left, middle, right = st.columns([1.3, 2.2, 1], vertical_alignment="bottom")
    models = left.segmented_control(
        "Models",
        tuple(SAID),
        default="ridge",
        required=True,
        key="models",
        bind="query-params",
        format_func=SAID.get,
        help="What predicts from the features. Linear: ridge regression, seconds. Boosted trees: up to minutes.",
    )
    columns = _columns(name, version_of("zoos", name))
    check_link("targets", columns, "the column")
    targets = middle.multiselect(
        "Columns to predict",
        columns,
        [one for one in FIRST if one in columns] or columns[:1],
        key="targets",
        bind="query-params",
        help="Those of the zoo's table that vary. Texts are predicted as classes.",
    )
    classes = right.toggle(
        "Each class",
        key="classes",
        bind="query-params",
        disabled=zoo.architecture.task == "field",
        help="The test accuracy of each class, too; every network is judged anew for it.",
    )
    if not targets:
        st.info("Choose a column to predict." if columns else "No column of this zoo varies; nothing can be predicted.")
        return
    asked = MODELS if models == "both" else (models,)
    data = data_of(zoo)
    drawn = some_runs(zoo)

    def work(progress: Progress) -> ProbeReport:
        aligned = aligned_zoo(name, zoo, lambda f, m: progress(0.2 * f, m)).select(drawn)
        return probe_zoo(
            zoo.select(drawn),
            encoder=encoder,
            aligned=aligned,
            targets=targets,
            classes=classes,
            data=data,
            models=asked,
            on_step=lambda f, m: progress(0.2 + 0.8 * f, m),
        )

    told = f"{encoder.fingerprint if encoder else ''} {stamp('alignments', name)} {asked} {targets} {classes}"
    key = f"probes {zoo.fingerprint} {told}"
    with sentence():
        report: ProbeReport = result_of(key, "Probing", work)
    said = probe_finding(report)
    st.markdown(plain(f"Of a network's weights alone: {said}."))
    show(probe_figure(report), key="probes", alt=said, table=report.frame)
    more = "" if len(drawn) == len(zoo) else f" {len(drawn):,} of {len(zoo):,} networks are probed, whole runs."
    st.caption(
        "Checkpoints of one run never lie on both sides of the split. Lines are 95 % intervals over runs; the hollow "
        f"mark is the control with permuted labels.{more}"
    )


@st.cache_data(max_entries=64, show_spinner=False)
def _columns(name: str, version: float) -> list[str]:
    """Columns that vary among the networks that are probed; ids and runs tell nothing of them."""
    zoo = open_zoo(name)
    return varying(zoo.table.iloc[some_runs(zoo)], leave_out=("id", "run"))


def some_runs(zoo: Zoo) -> np.ndarray:
    """Rows of whole runs, drawn with a fixed seed, `MOST` at most."""
    if len(zoo) <= MOST:
        return np.arange(len(zoo))
    runs, number = np.unique(zoo.entries.part(["run"])["run"].to_numpy(), return_inverse=True)
    order = np.random.default_rng(0).permutation(len(runs))
    sizes = np.cumsum(np.bincount(number)[order])
    kept = np.zeros(len(runs), bool)
    kept[order[: max(1, int((sizes <= MOST).sum()))]] = True
    return np.flatnonzero(kept[number])
