"""What the tests of this folder share: that a spec is right, shown on a network without accidental symmetry."""

from wsexplore.symmetry import shaken, symmetry_of

SINGLE, DOUBLE = 1e-4, 1e-10


def as_tuple(inputs):
    return inputs if isinstance(inputs, tuple) else (inputs,)


def in_double(inputs):
    return tuple(each.double() if each.is_floating_point() else each for each in as_tuple(inputs))


def assert_right(module, inputs, *, seeds=(0, 1)):
    """Trace a fresh module and show its spec on the same module with other numbers."""
    spec = symmetry_of(module, inputs)
    network = shaken(module, seed=0)
    assert spec.verify(network, inputs, seed=seeds[0]) <= SINGLE
    network.double()
    for seed, rescale in zip(seeds, (False, True), strict=False):
        assert spec.verify(network, in_double(inputs), seed=seed, rescale=rescale) <= DOUBLE
    return spec


def shapes(spec):
    """Groups by the shape of their permutations, largest first, with how often each comes."""
    return sorted((spec.shape_of(group) for group in spec.groups), reverse=True)


def classes(spec):
    """Classes of factors by shape and kind."""
    rescaling = spec.rescaling
    return sorted((rescaling.shapes[name], rescaling.kinds[name]) for name in rescaling.classes)
