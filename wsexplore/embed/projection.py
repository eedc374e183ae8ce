"""Networks to points in the plane or in space, fitted once and stored."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray as Array
from safetensors.numpy import save_file
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

from wsexplore.embed.layouts import tsne_points, umap_points
from wsexplore.zoo import Recipe, Zoo, atomic_folder, read_arrays, read_manifest, write_manifest

METHODS = ("pca", "umap", "tsne")
"""Ways to lay out networks; "tsne" is never made unasked."""

SAMPLE = 4000
"""Networks that a projection is fitted on; the others are placed afterwards."""

FEWEST = 4
"""Networks that a map needs at least."""

NEIGHBOURS = 5
"""Fitted networks whose points are averaged to place another network on a UMAP map."""

PIECE = 1 << 24
"""Numbers of weights that are projected at once."""


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """A map of networks, and the way to place further ones on it.

    Attributes:
        method: "pca", "umap" or "tsne".
        points: the place of each network, in order; not a number for those that a t-SNE map does not show.
        mean: of the rows that the map was fitted on.
        axes: principal directions, unit length, in the embedding's space.
        variance: share of the fitted rows' variance along each of the first principal directions, 0 to 1.
        fitted_on: fingerprint of the zoo, or `content_hash` of the embedding matrix.
        recipe: how the map was made; its inputs tell the zoo.
        embedding: what was laid out, "weights" or the name of an embedding.
    """

    method: str
    points: Float[Array, "models dims"]
    mean: Float[Array, " features"]
    axes: Float[Array, "components features"]
    variance: Float[Array, " components"]
    fitted_on: str
    recipe: Recipe
    embedding: str = "weights"

    @property
    def dims(self) -> int:
        """2 for a plane, 3 for space."""
        return int(self.points.shape[1])

    @property
    def shown(self) -> Bool[Array, " models"]:
        """Which networks have a place on the map: all of them, but on a t-SNE map of a large zoo."""
        found: Bool[Array, " models"] = np.isfinite(self.points[:, 0])
        return found

    def codes(self, rows: Float[Array, "models features"]) -> Float[Array, "models components"]:
        """Principal coordinates of some rows of the embedding.

        Raises:
            ValueError: the rows have another number of features.
        """
        if rows.shape[1] != len(self.mean):
            kind = "parameters" if self.embedding == "weights" else "features"
            raise ValueError(f"the map shows networks of {len(self.mean)} {kind}, these have {rows.shape[1]}")
        linear: Float[Array, "models components"] = ((rows - self.mean) @ self.axes.T).astype(np.float32)
        return linear

    def place(
        self, weights: Float[Array, "models features"], zoo: Zoo | Float[Array, "fitted features"]
    ) -> Float[Array, "models dims"]:
        """Points of networks that the map was not fitted on.

        PCA is linear, so the place is exact. On a UMAP map a network lies at the mean of its five nearest networks
        of `zoo`, each weighted by one over its distance; nothing tells there how far from all of them it is.

        Args:
            weights: of the networks, or their rows of the embedding.
            zoo: the zoo or the embedding matrix that the map shows.

        Raises:
            ValueError: `zoo` is not what the map shows, the rows are of another width, or it is a t-SNE map.
        """
        if self.method == "tsne":
            raise ValueError("a t-SNE map cannot place further networks; use a PCA or a UMAP map")
        codes = self.codes(weights)
        if self.method == "pca":
            return codes[:, : self.dims]
        if (zoo.fingerprint if isinstance(zoo, Zoo) else content_hash(zoo)) != self.fitted_on:
            raise ValueError("the map shows another zoo; give the one that it was fitted on")
        fitted = self.codes(zoo.weights.numpy() if isinstance(zoo, Zoo) else zoo)
        near = NearestNeighbors(n_neighbors=min(NEIGHBOURS, len(fitted))).fit(fitted)
        distances, rows = near.kneighbors(codes)
        share = 1 / np.maximum(distances, 1e-9)
        share /= share.sum(1, keepdims=True)
        averaged: Float[Array, "models dims"] = np.einsum("mk,mkd->md", share, self.points[rows]).astype(np.float32)
        return averaged

    def save(self, path: str | Path) -> Path:
        """Write a folder of safetensors and a manifest, whole or not at all."""
        with atomic_folder(Path(path)) as folder:
            arrays = {"points": self.points, "mean": self.mean, "axes": self.axes, "variance": self.variance}
            save_file(
                {name: np.ascontiguousarray(a, np.float32) for name, a in arrays.items()},
                folder / "map.safetensors",
            )
            told = {"method": self.method, "embedding": self.embedding, "fitted_on": self.fitted_on}
            write_manifest(folder, "projection", {**told, "recipe": self.recipe.to_dict()})
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
        plain = points.ndim == 2 and points.shape[1] in (2, 3) and axes.ndim == 2 and mean.shape == axes.shape[1:]
        if not plain or variance.shape != axes.shape[:1] or len(axes) < 2 or not _finite(arrays, str(method)):
            raise ValueError(f"{path} holds arrays of other shapes than a projection has; fit it again")
        recipe, embedding = Recipe.from_dict(manifest.get("recipe")), str(manifest.get("embedding", "weights"))
        return cls(str(method), points, mean, axes, variance, str(manifest.get("fitted_on")), recipe, embedding)


def _finite(arrays: Mapping[str, Any], method: str) -> bool:
    """Whether all values are finite numbers; on a t-SNE map networks may lack a place."""
    loose = ("points",) if method == "tsne" else ()
    floating = all(np.issubdtype(a.dtype, np.floating) for a in arrays.values())
    return floating and all(bool(np.isfinite(a).all()) for name, a in arrays.items() if name not in loose)


def fit_projection(
    source: Zoo | Float[Array, "models features"],
    *,
    method: str = "pca",
    dims: int = 2,
    name: str = "weights",
    inputs: Mapping[str, str] | None = None,
    seed: int = 0,
    components: int = 50,
) -> Projection:
    """A map of a zoo's weights or of any embedding, fitted on at most `SAMPLE` networks drawn by `seed`.

    "pca" shows the first principal directions. "umap" (McInnes et al. 2018) lays out the first `components`
    principal coordinates by their 15 nearest neighbours; the networks outside the sample are placed by its transform.
    "tsne" (van der Maaten and Hinton 2008) lays out the same coordinates; it cannot place further networks, so those
    outside the sample have no point.

    Args:
        source: a zoo, for its weights; or an embedding, a row per network.
        method: one of `METHODS`.
        dims: 2 for a plane, 3 for space.
        name: of the embedding.
        inputs: content hashes of what an embedding was made from, kept in the recipe.
        seed: of the sample and of the layout.
        components: principal coordinates kept, at most.

    Raises:
        ValueError: the method is unknown, there are fewer components, features or networks than a map needs, or the
            embedding is not finite or the same for all networks.
    """
    if method not in METHODS:
        raise ValueError(f"projection {method!r} is unknown; choose one of {', '.join(METHODS)}")
    if dims not in (2, 3):
        raise ValueError(f"a map has 2 or 3 dimensions, got {dims}")
    held = source if isinstance(source, Zoo) else _checked(source, name)
    features = held.architecture.layout.size if isinstance(held, Zoo) else held.shape[1]
    if len(held) < FEWEST:
        raise ValueError(f"a map needs at least {FEWEST} networks, this zoo has {len(held)}")
    if components < dims:
        raise ValueError(f"a map needs at least {dims} components, got {components}")
    if features < dims:
        raise ValueError(f"a map of {dims} dimensions needs as many features, {name} has {features}")
    sample = np.sort(np.random.default_rng(seed).permutation(len(held))[:SAMPLE])
    count = min(components, len(sample), features)
    pca = PCA(n_components=count, svd_solver=_solver(len(sample), features), random_state=seed)
    fitted = held.rows(sample).numpy() if isinstance(held, Zoo) else held[sample]
    if not bool((fitted != fitted[0]).any()):
        raise ValueError(f"{name} is the same for all networks; there is nothing to lay out")
    pca.fit(fitted)
    points = _points(method, dims, pca, held, sample, seed)
    fingerprint = held.fingerprint if isinstance(held, Zoo) else content_hash(held)
    space = f", dims={dims}" if dims == 3 else ""
    called = "zoo" if isinstance(held, Zoo) else "points"
    word = "" if name == "weights" else f", name={name!r}"
    command = f"wsexplore embed fit ZOO --method {method} --seed {seed} --out MAP"
    recipe = Recipe.of(
        "fit_projection",
        inputs={**(inputs or {}), called: fingerprint},
        arguments={"method": method, "components": count, "sample": len(sample), "dims": dims, "embedding": name},
        seed=seed,
        cli=command if isinstance(held, Zoo) and dims == 2 else "",
        python=f"wx.fit_projection({called}, method={method!r}{space}{word}, seed={seed})",
    )
    return Projection(
        method,
        points.astype(np.float32),
        pca.mean_.astype(np.float32),
        pca.components_.astype(np.float32),
        pca.explained_variance_ratio_.astype(np.float32),
        fingerprint,
        recipe,
        name,
    )


def content_hash(points: Float[Array, "models features"]) -> str:
    """Hash of an embedding's shape and values as float32, hexadecimal digits."""
    values = np.ascontiguousarray(points, np.float32)
    return hashlib.sha256(repr(values.shape).encode() + values.tobytes()).hexdigest()


def _checked(points: Float[Array, "models features"], name: str) -> Float[Array, "models features"]:
    values: Float[Array, "models features"] = np.ascontiguousarray(points, np.float32)
    if not np.isfinite(values).all():
        row = int(np.flatnonzero(~np.isfinite(values).all(1))[0])
        raise ValueError(f"the embedding {name} of network {row} is not finite; leave that network out")
    return values


def _solver(networks: int, parameters: int) -> str:
    """The fastest way to the first principal directions; each gives the same ones for the same seed."""
    if parameters <= networks:
        return "covariance_eigh"
    return "full" if networks <= 1000 else "randomized"


def _points(
    method: str, dims: int, pca: Any, held: Zoo | Float[Array, "models features"], sample: Any, seed: int
) -> Float[Array, "models dims"]:
    if method == "pca":
        return _projected(pca, held, dims)
    codes = _projected(pca, held, pca.n_components_)
    layout: Callable[..., Float[Array, "models dims"]] = umap_points if method == "umap" else tsne_points
    return layout(codes, sample, dims=dims, seed=seed)


def _projected(pca: Any, held: Zoo | Float[Array, "models features"], count: int) -> Float[Array, "models count"]:
    """The first principal coordinates of all networks, read a few at a time."""
    codes: Float[Array, "models count"] = np.empty((len(held), count), np.float32)
    step = max(1, PIECE // len(pca.mean_))
    for start in range(0, len(held), step):
        rows = np.arange(start, min(start + step, len(held)))
        piece = held.rows(rows).numpy() if isinstance(held, Zoo) else held[rows]
        codes[rows] = (piece - pca.mean_) @ pca.components_[:count].T
    return codes
