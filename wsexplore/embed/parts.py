"""The parts of an encoder as they lie in its files."""

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from wsexplore.align import spec_of
from wsexplore.embed.autoencoder import Autoencoder
from wsexplore.embed.config import EncoderConfig
from wsexplore.embed.tokenizer import Tokenizer
from wsexplore.embed.tokens import RowTokens
from wsexplore.embed.training import EncoderStep
from wsexplore.nets import Architecture, architecture_from_dict


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """All that decides how an encoder embeds; see `Encoder`."""

    tokenizers: tuple[Tokenizer, ...]
    network: Autoencoder
    tellers: nn.ModuleList
    config: EncoderConfig

    @classmethod
    def of(cls, facts: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> "Parts":
        """The inverse of `facts` and `tensors`.

        Raises:
            KeyError, TypeError, RuntimeError, ValueError: something is missing or does not fit.
        """
        config, size = EncoderConfig.from_dict(facts["config"]), operator.index(facts["token_size"])
        if tensors["network.encoder.enter.weight"].shape != (config.width, size):
            raise ValueError(f"its tensors are not of width {config.width} and tokens of {size} numbers")
        tokenizers = tuple(
            _tokenizer(architecture_from_dict(one), size, _within(tensors, f"{place}."))
            for place, one in enumerate(facts["architectures"])
        )
        network = _network(config, size, _triple(facts["places"]), _within(tensors, "network."))
        told = _within(tensors, "tellers.")
        held = [told.get(f"{place}.weight") for place in range(len(tokenizers))]
        tellers = nn.ModuleList([nn.Identity() if one is None else nn.Linear(config.latent, len(one)) for one in held])
        tellers.load_state_dict(told)
        return cls(tokenizers, network.requires_grad_(False), tellers.requires_grad_(False), config)

    def facts(self) -> dict[str, Any]:
        """What goes into the manifest, as JSON values."""
        embeddings = (self.network.encoder.place, self.network.encoder.layer, self.network.encoder.row)
        return {
            "architectures": [one.architecture.to_dict() for one in self.tokenizers],
            "token_size": self.tokenizers[0].tokens.size,
            "places": [one.num_embeddings for one in embeddings],
            "config": self.config.to_dict(),
        }

    def tensors(self) -> dict[str, Tensor]:
        """What goes into the file of tensors."""
        held = {f"network.{name}": value.contiguous() for name, value in self.network.state_dict().items()}
        held |= {f"tellers.{name}": value.contiguous() for name, value in self.tellers.state_dict().items()}
        for place, one in enumerate(self.tokenizers):
            held |= {f"{place}.mean": one.mean, f"{place}.spread": one.spread, f"{place}.reference": one.reference}
        return held


def _within(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _network(config: EncoderConfig, size: int, places: tuple[int, int, int], tensors: dict[str, Tensor]) -> Autoencoder:
    """The transformers; nothing is allocated for sizes that the file does not hold."""
    if config.layers > len(tensors):
        raise ValueError(f"its tensors are not of {config.layers:,} layers")
    with torch.device("meta"):
        network = Autoencoder(config, size, places)
    network.load_state_dict(tensors, assign=True)
    return network


def read_history(values: Sequence[Mapping[str, Any]]) -> tuple[EncoderStep, ...]:
    """The checks of a manifest.

    Raises:
        TypeError, ValueError: there are none, or one is not made of numbers.
    """
    numbers = [value for one in values for value in dict(one).values() if value is not None]
    if not numbers or not all(isinstance(value, int | float) for value in numbers):
        raise ValueError("its history is not made of numbers")
    return tuple(EncoderStep(**one) for one in values)


def _tokenizer(architecture: Architecture, size: int, tensors: Mapping[str, Tensor]) -> Tokenizer:
    spec = spec_of(architecture)
    tokens = RowTokens.of(spec, architecture.layout, size)
    mean, spread, reference = (tensors[name] for name in ("mean", "spread", "reference"))
    if any(value.shape != (tokens.parameters,) for value in (mean, spread, reference)):
        raise ValueError(f"its tensors are not of {architecture.name}")
    return Tokenizer(architecture, spec, tokens, mean, spread, reference)


def _triple(values: Sequence[int]) -> tuple[int, int, int]:
    place, layer, row = (int(value) for value in values)
    return place, layer, row
