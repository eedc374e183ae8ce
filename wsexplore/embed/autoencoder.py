"""The transformers that turn tokens into latents and latents into tokens."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from wsexplore.embed.config import EncoderConfig

PROJECTED = 30
"""Width of the head that the contrastive loss looks at."""


class Autoencoder(nn.Module):
    """Transformer encoder and decoder over windows of tokens (SANE, Schürholt et al. 2024, section 3.2).

    With `latent_of="network"` a compression token gathers the network into one latent, and the decoder sees that
    latent at every position (hyper-representations, Schürholt et al. 2021).

    Args:
        config: sizes.
        size: numbers per token.
        places: largest number of places in the sequence, layers, and rows of a layer.
        seed: of the initial weights.
    """

    def __init__(self, config: EncoderConfig, size: int, places: tuple[int, int, int], seed: int = 0):
        super().__init__()
        self.whole = config.latent_of == "network"
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.encoder = _Transformer(config, size, config.latent, places, compress=self.whole)
            self.decoder = _Transformer(config, config.latent, size, places, compress=False)
            self.head = nn.Sequential(
                nn.Linear(config.latent, PROJECTED),
                nn.LayerNorm(PROJECTED),
                nn.ReLU(),
                nn.Linear(PROJECTED, PROJECTED),
            )

    def encode(
        self, tokens: Float[Tensor, "models window size"], position: Int[Tensor, "window 3"]
    ) -> Float[Tensor, "models latents latent"]:
        """A latent for every token, or one for the network."""
        latents: Tensor = self.encoder(tokens, position)
        return latents[:, :1] if self.whole else latents

    def decode(
        self, latents: Float[Tensor, "models latents latent"], position: Int[Tensor, "window 3"]
    ) -> Float[Tensor, "models window size"]:
        """The tokens of latents."""
        tokens: Tensor = self.decoder(latents.expand(-1, len(position), -1), position)
        return tokens

    def project(self, latents: Float[Tensor, "models latents latent"]) -> Float[Tensor, "models _"]:
        """What the contrastive loss compares: the head of the mean latent of a window."""
        projected: Tensor = self.head(latents.mean(1))
        return projected


class _Transformer(nn.Module):
    """Tokens in, tokens out; each knows its place in the sequence, its layer and its row."""

    def __init__(
        self, config: EncoderConfig, inputs: int, outputs: int, places: tuple[int, int, int], *, compress: bool
    ):
        super().__init__()
        half = config.width // 2
        self.enter = nn.Linear(inputs, config.width)
        self.place, self.layer = nn.Embedding(places[0], half), nn.Embedding(places[1], half)
        self.row = nn.Embedding(places[2], half)
        self.gathering = nn.Parameter(torch.zeros(1, 1, config.width)) if compress else None
        self.blocks = nn.ModuleList([_Block(config.width, config.heads, config.layers) for _ in range(config.layers)])
        self.norm = nn.LayerNorm(config.width, bias=False)
        self.leave = nn.Linear(config.width, outputs)
        for module in self.modules():
            if isinstance(module, nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)

    def forward(self, tokens: Tensor, position: Tensor) -> Tensor:
        place, layer, row = position.unbind(1)
        where = torch.cat([self.place(place) + self.layer(layer), self.row(row)], dim=1)
        state = self.enter(tokens) + where
        if self.gathering is not None:
            state = torch.cat([self.gathering.expand(len(state), -1, -1), state], dim=1)
        for block in self.blocks:
            state = block(state)
        left: Tensor = self.leave(self.norm(state))
        return left


class _Block(nn.Module):
    """Attention and a feed-forward part, normalised before, without biases."""

    def __init__(self, width: int, heads: int, layers: int):
        super().__init__()
        self.heads = heads
        self.first, self.second = nn.LayerNorm(width, bias=False), nn.LayerNorm(width, bias=False)
        self.attend, self.mix = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width, bias=False)
        self.up, self.down = nn.Linear(width, 4 * width, bias=False), nn.Linear(4 * width, width, bias=False)
        for part in (self.attend, self.up):
            nn.init.normal_(part.weight, std=0.02)
        for part in (self.mix, self.down):
            nn.init.normal_(part.weight, std=0.02 / math.sqrt(2 * layers))

    def forward(self, state: Tensor) -> Tensor:
        models, length, width = state.shape
        parts = self.attend(self.first(state)).view(models, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(parts[0], parts[1], parts[2])
        state = state + self.mix(seen.transpose(1, 2).reshape(models, length, width))
        deeper: Tensor = state + self.down(F.gelu(self.up(self.second(state)), approximate="tanh"))
        return deeper
