"""How a velocity network is told the time and what is asked for."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

FREQUENCIES = 16


class Clock(nn.Module):
    """Sines and cosines of the time and the conditions, through a small network.

    Args:
        width: numbers it gives.
        conditions: numbers it reads besides the time; 0 for none.
    """

    def __init__(self, width: int, conditions: int):
        super().__init__()
        self.time = nn.Sequential(nn.Linear(2 * FREQUENCIES, width), nn.SiLU())
        self.asked = nn.Sequential(nn.Linear(conditions, width), nn.SiLU()) if conditions else None
        self.out = nn.Sequential(nn.Linear(width, width), nn.SiLU())
        self.frequencies: Tensor
        self.register_buffer("frequencies", torch.empty(FREQUENCIES), persistent=False)

    def reset(self, device: torch.device) -> None:
        """Set the frequencies, which are no parameters."""
        self.frequencies = torch.exp(torch.linspace(0, math.log(50), FREQUENCIES)).to(device)

    def forward(
        self, time: Float[Tensor, " times"], condition: Float[Tensor, "models conditions"] | None
    ) -> Float[Tensor, "_ width"]:
        """A row for each time, or for each network where something is asked for; without it all is left open."""
        scaled = time.unsqueeze(1) * self.frequencies
        read = self.time(torch.cat([scaled.sin(), scaled.cos()], dim=1))
        if self.asked is not None:
            first = self.asked[0]
            assert isinstance(first, nn.Linear)
            empty = read.new_zeros(1, first.in_features)
            read = read + self.asked(empty if condition is None else condition)
        out: Tensor = self.out(read)
        return out


def modulated(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Layer norm without its own affine part, then the scale and shift of the current time."""
    return nn.functional.layer_norm(x, x.shape[-1:]) * (1 + scale) + shift


@torch.no_grad()
def start(network: nn.Module, generator: torch.Generator, *, zero: tuple[str, ...], small: tuple[str, ...]) -> None:
    """Normal weights scaled by the number of inputs; zero biases.

    Args:
        network: whose parameters are set.
        generator: of the numbers.
        zero: beginnings of the names of parameters that start at 0.
        small: endings of the names of those that start with a spread of 0.02.
    """
    for name, parameter in network.named_parameters():
        if parameter.dim() < 2 or name.startswith(zero):
            parameter.zero_()
            continue
        spread = 0.02 if name.endswith(small) else (3 * parameter.shape[1]) ** -0.5
        parameter.copy_(spread * torch.randn(parameter.shape, generator=generator))
