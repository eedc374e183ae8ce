"""Generators that know no network: what a flow has to beat."""

import math
from collections.abc import Callable, Mapping

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from wsexplore.generate.flow import standard_noise
from wsexplore.zoo import Recipe, Zoo

Sampler = Callable[[Tensor, int, int], Tensor]


def control(zoo: Zoo, name: str, n: int, *, seed: int = 0) -> Zoo:
    """`n` networks of a control fitted to the weights of `zoo` as they are; align the zoo first.

    "gaussian" has the zoo's mean and full covariance, "independent" its mean and the spread of each weight alone, and
    "averages" are midpoints of random pairs of its networks.

    Raises:
        ValueError: the control is unknown, `n` is below 1, or the zoo has fewer than 2 networks.
    """
    if name not in CONTROLS:
        raise ValueError(f"control {name!r} is unknown; choose one of {', '.join(CONTROLS)}")
    if n < 1 or len(zoo) < 2:
        raise ValueError(f"a control makes 1 network or more from at least 2, got {n} from a zoo of {len(zoo)}")
    recipe = Recipe.of(
        "control",
        inputs={"zoo": zoo.fingerprint},
        arguments={"name": name, "models": n},
        seed=seed,
        python=f"control(zoo, {name!r}, {n}, seed={seed})",
    )
    return Zoo.from_weights(zoo.groups()[0][0], CONTROLS[name](zoo.weights, n, seed), recipe=recipe)


def gaussian(weights: Float[Tensor, "models parameters"], n: int, seed: int) -> Float[Tensor, "samples parameters"]:
    r"""Normal weights with the mean and the full covariance of `weights`.

    With centred weights $X$ and normal $z$, $X^\top z / \sqrt{m - 1}$ has covariance $X^\top X / (m - 1)$ exactly, so
    no decomposition is needed. Samples lie in the span of the $m$ networks.
    """
    mean = weights.mean(0)
    mixed = standard_noise(range(n), len(weights), seed=seed) @ (weights - mean)
    return mean + mixed / math.sqrt(len(weights) - 1)


def independent(weights: Float[Tensor, "models parameters"], n: int, seed: int) -> Float[Tensor, "samples parameters"]:
    """Normal weights with the mean and the spread of each weight, and no covariance."""
    return weights.mean(0) + weights.std(0) * standard_noise(range(n), weights.shape[1], seed=seed)


def averages(weights: Float[Tensor, "models parameters"], n: int, seed: int) -> Float[Tensor, "samples parameters"]:
    """Midpoints of random pairs of different networks."""
    pairs = [np.random.default_rng([seed, row]).choice(len(weights), 2, replace=False) for row in range(n)]
    return weights[torch.from_numpy(np.stack(pairs))].mean(1)


CONTROLS: Mapping[str, Sampler] = {"gaussian": gaussian, "independent": independent, "averages": averages}
