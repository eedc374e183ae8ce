from wsexplore.landscape.barrier import Barrier, barrier
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
    "REPAIRS",
    "Barrier",
    "BarrierMatrix",
    "PathEnds",
    "PathFrames",
    "barrier",
    "barrier_curves",
    "barrier_matrix",
    "calibration_inputs",
    "linear_path",
    "pair_ends",
    "pair_weights",
    "path_frames",
    "path_networks",
]
