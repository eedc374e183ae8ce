"""How an imported zoo came to be: which files, which options, which command."""

import hashlib
import shlex
from collections.abc import Mapping
from typing import Any

from wsexplore.zoo.files import sha256_of
from wsexplore.zoo.readers.hub import PREFIX
from wsexplore.zoo.readers.tree import Tree
from wsexplore.zoo.recipe import Recipe, config_flags

HASHED = 512 << 20
"""Bytes up to which the files themselves are hashed; beyond, their names and sizes."""


def recipe_of(path: str, tree: Tree, format_: str, asked: Mapping[str, Any]) -> Recipe:
    """How the zoo came to be. The folder is named without what lies above it."""
    name = f"{path.partition('@')[0]}@{tree.name}" if path.startswith(PREFIX) else tree.name
    given = {key: value for key, value in asked.items() if value and not (key == "dtype" and value == "float32")}
    words = ", ".join([repr(name), 'out="ZOO"', *(f"{key}={value!r}" for key, value in given.items())])
    flags = " ".join(part for key, value in given.items() for part in _flags(key, value))
    return Recipe.of(
        "import_zoo",
        inputs={name: _fingerprint(tree)},
        arguments={"format": format_, **given},
        cli=f"wsexplore zoo import {shlex.quote(name)} --out ZOO {flags}".strip(),
        python=f"wx.import_zoo({words})",
    )


def _flags(key: str, value: Any) -> list[str]:
    if key == "config":
        return config_flags({name: list(v) if isinstance(v, tuple) else v for name, v in value.items()})
    if key == "trust":
        return ["--trust"]
    text = value if isinstance(value, str) else ",".join(map(str, value))
    return [f"--{key} {shlex.quote(text)}"]


def _fingerprint(tree: Tree) -> str:
    """A hash of the files: of what is in them up to `HASHED` bytes, of their names and sizes beyond."""
    files = list(tree.files()) if tree.is_folder else [tree.root]
    sizes = [tree.size(file) for file in files]
    hashed, whole = sum(sizes) <= HASHED, hashlib.sha256()
    for file, size in zip(files, sizes, strict=True):
        whole.update(f"{tree.short(file)}\0{size}\0".encode("utf-8", "replace"))
        if hashed and size:
            whole.update(sha256_of(tree.checked(file)).encode())
    return whole.hexdigest()
