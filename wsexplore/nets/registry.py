"""The families of networks that a zoo may hold, by name."""

from collections.abc import Mapping
from typing import Any

from wsexplore.nets.architecture import Architecture, Family
from wsexplore.nets.mlp import MLP_FAMILY

FAMILIES: Mapping[str, Family] = {family.name: family for family in (MLP_FAMILY,)}


def architecture(name: str, /, **config: Any) -> Architecture:
    """The architecture of a registered name and its configuration: `architecture("mlp", widths=[64, 32, 10])`.

    Raises:
        ValueError: the name or a field is unknown, or a value is out of range.
    """
    if name not in FAMILIES:
        raise ValueError(f"architecture {name!r} is unknown; choose one of {', '.join(FAMILIES)}")
    family = FAMILIES[name]
    return Architecture(family, family.complete(config))


def architecture_from_dict(data: object) -> Architecture:
    """The architecture that `Architecture.to_dict` described.

    Raises:
        ValueError: `data` does not describe a known architecture.
    """
    if not isinstance(data, Mapping) or not isinstance(data.get("name"), str):
        raise ValueError("an architecture is described by {'name': ..., 'config': {...}}")
    config = data.get("config", {})
    if not isinstance(config, Mapping) or not all(isinstance(key, str) for key in config):
        raise ValueError("the architecture's config must be a mapping of field names to values")
    return architecture(data["name"], **config)
