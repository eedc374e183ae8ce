from wsexplore.symmetry.action import (
    Permutation,
    check_permutation,
    compose,
    identity,
    inverse,
    orbit,
    permute,
    permute_block,
    permute_buffers,
    permute_parameter,
    permute_weights,
    random_permutation,
)
from wsexplore.symmetry.canonical import FORMS, canonical, canonical_scaling, minimum_norm, sorted_order, unit_norm
from wsexplore.symmetry.count import OrbitSize, orbit_size
from wsexplore.symmetry.scaling import Scaling, check_scaling, random_scaling, rescale, rescale_weights
from wsexplore.symmetry.spec import Block, Factor, PermutationSpec, Rescaling, check_shapes
from wsexplore.symmetry.trace import symmetry_of
from wsexplore.symmetry.verify import shaken

__all__ = [
    "FORMS",
    "Block",
    "Factor",
    "OrbitSize",
    "Permutation",
    "PermutationSpec",
    "Rescaling",
    "Scaling",
    "canonical",
    "canonical_scaling",
    "check_permutation",
    "check_scaling",
    "check_shapes",
    "compose",
    "identity",
    "inverse",
    "minimum_norm",
    "orbit",
    "orbit_size",
    "permute",
    "permute_block",
    "permute_buffers",
    "permute_parameter",
    "permute_weights",
    "random_permutation",
    "random_scaling",
    "rescale",
    "rescale_weights",
    "shaken",
    "sorted_order",
    "symmetry_of",
    "unit_norm",
]
