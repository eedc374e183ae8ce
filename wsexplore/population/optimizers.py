"""One step of an optimiser for a whole stack of networks, each with its own learning rate.

The formulas are those of `torch.optim`, with the scalars replaced by one value per network.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


@dataclass(frozen=True, slots=True)
class Rates:
    """What may differ between the networks of a stack.

    Attributes:
        lr: learning rate.
        weight_decay: added to the gradient (sgd, adam) or shrinking the weights (adamw).
        momentum: of sgd; the others ignore it.
        decays: whether any weight decay is not zero (asked once, since asking a GPU makes it wait).
    """

    lr: Float[Tensor, " models"]
    weight_decay: Float[Tensor, " models"]
    momentum: Float[Tensor, " models"]
    decays: bool


def optimizer_step(
    name: str,
    parameter: Tensor,
    gradient: Tensor,
    state: tuple[Tensor, Tensor],
    rates: Rates,
    step: int,
) -> None:
    """Move `parameter` `(models, ...)` one step down its gradient, in place.

    Args:
        name: "adam", "adamw" (Loshchilov and Hutter 2019) or "sgd" with momentum.
        parameter: a stack of one parameter.
        gradient: of the same shape; it may be overwritten.
        state: first and second moment (sgd uses the first as its buffer), updated in place; zero before step 1.
        rates: one value per network.
        step: counted from 1.
    """
    shape = (-1, *[1] * (parameter.dim() - 1))
    lr, decay = rates.lr.view(shape), rates.weight_decay.view(shape)
    first, second = state
    if name == "adamw":
        parameter.mul_(1 - lr * decay)
    elif rates.decays:
        gradient.addcmul_(parameter, decay)
    if name == "sgd":
        first.mul_(rates.momentum.view(shape)).add_(gradient)
        parameter.addcmul_(first, lr, value=-1)
        return
    first.lerp_(gradient, 1 - BETA1)
    second.mul_(BETA2).addcmul_(gradient, gradient, value=1 - BETA2)
    root = torch.div(second, 1 - BETA2**step).sqrt_().add_(EPSILON)
    parameter.addcdiv_(first * (lr / (1 - BETA1**step)), root, value=-1)
