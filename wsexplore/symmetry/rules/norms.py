"""Normalisation layers: what goes in is permuted with what comes out, its scale is forgotten."""

import math
from collections.abc import Mapping

from torch import Tensor

from wsexplore.symmetry.axes import Axes, Node
from wsexplore.symmetry.rules.call import Call, Result, Rule

NOTHING: frozenset[str] = frozenset()


def batch(call: Call) -> Result:
    """Every channel by its own statistics; what comes out has the scale of the layer's own weight.

    Positive factors of what goes in would pass but for the number added to the variance, and signs would come out
    again, so its scale is fixed.
    """
    x = call.axes(call.args[0])
    mean, variance = call.arg(1, "running_mean"), call.arg(2, "running_var")
    weight, bias = call.arg(3, "weight"), call.arg(4, "bias")
    channel = x[1]
    for statistic in (mean, variance):
        if statistic is not None:
            call.table.join(channel, call.axes(statistic)[0])
    call.table.admit(channel, NOTHING, "a normalisation adds a number to the variance")
    return _affine(call, x, 1, [weight, bias])


def instance(call: Call) -> Result:
    """Every channel of every sample by itself."""
    x = call.axes(call.args[0])
    call.table.admit(x[1], NOTHING, "a normalisation adds a number to the variance")
    return _affine(call, x, 1, [call.arg(3, "weight"), call.arg(4, "bias")])


def layer(call: Call) -> Result:
    """All places of the last axes together: they may be permuted, not rescaled."""
    x = call.axes(call.args[0])
    count = len(call.ints(call.arg(1, "normalized_shape")))
    weight = call.arg(2, "weight")
    bias = None if call.name == "rms_norm" else call.arg(3, "bias")
    nodes = list(x.nodes)
    held = [call.axes(tensor) for tensor in (weight, bias) if tensor is not None]
    for place in range(-count, 0):
        for axes in held:
            call.table.join_permuted(x[place], axes[place])
        call.table.admit(x[place], NOTHING, f"{call.name} over it")
        nodes[place] = held[0][place] if count == 1 and held else call.table.rescaled_apart(x[place], f"{call.name}")
        for axes in held[1:]:
            call.table.join(nodes[place], axes[place])
    if count > 1:
        for axes in held:
            call.table.admit(axes, NOTHING, f"{call.name} over several axes")
    return Axes(x.shape, tuple(nodes))


def group(call: Call) -> Result:
    """Channels in groups: whole groups may change places, and the channels inside each."""
    x, groups = call.axes(call.args[0]), int(call.arg(1, "num_groups"))
    channels = x.shape[1]
    cut = call.table.regroup([x[1]], [groups, channels // groups])
    if cut is None:
        return None
    if 1 < groups < channels:
        call.table.hint(cut[0], "groups")
    call.table.admit(x[1], NOTHING, "group_norm over it")
    for place in range(2, len(x)):
        call.table.admit(x[place], NOTHING, "group_norm over it")
    return _affine(call, x, 1, [call.arg(2, "weight"), call.arg(3, "bias")])


def local_response(call: Call) -> Result:
    """Neighbouring channels together: their order matters."""
    x = call.axes(call.args[0])
    call.table.fix(x[1], "local_response_norm over neighbours")
    return x


def _affine(call: Call, x: Axes, place: int, parameters: list[Tensor | None]) -> Axes:
    """The same places, with the scale of the layer's own weight and bias."""
    held = [call.axes(tensor)[0] for tensor in parameters if tensor is not None]
    out: Node | None = call.table.rescaled_apart(x[place], "" if held else "the output of a normalisation")
    for node in held:
        call.table.join(out, node)
    if x[place] is None and math.prod(x.shape[place : place + 1]) > 1 and held:
        out = held[0]
    return Axes(x.shape, (*x.nodes[:place], out, *x.nodes[place + 1 :]))


RULES: Mapping[str, Rule] = {
    "batch_norm": batch,
    "instance_norm": instance,
    **dict.fromkeys(("layer_norm", "rms_norm"), layer),
    "group_norm": group,
    "local_response_norm": local_response,
}
