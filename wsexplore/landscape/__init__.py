from wsexplore.landscape.agreement import OUTCOMES, Agreement, agreement
from wsexplore.landscape.attack import STRONGEST, MergeAttack, merge_attack
from wsexplore.landscape.attribution import Attribution, attribute
from wsexplore.landscape.barrier import Barrier, barrier, walked
from wsexplore.landscape.basins import Basins, basins
from wsexplore.landscape.bend import Curve, curve_cost, fit_curve
from wsexplore.landscape.cka import logits_cka
from wsexplore.landscape.compare import QUICK, MethodComparison, compare_methods
from wsexplore.landscape.curvature import Curvature, curvature, curvature_cost
from wsexplore.landscape.curve_plane import curve_plane, curve_sheet
from wsexplore.landscape.curve_route import curve_route
from wsexplore.landscape.curves import barrier_curves
from wsexplore.landscape.directions import NORMALISATIONS
from wsexplore.landscape.distances import DistancePairs, distance_pairs
from wsexplore.landscape.drawing import STATISTICS, cost_of, draw_plane
from wsexplore.landscape.ends import PathEnds, calibration_inputs, kind_of, pair_ends, pair_weights, path_networks
from wsexplore.landscape.explain import Decisions, decisions, explained
from wsexplore.landscape.hessian import HessianOperator, hessian_of
from wsexplore.landscape.kinds import FIXED, LEARNED
from wsexplore.landscape.matrix import BarrierMatrix, barrier_matrices, barrier_matrix
from wsexplore.landscape.merge_tree import MergeTree, merge_tree
from wsexplore.landscape.objective import Objective, objective_of
from wsexplore.landscape.path import PathFrames, linear_path, path_frames
from wsexplore.landscape.phase_grid import (
    PHASE_METRICS,
    PHASES,
    PhaseCell,
    PhaseGrid,
    Thresholds,
    classify,
    disputed,
    mode_connectivity,
)
from wsexplore.landscape.phases import phases, phases_cost, with_thresholds
from wsexplore.landscape.plane import Mark, Plane, Sheet
from wsexplore.landscape.planes import networks_plane, networks_sheet, random_plane, random_sheet
from wsexplore.landscape.profiles import Profile, profile_along
from wsexplore.landscape.route import Route, route_of
from wsexplore.landscape.sharpness import hessian_trace, leading_eigenvalue
from wsexplore.landscape.similarity import LayerSimilarity, layer_similarity
from wsexplore.landscape.spectrum import Trace
from wsexplore.landscape.trajectory import trajectory_plane, trajectory_sheet
from wsexplore.landscape.walk import CALIBRATION, REPAIRS, Walk, repairs_of

__all__ = [
    "CALIBRATION",
    "FIXED",
    "LEARNED",
    "NORMALISATIONS",
    "OUTCOMES",
    "PHASES",
    "PHASE_METRICS",
    "QUICK",
    "REPAIRS",
    "STATISTICS",
    "STRONGEST",
    "Agreement",
    "Attribution",
    "Barrier",
    "BarrierMatrix",
    "Basins",
    "Curvature",
    "Curve",
    "Decisions",
    "DistancePairs",
    "HessianOperator",
    "LayerSimilarity",
    "Mark",
    "MergeAttack",
    "MergeTree",
    "MethodComparison",
    "Objective",
    "PathEnds",
    "PathFrames",
    "PhaseCell",
    "PhaseGrid",
    "Plane",
    "Profile",
    "Route",
    "Sheet",
    "Thresholds",
    "Trace",
    "Walk",
    "agreement",
    "attribute",
    "barrier",
    "barrier_curves",
    "barrier_matrices",
    "barrier_matrix",
    "basins",
    "calibration_inputs",
    "classify",
    "compare_methods",
    "cost_of",
    "curvature",
    "curvature_cost",
    "curve_cost",
    "curve_plane",
    "curve_route",
    "curve_sheet",
    "decisions",
    "disputed",
    "distance_pairs",
    "draw_plane",
    "explained",
    "fit_curve",
    "hessian_of",
    "hessian_trace",
    "kind_of",
    "layer_similarity",
    "leading_eigenvalue",
    "linear_path",
    "logits_cka",
    "merge_attack",
    "merge_tree",
    "mode_connectivity",
    "networks_plane",
    "networks_sheet",
    "objective_of",
    "pair_ends",
    "pair_weights",
    "path_frames",
    "path_networks",
    "phases",
    "phases_cost",
    "profile_along",
    "random_plane",
    "random_sheet",
    "repairs_of",
    "route_of",
    "trajectory_plane",
    "trajectory_sheet",
    "walked",
    "with_thresholds",
]
