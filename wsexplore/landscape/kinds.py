"""Kinds of paths: where on them lies how much of which network."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

STRAIGHT, SLERP, BEZIER, CHAIN = "straight", "slerp", "bezier", "chain"

FIXED = (STRAIGHT, SLERP)
"""Paths that the two ends fix."""

LEARNED = (BEZIER, CHAIN)
"""Paths with bends between the ends, which are learned."""

PARALLEL = 1e-4
"""Sine of the angle between two networks below which the arc between them is the straight line."""


def coefficients(
    kind: str, alphas: Float[Tensor, " steps"], controls: Float[Tensor, "controls parameters"]
) -> Float[Tensor, "steps controls"]:
    r"""How much of every control is in the network at each position; at 0 and 1 an end alone.

    - "straight": $(1-\alpha, \alpha)$.
    - "slerp": $\sin((1-\alpha)\omega)/\sin\omega$ and $\sin(\alpha\omega)/\sin\omega$ with the angle $\omega$ between
      the two weight vectors (Shoemake 1985): the norm changes evenly, it does not sink half-way.
    - "bezier": $\binom{d}{k}(1-\alpha)^{d-k}\alpha^k$ for control $k$ of $d + 1$ (Garipov et al., NeurIPS 2018,
      arXiv:1802.10026, section 3).
    - "chain": straight pieces between neighbouring controls, of equal shares of $\alpha$.

    Args:
        kind: of the path.
        alphas: positions, 0 to 1.
        controls: the ends, and between them the bends.
    """
    count = len(controls)
    if kind == SLERP:
        return _arc(alphas, controls)
    if kind == BEZIER:
        degree, order = count - 1, torch.arange(count, device=alphas.device)
        choose = torch.tensor([math.comb(degree, k) for k in range(count)], device=alphas.device, dtype=alphas.dtype)
        left, right = (1 - alphas).unsqueeze(1), alphas.unsqueeze(1)
        return choose * left ** (degree - order) * right**order
    places = torch.arange(count, device=alphas.device, dtype=alphas.dtype)
    return (1 - (alphas.unsqueeze(1) * (count - 1) - places).abs()).clamp_min(0)


def _arc(alphas: Tensor, controls: Tensor) -> Tensor:
    first, second = controls.double()
    cosine = (first @ second) / (first.norm() * second.norm()).clamp_min(1e-30)
    angle = torch.arccos(cosine.clamp(-1, 1))
    along = alphas.double()
    sine = torch.sin(angle)
    if not sine > PARALLEL:
        return torch.stack([1 - alphas, alphas], dim=1)
    shares = torch.stack([torch.sin((1 - along) * angle), torch.sin(along * angle)], dim=1) / sine
    shares[along == 0] = shares.new_tensor([1.0, 0.0])
    shares[along == 1] = shares.new_tensor([0.0, 1.0])
    return shares.to(alphas.dtype)
