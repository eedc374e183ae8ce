"""Pairs of networks to match, as the published comparisons have them.

All are drawn with He's normal initialisation (standard deviation sqrt(2 / fan_in), biases 0, gains of normalisation 1)
but for the vision transformer, which has its own.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from wsexplore.align import spec_of
from wsexplore.nets import Architecture, architecture
from wsexplore.symmetry import PermutationSpec, permute_weights, random_permutation

WIDTHS = [784, 512, 512, 512, 10]
VIT = {"input": [3, 32, 32], "patch": 4, "dim": 192, "depth": 6, "heads": 3, "mlp_ratio": 4.0}


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """Two networks of one architecture.

    Attributes:
        architecture: of both.
        spec: its symmetry.
        reference: the network to match.
        other: the network whose units are permuted.
        optimum: inner product at the planted order, where there is one.
        fixed: groups that are not permuted.
    """

    architecture: Architecture
    spec: PermutationSpec
    reference: Float[Tensor, " parameters"]
    other: Float[Tensor, " parameters"]
    optimum: float | None = None
    fixed: tuple[str, ...] = ()


def mlp() -> Architecture:
    """The perceptron of the published comparisons, 784-512-512-512-10."""
    return architecture("mlp", widths=WIDTHS)


def resnet(times: int) -> Architecture:
    """ResNet-20 for CIFAR-10, so many times as wide as the usual one."""
    return architecture("resnet", depth=20, width=16 * times)


def vit() -> Architecture:
    """ViT-Small-192: 2.7 million weights, 3 heads of 64."""
    return architecture("vit", **VIT)


def he_normal(arch: Architecture, *, seed: int) -> Float[Tensor, " parameters"]:
    """Weights of a fresh network."""
    draw = torch.Generator().manual_seed(seed)
    values = arch.layout.unflatten(arch.initial_weights(seed=seed))
    for name, value in values.items():
        if value.dim() > 1:
            fan = math.prod(value.shape[1:])
            values[name] = torch.randn(value.shape, generator=draw) * math.sqrt(2 / fan)
        elif name.endswith("bias"):
            values[name] = torch.zeros_like(value)
    return arch.layout.flatten(values)


def independent(arch: Architecture, *, seed: int) -> Pair:
    """Two fresh networks: there is nothing to find but what chance leaves."""
    return Pair(arch, spec_of(arch), he_normal(arch, seed=2 * seed), he_normal(arch, seed=2 * seed + 1))


def planted(arch: Architecture, noise: float, *, seed: int) -> Pair:
    """A network and its noisy copy with units in a random order; the noise is a share of each parameter's spread."""
    return _planted(arch, he_normal(arch, seed=seed), noise, seed=seed)


def planted_heads(noise: float, *, seed: int) -> Pair:
    """A vision transformer with heads, units within them and hidden units in a random order; its stream stays."""
    arch = vit()
    stream = tuple(group for group, units in spec_of(arch).sizes.items() if (group, units) == _stream(arch))
    return _planted(arch, arch.initial_weights(seed=seed), noise, seed=seed, fixed=stream)


def _stream(arch: Architecture) -> tuple[str, int]:
    """The group that the patches write to."""
    groups = spec_of(arch).outline["patch_embed.proj.weight"]
    return str(groups[0]), arch.config["dim"]


def _planted(arch: Architecture, weights: Tensor, noise: float, *, seed: int, fixed: tuple[str, ...] = ()) -> Pair:
    spec, draw = spec_of(arch), torch.Generator().manual_seed(10_000 + seed)
    values = arch.layout.unflatten(weights)
    noisy = arch.layout.flatten(
        {
            name: value + noise * value.std(correction=0) * torch.randn(value.shape, generator=draw)
            for name, value in values.items()
        }
    )
    order = random_permutation(spec, seed=seed) | {group: torch.arange(spec.sizes[group]) for group in fixed}
    optimum = float(weights.double() @ noisy.double())
    return Pair(arch, spec, weights, permute_weights(noisy, order, spec, arch.layout), optimum, fixed)


def trained(*, seed: int, steps: int = 600) -> Pair:
    """Two perceptrons trained from different starts, in different orders, on one made-up task of ten classes."""
    arch = mlp()
    inputs, targets = _task()
    ends = [_trained(arch, he_normal(arch, seed=2 * seed + k), inputs, targets, 2 * seed + k, steps) for k in (0, 1)]
    return Pair(arch, spec_of(arch), *ends)


def _task(samples: int = 10_000) -> tuple[Float[Tensor, "samples inputs"], Int[Tensor, " samples"]]:
    """Ten clouds of points, five centres each."""
    draw = torch.Generator().manual_seed(0)
    centres = torch.randn(10, 5, WIDTHS[0], generator=draw)
    targets = torch.randint(10, (samples,), generator=draw)
    which = torch.randint(5, (samples,), generator=draw)
    noise = torch.randn(samples, WIDTHS[0], generator=draw)
    return (centres[targets, which] + 2 * noise) / math.sqrt(5), targets


def _trained(arch: Architecture, start: Tensor, inputs: Tensor, targets: Tensor, seed: int, steps: int) -> Tensor:
    module, draw = arch.build(), torch.Generator().manual_seed(seed)
    module.load_state_dict(arch.layout.unflatten(start), strict=False)
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-3)
    for _ in range(steps):
        rows = torch.randint(len(targets), (128,), generator=draw)
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(module(inputs[rows]), targets[rows]).backward()
        optimizer.step()
    return arch.layout.flatten({name: value.detach() for name, value in module.named_parameters()})


Maker = Callable[[int], Pair]
"""From a seed to a pair."""
