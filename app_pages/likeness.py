"""Similarity: of the layers of two networks, of their answers, of weights against functions, and basins of a zoo."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from app_pages.frame import recipe, show
from app_pages.gathered import Gathered, gathered
from app_pages.link import check_link, check_link_number
from app_pages.pair import rows_of
from app_pages.pick import current_refs, current_zoo, data_of
from app_pages.plain import plain
from app_pages.work import result_of
from wsexplore.datasets import Dataset
from wsexplore.figures import (
    agreement_figure,
    agreement_finding,
    basins_figure,
    basins_finding,
    similarity_figure,
    similarity_finding,
    weight_function_figure,
    weight_function_finding,
)
from wsexplore.jobs import Progress
from wsexplore.landscape import (
    Agreement,
    BarrierMatrix,
    DistancePairs,
    LayerSimilarity,
    agreement,
    barrier_matrices,
    basins,
    distance_pairs,
    layer_similarity,
)

SPLITS = ("test", "train")


def likeness() -> None:
    """One of four ways to ask how alike networks are."""
    check_link("like", list(LOOKS), "likeness")
    look = st.segmented_control(
        "Likeness",
        list(LOOKS),
        default=next(iter(LOOKS)),
        required=True,
        key="like",
        bind="query-params",
        label_visibility="collapsed",
        wrap=True,
    )
    LOOKS[look]()


def _pair() -> tuple[Gathered, Dataset]:
    refs = current_refs()
    return gathered(refs), data_of(current_zoo()[1])


def _split() -> str:
    check_link("judged", SPLITS, "split")
    found: str = st.selectbox(
        "Samples of", SPLITS, key="judged", bind="query-params", width=160, help="The split that both are asked about."
    )
    return found


def _layers() -> None:
    pair, data = _pair()
    first, second = (plain(name) for name in pair.ids)
    split = _split()
    name = f"cka {pair.name} {pair.rows} {data.name} {split}"

    def work(progress: Progress) -> LayerSimilarity:
        return layer_similarity(pair.zoo, *pair.rows, data, split=split, on_step=progress)

    found: LayerSimilarity = result_of(name, f"Comparing layers of {first} and {second}", work)
    given = (found.matrix, found.first_layers, found.second_layers, found.first, found.second)
    show(similarity_figure(*given), key="cka", alt=similarity_finding(*given), table=found.frame())
    hit = f" {found.identified:.0%} of the layers find their namesake." if np.isfinite(found.identified) else ""
    st.caption(
        f"Linear CKA ({found.estimator}) of what every layer gives for {found.samples:,} {split} samples: 1 where two "
        "layers see the same up to rotation and scale, whatever the order of their units, 0 where they have nothing in "
        f"common.{hit}"
    )
    recipe(pair.recipe(found.recipe))


def _answers() -> None:
    pair, data = _pair()
    split = _split()
    name = f"agreement {pair.name} {pair.rows} {data.name} {split}"

    def work(progress: Progress) -> Agreement:
        return agreement(pair.zoo, *pair.rows, data, split=split, on_step=progress)

    found: Agreement = result_of(name, "Comparing answers", work)
    cells = st.columns(4)
    cells[0].metric("Answer differently", f"{found.disagreement:.1%}", help=f"± {found.disagreement_error:.1%}")
    cells[1].metric(
        "If errors were independent",
        f"{found.expected_disagreement:.1%}",
        help="What two networks of these accuracies would do whose errors have nothing to do with each other.",
    )
    cells[2].metric(
        "Error consistency",
        f"{found.error_consistency:.2f}",
        help="Cohen's kappa of right and wrong: 1 where both err on the same samples, 0 where by chance.",
    )
    cells[3].metric(
        "Divergence", f"{found.divergence:.4f} nats", help="Mean Jensen-Shannon divergence of the answers, 0 to 0.693."
    )
    show(
        agreement_figure(found.shares, found.said, found.classes, found.first, found.second),
        key="agreement",
        alt=agreement_finding(
            found.shares,
            found.disagreement,
            found.expected_disagreement,
            found.divergence,
            found.first,
            found.second,
        ),
        table=found.frame(),
    )
    recipe(pair.recipe(found.recipe))


def _functions() -> None:
    name, zoo = current_zoo()
    data = data_of(zoo)
    left, right = st.columns(2, vertical_alignment="bottom")
    check_link_number("pairs", 100, 5000, "a number of pairs of")
    pairs = left.slider("Pairs", 100, 5000, 2000, 100, key="pairs", bind="query-params", help="Drawn with a seed.")
    matched = right.toggle(
        "Match units, too",
        key="matched",
        bind="query-params",
        help="Distances once every network is matched to the medoid, beside those as trained.",
    )

    def work(progress: Progress) -> DistancePairs:
        return distance_pairs(zoo, data, pairs=pairs, align=matched, frame="network", on_step=progress)

    found: DistancePairs = result_of(f"apart {zoo.fingerprint} {data.name} {pairs} {matched}", "Comparing pairs", work)
    table = found.table()
    distances = {"as trained": found.distances}
    if found.matched_distances is not None:
        distances["matched"] = found.matched_distances
    names = [f"{first}, {second}" for first, second in zip(table["first"], table["second"], strict=True)]
    event = show(
        weight_function_figure(distances, found.divergences, found.same_run, names),
        key="apart",
        alt=weight_function_finding(found.correlations),
        table=table,
        on_select="rerun",
        selection_mode=["lasso", "box"],
    )
    st.caption(
        f"{len(found):,} pairs of {len(found.ids):,} networks of {plain(name)}, asked about {found.samples:,} "
        f"{found.split} samples. {plain(weight_function_finding(found.correlations))}. Draw a lasso to see who is who."
    )
    chosen = sorted({point["point_index"] for point in event.selection.points if point["curve_number"] == 0})
    if chosen:
        st.dataframe(table.iloc[chosen], hide_index=True, height=260, key="apart-chosen")
    recipe(found.recipe)


def _basins() -> None:
    name, zoo = current_zoo()
    data = data_of(zoo)
    left, middle, right = st.columns([1.4, 1, 1])
    where = left.text_input(
        "Networks",
        key="basin_where",
        bind="query-params",
        placeholder="the last checkpoint of every run",
        help="A condition on the table, like epoch = 30 and test_accuracy > 0.9.",
    )
    check_link_number("basin_count", 3, 30, "a number of networks of")
    count = middle.slider(
        "How many", 3, 30, 12, key="basin_count", bind="query-params", help="Evenly from the best to the worst."
    )
    check_link_number("threshold", 0, 2, "a threshold of")
    threshold = right.number_input(
        "A barrier is low up to (nats)", 0.0, 2.0, 0.05, 0.01, key="threshold", bind="query-params", format="%.3f"
    )
    rows, of = rows_of(zoo, where, count)

    def work(progress: Progress) -> dict[str, BarrierMatrix]:
        return barrier_matrices(zoo, [int(row) for row in rows], data, on_step=progress)

    job = f"basins {zoo.fingerprint} {data.name} {rows.tolist()}"
    found: dict[str, BarrierMatrix] = result_of(job, f"Walking between {len(rows)} networks", work)
    shown = {TITLES[way]: matrix for way, matrix in found.items() if way in TITLES}
    groups = {title: basins(matrix.heights, threshold=threshold) for title, matrix in shown.items()}
    ids = next(iter(shown.values())).ids
    heights = {title: matrix.heights for title, matrix in shown.items()}
    labels = {title: group.labels for title, group in groups.items()}
    show(
        basins_figure(
            heights, {title: group.linkage for title, group in groups.items()}, labels, ids, threshold=threshold
        ),
        key="basins",
        alt=basins_finding(heights, labels, threshold=threshold),
        table=_members(ids, labels),
    )
    some = "" if len(ids) == of else f"{len(ids):,} of {of:,} networks of {plain(name)}. "
    st.caption(
        f"{some}{plain(basins_finding(heights, labels, threshold=threshold))}. Two networks share a basin where a "
        "chain of low barriers joins them."
    )
    recipe(found["aligned"].recipe)


TITLES = {
    "naive": "as trained",
    "aligned": "aligned",
    "aligned + reset": "aligned, statistics reset",
}


def _members(ids: tuple[str, ...], labels: Mapping[str, Any]) -> pd.DataFrame:
    """A row per network, with its basin on each way."""
    return pd.DataFrame({"network": ids, **{f"basin {title}": own for title, own in labels.items()}})


LOOKS: Mapping[str, Callable[[], None]] = {
    "Layers": _layers,
    "Answers": _answers,
    "Weights and functions": _functions,
    "Basins": _basins,
}
"""What can be asked, by name."""
