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
from wsexplore.symmetry.count import OrbitSize, orbit_size
from wsexplore.symmetry.scaling import (
    Scaling,
    check_scaling,
    random_scaling,
    rescale,
    rescale_buffers,
    rescale_weights,
)
from wsexplore.symmetry.spec import Block, Factor, PermutationSpec, Rescaling
from wsexplore.symmetry.trace import symmetry_of

__all__ = [
    "Block",
    "Factor",
    "OrbitSize",
    "Permutation",
    "PermutationSpec",
    "Rescaling",
    "Scaling",
    "check_permutation",
    "check_scaling",
    "compose",
    "identity",
    "inverse",
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
    "rescale_buffers",
    "rescale_weights",
    "symmetry_of",
]
