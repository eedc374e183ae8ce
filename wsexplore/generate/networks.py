"""Which velocity network a configuration asks for."""

import copy
from typing import Any

import torch
from torch import Tensor, nn

from wsexplore.generate.config import FlowConfig
from wsexplore.generate.dense import PlainVelocity, ResidualVelocity
from wsexplore.generate.tokens import UnitTokens
from wsexplore.generate.velocity import TokenVelocity


def network_of(config: FlowConfig, tokens: UnitTokens, size: int, conditions: int, *, seed: int | None) -> nn.Module:
    """A velocity network.

    Args:
        config: kind and sizes.
        tokens: how weights become tokens.
        size: numbers of a state.
        conditions: numbers it reads besides state and time.
        seed: of the initial weights; `None` leaves them without memory, for `loaded`.
    """
    if config.kind == "tokens":
        return TokenVelocity(tokens, config, conditions=conditions, seed=seed)
    kind = PlainVelocity if config.kind == "plain" else ResidualVelocity
    return kind(size, config, conditions=conditions, seed=seed)


def loaded(network: nn.Module, tensors: dict[str, Tensor]) -> nn.Module:
    """A network without memory, with the tensors of a file in their places.

    Raises:
        ValueError: a tensor is missing, has another shape or type, or holds numbers that are not finite.
    """
    wanted: dict[str, Any] = network.state_dict()
    if missing := sorted(set(wanted) ^ set(tensors)):
        raise ValueError(f"the velocity network has not the arrays of its manifest ({missing[0]})")
    for name, tensor in tensors.items():
        if tensor.shape != wanted[name].shape or tensor.dtype != torch.float32:
            raise ValueError(
                f"{name} has shape {tuple(tensor.shape)} and type {tensor.dtype}, its manifest asks for "
                f"{tuple(wanted[name].shape)} of float32"
            )
        if not tensor.isfinite().all():
            raise ValueError(f"{name} holds numbers that are not finite")
    network.load_state_dict(tensors, assign=True)
    return network.requires_grad_(False).eval()


def on_device(network: nn.Module, device: torch.device) -> nn.Module:
    """The network on `device`: itself where it is there already, else a copy."""
    if next(network.parameters()).device == device:
        return network
    return copy.deepcopy(network).to(device)
