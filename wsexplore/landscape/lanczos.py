"""Lanczos' method: the ends of the spectrum of a symmetric operator, and the spectrum as seen from a vector."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray as Array
from torch import Tensor

KEPT = 512 << 20
"""Bytes of vectors that are kept at once, but for the fewest that the method takes."""

LONGEST = 200
"""Vectors that are kept at most for the ends of a spectrum."""

SPARE = 8
"""Vectors beside the wanted ones, at least, so that there is room to search in."""

ROUNDING = 16
"""Times the precision of a number within which a remainder is nothing but rounding."""

PIECE = 1 << 16
"""Numbers that are multiplied and summed in single precision; longer sums were measured to lose two digits."""

Product = Callable[[Tensor], Tensor]
"""Products of a symmetric operator with vectors, one per row."""


@dataclass(frozen=True, slots=True, eq=False)
class Eigenpairs:
    r"""Eigenvalues of a symmetric operator with their eigenvectors, each within a known bound.

    Attributes:
        values: falling for the largest, rising for the smallest.
        vectors: of length 1, orthogonal to each other.
        bounds: $\|Hv - \theta v\|$ for each value $\theta$ and vector $v$, measured with a product of its own. Some
            eigenvalue of the operator lies within this of the value (Parlett 1998, section 4.5).
    """

    values: Float[Array, " values"]
    vectors: Float[Tensor, "values parameters"]
    bounds: Float[Array, " values"]


@dataclass(frozen=True, slots=True, eq=False)
class Ends:
    """Both ends of a spectrum.

    Attributes:
        largest: the largest eigenvalues.
        smallest: the smallest eigenvalues.
        products: with the operator, that were taken in all.
        converged: whether the bounds are within the tolerances.
    """

    largest: Eigenpairs
    smallest: Eigenpairs
    products: int
    converged: bool


def spectrum_ends(
    product: Product,
    start: Float[Tensor, " parameters"],
    largest: int,
    smallest: int = 1,
    *,
    tolerance: float,
    slack: float | None = None,
    most: int,
    generator: torch.Generator,
    kept: int = KEPT,
) -> Ends:
    r"""The largest and the smallest eigenvalues of a symmetric operator, by Lanczos' method with thick restarts.

    Every new vector is made orthogonal to all others twice (Parlett 1998, section 6.9), so no eigenvalue comes twice
    that is there once. When `kept` bytes are full, the search goes on from the best vectors alone (Wu and Simon 2000).
    It ends when the remainders of all wanted values are within the tolerance times the largest magnitude found, or
    after `most` products. The values are then Rayleigh quotients, whose error falls with the square of the bound.

    Of eigenvalues that are exactly equal, copies may be missed.

    Args:
        product: with the operator.
        start: any vector; device and type of all vectors are its own.
        largest: how many of the largest.
        smallest: how many of the smallest.
        tolerance: of the largest, relative to the largest magnitude.
        slack: of the smallest, `None` to take them as they are when the largest have been found.
        most: products until the search is given up; the bounds then say how far it is.
        generator: of vectors to go on with where a subspace is exhausted.
        kept: bytes for vectors.
    """
    size = len(start)
    largest, smallest = min(largest, size), min(smallest, size)
    wanted = largest + smallest
    room = min(size, max(wanted + SPARE, min(LONGEST, kept // (start.element_size() * size))))
    basis, matrix = start.new_zeros(room + 1, size), np.zeros((room, room))
    basis[0] = start / _length(start)
    filled, products, scale = 0, 0, 0.0
    while True:
        remainder = product(basis[filled : filled + 1])[0].clone()
        products += 1
        column = _orthogonalise(remainder, basis[: filled + 1])
        matrix[filled, : filled + 1] = matrix[: filled + 1, filled] = column
        filled += 1
        left, scale = _length(remainder), max(scale, float(np.abs(column).max()))
        if left <= ROUNDING * torch.finfo(start.dtype).eps * scale or filled == size:
            left = 0.0
            remainder = _fresh(basis[:filled], generator) if filled < size else basis[0]
        basis[filled] = remainder / _length(remainder) if filled < size else 0.0
        full = filled == room or products >= most
        if not full and (filled < min(wanted, size) or filled % max(1, filled // 20)):
            continue
        values, states = np.linalg.eigh(matrix[:filled, :filled])
        scale = max(scale, float(np.abs(values).max()))
        bounds = left * np.abs(states[-1])
        done = filled >= min(wanted, size) and (bounds[-largest:] <= tolerance * scale).all()
        done = done and (slack is None or bool((bounds[:smallest] <= slack * scale).all()))
        if done or filled == size or products >= most:
            break
        if filled == room:
            filled = _restart(basis, matrix, values, states, smallest, largest)
    few = min(filled, largest), min(filled, smallest)
    top = _measured(product, basis[:filled], states[:, filled - few[0] :], falling=True)
    low = _measured(product, basis[:filled], states[:, : few[1]], falling=False)
    return Ends(top, low, products + sum(few), bool(done) or filled == size)


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """The spectrum of a symmetric operator as one vector sees it.

    Attributes:
        values: rising.
        weights: of the values, with the sum 1.
        bounds: some eigenvalue of the operator lies within this of each value.
    """

    values: Float[Array, " steps"]
    weights: Float[Array, " steps"]
    bounds: Float[Array, " steps"]


def quadrature(
    product: Product,
    starts: Float[Tensor, "probes parameters"],
    steps: int,
    beside: Float[Tensor, "known parameters"],
) -> list[Sight]:
    """The spectrum of a symmetric operator as each of some vectors sees it.

    Lanczos' method is Gauss quadrature: with weights the squared first components of the eigenvectors of its matrix,
    polynomials of a degree below twice the steps are integrated exactly (Golub and Welsch 1969). Each new vector is
    made orthogonal to all others twice. All probes advance together.

    Args:
        product: with the operator.
        starts: not zero, orthogonal to `beside`.
        steps: values per probe.
        beside: orthogonal vectors of length 1 that the search keeps away from.
    """
    count, size, known = len(starts), starts.shape[1], len(beside)
    bases = starts.new_zeros(count, known + steps, size)
    bases[:, :known] = beside
    bases[:, known] = torch.stack([start / _length(start) for start in starts])
    matrices, lasts, scale = np.zeros((count, steps, steps)), np.zeros(count), np.zeros(count)
    for step in range(steps):
        newest = known + step
        remainders = product(bases[:, newest].contiguous()).clone()
        for place, (matrix, basis, remainder) in enumerate(zip(matrices, bases, remainders, strict=True)):
            matrix[step, step] = _orthogonalise(remainder, basis[: newest + 1])[-1]
            left = _length(remainder)
            scale[place] = max(scale[place], left, abs(matrix[step, step]))
            if left <= ROUNDING * torch.finfo(starts.dtype).eps * scale[place]:
                left = 0.0
            elif step + 1 < steps:
                basis[newest + 1] = remainder / left
                matrix[step, step + 1] = matrix[step + 1, step] = left
            lasts[place] = left
    values, states = np.linalg.eigh(matrices)
    return [
        Sight(value, state[0] ** 2, last * np.abs(state[-1]))
        for value, state, last in zip(values, states, lasts, strict=True)
    ]


def _length(vector: Float[Tensor, " parameters"]) -> float:
    """Summed in double precision: in single, the length of a million numbers is known to four digits."""
    return float(vector.double().norm())


def _orthogonalise(vector: Tensor, basis: Float[Tensor, "known parameters"]) -> Float[Array, " known"]:
    """Take the basis out of a vector, in place and twice; what was taken out."""
    taken = np.zeros(len(basis))
    for _ in range(2):
        pieces = zip(torch.split(basis, PIECE, dim=1), torch.split(vector, PIECE), strict=True)
        shares = torch.stack([(known @ piece).double() for known, piece in pieces]).sum(0)
        vector -= shares.to(vector) @ basis
        taken += shares.cpu().numpy()
    return taken


def _fresh(basis: Float[Tensor, "known parameters"], generator: torch.Generator) -> Float[Tensor, " parameters"]:
    """A random vector orthogonal to the basis."""
    drawn = torch.randn(basis.shape[1], generator=generator).to(basis)
    _orthogonalise(drawn, basis)
    return drawn


def _restart(
    basis: Tensor, matrix: Float[Array, "room room"], values: Array, states: Array, smallest: int, largest: int
) -> int:
    """Keep the best vectors of a full basis and the newest one, in place; how many were kept."""
    room = len(values)
    spare = (room - smallest - largest) // 2
    low, high = smallest + spare // 4, largest + spare - spare // 4
    chosen = np.r_[0:low, room - high : room]
    mixed = torch.from_numpy(np.ascontiguousarray(states[:, chosen].T)).to(basis) @ basis[:room]
    newest = basis[room].clone()
    basis[: len(chosen)], basis[len(chosen)] = mixed, newest
    matrix[:] = 0.0
    matrix[np.arange(len(chosen)), np.arange(len(chosen))] = values[chosen]
    return len(chosen)


def _measured(
    product: Product, basis: Float[Tensor, "known parameters"], states: Array, *, falling: bool
) -> Eigenpairs:
    """Eigenpairs of these mixtures of the basis, with what one more product says of them."""
    mixed = torch.from_numpy(np.ascontiguousarray(states.T)).to(basis) @ basis
    vectors = torch.stack([vector / _length(vector) for vector in mixed])
    moved, exact = product(vectors).double(), vectors.double()
    values = (exact * moved).sum(1)
    bounds = (moved - values.unsqueeze(1) * exact).norm(dim=1)
    order = values.argsort(descending=falling, stable=True)
    return Eigenpairs(values[order].cpu().numpy(), vectors[order], bounds[order].cpu().numpy())
