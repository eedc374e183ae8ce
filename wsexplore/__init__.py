"""wsexplore: the explorer of neural-network weight space.

`import wsexplore as wx` gives what a notebook needs; each name is loaded when it is first used.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from wsexplore.version import VERSION

if TYPE_CHECKING:
    from wsexplore.align import (
        Alignment,
        Matching,
        PairMatch,
        align,
        align_permutations,
        match,
        match_pair,
        match_population,
        match_weights,
        medoid,
        spec_of,
    )
    from wsexplore.align.repair import repair, reset_statistics
    from wsexplore.datasets import Dataset, dataset
    from wsexplore.embed import (
        Encoder,
        EncoderConfig,
        Magnitude,
        Projection,
        SampleSettings,
        class_accuracies,
        features_of,
        fit_encoder,
        fit_projection,
        function_features,
        magnitude_curve,
        probe,
        probe_zoo,
        sample_encoder,
        spectral_statistics,
        weight_statistics,
    )
    from wsexplore.generate import WeightFlow, fit_flow
    from wsexplore.generate.quality import QualityReport, quality
    from wsexplore.landscape import calibration_inputs, linear_path, pair_ends, path_networks
    from wsexplore.landscape.attack import MergeAttack, merge_attack
    from wsexplore.landscape.barrier import Barrier, barrier
    from wsexplore.landscape.compare import MethodComparison, compare_methods
    from wsexplore.landscape.curves import barrier_curves
    from wsexplore.landscape.matrix import BarrierMatrix, barrier_matrix
    from wsexplore.nets import Architecture, Layout, architecture
    from wsexplore.population import field_grid, render, score
    from wsexplore.population.evaluate import evaluate
    from wsexplore.population.train import train_zoo
    from wsexplore.population.tune import fine_tune
    from wsexplore.symmetry import (
        Permutation,
        PermutationSpec,
        canonical,
        compose,
        inverse,
        minimum_norm,
        orbit,
        orbit_size,
        permute,
        permute_weights,
        random_permutation,
        random_scaling,
        rescale,
        rescale_weights,
        symmetry_of,
    )
    from wsexplore.zoo import Recipe, Zoo, concat
    from wsexplore.zoo.readers import import_zoo

_ROOMS = {
    "align": (
        "Alignment",
        "Matching",
        "PairMatch",
        "align",
        "align_permutations",
        "match",
        "match_pair",
        "match_population",
        "match_weights",
        "medoid",
        "repair",
        "reset_statistics",
        "spec_of",
    ),
    "datasets": (
        "Dataset",
        "dataset",
    ),
    "embed": (
        "Encoder",
        "EncoderConfig",
        "Magnitude",
        "Projection",
        "SampleSettings",
        "class_accuracies",
        "features_of",
        "fit_encoder",
        "fit_projection",
        "function_features",
        "magnitude_curve",
        "probe",
        "probe_zoo",
        "sample_encoder",
        "spectral_statistics",
        "weight_statistics",
    ),
    "generate": (
        "QualityReport",
        "WeightFlow",
        "fit_flow",
        "quality",
    ),
    "landscape": (
        "Barrier",
        "BarrierMatrix",
        "MergeAttack",
        "MethodComparison",
        "barrier",
        "barrier_curves",
        "barrier_matrix",
        "calibration_inputs",
        "compare_methods",
        "linear_path",
        "merge_attack",
        "pair_ends",
        "path_networks",
    ),
    "nets": (
        "Architecture",
        "Layout",
        "architecture",
    ),
    "population": (
        "evaluate",
        "field_grid",
        "fine_tune",
        "render",
        "score",
        "train_zoo",
    ),
    "symmetry": (
        "Permutation",
        "PermutationSpec",
        "canonical",
        "compose",
        "inverse",
        "minimum_norm",
        "orbit",
        "orbit_size",
        "permute",
        "permute_weights",
        "random_permutation",
        "random_scaling",
        "rescale",
        "rescale_weights",
        "symmetry_of",
    ),
    "zoo": (
        "Recipe",
        "Zoo",
        "concat",
    ),
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
    "Encoder",
    "EncoderConfig",
    "Layout",
    "Magnitude",
    "Matching",
    "MergeAttack",
    "MethodComparison",
    "PairMatch",
    "Permutation",
    "PermutationSpec",
    "Projection",
    "QualityReport",
    "Recipe",
    "SampleSettings",
    "WeightFlow",
    "Zoo",
    "align",
    "align_permutations",
    "architecture",
    "barrier",
    "barrier_curves",
    "barrier_matrix",
    "calibration_inputs",
    "canonical",
    "class_accuracies",
    "compare_methods",
    "compose",
    "concat",
    "dataset",
    "evaluate",
    "features_of",
    "field_grid",
    "fine_tune",
    "fit_encoder",
    "fit_flow",
    "fit_projection",
    "function_features",
    "import_zoo",
    "inverse",
    "linear_path",
    "magnitude_curve",
    "match",
    "match_pair",
    "match_population",
    "match_weights",
    "medoid",
    "merge_attack",
    "minimum_norm",
    "orbit",
    "orbit_size",
    "pair_ends",
    "path_networks",
    "permute",
    "permute_weights",
    "probe",
    "probe_zoo",
    "quality",
    "random_permutation",
    "random_scaling",
    "render",
    "repair",
    "rescale",
    "rescale_weights",
    "reset_statistics",
    "sample_encoder",
    "score",
    "spec_of",
    "spectral_statistics",
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
