"""Whose symmetry is asked for: the networks of a zoo, of an architecture, or of a user's own module."""

import importlib.util
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wsexplore.cli.frame import parse_assignments, parse_field, trust

if TYPE_CHECKING:
    from torch import Tensor, nn

    from wsexplore.zoo import Zoo

SHAPE = re.compile(r"\d{1,6}(,\d{1,6})*(:\d{1,9})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Subject:
    """Networks of one architecture.

    Attributes:
        name: for people.
        example: inputs that they take.
        networks: how many there are; `None` where fresh ones can be drawn without end.
        network: a network by its number, and what to call it.
    """

    name: str
    example: "tuple[Tensor, ...]"
    networks: int | None
    network: "Callable[[int], tuple[str, nn.Module]]"


def subjects(
    target: str,
    *,
    config: Sequence[str],
    factory: str,
    module: str,
    inputs: Sequence[str],
    arguments: str,
    trusted: bool,
) -> list[Subject]:
    """What a command line names: several subjects only where a zoo holds networks of several activations.

    Raises:
        ValueError: it names nothing, or more than one thing, or code that is not trusted.
    """
    if module:
        if target or config:
            raise ValueError("--module names the networks by itself; leave out the zoo, the architecture and --config")
        return [_of_module(module, inputs, arguments, trusted=trusted)]
    if not target:
        raise ValueError("name a zoo, an architecture, or a module of your own with --module path.py:Class")
    if inputs or arguments:
        raise ValueError("--input and --arguments describe a module of your own; give --module path.py:Class")
    from wsexplore.nets import FAMILIES
    from wsexplore.zoo import Zoo

    trust(factory)
    if target in FAMILIES and not Path(target).is_dir():
        return [_of_architecture(target, config, factory)]
    if config:
        raise ValueError(f"--config describes an architecture; {target!r} is none of {', '.join(FAMILIES)}")
    return _of_zoo(Zoo.open(target), target)


def _of_zoo(zoo: "Zoo", name: str) -> list[Subject]:
    if not len(zoo):
        raise ValueError(f"the zoo {name} holds no networks")
    ids = zoo.table["id"].tolist()
    kinds = zoo.groups()
    found = []
    for architecture, rows in kinds:
        own = ", ".join(f"{field} {architecture.config[field]}" for field in architecture.row_fields)
        numbers = [int(row) for row in rows]
        found.append(
            Subject(
                name=f"{name}, {own}" if len(kinds) > 1 else name,
                example=(architecture.example_input(),),
                networks=len(numbers),
                network=lambda place, numbers=numbers: (str(ids[numbers[place]]), zoo.module(numbers[place])),  # type: ignore[misc]
            )
        )
    return found


def _of_architecture(name: str, config: Sequence[str], factory: str) -> Subject:
    from wsexplore.nets import architecture
    from wsexplore.symmetry import shaken

    fields = {field: parse_field(value) for field, value in parse_assignments(list(config), "--config").items()}
    if factory:
        fields["factory"] = factory
    made = architecture(name, **fields)
    return Subject(
        name=name,
        example=(made.example_input(),),
        networks=None,
        network=lambda seed: (
            f"fresh {seed}",
            shaken(made.module(made.initial_weights(seed=seed)), seed=seed),
        ),
    )


def _of_module(name: str, inputs: Sequence[str], arguments: str, *, trusted: bool) -> Subject:
    from wsexplore.symmetry import shaken

    path, colon, attribute = name.rpartition(":")
    if not colon or not attribute.isidentifier():
        raise ValueError(f"--module takes path.py:Class, got {name!r}")
    if not trusted:
        raise ValueError(f"{path} is code that is not trusted yet; if you know it, give --trust")
    if not inputs:
        raise ValueError("say what the module takes: --input 2,3,32,32, or --input 2,9:50 for whole numbers below 50")
    options = _arguments(arguments)
    make = _loaded(path, attribute)
    module = _built(make, name, options).float()  # inputs are drawn in single precision
    return Subject(
        name=name,
        example=tuple(_example(text, place) for place, text in enumerate(inputs)),
        networks=None,
        network=lambda seed: (f"fresh {seed}", shaken(module, seed=seed)),
    )


def _arguments(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text or "{}")
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ValueError(f'--arguments takes a JSON object like {{"width": 64}}, got {text[:60]!r}')
    return found


def _loaded(path: str, attribute: str) -> Callable[..., object]:
    """A class or function of a file, which is run."""
    file = Path(path)
    if not file.is_file() or file.suffix != ".py":
        raise ValueError(f"there is no Python file {path}")
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None:
        raise ValueError(f"{path} cannot be imported")
    code = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(code)
    except (Exception, SystemExit) as error:  # a user's file may raise anything
        raise ValueError(f"{path} cannot be imported: {_words(error)}") from error
    made: object = getattr(code, attribute, None)
    if not callable(made):
        raise ValueError(f"{path} has no class {attribute}")
    return made


def _built(make: Callable[..., object], name: str, options: dict[str, Any]) -> "nn.Module":
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        try:
            module = make(**options)
        except (Exception, SystemExit) as error:  # a user's class may raise anything
            raise ValueError(f"{name} failed: {_words(error)}") from error
    if not isinstance(module, torch.nn.Module):
        raise ValueError(f"{name} must give a torch.nn.Module, got {type(module).__name__}")
    return module


def _example(text: str, place: int) -> "Tensor":
    import torch

    if not SHAPE.fullmatch(text):
        raise ValueError(f"--input takes sizes like 2,3,32,32, or 2,9:50 for whole numbers below 50, got {text!r}")
    sizes, _, below = text.partition(":")
    shape = [int(size) for size in sizes.split(",")]
    draw = torch.Generator().manual_seed(place)
    if 0 in shape or below == "0":
        raise ValueError(f"--input {text} has no numbers in it")
    return torch.randint(int(below), shape, generator=draw) if below else torch.randn(shape, generator=draw)


def _words(error: BaseException) -> str:
    first = (str(error).splitlines() or [""])[0]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__
