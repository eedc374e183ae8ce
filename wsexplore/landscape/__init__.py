from wsexplore.landscape.attack import MergeAttack, merge_attack
from wsexplore.landscape.barrier import Barrier, barrier
from wsexplore.landscape.compare import QUICK, MethodComparison, compare_methods
from wsexplore.landscape.curves import barrier_curves
from wsexplore.landscape.matrix import BarrierMatrix, barrier_matrix
from wsexplore.landscape.path import PathFrames, linear_path, path_frames
from wsexplore.landscape.walk import (
    CALIBRATION,
    REPAIRS,
    PathEnds,
    calibration_inputs,
    pair_ends,
    pair_weights,
    path_networks,
)

__all__ = [
    "CALIBRATION",
    "QUICK",
    "REPAIRS",
    "Barrier",
    "BarrierMatrix",
    "MergeAttack",
    "MethodComparison",
    "PathEnds",
    "PathFrames",
    "barrier",
    "barrier_curves",
    "barrier_matrix",
    "calibration_inputs",
    "compare_methods",
    "linear_path",
    "merge_attack",
    "pair_ends",
    "pair_weights",
    "path_frames",
    "path_networks",
]
