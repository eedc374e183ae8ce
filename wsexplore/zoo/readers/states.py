"""One network in one file: `.pt`, `.pth`, `.safetensors` and the like."""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from wsexplore.zoo.readers.safefile import open_safe_file
from wsexplore.zoo.readers.tensors import Network, Stored, network_of
from wsexplore.zoo.readers.torchfile import open_torch_file
from wsexplore.zoo.readers.tree import Tree
from wsexplore.zoo.readers.vocabulary import Name, UnknownNameError

SUFFIXES = (".pt", ".pth", ".ckpt", ".safetensors")
DEEPEST = 12
TENSORS = ("torch", "torch._utils", "torch._tensor", "torch.storage")
"""Modules whose names in a pickle describe tensors."""


@contextmanager
def open_network(tree: Tree, file: Path, *, trust: bool = False) -> Iterator[Network]:
    """The network in a file; its tensors can be loaded until the body ends.

    Args:
        tree: that the file belongs to.
        file: a state dict, or a checkpoint that holds one.
        trust: unpickle a file that runs code when it is read, where there is no other way.

    Raises:
        ValueError: the file is damaged, holds no state dict, or needs `trust`.
    """
    with open_value(tree, file, trust=trust) as value:
        network = network_of(value)
        if network is None:
            raise ValueError(f"{tree.short(file)} holds no state dict; save one with torch.save(model.state_dict(), …)")
        yield network


@contextmanager
def open_value(tree: Tree, file: Path, *, trust: bool = False, things: tuple[str, ...] = ()) -> Iterator[Any]:
    """What a file holds: plain values and tensors.

    Raises:
        ValueError: the file is damaged, or needs `trust`.
    """
    path, name = tree.checked(file), tree.short(file)
    if file.suffix == ".safetensors":
        opened = open_safe_file(path, name)
        yield {**opened.tensors, "metrics": opened.metadata} if opened.metadata else opened.tensors
        return
    if trust:
        yield _unpickled(path, name)
        return
    try:
        handle = open_torch_file(path, name, things=things)
        opened_file = handle.__enter__()
    except UnknownNameError as error:
        raise ValueError(needs_code(name, error.name)) from None
    try:
        yield opened_file.value
    finally:
        handle.__exit__(None, None, None)


def needs_code(name: str, what: Name) -> str:
    """The sentence that refuses a file for a name in it: of another kind of tensor, or of code."""
    if what.module in TENSORS:
        return f"{name} holds values of a kind that is not read ({what}); save it with float32 tensors"
    return (
        f"{name} can only be read by running code: it holds {what}; load it where you trust it and write "
        "torch.save(model.state_dict(), …), or import it with --trust"
    )


def _unpickled(path: Path, name: str) -> Any:
    """What the file's own code makes of it, with tensors as `Stored`. This runs whatever code the file names."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = torch.load(path, map_location="cpu", weights_only=False)
    except Exception as error:
        raise ValueError(f"{name} cannot be unpickled: {type(error).__name__}; fetch it again") from None
    return _plain(value)


def _plain(value: Any, depth: int = DEEPEST) -> Any:
    if isinstance(value, nn.Module):
        value = value.state_dict()
    if isinstance(value, Tensor):
        held = value.detach().contiguous()
        return Stored(tuple(held.shape), held.dtype, lambda: held)
    if isinstance(value, Mapping) and depth:
        return {str(key): _plain(part, depth - 1) for key, part in value.items()}
    return value
