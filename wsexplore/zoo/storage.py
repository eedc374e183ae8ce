"""The native format: one safetensors file, one parquet file, one manifest."""

import hashlib
import io
import struct
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from wsexplore.nets import Architecture, architecture_from_dict
from wsexplore.zoo.files import VERIFIED, atomic_folder, read_manifest, write_manifest
from wsexplore.zoo.recipe import Recipe
from wsexplore.zoo.table import complete_table

DTYPES = {"float32": torch.float32, "float16": torch.float16}
WEIGHTS, TABLE = "weights.safetensors", "table.parquet"


def write(
    path: Path,
    architecture: Architecture,
    weights: Float[Tensor, "models parameters"],
    table: pd.DataFrame,
    recipe: Recipe,
    *,
    dtype: str,
) -> Path:
    """Write a zoo's folder, whole or not at all.

    Raises:
        ValueError: the dtype is unknown, or a weight is not finite in it.
    """
    if dtype not in DTYPES:
        raise ValueError(f"weights are stored as {' or '.join(DTYPES)}, got {dtype!r}")
    held = weights.to(DTYPES[dtype]).contiguous()
    refuse_not_finite(held, table["id"])
    with atomic_folder(path) as folder:
        save_file({"weights": held}, folder / WEIGHTS)
        pq.write_table(pa.Table.from_pandas(table, preserve_index=False), folder / TABLE, compression="zstd")
        write_manifest(
            folder,
            "zoo",
            {
                "architecture": architecture.to_dict(),
                "models": len(table),
                "parameters": architecture.layout.size,
                "dtype": dtype,
                "digest": digest_of(held),
                "recipe": recipe.to_dict(),
            },
        )
    return path


def read(
    folder: Path, *, verify: bool | None
) -> tuple[Architecture, pd.DataFrame, Recipe, Float[Tensor, "models parameters"], str]:
    """Architecture, table, recipe, memory-mapped weights and their hash.

    Raises:
        ValueError: a part is broken or does not fit the others.
    """
    manifest = read_manifest(folder, "zoo", verify=verify)
    architecture = architecture_from_dict(manifest.get("architecture"))
    recipe = Recipe.from_dict(manifest.get("recipe"))
    models, dtype, digest = manifest.get("models"), manifest.get("dtype"), manifest.get("digest")
    if {WEIGHTS, TABLE} - set(manifest["files"]) or type(models) is not int or not isinstance(digest, str):
        raise ValueError(f"the manifest of {folder} lacks {WEIGHTS}, {TABLE}, models or digest; make the zoo again")
    weights = _mapped(folder / WEIGHTS)
    shape = (models, architecture.layout.size)
    if tuple(weights.shape) != shape or DTYPES.get(str(dtype)) != weights.dtype:
        raise ValueError(
            f"{folder / WEIGHTS} holds {tuple(weights.shape)} {weights.dtype}, its manifest says {shape} {dtype}"
        )
    table = complete_table(_table(folder / TABLE), models)
    if verify or (verify is None and weights.nbytes <= VERIFIED):
        refuse_not_finite(weights, table["id"])
    return architecture, table, recipe, weights, digest


def _mapped(file: Path) -> Tensor:
    """The matrix in a safetensors file; the system reads pages of it as they are used."""
    with file.open("rb") as stream:
        length = struct.unpack("<Q", (stream.read(8) + bytes(8))[:8])[0]
    if not 0 < length <= min(file.stat().st_size - 8, 1 << 20):
        raise ValueError(f"{file} is no safetensors file of a zoo; fetch or make it again")
    try:
        with safe_open(file, framework="pt") as opened:
            names = list(opened.keys())
            if names != ["weights"]:
                raise ValueError(f"{file} holds {', '.join(names) or 'nothing'} instead of one matrix called weights")
            tensor: Tensor = opened.get_tensor("weights")
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{file} cannot be read: {error}; fetch or make it again") from None
    if tensor.dim() != 2:
        raise ValueError(f"{file} holds a tensor of {tensor.dim()} axes instead of a matrix")
    return tensor


def _table(file: Path) -> pd.DataFrame:
    try:
        frame: pd.DataFrame = pq.read_table(file).to_pandas()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        raise ValueError(f"{file} cannot be read: {str(error).splitlines()[0]}; fetch or make it again") from None
    return frame


def refuse_not_finite(weights: Float[Tensor, "models parameters"], ids: "pd.Series[str]") -> None:
    """Refuse weights that are not finite.

    Raises:
        ValueError: some are; the first three networks are named.
    """
    broken = torch.cat([~part.isfinite().all(1) for part in torch.split(weights, 16384)])
    if bool(broken.any()):
        names = ids[broken.numpy()].tolist()
        more = f" and {len(names) - 3:,} more" if len(names) > 3 else ""
        raise ValueError(f"weights of {', '.join(names[:3])}{more} are not finite; leave these networks out")


def digest_of(weights: Float[Tensor, "models parameters"]) -> str:
    """Hash of the values as float32, so that it does not depend on where they lie."""
    hashed = hashlib.sha256()
    for part in torch.split(weights, 16384):
        hashed.update(part.to(torch.float32).contiguous().numpy().data)
    return hashed.hexdigest()


def digest_of_table(table: pd.DataFrame) -> str:
    """Hash of names, kinds and values of the columns."""
    stream = io.BytesIO()
    arrow = pa.Table.from_pandas(table, preserve_index=False).replace_schema_metadata(None)
    with pa.ipc.new_stream(stream, arrow.schema) as writer:
        writer.write_table(arrow.combine_chunks())
    return hashlib.sha256(stream.getvalue()).hexdigest()
