"""What can be chosen about an encoder before it is fitted."""

from dataclasses import asdict, dataclass, fields
from typing import Any

LATENTS = ("tokens", "network")


@dataclass(frozen=True, slots=True)
class EncoderConfig:
    """Size of the autoencoder and how it is trained.

    The defaults were measured on 4,000 MLPs 64-32-10 (`benchmarks/encoder.py`). `HYPER` below is the earlier
    hyper-representation: one window, one latent for the whole network.

    Raises:
        ValueError: a field is out of range; the sentence says which.
    """

    latent_of: str = "tokens"
    """"tokens": a latent for every token (SANE); "network": one for the network, whose tokens then are one window."""
    latent: int = 128
    """Numbers per latent."""
    width: int = 96
    """Numbers per token inside the transformers; a multiple of `heads`, and even."""
    layers: int = 2
    """Layers of the encoder, and as many of the decoder."""
    heads: int = 4
    """Attention heads per layer."""
    window: int = 256
    """Tokens that are read together; networks of fewer are read whole."""
    token_size: int = 0
    """Numbers per token; 0 takes the size that suits the architecture."""
    contrast: float = 0.05
    """Weight of the contrastive loss, 0 to 1; the reconstruction has the rest."""
    temperature: float = 0.1
    """Of the contrastive loss."""
    telling: float = 0.5
    """Weight of the loss of what the mean latent is to tell linearly: the statistics of each layer's weights and, where
    a data set is given, what the network answers. 0 leaves it out, as SANE does."""
    noise: float = 0.1
    """Spread of the factors, one for each number, that both views of a network are multiplied with."""
    permute: bool = True
    """Whether the second view of a network has its units in another order."""
    steps: int = 3000
    """Optimiser steps."""
    batch: int = 32
    """Networks per step."""
    learning_rate: float = 2e-3
    """Highest learning rate of the one-cycle schedule (AdamW)."""
    weight_decay: float = 0.05
    """Decoupled weight decay (AdamW) of matrices."""
    clip: float = 1.0
    """Largest gradient norm: without it the loss was seen to leap at the highest learning rate."""
    held_out: float = 0.1
    """Share of the runs kept out of the training, on which the loss is watched."""

    def __post_init__(self) -> None:
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise ValueError(f"{name} must be a whole number of at least {least}, got {value!r}")
        if self.width % self.heads or self.width % 2:
            raise ValueError(
                f"width must be even and a multiple of heads, got width {self.width} and {self.heads} heads"
            )
        for name, (low, high) in _WITHIN.items():
            value = getattr(self, name)
            if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= high:
                raise ValueError(f"{name} must be a number from {low:g} to {high:g}, got {value!r}")
        if self.latent_of not in LATENTS:
            raise ValueError(f"latent_of {self.latent_of!r} is unknown; choose {' or '.join(LATENTS)}")
        if not isinstance(self.permute, bool):
            raise ValueError(f"permute must be true or false, got {self.permute!r}")

    def length(self, tokens: int) -> int:
        """How many of a network's tokens are read together."""
        return tokens if self.latent_of == "network" else min(self.window, tokens)

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "EncoderConfig":
        """The inverse of `to_dict`.

        Raises:
            ValueError: a field is unknown or out of range.
        """
        if unknown := sorted(set(values) - {field.name for field in fields(cls)}):
            raise ValueError(f"an encoder has no setting {', '.join(unknown)}")
        return cls(**values)


_LEAST = {"latent": 1, "width": 2, "layers": 1, "heads": 1, "window": 1, "token_size": 0, "steps": 1, "batch": 2}
_WITHIN = {
    "contrast": (0, 1),
    "telling": (0, 100),
    "temperature": (1e-3, 10),
    "noise": (0, 1),
    "learning_rate": (1e-9, 10),
    "weight_decay": (0, 1),
    "clip": (1e-6, 1e6),
    "held_out": (0, 0.5),
}
HYPER = EncoderConfig(latent_of="network", latent=700, contrast=0.1, telling=0.0)
"""Hyper-representations of whole networks (Schürholt et al. 2021 and 2022)."""
