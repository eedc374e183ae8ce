"""The families of networks that a zoo may hold, by name."""

from collections.abc import Mapping
from typing import Any

from wsexplore.nets.architecture import Architecture, Family
from wsexplore.nets.convolutional import CNN_FAMILY, SMALL_CNN_FAMILY
from wsexplore.nets.factory import FACTORY_FAMILY
from wsexplore.nets.gru import GRU_FAMILY
from wsexplore.nets.mlp import MLP_FAMILY
from wsexplore.nets.resnet import RESNET_FAMILY
from wsexplore.nets.siren import FIELD_MLP_FAMILY, SIREN_FAMILY
from wsexplore.nets.vit import VIT_FAMILY

FAMILIES: Mapping[str, Family] = {
    family.name: family
    for family in (
        MLP_FAMILY,
        SMALL_CNN_FAMILY,
        CNN_FAMILY,
        RESNET_FAMILY,
        VIT_FAMILY,
        SIREN_FAMILY,
        FIELD_MLP_FAMILY,
        GRU_FAMILY,
        FACTORY_FAMILY,
    )
}

MOST_PARAMETERS = 1_000_000_000
"""Of one network; a larger one is a mistake or a broken file."""


def architecture(name: str, /, **config: Any) -> Architecture:
    """The architecture of a registered name and its configuration: `architecture("mlp", widths=[64, 32, 10])`.

    Raises:
        ValueError: the name or a field is unknown, a value is out of range, or the network would be too large.
    """
    if name not in FAMILIES:
        raise ValueError(f"architecture {name!r} is unknown; choose one of {', '.join(FAMILIES)}")
    family = FAMILIES[name]
    made = Architecture(family, family.complete(config))
    _refuse_large(made)
    return made


def _refuse_large(made: Architecture) -> None:
    """Count the parameters, for which nothing is allocated."""
    try:
        size = made.layout.size
    except (RuntimeError, OverflowError, MemoryError):  # torch cannot even describe such a tensor
        size = MOST_PARAMETERS + 1
    if size > MOST_PARAMETERS:
        raise ValueError(f"this {made.name} has more than {MOST_PARAMETERS:,} parameters; choose a smaller one")


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
