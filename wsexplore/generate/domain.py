"""Pictures turned, moved and resized a little, exactly, by changing the first layer of the field that draws them."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from wsexplore.nets import Architecture

TURN, MOVE, RESIZE = 5.0, 0.05, 0.03
"""Standard deviations: degrees, half widths of the picture, and shares of its size."""


def moved_pictures(
    architecture: Architecture, weights: Float[Tensor, "models parameters"], *, seed: int
) -> Float[Tensor, "models parameters"]:
    r"""Fields whose pictures are turned, moved and resized at random.

    A field reads its place $p$ through $W p + b$ alone, so the picture at $s R p + d$ is drawn by the weights $s W R$
    and $b + W d$: the group acts on the domain, and through the first layer on weights, without any error.

    Raises:
        ValueError: the networks are no SIREN fields.
    """
    if architecture.name != "siren":
        raise ValueError("only the pictures of siren fields can be turned by their weights; leave turned out")
    draw = torch.Generator().manual_seed(seed)
    angle = math.radians(TURN) * torch.randn(len(weights), generator=draw)
    size = 1 + RESIZE * torch.randn(len(weights), generator=draw)
    shift = MOVE * torch.randn(len(weights), 2, 1, generator=draw)
    rows = [torch.stack([angle.cos(), -angle.sin()], 1), torch.stack([angle.sin(), angle.cos()], 1)]
    turn = size.view(-1, 1, 1) * torch.stack(rows, 1)
    state = {name: value.clone() for name, value in architecture.layout.unflatten(weights).items()}
    first, bias = (slot.name for slot in architecture.layout.slots[:2])
    state[bias] = state[bias] + (state[first] @ shift).squeeze(2)
    state[first] = state[first] @ turn
    return architecture.layout.flatten(state)
