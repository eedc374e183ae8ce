from wsexplore.landscape.barrier import Barrier, BarrierMatrix, barrier, barrier_matrix, pair_weights
from wsexplore.landscape.path import PathFrames, linear_path, path_frames

__all__ = [
    "Barrier",
    "BarrierMatrix",
    "PathFrames",
    "barrier",
    "barrier_matrix",
    "linear_path",
    "pair_weights",
    "path_frames",
]
