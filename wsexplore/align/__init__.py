from wsexplore.align.alignment import METHODS, Alignment, align, align_permutations, spec_of
from wsexplore.align.matching import Matching, match_population, match_weights

__all__ = [
    "METHODS",
    "Alignment",
    "Matching",
    "align",
    "align_permutations",
    "match_population",
    "match_weights",
    "spec_of",
]
