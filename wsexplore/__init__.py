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
    from wsexplore.generate import WeightFlow, distil, fit_flow
    from wsexplore.generate.quality import QualityReport, quality
    from wsexplore.landscape.agreement import Agreement, agreement
    from wsexplore.landscape.attack import MergeAttack, merge_attack
    from wsexplore.landscape.attribution import Attribution
    from wsexplore.landscape.barrier import Barrier, barrier, walked
    from wsexplore.landscape.basins import Basins, basins
    from wsexplore.landscape.bend import Curve, fit_curve
    from wsexplore.landscape.cka import logits_cka
    from wsexplore.landscape.compare import MethodComparison, compare_methods
    from wsexplore.landscape.curvature import Curvature, curvature
    from wsexplore.landscape.curve_plane import curve_plane
    from wsexplore.landscape.curve_route import curve_route
    from wsexplore.landscape.curves import barrier_curves
    from wsexplore.landscape.distances import DistancePairs, distance_pairs
    from wsexplore.landscape.ends import calibration_inputs, pair_ends, path_networks
    from wsexplore.landscape.explain import Decisions, decisions, explained
    from wsexplore.landscape.matrix import BarrierMatrix, barrier_matrix
    from wsexplore.landscape.merge_tree import MergeTree, merge_tree
    from wsexplore.landscape.path import linear_path
    from wsexplore.landscape.phase_grid import PhaseGrid
    from wsexplore.landscape.phases import phases
    from wsexplore.landscape.plane import Plane
    from wsexplore.landscape.planes import networks_plane, random_plane
    from wsexplore.landscape.route import Route, route_of
    from wsexplore.landscape.sharpness import hessian_trace, leading_eigenvalue
    from wsexplore.landscape.similarity import LayerSimilarity, layer_similarity
    from wsexplore.landscape.trajectory import trajectory_plane
    from wsexplore.landscape.walk import Walk
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
        "distil",
        "fit_flow",
        "quality",
    ),
    "landscape": (
        "Agreement",
        "Attribution",
        "Barrier",
        "BarrierMatrix",
        "Basins",
        "Curvature",
        "Curve",
        "Decisions",
        "DistancePairs",
        "LayerSimilarity",
        "MergeAttack",
        "MergeTree",
        "MethodComparison",
        "PhaseGrid",
        "Plane",
        "Route",
        "Walk",
        "agreement",
        "barrier",
        "barrier_curves",
        "barrier_matrix",
        "basins",
        "calibration_inputs",
        "compare_methods",
        "curvature",
        "curve_plane",
        "curve_route",
        "decisions",
        "distance_pairs",
        "explained",
        "fit_curve",
        "hessian_trace",
        "layer_similarity",
        "leading_eigenvalue",
        "linear_path",
        "logits_cka",
        "merge_attack",
        "merge_tree",
        "networks_plane",
        "pair_ends",
        "path_networks",
        "phases",
        "random_plane",
        "route_of",
        "trajectory_plane",
        "walked",
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
    "Agreement",
    "Alignment",
    "Architecture",
    "Attribution",
    "Barrier",
    "BarrierMatrix",
    "Basins",
    "Curvature",
    "Curve",
    "Dataset",
    "Decisions",
    "DistancePairs",
    "Encoder",
    "EncoderConfig",
    "LayerSimilarity",
    "Layout",
    "Magnitude",
    "Matching",
    "MergeAttack",
    "MergeTree",
    "MethodComparison",
    "PairMatch",
    "Permutation",
    "PermutationSpec",
    "PhaseGrid",
    "Plane",
    "Projection",
    "QualityReport",
    "Recipe",
    "Route",
    "SampleSettings",
    "Walk",
    "WeightFlow",
    "Zoo",
    "agreement",
    "align",
    "align_permutations",
    "architecture",
    "barrier",
    "barrier_curves",
    "barrier_matrix",
    "basins",
    "calibration_inputs",
    "canonical",
    "class_accuracies",
    "compare_methods",
    "compose",
    "concat",
    "curvature",
    "curve_plane",
    "curve_route",
    "dataset",
    "decisions",
    "distance_pairs",
    "distil",
    "evaluate",
    "explained",
    "features_of",
    "field_grid",
    "fine_tune",
    "fit_curve",
    "fit_encoder",
    "fit_flow",
    "fit_projection",
    "function_features",
    "hessian_trace",
    "import_zoo",
    "inverse",
    "layer_similarity",
    "leading_eigenvalue",
    "linear_path",
    "logits_cka",
    "magnitude_curve",
    "match",
    "match_pair",
    "match_population",
    "match_weights",
    "medoid",
    "merge_attack",
    "merge_tree",
    "minimum_norm",
    "networks_plane",
    "orbit",
    "orbit_size",
    "pair_ends",
    "path_networks",
    "permute",
    "permute_weights",
    "phases",
    "probe",
    "probe_zoo",
    "quality",
    "random_permutation",
    "random_plane",
    "random_scaling",
    "render",
    "repair",
    "rescale",
    "rescale_weights",
    "reset_statistics",
    "route_of",
    "sample_encoder",
    "score",
    "spec_of",
    "spectral_statistics",
    "symmetry_of",
    "train_zoo",
    "trajectory_plane",
    "walked",
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
