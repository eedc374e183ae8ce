"""One table per zoo: every baseline and an encoder, probed for the columns that a zoo has."""

from collections.abc import Sequence

import pandas as pd

from wsexplore.align import align
from wsexplore.datasets import Dataset
from wsexplore.embed.behaviour import class_accuracies
from wsexplore.embed.encoder import Encoder
from wsexplore.embed.features import KINDS, features_of
from wsexplore.embed.probe import MODELS, TARGETS, Features, probe
from wsexplore.embed.probed import ProbeReport
from wsexplore.embed.reference import best_row
from wsexplore.population import OnStep
from wsexplore.zoo import Zoo

FRAMED = ("pca aligned", "encoder", "encoder told")
"""Kinds that read aligned weights."""


def probe_zoo(
    zoo: Zoo,
    *,
    encoder: Encoder | None = None,
    aligned: Zoo | None = None,
    targets: Sequence[str] | None = None,
    kinds: Sequence[str] | None = None,
    data: str | Dataset | None = None,
    classes: bool = False,
    models: Sequence[str] = MODELS,
    folds: int = 5,
    seed: int = 0,
    on_step: OnStep | None = None,
) -> ProbeReport:
    """What statistics, principal coordinates, an encoder and the function itself tell about the networks of a zoo.

    Principal coordinates and encoders are fitted to weights without labels, so they may have seen the weights of the
    networks that are predicted, never their metrics.

    Args:
        zoo: networks of one architecture.
        encoder: judged beside the baselines.
        aligned: the same networks in one frame, in the same order; by default aligned by run to the best.
        targets: columns to predict; by default those of `TARGETS` that the table has and that vary.
        kinds: of `features.KINDS`; by default all for which there is what they need.
        data: for function space and classes; by default the data set that the table names.
        classes: whether the test accuracy of each class is predicted, too.
        models: of `probe.MODELS`.
        folds: parts of the runs.
        seed: of every random draw.
        on_step: told the share done; it may raise to cancel.

    Raises:
        ValueError: nothing can be predicted, or a target, kind or data set does not fit.
    """
    tell = on_step or (lambda fraction, message: None)
    table = zoo.table
    wanted = list(targets) if targets else [n for n in TARGETS if n in table and table[n].nunique(dropna=False) > 1]
    if not wanted:
        raise ValueError(f"the table has none of {', '.join(TARGETS)} that varies; name the columns to predict")
    source = data if data is not None else _named(table)
    if classes:
        if source is None:
            raise ValueError("the accuracy of each class needs a data set, and the table names none; give it as data")
        known = class_accuracies(zoo, source).drop(columns="id")
        wanted += [str(column) for column in known if known[column].nunique() > 1]
        table = table.reset_index(drop=True).assign(**{str(name): known[name].to_numpy() for name in known})
    chosen = list(kinds) if kinds else _possible(zoo, encoder, source)
    features: dict[str, Features] = {}

    def tell_within(fraction: float, message: str) -> None:
        tell(0.5 * len(features) / len(chosen), f"aligning: {message}")

    for place, kind in enumerate(chosen):
        tell(0.5 * place / len(chosen), f"features: {kind}")
        if kind in FRAMED and aligned is None:
            aligned = align(zoo, reference=best_row(zoo), by="run", seed=seed, on_step=tell_within)
        frame = aligned if kind.startswith("encoder") and aligned is not None else zoo
        features[kind] = features_of(frame, kind, data=source, aligned=aligned, encoder=encoder, seed=seed)
    return probe(
        features,
        table,
        wanted,
        models=models,
        folds=folds,
        seed=seed,
        on_step=lambda fraction, message: tell(0.5 + 0.5 * fraction, message),
    )


def _named(table: pd.DataFrame) -> str | None:
    names = {str(name) for name in table["dataset"]} if "dataset" in table else set()
    return names.pop() if len(names) == 1 else None


def _possible(zoo: Zoo, encoder: Encoder | None, data: str | Dataset | None) -> list[str]:
    """The kinds for which everything is there."""
    without = set() if encoder is not None else {"encoder", "encoder told"}
    without |= set() if encoder is None or encoder.tells else {"encoder told"}
    without |= set() if data is not None or zoo.architecture.task == "field" else {"function"}
    return [kind for kind in KINDS if kind not in without]
