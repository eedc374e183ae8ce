"""The velocity network: a transformer over unit tokens that starts as the Gaussian-optimal flow."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from wsexplore.generate.config import FlowConfig
from wsexplore.generate.tokens import UnitTokens

FREQUENCIES = 16


class Velocity(nn.Module):
    r"""The velocity of a network's standardised weights along the trigonometric path.

    The path from noise $z$ to data $x$, both of mean 0 and spread 1 per coordinate, is
    $y_\theta = \cos\theta\, z + \sin\theta\, x$, $\theta$ from 0 to $\pi/2$, with velocity
    $\cos\theta\, x - \sin\theta\, z$. It is the straight path $(1-t) z + t x$ rescaled to spread 1 at every time. If
    the data were Gaussian with independent coordinates, the best velocity would be 0 everywhere, so the network only
    learns what differs from that Gaussian. Its output starts at 0.

    Every unit is one token, with one embedding and one head per group, and time enters each layer as scale and
    shift. Where every parameter lies in one token (`tokens.exclusive`), there is no position, and permuting the
    units of the input permutes the output in the same way. Otherwise each unit has a learned position, the velocity
    of a parameter is the mean over the tokens that hold it, and the map is not equivariant.

    Args:
        tokens: how weights become tokens.
        config: sizes.
        seed: of the initial weights; `None` leaves them uninitialised, for loading.
    """

    def __init__(self, tokens: UnitTokens, config: FlowConfig, *, seed: int | None):
        super().__init__()
        self.tokens, self.config, width = tokens, config, config.width
        with torch.device("meta"):
            self.embed = nn.ModuleList(nn.Linear(block.features, width) for block in tokens.blocks)
            self.heads = nn.ModuleList(nn.Linear(width, block.features) for block in tokens.blocks)
            self.position = None if tokens.exclusive else nn.Parameter(torch.empty(tokens.count, width))
            self.clock = nn.Sequential(nn.Linear(2 * FREQUENCIES, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU())
            self.modulate = nn.Linear(width, 8 * width)
            self.offsets = nn.Parameter(torch.empty(config.layers, 6 * width))
            self.layers = nn.ModuleList(_Layer(width, config.heads, config.expansion) for _ in range(config.layers))
        self.to_empty(device=tokens.gather.device)
        frequencies = torch.exp(torch.linspace(0, math.log(50), FREQUENCIES)).to(tokens.gather.device)
        self.frequencies: Tensor
        self.register_buffer("frequencies", frequencies, persistent=False)
        if seed is not None:
            self._initialise(torch.Generator().manual_seed(seed))

    def on(self, device: torch.device) -> "Velocity":
        """This network on `device`: itself where it is there already, else a copy."""
        if self.tokens.gather.device == device:
            return self
        copy = Velocity(self.tokens.to(device), self.config, seed=None)
        copy.load_state_dict(self.state_dict())
        return copy.requires_grad_(False)

    def forward(
        self, state: Float[Tensor, "models parameters"], angle: Float[Tensor, " times"]
    ) -> Float[Tensor, "models parameters"]:
        """Velocity per radian at `angle`, one angle for all networks or one for each."""
        scaled = angle.unsqueeze(1) * self.frequencies
        clock = self.clock(torch.cat([scaled.sin(), scaled.cos()], dim=1)).unsqueeze(1)
        modulation = self.modulate(clock)
        shared, last = torch.split(modulation, [self.offsets.shape[1], 2 * clock.shape[2]], dim=2)
        blocks = self.tokens.split(state)
        x = torch.cat([embed(block) for embed, block in zip(self.embed, blocks, strict=True)], dim=1)
        if self.position is not None:
            x = x + self.position
        for layer, offset in zip(self.layers, self.offsets, strict=True):
            x = layer(x, shared + offset)
        scale, shift = last.chunk(2, dim=2)
        parts = torch.split(_modulated(x, scale, shift), [block.units for block in self.tokens.blocks], dim=1)
        return self.tokens.join([head(part) for head, part in zip(self.heads, parts, strict=True)])

    @torch.no_grad()
    def _initialise(self, generator: torch.Generator) -> None:
        """Zero heads and zero modulation; everything else normal, scaled by the number of inputs."""
        for name, parameter in self.named_parameters():
            if parameter.dim() < 2 or name.startswith(("heads", "modulate", "offsets")):
                parameter.zero_()
            elif name == "position":
                parameter.copy_(0.02 * torch.randn(parameter.shape, generator=generator))
            else:
                spread = 0.02 / math.sqrt(2 * len(self.layers)) if name.endswith("out.weight") else None
                normal = torch.randn(parameter.shape, generator=generator)
                parameter.copy_(normal * (spread or (3 * parameter.shape[1]) ** -0.5))


class _Layer(nn.Module):
    """Attention between tokens, then a feed-forward part per token, both modulated by time."""

    def __init__(self, width: int, heads: int, expansion: int):
        super().__init__()
        self.heads = heads
        self.query_key_value = nn.Linear(width, 3 * width)
        self.attention_out = nn.Linear(width, width)
        self.feed = nn.Linear(width, expansion * width)
        self.feed_out = nn.Linear(expansion * width, width)

    def forward(self, x: Tensor, modulation: Tensor) -> Tensor:
        scale, shift, gate, feed_scale, feed_shift, feed_gate = modulation.chunk(6, dim=2)
        models, tokens, width = x.shape
        qkv = self.query_key_value(_modulated(x, scale, shift))
        query, key, value = qkv.view(models, tokens, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).reshape(models, tokens, width)
        x = x + (1 + gate) * self.attention_out(mixed)
        hidden = F.gelu(self.feed(_modulated(x, feed_scale, feed_shift)), approximate="tanh")
        out: Tensor = x + (1 + feed_gate) * self.feed_out(hidden)
        return out


def _modulated(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Layer norm without its own affine part, then the scale and shift of the current time."""
    return F.layer_norm(x, x.shape[-1:]) * (1 + scale) + shift
