"""Operations on many networks at once that give a network the same bits whatever it is stacked with."""

from typing import no_type_check

import torch
from torch import Tensor, nn

ALIGNED = 4
"""Numbers of 32 bits that a processor loads at once, at least."""


@no_type_check  # while the symmetry of a module is traced, it gets proxies of tensors
def steady_sigmoid(x: Tensor) -> Tensor:
    """The logistic function; torch's own treats the last few numbers of an array with other rounding."""
    return 0.5 * torch.tanh(0.5 * x) + 0.5


@no_type_check
def steady_silu(x: Tensor) -> Tensor:
    """The input times its logistic function."""
    return x * steady_sigmoid(x)


def stacked_linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """One linear layer of a stack of networks.

    On a CPU the kernel for a matrix depends on its alignment, and for a single column on how many there are. With
    inputs in multiples of `ALIGNED` (zeros are added) and two columns or more it was measured to be always the same.

    Args:
        x: `(models, samples, inputs)`.
        weight: `(models, outputs, inputs)`.
        bias: `(models, outputs)`.
    """
    spare = -x.shape[-1] % ALIGNED
    if spare:
        x, weight = nn.functional.pad(x, (0, spare)), nn.functional.pad(weight, (0, spare))
    if weight.shape[1] > 1:
        return torch.baddbmm(bias.unsqueeze(1), x, weight.transpose(1, 2))
    weight, bias = nn.functional.pad(weight, (0, 0, 0, 1)), nn.functional.pad(bias, (0, 1))
    return torch.baddbmm(bias.unsqueeze(1), x, weight.transpose(1, 2))[..., :1]
