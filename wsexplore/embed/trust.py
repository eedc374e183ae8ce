"""How far a map can be believed at each of its points, and how well the embedding tells a column."""

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import GroupKFold
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from wsexplore.embed.projection import Projection

NEAREST = 10
"""Neighbours that are looked for again on the map."""

FOLDS = 5


def neighbours_kept(
    rows: Float[Array, "models features"], points: Float[Array, "models dims"], *, nearest: int = NEAREST
) -> Float[Array, " models"]:
    """Share of each network's nearest neighbours in the embedding that are among its nearest on the map, 0 to 1.

    Both are looked for among the given networks alone, exactly, by Euclidean distance: a map of which 8,000 of a
    million networks are given is judged by these 8,000. By chance the share is `nearest` over the number of networks.

    Raises:
        ValueError: there are fewer than three networks.
    """
    if len(rows) < 3:
        raise ValueError(f"neighbours need at least 3 networks, got {len(rows)}")
    nearest = min(nearest, len(rows) - 2)
    there, here = _nearest(rows, nearest), _nearest(points, nearest)
    both = np.sort(np.concatenate([there, here], axis=1), axis=1)
    kept: Float[Array, " models"] = ((both[:, 1:] == both[:, :-1]).sum(1) / nearest).astype(np.float32)
    return kept


def _nearest(places: Float[Array, "models features"], count: int) -> Int[Array, "models count"]:
    """Numbers of the nearest others of each; where several lie on one point, itself is left out all the same."""
    found = NearestNeighbors(n_neighbors=count + 1).fit(places).kneighbors(places, return_distance=False)
    itself = found == np.arange(len(places))[:, None]
    itself[~itself.any(1), -1] = True
    others: Int[Array, "models count"] = found[~itself].reshape(len(places), count)
    return others


def residuals(projection: Projection, rows: Float[Array, "models features"]) -> Float[Array, " models"]:
    """Share of each network's distance from the mean that a PCA map does not show, 0 to 1.

    Raises:
        ValueError: it is no PCA map, or the rows have another number of features.
    """
    if projection.method != "pca":
        raise ValueError(f"a residual belongs to a PCA map, this one is {projection.method}")
    shown = np.square(projection.codes(rows)[:, : projection.dims]).sum(1)
    whole = np.square(rows - projection.mean).sum(1)
    left: Float[Array, " models"] = np.sqrt(np.clip(1 - shown / np.maximum(whole, 1e-12), 0, 1)).astype(np.float32)
    return left


def held_out_error(
    codes: Float[Array, "models components"], target: Float[Array, " models"], runs: Int[Array, " models"]
) -> Float[Array, " models"]:
    """What a ridge on principal coordinates says of each network minus what is true, by folds that split no run.

    Five folds, or as many as there are runs; the penalty is chosen inside each fold's training part. Networks without a
    finite target are not a number.

    Raises:
        ValueError: fewer than three runs have a target.
    """
    known = np.flatnonzero(np.isfinite(target))
    groups = np.unique(runs[known])
    if len(groups) < 3:
        raise ValueError(f"a prediction split by run needs at least 3 runs with a value, got {len(groups)}")
    error: Float[Array, " models"] = np.full(len(target), np.nan)
    folds = GroupKFold(min(FOLDS, len(groups)))
    for train, test in folds.split(codes[known], groups=runs[known]):
        ridge = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-2, 5, 15)))
        ridge.fit(codes[known[train]], target[known[train]])
        error[known[test]] = ridge.predict(codes[known[test]]) - target[known[test]]
    return error
