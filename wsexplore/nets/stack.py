"""Many networks through one module: at once by `torch.vmap`, or one after the other where that cannot be."""

import warnings
from collections.abc import Mapping

import torch
from torch import Tensor, nn

COUNT = "num_batches_tracked"
"""The one statistic of torch's own layers that is a whole number and moves."""


def run_stack(
    module: nn.Module,
    parameters: Mapping[str, Tensor],
    buffers: Mapping[str, Tensor],
    inputs: Tensor,
    *,
    own: bool,
    batched: bool = True,
) -> Tensor:
    """Outputs `(models, batch, outputs)` of `module` with the parameters and buffers of each of many networks.

    Buffers come as float32; those that the module holds as whole numbers or truth values are turned back. Statistics
    move in place, in `buffers`.

    Args:
        module: whose parameters and buffers are replaced.
        parameters: `(models, *shape)` each.
        buffers: `(models, *shape)` each.
        inputs: of all networks, or with a first axis for the networks.
        own: whether the inputs have that axis.
        batched: whether to run all at once.
    """
    constants = {
        name: value.dtype
        for name, value in module.named_buffers()
        if not value.dtype.is_floating_point and name.rpartition(".")[2] != COUNT
    }

    def one(state: Mapping[str, Tensor], statistics: Mapping[str, Tensor], x: Tensor) -> Tensor:
        held = {name: value.to(constants.get(name, value.dtype)) for name, value in statistics.items()}
        output: Tensor = torch.func.functional_call(module, ({**state}, held), (x,))
        return output

    if batched:
        mapped = torch.vmap(one, in_dims=(0, 0, 0 if own else None), randomness="different")
        outputs: Tensor = mapped({**parameters}, {**buffers}, inputs)
        return outputs
    outputs_of_each = []
    for place in range(len(next(iter(parameters.values())))):
        # a copy lies at the start of its own memory, so that the kernel and the bits do not depend on the place
        state = {name: value[place].clone() for name, value in parameters.items()}
        statistics = {name: value[place] for name, value in buffers.items()}
        outputs_of_each.append(one(state, statistics, inputs[place].clone() if own else inputs))
    return torch.stack(outputs_of_each)


@torch.no_grad()
def runs_batched(
    module: nn.Module, parameters: Mapping[str, Tensor], buffers: Mapping[str, Tensor], inputs: Tensor
) -> bool:
    """Whether `torch.vmap` can run this module, without a warning that it is slow, and agrees with it.

    Outputs are compared in evaluation only: in training they may hold dropout. What the module is given is copied.

    Raises:
        ValueError: the module does not take these inputs, or does not give one row of outputs for each.
    """
    name = type(module).__name__

    def run(*, batched: bool) -> Tensor:
        copies = {key: value.clone() for key, value in buffers.items()}
        return run_stack(module, parameters, copies, inputs, own=False, batched=batched)

    with torch.random.fork_rng(devices=[]):
        try:
            single = run(batched=False)
        except Exception as error:  # the user's module may raise anything
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise ValueError(f"{name} does not take inputs of shape {tuple(inputs.shape)}: {reason}") from error
        if single.dim() != 3 or single.shape[1] != len(inputs):
            raise ValueError(
                f"{name} must give outputs of shape (batch, outputs), got {tuple(single.shape[1:])} "
                f"for inputs of shape {tuple(inputs.shape)}"
            )
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                together = run(batched=True)
        except Exception:  # what vmap raises depends on the operator that it lacks
            return False
    return module.training or torch.allclose(together, single, rtol=1e-3, atol=1e-5)
