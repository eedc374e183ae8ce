from wsexplore.nets.architecture import Architecture
from wsexplore.nets.factory import trust_factory, trusted_factories
from wsexplore.nets.init import INITIALISATIONS, initial_weights
from wsexplore.nets.layout import Layout, Slot
from wsexplore.nets.mlp import ACTIVATIONS
from wsexplore.nets.registry import FAMILIES, architecture, architecture_from_dict

__all__ = [
    "ACTIVATIONS",
    "FAMILIES",
    "INITIALISATIONS",
    "Architecture",
    "Layout",
    "Slot",
    "architecture",
    "architecture_from_dict",
    "initial_weights",
    "trust_factory",
    "trusted_factories",
]
