"""Velocity networks: what moves a state at a time."""

import math
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from wsexplore.generate.clock import Clock, modulated, start
from wsexplore.generate.config import FlowConfig
from wsexplore.generate.tokens import UnitTokens


@runtime_checkable
class Velocity(Protocol):
    """A network `(state, time, condition) -> velocity`."""

    def __call__(
        self,
        state: Float[Tensor, "models state"],
        time: Float[Tensor, " times"],
        condition: Float[Tensor, "models conditions"] | None = None,
    ) -> Float[Tensor, "models state"]:
        """Velocity per unit of time: one time for all networks or one for each."""


class TokenVelocity(nn.Module):
    r"""A transformer over unit tokens; its output starts at 0, which is the Gaussian-optimal flow.

    Along the variance-preserving path between noise and data of mean 0 and spread 1 per coordinate, the best velocity
    is 0 everywhere if the data are Gaussian with independent coordinates, so the network only learns what differs
    from that Gaussian.

    Every unit is one token, with one embedding and one head per group, and time and conditions enter each layer as
    scale and shift. Where every parameter lies in one token (`tokens.exclusive`), there is no position, and permuting
    the units of the input permutes the output in the same way. Otherwise, or with `config.positions`, each unit has a
    learned position, the velocity of a parameter is the mean over the tokens that hold it, and the map is not
    equivariant.

    Args:
        tokens: how weights become tokens.
        config: sizes.
        conditions: numbers it reads besides state and time.
        seed: of the initial weights; `None` leaves them without memory, for loading.
    """

    def __init__(self, tokens: UnitTokens, config: FlowConfig, *, conditions: int = 0, seed: int | None):
        super().__init__()
        self.tokens, width = tokens, config.width
        with torch.device("meta"):
            self.embed = nn.ModuleList(nn.Linear(block.features, width) for block in tokens.blocks)
            self.heads = nn.ModuleList(nn.Linear(width, block.features) for block in tokens.blocks)
            self.position = (
                None if tokens.exclusive and not config.positions else nn.Parameter(torch.empty(tokens.count, width))
            )
            self.clock = Clock(width, conditions)
            self.modulate = nn.Linear(width, 8 * width)
            self.offsets = nn.Parameter(torch.empty(config.layers, 6 * width))
            self.layers = nn.ModuleList(
                _Layer(width, config.heads, config.expansion, config.dropout) for _ in range(config.layers)
            )
        if seed is not None:
            self.to_empty(device="cpu")
            start(
                self,
                torch.Generator().manual_seed(seed),
                zero=("heads", "modulate", "offsets"),
                small=("position",),
            )
            for layer in self.layers:
                assert isinstance(layer, _Layer)
                for out in (layer.attention_out, layer.feed_out):
                    out.weight.data.mul_(0.02 * math.sqrt(3 * out.in_features / (2 * config.layers)))
        self.clock.reset(torch.device("cpu"))

    def _apply(self, fn, recurse=True):  # type: ignore[no-untyped-def]
        """Indices go where the parameters go."""
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self.tokens = self.tokens.to(self.offsets.device)
        return self

    def forward(
        self,
        state: Float[Tensor, "models state"],
        time: Float[Tensor, " times"],
        condition: Float[Tensor, "models conditions"] | None = None,
    ) -> Float[Tensor, "models state"]:
        """Velocity per unit of time, one time for all networks or one for each."""
        modulation = self.modulate(self.clock(time, condition)).unsqueeze(1)
        shared, last = torch.split(modulation, [self.offsets.shape[1], modulation.shape[2] // 4], dim=2)
        blocks = self.tokens.split(state)
        x = torch.cat([embed(block) for embed, block in zip(self.embed, blocks, strict=True)], dim=1)
        if self.position is not None:
            x = x + self.position
        for layer, offset in zip(self.layers, self.offsets, strict=True):
            x = layer(x, shared + offset)
        scale, shift = last.chunk(2, dim=2)
        parts = torch.split(modulated(x, scale, shift), [block.units for block in self.tokens.blocks], dim=1)
        return self.tokens.join([head(part) for head, part in zip(self.heads, parts, strict=True)])


class _Layer(nn.Module):
    """Attention between tokens, then a feed-forward part per token, both modulated by time."""

    def __init__(self, width: int, heads: int, expansion: int, dropout: float):
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.query_key_value = nn.Linear(width, 3 * width)
        self.attention_out = nn.Linear(width, width)
        self.feed = nn.Linear(width, expansion * width)
        self.feed_out = nn.Linear(expansion * width, width)

    def forward(self, x: Tensor, modulation: Tensor) -> Tensor:
        scale, shift, gate, feed_scale, feed_shift, feed_gate = modulation.chunk(6, dim=2)
        models, tokens, width = x.shape
        qkv = self.query_key_value(modulated(x, scale, shift))
        query, key, value = qkv.view(models, tokens, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).reshape(models, tokens, width)
        x = x + (1 + gate) * self.attention_out(mixed)
        hidden = F.gelu(self.feed(modulated(x, feed_scale, feed_shift)), approximate="tanh")
        hidden = F.dropout(hidden, self.dropout, self.training) if self.dropout else hidden
        out: Tensor = x + (1 + feed_gate) * self.feed_out(hidden)
        return out
