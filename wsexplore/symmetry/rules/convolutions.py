"""Convolutions: channels in groups or not; places in the kernel and in the image stay."""

from collections.abc import Mapping, Sequence

from wsexplore.symmetry.axes import Axes, Node
from wsexplore.symmetry.rules.call import NOTHING, Call, Result, Rule
from wsexplore.symmetry.rules.products import meet, with_bias


def convolution(call: Call) -> Result:
    """Channels meet the weight; with a kernel of one place the places of the image may be anything."""
    x, weight = call.axes(call.args[0]), call.axes(call.arg(1, "weight"))
    channel, groups = len(x) - len(weight) + 1, int(call.arg(6, "groups", 1))
    units = weight[0]
    if groups > 1:
        into = call.table.regroup([x[channel]], [groups, weight.shape[1]])
        rows = call.table.regroup([weight[0]], [groups, weight.shape[0] // groups])
        if into is None or rows is None:
            return None
        _grouped(call, into, rows, weight[1])
        units = call.table.made_of(rows, one_by_one=False)
        call.table.multiply(x.nodes, rows[1:], weight.nodes[2:])
    else:
        meet(call, x[channel], weight[1])
        call.table.multiply(x.nodes, weight.nodes[:1], weight.nodes[2:])
    return _image(call, x, weight, channel, units)


def transposed(call: Call) -> Result:
    """The same the other way round: the first axis of the weight meets the channels."""
    x, weight = call.axes(call.args[0]), call.axes(call.arg(1, "weight"))
    channel, groups = len(x) - len(weight) + 1, int(call.arg(6, "groups", 1))
    units = weight[1]
    if groups > 1:
        into = call.table.regroup([x[channel]], [groups, weight.shape[0] // groups])
        rows = call.table.regroup([weight[0]], [groups, weight.shape[0] // groups])
        if into is None or rows is None:
            return None
        _grouped(call, into, [rows[0], units], rows[1])
        call.table.multiply(x.nodes, weight.nodes[1:])
        units = call.table.made_of([rows[0], units], one_by_one=False)
    else:
        meet(call, x[channel], weight[0])
        call.table.multiply(x.nodes, weight.nodes[1:])
    return _image(call, x, weight, channel, units)


def _grouped(call: Call, into: Sequence[Node | None], out: Sequence[Node | None], columns: Node | None) -> None:
    """Groups move as wholes, channels within them.

    The factor of a group would be taken in and given out along one axis of the weight, two classes on one axis, so
    that of what goes in is fixed; what comes out has its own where every channel is a group.
    """
    meet(call, into[1], columns)
    call.table.join_permuted(into[0], out[0])
    call.table.admit(into[0], NOTHING, "convolution in groups")
    if (columns, out[1]) != (None, None):
        call.table.admit(out[0], NOTHING, "convolution in groups")
        call.table.join(into[0], out[0])
    call.table.hint(out[0], "groups")


def _image(call: Call, x: Axes, weight: Axes, channel: int, units: Node | None) -> Axes:
    """The result: samples, units and places of the image."""
    shape = call.shape
    if _is_pointwise(call, weight):
        space = list(x.nodes[channel + 1 :])
    else:
        call.table.mix(x, range(channel + 1, len(x)))
        for node in weight.nodes[2:]:
            call.table.fix(node, "place in the kernel")
        for node in x.nodes[channel + 1 :]:
            call.table.fix(node, "place in the image")
        space = [call.table.node(size, "place in the image") for size in shape[channel + 1 :]]
    return with_bias(call, Axes(shape, (*x.nodes[:channel], units, *space)), channel, call.arg(2, "bias"))


def _is_pointwise(call: Call, weight: Axes) -> bool:
    """Whether every place of the image is treated by itself."""
    places = (*weight.shape[2:], *call.ints(call.arg(3, "stride", 1)))
    padding = call.arg(4, "padding", 0)
    padded = padding not in ("same", "valid") if isinstance(padding, str) else any(call.ints(padding))
    return not call.name.startswith("conv_transpose") and set(places) == {1} and not padded


RULES: Mapping[str, Rule] = {
    **dict.fromkeys(("conv1d", "conv2d", "conv3d"), convolution),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), transposed),
}
