from wsexplore.landscape.attack import STRONGEST, MergeAttack, merge_attack
from wsexplore.landscape.barrier import Barrier, barrier, walked
from wsexplore.landscape.compare import QUICK, MethodComparison, compare_methods
from wsexplore.landscape.curves import barrier_curves
from wsexplore.landscape.ends import PathEnds, calibration_inputs, kind_of, pair_ends, pair_weights, path_networks
from wsexplore.landscape.matrix import BarrierMatrix, barrier_matrices, barrier_matrix
from wsexplore.landscape.path import PathFrames, linear_path, path_frames
from wsexplore.landscape.walk import CALIBRATION, REPAIRS, Walk, repairs_of

__all__ = [
    "CALIBRATION",
    "QUICK",
    "REPAIRS",
    "STRONGEST",
    "Barrier",
    "BarrierMatrix",
    "MergeAttack",
    "MethodComparison",
    "PathEnds",
    "PathFrames",
    "Walk",
    "barrier",
    "barrier_curves",
    "barrier_matrices",
    "barrier_matrix",
    "calibration_inputs",
    "compare_methods",
    "kind_of",
    "linear_path",
    "merge_attack",
    "pair_ends",
    "pair_weights",
    "path_frames",
    "path_networks",
    "repairs_of",
    "walked",
]
