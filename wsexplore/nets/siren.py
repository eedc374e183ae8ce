"""Networks that are pictures: from coordinates in -1 to 1 to an intensity."""

import math
from itertools import pairwise
from typing import Any, no_type_check

import torch
from torch import Tensor, nn

from wsexplore.nets import checks
from wsexplore.nets.architecture import Config, Dropout, Family
from wsexplore.nets.init import initial_weights
from wsexplore.nets.layout import Layout
from wsexplore.nets.mlp import ACTIVATIONS, stacked_activation
from wsexplore.nets.steady import stacked_linear

BOUND = 6.0
"""Six over the inputs is the square of the bound of a sine layer's weights, before `w0` (Sitzmann et al. 2020)."""


class Siren(nn.Module):
    """Sine layers `sin(w0 (W x + b))` and a linear one; the names are those of the published picture zoos.

    Args:
        widths: coordinates, hidden units of each layer, outputs.
        w0: frequency.
        offset: added to the outputs, so that a fresh network is grey.
    """

    def __init__(self, widths: list[int], w0: float, offset: float):
        super().__init__()
        self.seq = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))
        self.w0, self.offset = w0, offset

    @no_type_check  # while its symmetry is traced, inputs and outputs are proxies of tensors
    def forward(self, inputs: Tensor) -> Tensor:
        """Intensities `(samples, outputs)` at coordinates `(samples, axes)`."""
        x = inputs
        for layer in self.seq[:-1]:
            x = torch.sin(self.w0 * layer(x))
        return self.seq[-1](x) + self.offset


class FieldMLP(nn.Module):
    """A perceptron of coordinates, or of these and their waves.

    Args:
        widths: coordinates, hidden units of each layer, outputs.
        activation: a name in `ACTIVATIONS`.
        octaves: the waves `sin` and `cos` of `2^k pi x` for `k` below this number go in beside the coordinates.
    """

    def __init__(self, widths: list[int], activation: str, octaves: int):
        super().__init__()
        sizes = [widths[0] * (1 + 2 * octaves), *widths[1:]]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
        self.activation, self.octaves = ACTIVATIONS[activation](), octaves

    @no_type_check
    def forward(self, inputs: Tensor) -> Tensor:
        """Intensities `(samples, outputs)` at coordinates `(samples, axes)`."""
        x = _waves(inputs, self.octaves)
        for layer in self.layers[:-1]:
            x = self.activation(layer(x))
        return self.layers[-1](x)


@no_type_check
def _waves(x: Tensor, octaves: int) -> Tensor:
    """Coordinates and their waves, `(..., axes * (1 + 2 * octaves))`."""
    angles = [x * (math.pi * 2**octave) for octave in range(octaves)]
    return torch.cat([x, *(wave(angle) for angle in angles for wave in (torch.sin, torch.cos))], dim=-1)


def _complete_siren(config: Config) -> dict[str, Any]:
    full = checks.with_defaults("siren", config, {"widths": [2, 32, 32, 1], "w0": 30.0, "offset": 0.5})
    return {
        "widths": _widths(full["widths"]),
        "w0": checks.real("w0", full["w0"], 1e-3, 1e4),
        "offset": checks.real("offset", full["offset"], -1e3, 1e3),
    }


def _complete_field(config: Config) -> dict[str, Any]:
    full = checks.with_defaults("field-mlp", config, {"widths": [2, 32, 32, 1], "activation": "relu", "octaves": 4})
    return {
        "widths": _widths(full["widths"]),
        "activation": checks.one_of("activation", full["activation"], tuple(ACTIVATIONS)),
        "octaves": checks.whole("octaves", full["octaves"], 0, 16),
    }


def _widths(value: object) -> list[int]:
    return checks.wholes("widths", value, [2, 32, 32, 1], 1, 1_000_000, count=(2, 64))


def _forward_siren(config: Config, parameters: dict[str, Tensor], inputs: Tensor, dropout: Dropout | None) -> Tensor:
    """Intensities of a stack of networks by batched matrix products."""
    last = len(config["widths"]) - 2
    x = _each(inputs, parameters["seq.0.weight"])
    for layer in range(last + 1):
        x = stacked_linear(x, parameters[f"seq.{layer}.weight"], parameters[f"seq.{layer}.bias"])
        x = torch.sin(config["w0"] * x) if layer < last else x + config["offset"]
    return x


def _forward_field(config: Config, parameters: dict[str, Tensor], inputs: Tensor, dropout: Dropout | None) -> Tensor:
    """Intensities of a stack of networks by batched matrix products."""
    activation, last = stacked_activation(config["activation"]), len(config["widths"]) - 2
    x = _each(_waves(inputs, config["octaves"]), parameters["layers.0.weight"])
    for layer in range(last + 1):
        x = stacked_linear(x, parameters[f"layers.{layer}.weight"], parameters[f"layers.{layer}.bias"])
        x = activation(x) if layer < last else x
    return x


def _each(inputs: Tensor, stack: Tensor) -> Tensor:
    """Inputs that all networks share, once for each of them; own ones as they are."""
    return inputs.expand(len(stack), *inputs.shape) if inputs.dim() == 2 else inputs


def _initial_siren(config: Config, layout: Layout, init: str, seed: int) -> Tensor:
    """SIREN's own scheme under "default", also for the biases; the usual schemes else."""
    if init != "default":
        return initial_weights(layout, init=init, seed=seed)
    draw, weights = torch.Generator().manual_seed(seed), torch.empty(layout.size)
    for slot in layout.slots:
        layer = int(slot.name.split(".")[1])
        inputs = config["widths"][layer]
        bound = math.sqrt(BOUND / inputs) / config["w0"] if layer else 1 / inputs
        weights[slot.start : slot.stop] = (torch.rand(slot.stop - slot.start, generator=draw) * 2 - 1) * bound
    return weights


SIREN_FAMILY = Family(
    name="siren",
    complete=_complete_siren,
    build=lambda config: Siren(config["widths"], config["w0"], config["offset"]),
    input_shape=lambda config: (config["widths"][0],),
    forward=_forward_siren,
    initial=_initial_siren,
    task="field",
)
FIELD_MLP_FAMILY = Family(
    name="field-mlp",
    complete=_complete_field,
    build=lambda config: FieldMLP(config["widths"], config["activation"], config["octaves"]),
    input_shape=lambda config: (config["widths"][0],),
    row_fields=("activation",),
    forward=_forward_field,
    task="field",
)
