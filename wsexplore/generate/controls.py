"""Generators that know no network: what a flow has to beat, as they are and at the novelty of the flow."""

import math
from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from wsexplore.align import reset_statistics
from wsexplore.generate.sources import standard_noise
from wsexplore.zoo import Recipe, Zoo

CONTROLS = ("gaussian", "independent", "averages", "triples")
"""What is judged as it is."""

MATCHED = ("gaussian", "averages", "triples", "noise")
"""What is judged at the novelty of the flow."""

MIXED = {"noise": 1, "averages": 2, "triples": 3}
"""Networks of the zoo that one network of these controls is made of."""

NOISE = 1 << 20
"""Added to the seed of noise around networks, so that it is not the noise that a flow or a Gaussian starts from."""


def control(
    zoo: Zoo, name: str, n: int, *, seed: int = 0, scale: float = 1.0, inputs: Float[Tensor, "..."] | None = None
) -> Zoo:
    """`n` networks of a control fitted to the weights of `zoo` as they are; align the zoo first.

    "gaussian" has the zoo's mean and full covariance, "independent" its mean and the spread of each weight alone,
    "averages" are midpoints of random pairs of its networks, "triples" means of random three, and "noise" is a random
    network of it plus equal normal noise on every weight.

    Args:
        zoo: aligned networks of one architecture.
        name: one of `CONTROLS` or `MATCHED`.
        n: number of networks.
        seed: of the random draws.
        scale: how far from the zoo. A factor on the spread of both Gaussians. Of averages, the share of the way from
            the first network to the average up to 1, and beyond 1 the length of noise that is added. Of noise, its
            length. Lengths are multiples of the median distance of the zoo's networks to its mean.
        inputs: training inputs from which running statistics are estimated anew, where the networks have some; without
            them they are those before the first batch, and such networks do not work.

    Raises:
        ValueError: the control is unknown, `n` is below 1, the zoo has too few networks, or `scale` is negative.
    """
    names, fewest = dict.fromkeys((*CONTROLS, *MATCHED)), max(2, MIXED.get(name, 2))
    if name not in names:
        raise ValueError(f"control {name!r} is unknown; choose one of {', '.join(names)}")
    if n < 1 or len(zoo) < fewest:
        raise ValueError(f"a control makes 1 network or more from at least {fewest}, got {n} from a zoo of {len(zoo)}")
    if not 0 <= scale < math.inf:
        raise ValueError(f"the scale of a control must be 0 or more, got {scale}")
    told = {} if scale == 1 else {"scale": scale}
    recipe = Recipe.of(
        "control",
        inputs={"zoo": zoo.fingerprint},
        arguments={"name": name, "models": n, **told},
        seed=seed,
        python=f"control(zoo, {name!r}, {n}, seed={seed}" + (f", scale={scale!r})" if told else ")"),
    )
    architecture, weights = zoo.groups()[0][0], control_weights(zoo.weights, name, n, seed=seed)(scale)
    buffers = None
    if architecture.buffers.size and inputs is not None:
        buffers = reset_statistics(architecture, weights, inputs, buffers=zoo.buffer_rows([0]).expand(n, -1))
    return Zoo.from_weights(architecture, weights, recipe=recipe, buffers=buffers)


def control_weights(
    weights: Float[Tensor, "models parameters"], name: str, n: int, *, seed: int = 0
) -> Callable[[float], Tensor]:
    """The weights of `control` as a function of its scale; whatever does not depend on it is drawn once."""
    mean = weights.mean(0)
    if name not in MIXED:
        drawn = (gaussian if name == "gaussian" else independent)(weights, n, seed)
        return lambda scale: drawn if scale == 1 else mean + scale * (drawn - mean)
    rows = _drawn(len(weights), MIXED[name], n, seed)
    first, average = weights[rows[:, 0]], weights[rows].mean(1)
    unit = float((weights - mean).norm(dim=1).median()) / math.sqrt(weights.shape[1])
    noise = standard_noise(range(n), weights.shape[1], seed=seed + NOISE) * unit
    if name == "noise":
        return lambda scale: first + scale * noise
    return lambda scale: torch.lerp(first, average, scale) if scale <= 1 else average + (scale - 1) * noise


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


def _drawn(models: int, size: int, n: int, seed: int) -> Int[Tensor, "n size"]:
    """Rows of different networks, one stream of numbers for each of `n` draws."""
    rows = [np.random.default_rng([seed, row]).choice(models, size, replace=False) for row in range(n)]
    return torch.from_numpy(np.stack(rows))
