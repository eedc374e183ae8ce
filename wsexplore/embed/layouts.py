"""Layouts that keep neighbours: UMAP and t-SNE of principal coordinates."""

import warnings

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array


def umap_points(
    codes: Float[Array, "models components"], sample: Int[Array, " sample"], *, dims: int, seed: int
) -> Float[Array, "models dims"]:
    """The sample laid out by its 15 nearest neighbours, the others placed by the fitted transform."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # umap and numba warn of their own internals
        import umap

        few = dims == 3 and len(sample) <= dims + 2  # too few for the start from eigenvectors
        reducer = umap.UMAP(
            n_components=dims,
            n_neighbors=min(15, len(sample) - 1),
            min_dist=0.15,
            init="random" if few else "spectral",
            random_state=seed,
        )
        points: Float[Array, "models dims"] = np.empty((len(codes), dims), np.float32)
        points[sample] = reducer.fit_transform(codes[sample])
        rest = np.setdiff1d(np.arange(len(codes)), sample)
        if len(rest):
            points[rest] = reducer.transform(codes[rest])
    return points


def tsne_points(
    codes: Float[Array, "models components"], sample: Int[Array, " sample"], *, dims: int, seed: int
) -> Float[Array, "models dims"]:
    """The sample laid out with perplexity 30, or a third of it where it is small; the others are not a number."""
    from sklearn.manifold import TSNE

    points: Float[Array, "models dims"] = np.full((len(codes), dims), np.nan, np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a tiny sample divides by its own vanishing spread
        layout = TSNE(n_components=dims, perplexity=min(30.0, (len(sample) - 1) / 3), init="pca", random_state=seed)
        points[sample] = layout.fit_transform(codes[sample])
    return points
