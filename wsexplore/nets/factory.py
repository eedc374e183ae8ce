"""Networks of the user's own code, made by a function that has to be trusted first.

A zoo's manifest may name a factory, but a name in a file never makes code run: only `trust_factory`, called in this
process by the user or by a command-line flag, does.
"""

import importlib
import json
import re
import threading
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter

from wsexplore.nets import checks
from wsexplore.nets.architecture import Config, Family
from wsexplore.nets.init import initial_weights
from wsexplore.nets.layout import Layout

NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", re.ASCII)
LONGEST = 65_536
"""Most characters of the arguments, as JSON."""

_trusted: set[str] = set()
_drawing = threading.Lock()


def trust_factory(name: str) -> None:
    """Allow architectures of the factory `package.module:function` in this process; its module is imported.

    Raises:
        ValueError: the name has another form, or there is no such function.
    """
    _load(name)
    _trusted.add(name)


def trusted_factories() -> tuple[str, ...]:
    """What `trust_factory` was called for, so that a worker process can be told."""
    return tuple(sorted(_trusted))


def _load(name: str) -> Callable[..., object]:
    _check_name(name)
    module, _, function = name.partition(":")
    try:
        made: object = getattr(importlib.import_module(module), function, None)
    except Exception as error:  # the user's module may raise anything while it is imported
        raise ValueError(f"the factory {name} cannot be imported: {_words(error)}") from error
    if not callable(made):
        raise ValueError(f"{module} has no function {function}; name the factory like package.module:function")
    return made


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise ValueError(f"factory must be a name like package.module:function, got {checks.shown(name)}")


def _complete(config: Config) -> dict[str, Any]:
    """Check a configuration, before anything of the user's is called."""
    known: dict[str, Any] = {"factory": None, "input": None, "arguments": {}}
    full = checks.with_defaults("factory", config, known)
    name = full["factory"]
    _check_name(name)
    _refuse_untrusted(name)
    shape = checks.wholes("input", full["input"], [3, 32, 32], 1, 1 << 20, count=(1, 8))
    if not isinstance(full["arguments"], dict) or not all(isinstance(key, str) for key in full["arguments"]):
        raise ValueError(f"arguments must be names and JSON values, got {checks.shown(full['arguments'])}")
    try:
        text = json.dumps(full["arguments"], allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        raise ValueError(f"arguments must be JSON values, got {checks.shown(full['arguments'])}") from None
    if len(text) > LONGEST:
        raise ValueError(f"arguments take {len(text):,} characters as JSON; at most {LONGEST:,} are taken")
    return {"factory": name, "input": shape, "arguments": json.loads(text)}


def _refuse_untrusted(name: str) -> None:
    if name not in _trusted:
        raise ValueError(
            f"the factory {name} is code that is not trusted yet; if you know it, call "
            f"wsexplore.nets.trust_factory({name!r}) first, or give --factory {name} on the command line"
        )


def _build(config: Config, seed: int = 0) -> nn.Module:
    """The user's module, with what it draws from torch's global generator drawn from `seed`."""
    name = config["factory"]
    _refuse_untrusted(name)
    make = _load(name)
    with _drawing, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            module = make(**config["arguments"])
        except Exception as error:  # the user's function may raise anything
            raise ValueError(f"the factory {name} failed: {_words(error)}") from error
    if not isinstance(module, nn.Module):
        raise ValueError(f"the factory {name} must give a torch.nn.Module, got {type(module).__name__}")
    parameters = dict(module.named_parameters())
    if lazy := [key for key, value in parameters.items() if isinstance(value, UninitializedParameter)]:
        raise ValueError(f"the module of the factory {name} leaves the shape of {lazy[0]} open; give all sizes")
    if other := [f"{key} ({value.dtype})" for key, value in parameters.items() if value.dtype != torch.float32]:
        raise ValueError(f"parameters of a zoo are float32; the factory {name} gives {', '.join(other[:3])}")
    if not parameters:
        raise ValueError(f"the module of the factory {name} has no parameters")
    return module


def _words(error: Exception) -> str:
    first = (str(error).splitlines() or [""])[0]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def _initial(config: Config, layout: Layout, init: str, seed: int) -> Tensor:
    """The usual schemes; "default" is what the user's module does itself."""
    if init != "default":
        return initial_weights(layout, init=init, seed=seed)
    return layout.flatten({name: value.detach() for name, value in _build(config, seed).named_parameters()})


FACTORY_FAMILY = Family(
    name="factory",
    complete=_complete,
    build=_build,
    input_shape=lambda config: tuple(config["input"]),
    initial=_initial,
    concrete=True,
)
