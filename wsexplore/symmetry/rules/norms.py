"""Normalisation layers: what goes in is permuted with what comes out, its scale is forgotten.

Factors of what goes in would pass, but for the number that is added to the variance; so its scale is fixed, on every
axis, and what comes out has the scale of the layer's own weight.
"""

from collections.abc import Mapping

from torch import Tensor

from wsexplore.symmetry.axes import Axes, Node
from wsexplore.symmetry.rules.call import NOTHING, Call, Result, Rule


def batch(call: Call) -> Result:
    """Every channel by its own statistics, which move with it; without them all other axes are averaged over."""
    averages = call.arg(1, "running_mean") is None or bool(call.arg(5, "training", False))
    return _channelwise(call, over=0 if averages else None)


def instance(call: Call) -> Result:
    """Every channel of every sample by itself."""
    return _channelwise(call, over=2)


def _channelwise(call: Call, over: int | None) -> Result:
    """A normalisation of each channel; from the axis `over` on, but for the channels, it is averaged over."""
    x = call.axes(call.args[0])
    for place, name in ((1, "running_mean"), (2, "running_var")):
        if (statistic := call.arg(place, name)) is not None:
            held = call.axes(statistic)[0]
            call.table.join_permuted(x[1], held)
            x = call.table.put(x, 1, held)
    call.table.admit(x, NOTHING, f"{call.name} adds a number to the variance")
    if over is not None:
        call.table.mix(x, [place for place in range(over, len(x)) if place != 1])
    return _affine(call, x, call.arg(3, "weight"), call.arg(4, "bias"))


def group(call: Call) -> Result:
    """Channels in groups: whole groups may change places, and the channels inside each."""
    x, groups = call.axes(call.args[0]), int(call.arg(1, "num_groups"))
    channels = x.shape[1]
    cut = call.table.regroup([x[1]], [groups, channels // groups])
    if cut is None:
        call.table.fix(x[1], "the groups of group_norm cut through its blocks")
        cut = [None]
    elif 1 < groups < channels:
        call.table.hint(cut[0], "groups")
    call.table.admit(x, NOTHING, "group_norm adds a number to the variance")
    call.table.seen.append(Axes((x.shape[0], groups), (x[0], cut[0])))  # the means
    return _affine(call, x, call.arg(2, "weight"), call.arg(3, "bias"))


def _affine(call: Call, x: Axes, weight: Tensor | None, bias: Tensor | None) -> Axes:
    """The same channels, with the scale of the layer's own weight and bias."""
    own = [None if tensor is None else call.axes(tensor) for tensor in (weight, bias)]
    _refuse_shift(call, own[0], bias)
    return Axes(x.shape, (x[0], _own(call, x[1], *(None if axes is None else axes[0] for axes in own)), *x.nodes[2:]))


def _refuse_shift(call: Call, weight: Axes | None, bias: Tensor | None) -> None:
    """A bias that is a constant keeps the weight from being rescaled."""
    if weight is not None and bias is not None and call.is_constant(bias) and not call.is_zero(bias):
        call.table.admit(weight, NOTHING, "a constant is added")


def _own(call: Call, into: Node | None, weight: Node | None, bias: Node | None) -> Node | None:
    """One axis after a weight and a bias; without a weight the normalised numbers come out, whose scale is fixed."""
    for node in (weight, bias):
        call.table.join_permuted(into, node)
    if weight is None:
        call.table.admit(bias, NOTHING, "added to normalised numbers")
        return call.table.rescaled_apart(into, "the output of a normalisation") or bias
    if bias is not None:
        call.table.join(weight, bias)
    return weight


def layer(call: Call) -> Result:
    """All places of the last axes together: they may be permuted, not rescaled."""
    x = call.axes(call.args[0])
    count = len(call.ints(call.arg(1, "normalized_shape")))
    weight = call.arg(2, "weight")
    bias = None if call.name == "rms_norm" else call.arg(3, "bias")
    held = [None if tensor is None else call.axes(tensor) for tensor in (weight, bias)]
    _refuse_shift(call, held[0], bias)
    call.table.admit(x, NOTHING, f"{call.name} adds a number to the variance")
    call.table.mix(x, range(len(x) - count, len(x)))
    last = [
        _own(call, x[place], *(None if axes is None else axes[place] for axes in held)) for place in range(-count, 0)
    ]
    return Axes(x.shape, (*x.nodes[: len(x) - count], *last))


def local_response(call: Call) -> Result:
    """Neighbouring channels together: their order matters."""
    x = call.axes(call.args[0])
    call.table.admit(x, NOTHING, "local_response_norm lets no factor through")
    call.table.fix(x[1], "local_response_norm over neighbours")
    call.table.mix(x, [1])
    return x


RULES: Mapping[str, Rule] = {
    "batch_norm": batch,
    "instance_norm": instance,
    **dict.fromkeys(("layer_norm", "rms_norm"), layer),
    "group_norm": group,
    "local_response_norm": local_response,
}
