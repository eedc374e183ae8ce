"""Maps of a zoo by any embedding: the ones that every zoo gets, and others as they are asked for."""

from pathlib import Path

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from wsexplore.align import Alignment, align_permutations
from wsexplore.datasets import Dataset
from wsexplore.embed.behaviour import function_features
from wsexplore.embed.encoder import Encoder
from wsexplore.embed.projection import fit_projection
from wsexplore.embed.reference import best_row
from wsexplore.embed.statistics import weight_statistics
from wsexplore.population import OnStep
from wsexplore.zoo import Zoo, check_target

EMBEDDINGS = {
    "raw": "raw weights",
    "aligned": "aligned weights",
    "statistics": "weight statistics",
    "function": "answers",
    "encoder": "latents",
}
"""What a map may lay out, and how it is called in a sentence."""

ALWAYS = ("pca", "umap")
"""Methods by which every zoo is laid out."""

LARGE = 50_000
"""Networks from which on only PCA is made unasked; UMAP places about a thousand networks a second."""

SAMPLES = 64
"""Inputs whose answers are the embedding in function space."""


def map_zoo(
    zoo: Zoo, alignment: Path, projections: Path, *, reference: int | None = None, on_step: OnStep | None = None
) -> None:
    """Align a zoo by run, and store its alignment and a map by each method of its raw and of its aligned weights.

    A zoo of more than `LARGE` networks gets the PCA maps only.

    Args:
        zoo: any population of at least 4 networks.
        alignment: folder of the alignment to write.
        projections: folder that gets a folder `<method>-<frame>` for each map.
        reference: row to align to; by default the network of the best test accuracy, or the first.
        on_step: told the share done; it may raise to cancel.

    Raises:
        ValueError: there are too few networks, or a folder holds something else.
    """
    check_target(alignment)
    tell = on_step or (lambda fraction, message: None)
    if reference is None:
        reference = best_row(zoo)
    found = align_permutations(zoo, reference=reference, by="run", on_step=lambda f, m: tell(0.2 * f, m))
    frames = {"raw": zoo, "aligned": found.apply(zoo, on_step=lambda f, m: tell(0.2, m))}
    methods = ALWAYS if len(zoo) <= LARGE else ALWAYS[:1]
    jobs = [(frame, method) for frame in frames for method in methods]
    for place, (frame, method) in enumerate(jobs):
        tell(0.2 + 0.8 * place / len(jobs), f"{method} of the {frame} weights")
        fit_projection(frames[frame], method=method).save(projections / map_name(frame, method))
    found.save(alignment)
    tell(1.0, "stored the maps")


def map_name(embedding: str, method: str, dims: int = 2, encoder: Encoder | None = None) -> str:
    """Name of the folder that a map is stored in; that of latents tells the encoder by its content."""
    of = f"-{encoder.fingerprint[:12]}" if encoder is not None else ""
    return f"{method}-{embedding}{of}" + ("-3d" if dims == 3 else "")


def add_map(
    zoo: Zoo,
    embedding: str,
    path: Path,
    *,
    method: str,
    dims: int = 2,
    alignment: Alignment | None = None,
    data: Dataset | None = None,
    encoder: Encoder | None = None,
    seed: int = 0,
    on_step: OnStep | None = None,
) -> None:
    """Store one more map of a zoo; its recipe names the zoo as the input `of`.

    Args:
        zoo: the networks.
        embedding: one of `EMBEDDINGS`.
        path: folder to write.
        method: "pca", "umap" or "tsne".
        dims: 2 or 3.
        alignment: of this very zoo, for the aligned weights and the latents.
        data: what classifiers answer on, for the function space.
        encoder: whose mean latents are laid out, for the latents.
        seed: of the layout.
        on_step: told the share done; it may raise to cancel.

    Raises:
        ValueError: the embedding is unknown or lacks its alignment or data, or the networks have no such map.
    """
    tell = on_step or (lambda fraction, message: None)
    tell(0.0, f"reading the {EMBEDDINGS.get(embedding, embedding)}")
    source = embedded(
        zoo, embedding, alignment=alignment, data=data, encoder=encoder, on_step=lambda f, m: tell(0.3 * f, m)
    )
    tell(0.3, f"{method} of the {EMBEDDINGS[embedding]}")
    name = "weights" if isinstance(source, Zoo) else embedding
    inputs = {"of": zoo.fingerprint} | ({"encoder": encoder.fingerprint} if encoder is not None else {})
    fit_projection(source, method=method, dims=dims, name=name, inputs=inputs, seed=seed).save(path)
    tell(1.0, "stored the map")


def embedded(
    zoo: Zoo,
    embedding: str,
    *,
    alignment: Alignment | None = None,
    data: Dataset | None = None,
    encoder: Encoder | None = None,
    on_step: OnStep | None = None,
) -> Zoo | Float[Array, "models features"]:
    """What a map of this embedding lays out: a zoo for its weights, or a matrix with a row per network.

    The statistics are brought to mean 0 and standard deviation 1, those that never change left out.

    Args:
        zoo: the networks.
        embedding: one of `EMBEDDINGS`.
        alignment: of this very zoo, for the aligned weights and the latents.
        data: what classifiers answer on, for the function space.
        encoder: whose mean latents are laid out, for the latents.
        on_step: told the share done; it may raise to cancel.

    Raises:
        ValueError: the embedding is unknown, or lacks its alignment, data or encoder.
    """
    if embedding not in EMBEDDINGS:
        raise ValueError(f"embedding {embedding!r} is unknown; choose one of {', '.join(EMBEDDINGS)}")
    if embedding == "raw":
        return zoo
    if embedding == "aligned":
        if alignment is None:
            raise ValueError("a map of the aligned weights needs the zoo's alignment")
        return alignment.apply(zoo, on_step=on_step)
    if embedding == "encoder":
        if encoder is None:
            raise ValueError("a map of the latents needs an encoder")
        return encoder.embed(
            zoo if alignment is None else alignment.view(zoo), align=alignment is None, on_step=on_step
        )
    if embedding == "statistics":
        return _standardised(weight_statistics(zoo).drop(columns="id").to_numpy(np.float32))
    return function_features(zoo, data, samples=SAMPLES, seed=0, on_step=on_step)


def _standardised(values: Float[Array, "models features"]) -> Float[Array, "models features"]:
    spread = values.std(0)
    kept = spread > 1e-6 * np.abs(values).max(0)
    standard: Float[Array, "models features"] = (values[:, kept] - values[:, kept].mean(0)) / spread[kept]
    return standard
