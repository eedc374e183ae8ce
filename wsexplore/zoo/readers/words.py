"""The words of ordinary pickles, and the plain value that each stands for."""

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from wsexplore.zoo.readers.pickled import EACH
from wsexplore.zoo.readers.vocabulary import Make, Name, Thing

KINDS = {"f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "b1"}


@dataclass(slots=True, eq=False)
class Kind:
    """A numpy dtype: its code, and whether its bytes are in this machine's order."""

    code: str
    order: str = "<"

    def set_state(self, state: Any, _: Callable[[int], None]) -> None:
        """Take the byte order from a dtype's state."""
        if isinstance(state, tuple) and len(state) > 1 and state[1] in ("<", ">", "|", "="):
            self.order = state[1]

    @property
    def numpy(self) -> "np.dtype[Any]":
        """The dtype, if it is a plain number.

        Raises:
            ValueError: it is anything else.
        """
        if self.code not in KINDS or self.order == ">":
            raise ValueError(f"an array in it holds values of the kind {self.code[:20]}; only plain numbers are read")
        return np.dtype(f"<{self.code}" if self.code[1] != "1" else self.code)


class Values(list[Any]):
    """A numpy array, as a list of numbers."""

    def set_state(self, state: Any, spend: Callable[[int], None]) -> None:
        """Take the values from an array's state: version, shape, dtype, order, bytes; `spend` is told their size."""
        if not isinstance(state, tuple) or len(state) < 5 or not isinstance(state[2], Kind):
            raise ValueError("an array in it is described in a form that is not read")
        data = state[4]
        if isinstance(data, list):
            raise ValueError("an array in it holds objects; only plain numbers are read")
        if not isinstance(data, bytes) or len(data) % state[2].numpy.itemsize:
            raise ValueError("an array in it is damaged")
        spend(EACH * (len(data) // state[2].numpy.itemsize))
        self[:] = np.frombuffer(data, state[2].numpy).tolist()


def _dictionary(arguments: tuple[Any, ...]) -> dict[Any, Any]:
    pairs = arguments[0] if arguments and isinstance(arguments[0], list) else []
    found: dict[Any, Any] = {}
    for pair in pairs:
        key, value = pair
        if not isinstance(key, str | int | float | bool | None):
            raise TypeError
        found[key] = value
    return found


def _path(arguments: tuple[Any, ...]) -> str:
    parts = [str(part)[:4096] for part in arguments[:100] if isinstance(part, str)]
    return "/".join(parts).replace("//", "/", 1)


def _scalar(arguments: tuple[Any, ...]) -> Any:
    kind, data = arguments
    if not isinstance(kind, Kind) or not isinstance(data, bytes) or len(data) != kind.numpy.itemsize:
        raise struct.error
    return np.frombuffer(data, kind.numpy)[0].item()


def _encoded(arguments: tuple[Any, ...]) -> bytes:
    text, code = arguments[0], arguments[1] if len(arguments) > 1 else "latin1"
    if not isinstance(text, str) or code not in ("latin1", "latin-1", "utf-8"):
        raise TypeError
    return text.encode("latin1" if code != "utf-8" else "utf-8", "replace")


def _listed(arguments: tuple[Any, ...]) -> list[Any]:
    return list(arguments[0]) if arguments and isinstance(arguments[0], list | tuple) else []


def _sized(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    if arguments and not isinstance(arguments[0], list | tuple):
        raise TypeError
    return tuple(arguments[0]) if arguments else ()


def _thing(arguments: tuple[Any, ...]) -> Any:
    kind = arguments[0]
    if not isinstance(kind, Name):
        raise TypeError
    return Thing(kind)


def _text(arguments: tuple[Any, ...]) -> str:
    return str(arguments[0])[:80] if arguments and isinstance(arguments[0], str) else ""


def _words() -> Mapping[str, Make]:
    words: dict[str, Make] = {
        "collections.OrderedDict": _dictionary,
        "collections.defaultdict": lambda arguments: {},
        "builtins.dict": lambda arguments: {},
        "__builtin__.dict": lambda arguments: {},
        "builtins.list": _listed,
        "builtins.set": _listed,
        "__builtin__.set": _listed,
        "builtins.frozenset": _listed,
        "builtins.tuple": _sized,
        "builtins.object": lambda arguments: None,
        "__builtin__.object": lambda arguments: None,
        "torch.Size": _sized,
        "torch.device": _text,
        "argparse.Namespace": lambda arguments: Thing(Name("argparse", "Namespace")),
        "types.SimpleNamespace": lambda arguments: Thing(Name("types", "SimpleNamespace")),
        "copyreg._reconstructor": _thing,
        "copy_reg._reconstructor": _thing,
        "_codecs.encode": _encoded,
        "numpy.dtype": lambda arguments: Kind(_text(arguments)[:20]),
        "numpy.ndarray": lambda arguments: Values(),
    }
    for module in ("numpy.core", "numpy._core"):
        words[f"{module}.multiarray.scalar"] = _scalar
        words[f"{module}.multiarray._reconstruct"] = lambda arguments: Values()
    for module in ("pathlib", "pathlib._local"):
        for name in ("Path", "PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath"):
            words[f"{module}.{name}"] = _path
    return words


MAKE: Mapping[str, Make] = _words()
"""Full name -> the plain value that a call of it stands for."""
