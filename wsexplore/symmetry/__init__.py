from wsexplore.symmetry.action import (
    Permutation,
    check_permutation,
    compose,
    identity,
    inverse,
    log_orbit_size,
    orbit,
    permute,
    permute_weights,
    random_permutation,
)
from wsexplore.symmetry.spec import PermutationSpec
from wsexplore.symmetry.trace import symmetry_of

__all__ = [
    "Permutation",
    "PermutationSpec",
    "check_permutation",
    "compose",
    "identity",
    "inverse",
    "log_orbit_size",
    "orbit",
    "permute",
    "permute_weights",
    "random_permutation",
    "symmetry_of",
]
