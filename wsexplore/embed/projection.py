"""Weights to points in the plane, fitted once and stored."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array
from safetensors.numpy import save_file
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

from wsexplore.zoo import Recipe, Zoo, atomic_folder, read_arrays, read_manifest, write_manifest

METHODS = ("pca", "umap")
SAMPLE = 4000
"""Networks that a projection is fitted on; the others are placed afterwards."""

FEWEST = 4
"""Networks that a map needs at least."""

NEIGHBOURS = 5
"""Fitted networks whose points are averaged to place another network on a UMAP map."""


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """A map of a zoo, and the way to place further networks on it.

    Attributes:
        method: "pca" or "umap".
        points: the place of each network of the zoo, in its order.
        mean: of the weights that the map was fitted on.
        axes: principal directions, unit length, in weight space.
        variance: share of the fitted weights' variance along each of the first principal directions, 0 to 1.
        fitted_on: fingerprint of the zoo.
        recipe: how the map was made.
    """

    method: str
    points: Float[Array, "models 2"]
    mean: Float[Array, " parameters"]
    axes: Float[Array, "components parameters"]
    variance: Float[Array, " components"]
    fitted_on: str
    recipe: Recipe

    def place(self, weights: Float[Array, "models parameters"], zoo: Zoo) -> Float[Array, "models 2"]:
        """Points of networks that the map was not fitted on.

        PCA is linear, so the place is exact. On a UMAP map a network lies at the mean of its five nearest networks
        of `zoo`, each weighted by one over its distance; nothing tells there how far from all of them it is.

        Raises:
            ValueError: `zoo` is not the zoo that the map shows, or the weights are of another architecture.
        """
        if weights.shape[1] != len(self.mean):
            raise ValueError(f"the map shows networks of {len(self.mean)} parameters, these have {weights.shape[1]}")
        if self.method == "pca":
            linear: Float[Array, "models 2"] = ((weights - self.mean) @ self.axes[:2].T).astype(np.float32)
            return linear
        if zoo.fingerprint != self.fitted_on:
            raise ValueError("the map shows another zoo; give the one that it was fitted on")
        codes = (zoo.weights.numpy() - self.mean) @ self.axes.T
        near = NearestNeighbors(n_neighbors=min(NEIGHBOURS, len(codes))).fit(codes)
        distances, rows = near.kneighbors((weights - self.mean) @ self.axes.T)
        share = 1 / np.maximum(distances, 1e-9)
        share /= share.sum(1, keepdims=True)
        averaged: Float[Array, "models 2"] = np.einsum("mk,mkd->md", share, self.points[rows]).astype(np.float32)
        return averaged

    def save(self, path: str | Path) -> Path:
        """Write a folder of safetensors and a manifest, whole or not at all."""
        with atomic_folder(Path(path)) as folder:
            arrays = {"points": self.points, "mean": self.mean, "axes": self.axes, "variance": self.variance}
            save_file(
                {name: np.ascontiguousarray(a, np.float32) for name, a in arrays.items()},
                folder / "map.safetensors",
            )
            write_manifest(
                folder,
                "projection",
                {"method": self.method, "fitted_on": self.fitted_on, "recipe": self.recipe.to_dict()},
            )
        return Path(path)

    @classmethod
    def open(cls, path: str | Path) -> "Projection":
        """Read a stored projection.

        Raises:
            ValueError: a file is missing, broken, or of another kind.
        """
        manifest = read_manifest(Path(path), "projection")
        arrays = read_arrays(Path(path), "map.safetensors", manifest)
        points, mean, axes = (arrays.get(name) for name in ("points", "mean", "axes"))
        variance, method = arrays.get("variance"), manifest.get("method")
        if points is None or mean is None or axes is None or variance is None or str(method) not in METHODS:
            raise ValueError(f"{path} lacks a part of the projection; fit it again")
        plain = points.ndim == 2 and points.shape[1] == 2 and axes.ndim == 2 and mean.shape == axes.shape[1:]
        if not plain or variance.shape != axes.shape[:1] or len(axes) < 2 or not _finite(arrays):
            raise ValueError(f"{path} holds arrays of other shapes than a projection has; fit it again")
        recipe = Recipe.from_dict(manifest.get("recipe"))
        return cls(str(method), points, mean, axes, variance, str(manifest.get("fitted_on")), recipe)


def fit_projection(zoo: Zoo, *, method: str = "pca", seed: int = 0, components: int = 50) -> Projection:
    """A map of a zoo's weights, fitted on at most `SAMPLE` networks drawn by `seed`.

    "pca" shows the first two principal directions. "umap" (McInnes et al. 2018) lays out the first `components`
    principal coordinates by their 15 nearest neighbours; the networks outside the sample are placed by its transform.

    Raises:
        ValueError: the method is unknown, or there are fewer than 2 components or `FEWEST` networks.
    """
    if method not in METHODS:
        raise ValueError(f"projection {method!r} is unknown; choose one of {', '.join(METHODS)}")
    if len(zoo) < FEWEST:
        raise ValueError(f"a map needs at least {FEWEST} networks, this zoo has {len(zoo)}")
    if components < 2:
        raise ValueError(f"a map needs at least 2 components, got {components}")
    draw = np.random.default_rng(seed)
    sample = np.sort(draw.permutation(len(zoo))[:SAMPLE])
    count = min(components, len(sample), zoo.architecture.layout.size)
    pca = PCA(n_components=count, svd_solver=_solver(len(sample), zoo.architecture.layout.size), random_state=seed)
    weights = zoo.weights.numpy()
    pca.fit(weights[sample])
    codes = pca.transform(weights)
    points = codes[:, :2] if method == "pca" else _umap(codes, sample, seed)
    recipe = Recipe.of(
        "fit_projection",
        inputs={"zoo": zoo.fingerprint},
        arguments={"method": method, "components": count, "sample": len(sample)},
        seed=seed,
        cli=f"wsexplore embed fit ZOO --method {method} --seed {seed} --out MAP",
        python=f"wx.fit_projection(zoo, method={method!r}, seed={seed})",
    )
    return Projection(
        method,
        points.astype(np.float32),
        pca.mean_.astype(np.float32),
        pca.components_.astype(np.float32),
        pca.explained_variance_ratio_.astype(np.float32),
        zoo.fingerprint,
        recipe,
    )


def _solver(networks: int, parameters: int) -> str:
    """The fastest way to the first principal directions; each gives the same ones for the same seed."""
    if parameters <= networks:
        return "covariance_eigh"
    return "full" if networks <= 1000 else "randomized"


def _finite(arrays: dict[str, Any]) -> bool:
    return all(np.issubdtype(a.dtype, np.floating) and bool(np.isfinite(a).all()) for a in arrays.values())


def _umap(codes: Any, sample: Any, seed: int) -> Float[Array, "models 2"]:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # umap and numba warn of their own internals
        import umap

        reducer = umap.UMAP(n_neighbors=min(15, len(sample) - 1), min_dist=0.15, random_state=seed)
        points: Float[Array, "models 2"] = np.empty((len(codes), 2), np.float32)
        points[sample] = reducer.fit_transform(codes[sample])
        rest = np.setdiff1d(np.arange(len(codes)), sample)
        if len(rest):
            points[rest] = reducer.transform(codes[rest])
    return points
