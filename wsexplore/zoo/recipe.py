"""How a result came to be."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from wsexplore.version import VERSION


def config_flags(config: Mapping[str, Any]) -> list[str]:
    """Fields of an architecture as options of a command: lists of several by commas, other structures as JSON."""
    flags = []
    for name, value in config.items():
        if isinstance(value, list) and len(value) > 1 and not any(isinstance(part, list | dict) for part in value):
            text = ",".join(map(str, value))
        else:
            text = json.dumps(value) if isinstance(value, list | dict) else str(value)
        flags.append(f"--config {shlex.quote(f'{name}={text}')}")
    return flags


@dataclass(frozen=True, slots=True)
class Recipe:
    """What was done to what, so that it can be done again.

    Attributes:
        action: name of the function.
        inputs: content hash of everything that went in, by name.
        arguments: JSON values.
        seed: of the random draws, `None` where there are none.
        version: of wsexplore.
        cli: the command that does it again.
        python: the expression that does it again.
    """

    action: str
    inputs: dict[str, str] = field(default_factory=dict)
    arguments: dict[str, Any] = field(default_factory=dict)
    seed: int | None = None
    version: str = ""
    cli: str = ""
    python: str = ""

    @classmethod
    def of(cls, action: str, **facts: Any) -> "Recipe":
        """A recipe of this version."""
        return cls(action, version=VERSION, **facts)

    def to_dict(self) -> dict[str, Any]:
        """JSON values; `from_dict` reads them."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: object) -> "Recipe":
        """The recipe that `to_dict` described.

        Raises:
            ValueError: a field is missing or of another kind.
        """
        if not isinstance(data, Mapping) or not isinstance(data.get("action"), str):
            raise ValueError("a recipe is described by its action, inputs, arguments, seed, version, cli and python")
        kinds = {"inputs": dict, "arguments": dict, "version": str, "cli": str, "python": str}
        fields = {}
        for name, kind in kinds.items():
            fields[name] = data.get(name, kind())
            if not isinstance(fields[name], kind):
                raise ValueError(f"the recipe's {name} must be a {kind.__name__}, got {data[name]!r}")
        seed = data.get("seed")
        if seed is not None and not isinstance(seed, int):
            raise ValueError(f"the recipe's seed must be a whole number, got {seed!r}")
        return cls(data["action"], seed=seed, **fields)
