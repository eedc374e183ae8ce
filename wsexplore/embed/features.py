"""Every way to turn the networks of a zoo into rows of numbers, by name."""

from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from wsexplore.datasets import Dataset
from wsexplore.embed.behaviour import function_features
from wsexplore.embed.projection import SAMPLE, fit_projection
from wsexplore.embed.spectrum import spectral_statistics
from wsexplore.embed.statistics import row_blocks, weight_statistics
from wsexplore.zoo import Zoo

KINDS = ("statistics", "spectrum", "pca raw", "pca aligned", "function", "encoder", "encoder told")
COMPONENTS = 50
"""Principal directions that the kinds of PCA keep, at most."""


@runtime_checkable
class Embedder(Protocol):
    """What places networks, like a fitted encoder."""

    def embed(self, zoo: Zoo, *, pool: str = "mean") -> Float[Array, "models features"]:
        """One row of numbers per network, in the zoo's order."""
        ...


def features_of(
    zoo: Zoo,
    kind: str,
    *,
    data: str | Dataset | None = None,
    aligned: Zoo | None = None,
    encoder: Embedder | None = None,
    seed: int = 0,
) -> Float[Array, "models features"]:
    """One row of numbers per network.

    "statistics" are `weight_statistics`, "spectrum" is `spectral_statistics`, "function" is `function_features`.
    "pca raw" and "pca aligned" are the first 50 principal coordinates of the flat weights, fitted on at most `SAMPLE`
    networks of this zoo; a probe's test networks may be among them, whose labels are not used. "encoder" is the mean
    latent, "encoder told" what that tells linearly.

    Args:
        zoo: the networks.
        kind: one of `KINDS`.
        data: for "function": the data set or its name; fields need none.
        aligned: for "pca aligned": the same networks in one frame, in the same order.
        encoder: for "encoder" and "encoder told".
        seed: of the probe inputs, and of the networks that PCA is fitted on.

    Raises:
        ValueError: the kind is unknown, what it needs is missing, or the zoo is too small for it.
    """
    if kind not in KINDS:
        raise ValueError(f"features {kind!r} are unknown; choose one of {', '.join(KINDS)}")
    if kind == "statistics":
        return weight_statistics(zoo).drop(columns="id").to_numpy(np.float32)
    if kind == "spectrum":
        return spectral_statistics(zoo).drop(columns="id").to_numpy(np.float32)
    if kind == "function":
        return function_features(zoo, data, seed=seed)
    if kind in ("encoder", "encoder told"):
        return _encoded(zoo, encoder, "told" if kind == "encoder told" else "mean")
    return _principal(zoo if kind == "pca raw" else _matching(zoo, aligned), seed)


def _encoded(zoo: Zoo, encoder: Embedder | None, pool: str) -> Float[Array, "models features"]:
    if encoder is None:
        raise ValueError("the features of an encoder need one: fit or open it, and give it as encoder")
    found = np.asarray(encoder.embed(zoo, pool=pool), np.float32)
    if found.ndim != 2 or len(found) != len(zoo):
        raise ValueError(f"the encoder gave an array of shape {found.shape} for {len(zoo):,} networks")
    return found


def _matching(zoo: Zoo, aligned: Zoo | None) -> Zoo:
    if aligned is None:
        raise ValueError("the principal coordinates of aligned weights need the aligned zoo; give it as aligned")
    if aligned.architecture.layout != zoo.architecture.layout or len(aligned) != len(zoo):
        raise ValueError(
            f"the aligned zoo holds {len(aligned):,} networks of {aligned.architecture.layout.size:,} parameters, "
            f"this zoo {len(zoo):,} of {zoo.architecture.layout.size:,}; align this very zoo"
        )
    return aligned


def _principal(zoo: Zoo, seed: int) -> Float[Array, "models components"]:
    sample = np.sort(np.random.default_rng(seed).permutation(len(zoo))[:SAMPLE])
    fitted = fit_projection(zoo.select(sample), components=COMPONENTS, seed=seed)
    found = np.empty((len(zoo), len(fitted.axes)), np.float32)
    for start, weights in row_blocks(zoo):
        found[start : start + len(weights)] = (weights.numpy() - fitted.mean) @ fitted.axes.T
    return found
