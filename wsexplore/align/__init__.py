from wsexplore.align.alignment import FRAMES, Alignment, spec_of, spec_of_zoo
from wsexplore.align.channels import repaired_layers, running_layers
from wsexplore.align.matching import Matching, match_population, match_weights
from wsexplore.align.medoid import medoid
from wsexplore.align.methods import METHODS, match
from wsexplore.align.pair import PairMatch, match_pair
from wsexplore.align.repair import repair, reset_statistics
from wsexplore.align.whole import align, align_permutations

__all__ = [
    "FRAMES",
    "METHODS",
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
    "repaired_layers",
    "reset_statistics",
    "running_layers",
    "spec_of",
    "spec_of_zoo",
]
