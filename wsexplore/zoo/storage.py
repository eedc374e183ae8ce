"""The native format: the weights in one safetensors file or several, a parquet file, a manifest."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from wsexplore.nets import Architecture, architecture_from_dict
from wsexplore.zoo.files import VERIFIED, read_manifest
from wsexplore.zoo.recipe import Recipe
from wsexplore.zoo.shards import DTYPES, Matrix
from wsexplore.zoo.table import Entries, TableFile
from wsexplore.zoo.writer import BUFFERS, TABLE, WEIGHTS, fitting_buffers, refuse_not_finite


@dataclass(frozen=True, eq=False, slots=True)
class Stored:
    """What lies in a zoo's folder.

    Attributes:
        architecture: of every network.
        entries: the table.
        recipe: how the zoo was made.
        weights: mapped, float32 or float16.
        buffers: mapped, float32; those before the first batch where the folder has none.
    """

    architecture: Architecture
    entries: Entries
    recipe: Recipe
    weights: Matrix
    buffers: Matrix


def read(folder: Path, *, verify: bool | None) -> Stored:
    """Open a zoo's folder.

    Sizes, shapes and dtypes are always checked. Hashes, values that are not finite and the table are checked at once
    in a zoo of up to `VERIFIED` bytes, or where `verify` asks for it; the table of a larger one when it is read.

    Raises:
        ValueError: a part is broken or does not fit the others.
    """
    manifest = read_manifest(folder, "zoo", verify=verify)
    architecture = architecture_from_dict(manifest.get("architecture"))
    recipe = Recipe.from_dict(manifest.get("recipe"))
    models, dtype, digest = manifest.get("models"), str(manifest.get("dtype")), manifest.get("digest")
    files = manifest["files"]
    if type(models) is not int or models < 0 or not isinstance(digest, str) or dtype not in DTYPES:
        raise ValueError(f"the manifest of {folder} lacks models, dtype or digest; make the zoo again")
    manifest.setdefault(WEIGHTS, [[f"{WEIGHTS}.safetensors", models]])
    weights = _matrix(folder, manifest, WEIGHTS, architecture.layout.size, DTYPES[dtype], digest)
    buffers = Matrix.of(fitting_buffers(architecture, None, models))
    if BUFFERS in manifest:
        told = str(manifest.get("buffers_digest"))
        buffers = _matrix(folder, manifest, BUFFERS, architecture.buffers.size, torch.float32, told)
    if TABLE not in files:
        raise ValueError(f"the manifest of {folder} lacks {TABLE}; make the zoo again")
    table = TableFile(folder / TABLE, models)
    small = sum(facts["bytes"] for facts in files.values()) <= VERIFIED
    entries = Entries(table.frame if verify or small else table)
    if verify or (verify is None and small):
        refuse_not_finite(weights, entries.frame["id"])
        refuse_not_finite(buffers, entries.frame["id"], "running statistics")
    return Stored(architecture, entries, recipe, weights, buffers)


def _matrix(folder: Path, manifest: dict[str, Any], name: str, columns: int, dtype: torch.dtype, digest: str) -> Matrix:
    """A matrix in one file or several.

    Raises:
        ValueError: a file is missing in the manifest, or the files do not hold a row for each network.
    """
    files = _files_of(manifest, name, folder)
    missing = sorted({file for file, _ in files} - set(manifest["files"]))
    if missing or sum(rows for _, rows in files) != manifest["models"]:
        what = f"lacks {', '.join(missing)}" if missing else f"lists other numbers of {name} than networks"
        raise ValueError(f"the manifest of {folder} {what}; make the zoo again")
    return Matrix.in_files([(folder / file, rows) for file, rows in files], name, columns, dtype, digest)


def _files_of(manifest: dict[str, Any], name: str, folder: Path) -> list[tuple[str, int]]:
    """Names of the files of a matrix, and the number of rows in each."""
    files = manifest.get(name)
    entries = files if isinstance(files, list) else []
    plain = all(
        isinstance(entry, list) and len(entry) == 2 and isinstance(entry[0], str) and type(entry[1]) is int
        for entry in entries
    )
    if not entries or not plain or any(rows < 0 for _, rows in entries):
        raise ValueError(f"the list of {name} in the manifest of {folder} is broken; make the zoo again")
    return [(file, rows) for file, rows in entries]
