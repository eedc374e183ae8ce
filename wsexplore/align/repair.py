"""Statistics repaired: what a network between others needs before it is judged."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from wsexplore.align.channels import repaired_layers, running_layers
from wsexplore.align.correction import OnPart, correct, goal_of, measured
from wsexplore.nets import Architecture
from wsexplore.population.budget import ALIVE, NUMBER, activation_values

MEMORY = 1 << 30
"""Bytes of activations that go through a network at once, where the caller gives no batch."""


@torch.no_grad()
def reset_statistics(
    architecture: Architecture,
    weights: Float[Tensor, "models parameters"],
    inputs: Float[Tensor, "samples ..."],
    *,
    buffers: Float[Tensor, "models buffers"] | None = None,
    batch: int | None = None,
    on_part: OnPart = lambda: None,
) -> Float[Tensor, "models buffers"]:
    """The running statistics of every network, estimated anew in one pass over `inputs`.

    The same numbers as torch's own layers find after `reset_running_stats()`, with `momentum=None`, in training mode:
    the mean over the batches of each batch's mean and of its unbiased variance. Only normalisation layers are in
    training mode; dropout stays off. Weights do not change.

    Args:
        architecture: of all networks.
        weights: one network per row.
        inputs: calibration samples, of the training split where the networks are judged on the test split.
        buffers: statistics to start from, one network per row; only what is no running statistic is kept of them.
        batch: samples that go through a network at once, by default as many as fit into `MEMORY`. A single one that
            would be left over joins the batch before it.
        on_part: called after each batch of each network; it may raise to cancel.

    Raises:
        ValueError: the networks have no running statistics, the inputs do not fit or are fewer than 2.
    """
    if not (names := running_layers(architecture)):
        raise ValueError(f"networks of {architecture.name} have no running statistics that could be estimated anew")
    parts = _parts(architecture, inputs, batch, weights.device)
    renewed = []
    for row, network in enumerate(weights):
        module = _module(architecture, network, None if buffers is None else buffers[row])
        for name in names:
            layer = module.get_submodule(name)
            assert isinstance(layer, _NormBase)
            layer.reset_running_stats()
            layer.momentum = None
            layer.train()
        for part in parts:
            module(part)
            on_part()
        renewed.append(_buffers(architecture, module))
    return torch.stack(renewed) if renewed else weights.new_zeros(0, architecture.buffers.size)


@torch.no_grad()
def repair(
    architecture: Architecture,
    weights: Float[Tensor, "models parameters"],
    ends: Float[Tensor, "ends parameters"],
    shares: Float[Tensor, "..."],
    inputs: Float[Tensor, "samples ..."],
    *,
    buffers: Float[Tensor, "models buffers"] | None = None,
    end_buffers: Float[Tensor, "ends buffers"] | None = None,
    batch: int | None = None,
    on_part: OnPart = lambda: None,
) -> tuple[Float[Tensor, "models parameters"], Float[Tensor, "models buffers"]]:
    r"""Networks between others, with the channel statistics that the others have on average (REPAIR).

    Every channel of every corrected layer gets the mean $\sum_i s_i \mu_i$ and the standard deviation
    $\sum_i s_i \sigma_i$ over `inputs`, where $\mu_i, \sigma_i$ are those of end $i$ and $s$ is a row of `shares`
    (Jordan et al., "REPAIR", ICLR 2023, arXiv:2211.08403, section 3). Layers are corrected in the order in which they
    run, each measured after those before it are corrected. A network that equals one end, with all of the share,
    keeps its function up to rounding.

    What is corrected (`repaired_layers`): the output of every linear and convolutional layer but the network's
    last, in its weight and bias. Where a normalisation layer stands directly behind it, the output of that one is
    corrected instead, in its own scale and shift: what the map puts out is normalised away. The running statistics of
    a batch normalisation are estimated anew first, over all inputs, so they tell the truth; scale and shift make up
    for it, so at the ends they may differ from the end's while the function does not. Where it has neither, running
    statistics are chosen that meet the goal.

    In a transformer this means patches, queries, keys, values, projections and perceptrons (on small ones all of them
    together were measured to lower the barrier, perceptrons alone to raise it); its normalisations follow the stream
    and stay. So does the stream of a residual network: what is added to it is corrected, the sum is not.

    What is not: a layer without bias (and without a normalisation behind it) gets the standard deviation only, and
    so does RMSNorm. Layers that run several times in a pass or share parameters with others, and maps that are no
    layers of torch, like those of a recurrent cell, stay. So does a channel that is constant over all inputs, whose
    running statistics stay, too. A negative goal for a standard deviation counts as 0.

    With one batch, all layers are corrected in one pass per network. With several, each layer takes a pass that
    stops there.

    Args:
        architecture: of all networks.
        weights: the networks to repair, one per row.
        ends: the networks that they lie between, in the same order of units.
        shares: `(models, ends)`, how much of each end is in each network: `(1 - alpha, alpha)` on a path, `1 / ends`
            for a mean.
        inputs: calibration samples, of the training split where the networks are judged on the test split.
        buffers: running statistics of the networks; by default those of the ends, mixed by `shares`.
        end_buffers: of the ends, needed where the architecture has some.
        batch: samples that go through a network at once, by default as many as fit into `MEMORY`.
        on_part: called after each pass of a batch; it may raise to cancel.

    Returns:
        Repaired weights, and running statistics that belong to them.

    Raises:
        ValueError: no layer can be corrected, `shares` or the inputs do not fit, there are fewer than 2 inputs, or
            running statistics are missing.
    """
    if shares.shape != (len(weights), len(ends)):
        raise ValueError(
            f"shares must have a row for each of {len(weights)} networks and a column for each of {len(ends)} ends, "
            f"got shape {tuple(shares.shape)}"
        )
    if not (names := repaired_layers(architecture)):
        raise ValueError(f"networks of {architecture.name} have no layer that REPAIR can correct")
    if end_buffers is None:
        if architecture.buffers.size:
            raise ValueError(f"networks of {architecture.name} have running statistics; give end_buffers")
        end_buffers = ends.new_zeros(len(ends), 0)
    shares = shares.to(weights.device, torch.float64)
    held = (shares @ end_buffers.double()).to(end_buffers.dtype) if buffers is None else buffers
    parts = _parts(architecture, inputs, batch, weights.device)
    known = [
        measured(_module(architecture, *end), names, parts, on_part) for end in zip(ends, end_buffers, strict=True)
    ]
    repaired, renewed = [torch.empty_like(weights[:0])], [held[:0]]
    for row, network in enumerate(weights):
        module = _module(architecture, network, held[row])
        goals = {name: goal_of([moments[name] for moments in known], shares[row]) for name in names}
        correct(module, goals, parts, on_part)
        state = {name: value.detach() for name, value in module.named_parameters()}
        repaired.append(architecture.layout.flatten(state).unsqueeze(0))
        renewed.append(_buffers(architecture, module).unsqueeze(0))
    return torch.cat(repaired), torch.cat(renewed)


def _parts(architecture: Architecture, inputs: Tensor, batch: int | None, device: torch.device) -> list[Tensor]:
    """The inputs in batches of at least 2."""
    shape = architecture.input_shape
    if len(inputs) < 2 or inputs[0].numel() != math.prod(shape):
        raise ValueError(
            f"{architecture.name} takes 2 or more inputs of shape {shape} to measure statistics, got shape "
            f"{tuple(inputs.shape)}"
        )
    if batch is None:
        batch = max(2, MEMORY // (NUMBER * ALIVE * max(1, activation_values(architecture, device.type, 1))))
    if batch < 2:
        raise ValueError(f"statistics of a batch need 2 or more samples, got batch {batch}")
    parts = list(torch.split(inputs.reshape(len(inputs), *shape).to(device), batch))
    return parts if len(parts[-1]) > 1 else [*parts[:-2], torch.cat(parts[-2:])]


def _module(architecture: Architecture, weights: Tensor, buffers: Tensor | None) -> nn.Module:
    return architecture.module(weights, buffers).to(weights.device)


def _buffers(architecture: Architecture, module: nn.Module) -> Float[Tensor, " buffers"]:
    slots = architecture.buffers.slots
    if not slots:
        return torch.zeros(0, device=next(module.parameters()).device)
    state = module.state_dict()
    return architecture.buffers.flatten({slot.name: state[slot.name].float() for slot in slots})
