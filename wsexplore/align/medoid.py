"""The network of a zoo that lies closest to all others once they are aligned to it."""

import numpy as np
from jaxtyping import Int
from numpy import ndarray as Array

from wsexplore.align.matching import match_population
from wsexplore.align.moves import represented
from wsexplore.symmetry import PermutationSpec
from wsexplore.zoo import Zoo

CANDIDATES, OTHERS = 12, 48
"""Networks that are tried as the medoid, and those they are tried on, at most; drawn where there are more."""


def medoid(
    zoo: Zoo, spec: PermutationSpec, rows: Int[Array, " rows"], *, seed: int = 0, signs: bool = True, form: str = "none"
) -> int:
    """The row whose aligned cosine with the others is largest on average; of a sample where there are many.

    Args:
        zoo: that holds them.
        spec: of its architecture.
        rows: to choose from.
        seed: of the sample.
        signs: flip units, too.
        form: the representative that networks are brought to first.
    """
    draw = np.random.default_rng(seed)
    tried = np.sort(draw.permutation(rows)[:CANDIDATES])
    others = np.sort(draw.permutation(rows)[:OTHERS])
    architecture = zoo.architecture
    weights = represented(zoo.rows(others), spec, architecture, form)
    norms = weights.double().norm(dim=1).numpy()
    best, closest = int(tried[0]), -np.inf
    for row in tried:
        goal = represented(zoo.rows([int(row)]), spec, architecture, form)[0]
        found = match_population(weights, goal, spec, architecture.layout, method="weights", signs=signs)
        cosines = found.objective[:, -1] / np.maximum(norms * float(goal.double().norm()), 1e-30)
        mean = float(cosines[others != row].mean()) if len(others) > 1 else 0.0
        if mean > closest:
            best, closest = int(row), mean
    return best
