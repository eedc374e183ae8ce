"""The network of a zoo that lies closest to all others once they are aligned to it."""

from collections.abc import Collection

import numpy as np
from jaxtyping import Int
from numpy import ndarray as Array

from wsexplore.align.checks import check_finite
from wsexplore.align.matching import match_population
from wsexplore.align.moves import represented
from wsexplore.population import OnStep
from wsexplore.symmetry import PermutationSpec
from wsexplore.zoo import Zoo

CANDIDATES, OTHERS = 12, 48
"""Networks that are tried as the medoid, and those they are tried on, at most; drawn where there are more."""


def medoid(
    zoo: Zoo,
    spec: PermutationSpec,
    rows: Int[Array, " rows"],
    *,
    seed: int = 0,
    signs: bool = True,
    form: str = "none",
    heads: str = "exact",
    fixed: Collection[str] = (),
    on_step: OnStep | None = None,
) -> int:
    """The row whose aligned cosine with the others is largest on average; of a sample where there are many.

    Args:
        zoo: that holds them.
        spec: of its architecture.
        rows: to choose from.
        seed: of the sample.
        signs: flip units, too.
        form: the representative that networks are brought to first.
        heads: how attention heads are paired.
        fixed: groups that stay in order.
        on_step: told the share done; it may raise to cancel.

    Raises:
        ValueError: a network has weights that are not finite.
    """
    draw = np.random.default_rng(seed)
    tried = np.sort(draw.permutation(rows)[:CANDIDATES])
    others = np.sort(draw.permutation(rows)[:OTHERS])
    architecture = zoo.architecture
    trained = zoo.rows(others)
    ids = zoo.entries.part(["id"])["id"]
    check_finite(trained, architecture.layout, [f"network {ids.iloc[row]}" for row in others])
    weights = represented(trained, spec, architecture, form)
    norms = weights.double().norm(dim=1).numpy()
    best, closest = int(tried[0]), -np.inf
    for place, row in enumerate(tried):

        def tell(share: float, message: str, place: int = place) -> None:
            if on_step is not None:
                on_step((place + share) / len(tried), f"tried {place:,} of {len(tried):,} networks as the medoid")

        own = zoo.rows([int(row)])
        check_finite(own, architecture.layout, [f"network {ids.iloc[row]}"])
        goal = represented(own, spec, architecture, form)[0]
        found = match_population(
            weights,
            goal,
            spec,
            architecture.layout,
            method="weights",
            signs=signs,
            heads=heads,
            fixed=fixed,
            on_step=tell,
        )
        cosines = found.objective[:, -1] / np.maximum(norms * float(goal.double().norm()), 1e-30)
        mean = float(cosines[others != row].mean()) if len(others) > 1 else 0.0
        if mean > closest:
            best, closest = int(row), mean
    return best
