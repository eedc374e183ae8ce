"""wsexplore: the explorer of neural-network weight space.

`import wsexplore as wx` gives what a notebook needs; each name is loaded when it is first used.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from wsexplore.version import VERSION

if TYPE_CHECKING:
    from wsexplore.align import Alignment, Matching, align, match_weights
    from wsexplore.align.repair import repair, reset_statistics
    from wsexplore.datasets import Dataset, dataset
    from wsexplore.embed import Projection, fit_projection, weight_statistics
    from wsexplore.generate import WeightFlow, fit_flow
    from wsexplore.generate.quality import QualityReport, quality
    from wsexplore.landscape.attack import MergeAttack, merge_attack
    from wsexplore.landscape.barrier import Barrier, barrier
    from wsexplore.landscape.compare import MethodComparison, compare_methods
    from wsexplore.landscape.curves import barrier_curves
    from wsexplore.landscape.matrix import BarrierMatrix, barrier_matrix
    from wsexplore.nets import Architecture, Layout, architecture
    from wsexplore.population.evaluate import evaluate
    from wsexplore.population.train import train_zoo
    from wsexplore.symmetry import PermutationSpec, permute, symmetry_of
    from wsexplore.zoo import Recipe, Zoo, concat
    from wsexplore.zoo.readers import import_zoo

_ROOMS = {
    "align": ("Alignment", "Matching", "align", "match_weights", "repair", "reset_statistics"),
    "datasets": ("Dataset", "dataset"),
    "embed": ("Projection", "fit_projection", "weight_statistics"),
    "generate": ("QualityReport", "WeightFlow", "fit_flow", "quality"),
    "landscape": (
        "Barrier",
        "BarrierMatrix",
        "MergeAttack",
        "MethodComparison",
        "barrier",
        "barrier_curves",
        "barrier_matrix",
        "compare_methods",
        "merge_attack",
    ),
    "nets": ("Architecture", "Layout", "architecture"),
    "population": ("evaluate", "train_zoo"),
    "symmetry": ("PermutationSpec", "permute", "symmetry_of"),
    "zoo": ("Recipe", "Zoo", "concat"),
    "zoo.readers": ("import_zoo",),
}
_HOME = {name: room for room, names in _ROOMS.items() for name in names}

__version__ = VERSION
__all__ = [
    "Alignment",
    "Architecture",
    "Barrier",
    "BarrierMatrix",
    "Dataset",
    "Layout",
    "Matching",
    "MergeAttack",
    "MethodComparison",
    "PermutationSpec",
    "Projection",
    "QualityReport",
    "Recipe",
    "WeightFlow",
    "Zoo",
    "align",
    "architecture",
    "barrier",
    "barrier_curves",
    "barrier_matrix",
    "compare_methods",
    "concat",
    "dataset",
    "evaluate",
    "fit_flow",
    "fit_projection",
    "import_zoo",
    "match_weights",
    "merge_attack",
    "permute",
    "quality",
    "repair",
    "reset_statistics",
    "symmetry_of",
    "train_zoo",
    "weight_statistics",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'wsexplore' has no attribute {name!r}")
    value = getattr(import_module(f"wsexplore.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))


class _Surface(ModuleType):
    """This module, except that importing the room `align` does not hide the function `align`."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _HOME and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Surface
