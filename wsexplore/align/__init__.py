from wsexplore.align.alignment import METHODS, Alignment, spec_of
from wsexplore.align.matching import Matching, match_population, match_weights
from wsexplore.align.pair import PairMatch, match_pair
from wsexplore.align.whole import align, align_permutations

__all__ = [
    "METHODS",
    "Alignment",
    "Matching",
    "PairMatch",
    "align",
    "align_permutations",
    "match_pair",
    "match_population",
    "match_weights",
    "spec_of",
]
