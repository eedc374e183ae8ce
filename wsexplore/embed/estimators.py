"""Out-of-fold predictions: what models that never saw a run say about its networks."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

Fold = tuple[Int[Array, " _train"], Int[Array, " _test"]]

STRENGTHS = tuple(factor * 10.0**power for power in range(4, -6, -1) for factor in (3.0, 1.0))[1:]
"""Penalties of ridge regression on standardised features, strongest first: those of the published probes, 1e3 to 1e-5,
and 1e4 and 3e3, without which many features fit noise."""

INNER = 3
"""Parts of the training runs between which the penalty is chosen."""

BOOSTING: Mapping[str, Any] = {
    "max_iter": 100,
    "learning_rate": 0.1,
    "max_leaf_nodes": 15,
    "min_samples_leaf": 20,
    "l2_regularization": 1.0,
    "early_stopping": False,
}
"""Settings of gradient boosting, the same for all targets; nothing is tuned."""

WIDE, KEPT = 128, 64
"""With more than `WIDE` features, boosting sees their first `KEPT` principal coordinates, fitted on the training part:
six times as fast on 640 outputs, and as good (measured on the digits)."""


def run_folds(runs: Int[Array, " networks"], folds: int, seed: int) -> list[Fold]:
    """Rows to train on and rows to judge, such that all networks of a run are on one side; runs are dealt by `seed`."""
    dealt = GroupKFold(folds, shuffle=True, random_state=seed)
    return list(dealt.split(np.zeros((len(runs), 1)), groups=runs))


def ridge_out_of_fold(
    features: Float[Array, "networks features"],
    labels: Float[Array, "networks targets"],
    runs: Int[Array, " networks"],
    folds: Sequence[Fold],
    seed: int,
) -> Float[Array, "networks targets"]:
    """Ridge regression on features standardised by the training part, for several targets at once.

    The penalty of each target is the one of `STRENGTHS` with the least squared error over `INNER` parts of the training
    runs, so that not even the choice of the penalty sees a run twice. scikit-learn's `RidgeCV` would choose it by
    leaving out single networks, whose siblings stay.
    """
    found = np.empty(labels.shape)
    for train, test in folds:
        best = _strengths(features[train], labels[train], runs[train], seed)
        paths = _ridge_paths(features[train], labels[train], features[test])
        found[test] = np.take_along_axis(paths, best[None, None], 0)[0]
    return found


def boosted_out_of_fold(
    features: Float[Array, "networks features"],
    labels: Float[Array, "networks targets"],
    runs: Int[Array, " networks"],
    folds: Sequence[Fold],
    seed: int,
) -> Float[Array, "networks targets"]:
    """Gradient boosting with histograms, one model per target; of more than `WIDE` features, of their coordinates."""
    return _boosted(HistGradientBoostingRegressor(**BOOSTING, random_state=seed), features, labels, folds, seed)


def logistic_out_of_fold(
    features: Float[Array, "networks features"],
    labels: Float[Array, "networks targets"],
    runs: Int[Array, " networks"],
    folds: Sequence[Fold],
    seed: int,
) -> Float[Array, "networks targets"]:
    """Class numbers by logistic regression on standardised features, classes weighted alike."""
    model = LogisticRegression(C=0.1, class_weight="balanced", max_iter=300, tol=1e-3)
    return _fitted(make_pipeline(StandardScaler(), model), features, labels, folds)


def boosted_classes_out_of_fold(
    features: Float[Array, "networks features"],
    labels: Float[Array, "networks targets"],
    runs: Int[Array, " networks"],
    folds: Sequence[Fold],
    seed: int,
) -> Float[Array, "networks targets"]:
    """Class numbers by gradient boosting, classes weighted alike."""
    model = HistGradientBoostingClassifier(**BOOSTING, class_weight="balanced", random_state=seed)
    return _boosted(model, features, labels, folds, seed)


def _boosted(
    model: Any,
    features: Float[Array, "networks features"],
    labels: Float[Array, "networks targets"],
    folds: Sequence[Fold],
    seed: int,
) -> Float[Array, "networks targets"]:
    if features.shape[1] > WIDE:
        kept = min(KEPT, *(len(train) for train, _ in folds))
        reduce = PCA(
            kept, svd_solver="covariance_eigh" if features.shape[1] <= 2000 else "randomized", random_state=seed
        )
        model = make_pipeline(StandardScaler(), reduce, model)
    return _fitted(model, features, labels, folds)


def _fitted(
    model: Any,
    features: Float[Array, "networks features"],
    labels: Float[Array, "networks targets"],
    folds: Sequence[Fold],
) -> Float[Array, "networks targets"]:
    """A model of scikit-learn per target and fold; where training sees one class only, that is the answer."""
    found = np.empty(labels.shape)
    for train, test in folds:
        for place in range(labels.shape[1]):
            known = labels[train, place]
            if (known == known[0]).all():
                found[test, place] = known[0]
                continue
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)  # what is predicted is judged all the same
                found[test, place] = clone(model).fit(features[train], known).predict(features[test])
    return found


def _strengths(
    features: Float[Array, "networks features"],
    labels: Float[Array, "networks targets"],
    runs: Int[Array, " networks"],
    seed: int,
) -> Int[Array, " targets"]:
    """The place of the best penalty for each target."""
    parts = min(INNER, len(np.unique(runs)))
    if parts < 2:
        return np.full(labels.shape[1], STRENGTHS.index(1.0))
    lost = np.zeros((len(STRENGTHS), labels.shape[1]))
    for train, test in run_folds(runs, parts, seed):
        paths = _ridge_paths(features[train], labels[train], features[test])
        lost += np.square(paths - labels[test]).sum(1)
    best: Int[Array, " targets"] = lost.argmin(0)
    return best


def _ridge_paths(
    features: Float[Array, "networks features"],
    labels: Float[Array, "networks targets"],
    others: Float[Array, "others features"],
) -> Float[Array, "strengths others targets"]:
    """Predictions for `others` by every penalty, from one decomposition of the smaller Gram matrix."""
    mean, spread = features.mean(0, dtype=np.float64), features.std(0, dtype=np.float64)
    scale = np.where(spread > 0, spread, 1.0)
    known, asked = (features - mean) / scale, (others - mean) / scale
    middle = labels.mean(0)
    centred = labels - middle
    if known.shape[1] <= known.shape[0]:
        energy, axes = np.linalg.eigh(known.T @ known)
        left, right = asked @ axes, axes.T @ (known.T @ centred)
    else:
        energy, axes = np.linalg.eigh(known @ known.T)
        left, right = (asked @ known.T) @ axes, axes.T @ centred
    energy = energy.clip(min=0)
    return np.stack([middle + left @ (right / (energy + strength)[:, None]) for strength in STRENGTHS])
