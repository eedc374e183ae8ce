"""Velocity networks that see a network as one vector."""

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from wsexplore.generate.clock import Clock, modulated, start
from wsexplore.generate.config import FlowConfig

TIME = 64
"""Numbers by which the plain network reads the time."""


class PlainVelocity(nn.Module):
    """The network of DeepWeightFlow (Gupta et al. 2026): layers of `width`, half of it and `width`, then the output.

    Time is read by a small network from the number itself. Its output starts at 0. Nothing leads past the hidden
    layers, so where they are narrower than the state only that many directions can be moved.

    Args:
        size: numbers of a state.
        config: sizes.
        conditions: numbers it reads besides state and time.
        seed: of the initial weights; `None` leaves them without memory, for loading.
    """

    def __init__(self, size: int, config: FlowConfig, *, conditions: int = 0, seed: int | None):
        super().__init__()
        width, self.dropout, self.conditions = config.width, config.dropout, conditions
        widths = [size + TIME, width, max(1, width // 2), width]
        with torch.device("meta"):
            self.time = nn.Sequential(nn.Linear(1 + conditions, TIME), nn.GELU(), nn.Linear(TIME, TIME))
            self.hidden = nn.ModuleList(nn.Linear(i, o) for i, o in pairwise(widths))
            self.norms = nn.ModuleList(nn.LayerNorm(one) for one in widths[1:])
            self.out = nn.Linear(width, size)
        if seed is not None:
            self.to_empty(device="cpu")
            start(self, torch.Generator().manual_seed(seed), zero=("out",), small=())
            for norm in self.norms:
                assert isinstance(norm, nn.LayerNorm)
                norm.reset_parameters()

    def forward(
        self,
        state: Float[Tensor, "models state"],
        time: Float[Tensor, " times"],
        condition: Float[Tensor, "models conditions"] | None = None,
    ) -> Float[Tensor, "models state"]:
        """Velocity per unit of time, one time for all networks or one for each."""
        read = time.unsqueeze(1).expand(len(state), 1)
        if self.conditions:
            asked = state.new_zeros(len(state), self.conditions) if condition is None else condition
            read = torch.cat([read, asked], dim=1)
        x = torch.cat([state, self.time(read)], dim=1)
        for place, (layer, norm) in enumerate(zip(self.hidden, self.norms, strict=True)):
            x = F.gelu(norm(layer(x)))
            if self.dropout and place < 2:
                x = F.dropout(x, self.dropout, self.training)
        moved: Tensor = self.out(x)
        return moved


class ResidualVelocity(nn.Module):
    """Residual blocks of `width`, modulated by time.

    The output starts at 0, which is the Gaussian-optimal flow in a whitened basis along the variance-preserving path.

    Args:
        size: numbers of a state.
        config: sizes.
        conditions: numbers it reads besides state and time.
        seed: of the initial weights; `None` leaves them without memory, for loading.
    """

    def __init__(self, size: int, config: FlowConfig, *, conditions: int = 0, seed: int | None):
        super().__init__()
        width = config.width
        with torch.device("meta"):
            self.embed = nn.Linear(size, width)
            self.clock = Clock(width, conditions)
            self.blocks = nn.ModuleList(_Block(width, config.expansion, config.dropout) for _ in range(config.layers))
            self.modulate = nn.Linear(width, 2 * width)
            self.out = nn.Linear(width, size)
        if seed is not None:
            self.to_empty(device="cpu")
            start(self, torch.Generator().manual_seed(seed), zero=("out", "modulate"), small=())
            for block in self.blocks:
                assert isinstance(block, _Block)
                block.modulate.weight.data.zero_()
                block.feed_out.weight.data.mul_((2 * config.layers) ** -0.5)
        self.clock.reset(torch.device("cpu"))

    def forward(
        self,
        state: Float[Tensor, "models state"],
        time: Float[Tensor, " times"],
        condition: Float[Tensor, "models conditions"] | None = None,
    ) -> Float[Tensor, "models state"]:
        """Velocity per unit of time, one time for all networks or one for each."""
        clock, x = self.clock(time, condition), self.embed(state)
        for block in self.blocks:
            x = block(x, clock)
        moved: Tensor = self.out(modulated(x, *self.modulate(clock).chunk(2, dim=1)))
        return moved


class _Block(nn.Module):
    """A feed-forward part, modulated by time."""

    def __init__(self, width: int, expansion: int, dropout: float):
        super().__init__()
        self.dropout = dropout
        self.modulate = nn.Linear(width, 3 * width)
        self.feed = nn.Linear(width, expansion * width)
        self.feed_out = nn.Linear(expansion * width, width)

    def forward(self, x: Tensor, clock: Tensor) -> Tensor:
        scale, shift, gate = self.modulate(clock).chunk(3, dim=1)
        hidden = F.gelu(self.feed(modulated(x, scale, shift)), approximate="tanh")
        hidden = F.dropout(hidden, self.dropout, self.training) if self.dropout else hidden
        out: Tensor = x + (1 + gate) * self.feed_out(hidden)
        return out
