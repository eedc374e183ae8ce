"""How many weights compute one function."""

import math
from dataclasses import dataclass

from wsexplore.symmetry.spec import PermutationSpec


@dataclass(frozen=True, slots=True)
class OrbitSize:
    """The size of a network's orbit under its symmetry group.

    Attributes:
        log_orders: natural logarithm of the number of ways to order the units.
        signs: how many signs are free; they make `2 ** signs` further copies.
        scales: how many positive factors are free; each is a dimension of the orbit.
    """

    log_orders: float
    signs: int
    scales: int

    @property
    def digits(self) -> float:
        """Decimal logarithm of the number of copies by order and sign."""
        return (self.log_orders + self.signs * math.log(2)) / math.log(10)


def orbit_size(spec: PermutationSpec) -> OrbitSize:
    """Count the elements of a symmetry group: orders, signs and dimensions.

    A network whose units all differ has as many copies; one with equal or dead units has fewer.
    """
    rescaling = spec.rescaling
    counts = {name: math.prod(shape) for name, shape in rescaling.shapes.items()}
    return OrbitSize(
        log_orders=math.fsum(spec.copies.get(g, 1) * math.lgamma(size + 1) for g, size in spec.sizes.items()),
        signs=sum(counts[name] for name, kind in rescaling.kinds.items() if kind != "positive"),
        scales=sum(counts[name] for name, kind in rescaling.kinds.items() if kind != "sign"),
    )
