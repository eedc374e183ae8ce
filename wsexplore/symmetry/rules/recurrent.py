"""Recurrent layers and cells: the units of a state are the rows of every gate."""

from collections.abc import Mapping, Sequence

from torch import Tensor

from wsexplore.symmetry.axes import FLIP, SCALE, Axes, Node
from wsexplore.symmetry.rules.call import NOTHING, Call, Result, Rule, tensors_in
from wsexplore.symmetry.rules.products import meet

GATES: Mapping[str, tuple[bool, ...]] = {
    "gru": (False, False, True),
    "lstm": (False, False, True, False),
    "rnn_tanh": (True,),
    "rnn_relu": (True,),
}
"""Whether each gate carries the sign (or scale) of its unit; the others pass through a sigmoid."""


def layers(call: Call) -> Result:
    """`GRU`, `LSTM` and `RNN`: layer after layer, one direction or two; sequences of one length or packed."""
    packed = isinstance(call.args[3], list | tuple)
    if packed:
        call.leave_out(call.args[1])  # how many samples are left at each step
    given, states, weights, _, depth, _, _, both, *rest = [*call.args[:1], *call.args[2:]] if packed else call.args
    x, directions = call.axes(given), 2 if both else 1
    batched, first = not packed and len(x) == 3, bool(rest and rest[0])
    per = len(weights) // (depth * directions)
    inputs, outputs, cells = x[-1], list[Node | None](), list[Node | None]()
    for index in range(depth * directions):
        out, unit = _cell(call, call.name, [*x.nodes[:-1], inputs], weights[per * index : per * (index + 1)])
        call.table.hint(unit, f"l{index // directions}" + ("_reverse" if index % directions else ""))
        outputs.append(out)
        cells.append(unit)
        if len(outputs) % directions == 0:
            inputs = call.table.one_after_the_other(outputs[-directions:])
    for node in x.nodes[:-1]:
        call.table.admit(node, NOTHING, "a gate lets no factor through")
    sequence, sample = (1, 0) if batched and first else (0, 1)
    x = call.table.put(x, sequence, call.table.node(x.shape[sequence]))
    call.table.mix(x, [sequence])
    call.table.fix(x[sequence], "place in the sequence")
    for state, units in zip(tensors_in(states), (outputs, cells), strict=False):
        begun = _begin(call, state, units, x[sample] if batched else None)
        x = call.table.put(x, sample, begun) if batched else x
    samples = x[sample] if batched else None
    ended = zip(call.results[1:], (outputs, cells), strict=False)
    return [
        Axes(call.shape, (*x.nodes[:-1], inputs)),
        *(_ended(call, tuple(result.shape), units, samples) for result, units in ended),
    ]


def _begin(call: Call, state: Tensor, units: Sequence[Node | None], samples: Node | None) -> Node | None:
    """The first states of all layers and directions, side by side; where they are one axis, the units are fixed.

    Returns:
        The axis of their samples.
    """
    if call.is_zero(state):
        return samples
    axes = call.axes(state)
    if len(axes) == 3:
        call.table.join_permuted(axes[1], samples)
    copies = [axes[-1]] if len(units) == 1 else call.table.at_each_place(axes[0], axes[-1])
    for node, unit in zip(copies or [None] * len(units), units, strict=True):
        call.table.join(node, unit)
        if node is None:
            call.table.fix(axes, "a first state of several layers")
            call.table.fix(unit, "the first state is given")
    return axes[1] if len(axes) == 3 else samples


def _ended(call: Call, shape: tuple[int, ...], units: Sequence[Node | None], samples: Node | None) -> Axes:
    """The last states of all layers and directions, side by side."""
    between = [samples or call.table.node(size, "samples of a batch") for size in shape[1:-1]]
    nodes = [unit for unit in units if unit is not None]
    if len(units) == 1 or not nodes:
        outer = call.table.node(len(units), "tensors side by side")
        return Axes(shape, (outer, *between, units[0]))
    outer, inner = call.table.stacked(nodes)
    return Axes(shape, (outer, *between, inner))


def cell(call: Call) -> Result:
    """`GRUCell`, `LSTMCell` and `RNNCell`."""
    x, states = call.axes(call.args[0]), list(tensors_in(call.args[1]))
    weights = [tensor for tensor in call.args[2:6] if isinstance(tensor, Tensor)]
    unit, _ = _cell(call, call.name.removesuffix("_cell"), x.nodes, weights)
    for state in states:
        if not call.is_zero(state):
            axes = call.axes(state)
            if axes[-1] is None:
                call.table.admit(unit, NOTHING, "the first state is given")
            call.table.join(axes[-1], unit)
            for place, node in enumerate(axes.nodes[:-1]):
                call.table.join_permuted(node, x[place])
                call.table.admit(node, NOTHING, "a gate lets no factor through")
                x = call.table.put(x, place, node)
    for node in x.nodes[:-1]:
        call.table.admit(node, NOTHING, "a gate lets no factor through")
    return [Axes(tuple(result.shape), (*x.nodes[:-1], unit)) for result in call.results]


def _cell(
    call: Call, name: str, inputs: Sequence[Node | None], weights: Sequence[Tensor]
) -> tuple[Node | None, Node | None]:
    """One layer of gates: what it gives out, and its units, which are the rows of every gate.

    The two are one, and so are the columns that read them, unless a fifth matrix projects the units.
    """
    table = call.table
    held = [call.axes(tensor) for tensor in weights]
    hidden = held[0].shape[0] // len(GATES[name])
    unit = table.node(hidden) or table.single("one unit by itself")
    table.admit(unit, SCALE if name == "rnn_relu" else FLIP, f"{name} lets nothing else through")
    out = unit
    if len(held) % 2:
        meet(call, unit, held[-1][1])
        table.multiply(inputs[:-1], held[-1].nodes)
        out = held[-1][0] or table.single("one unit by itself")
    meet(call, inputs[-1], held[0][1])
    table.multiply(inputs, [unit])
    table.multiply(inputs[:-1], [out], [unit])
    table.join(out, held[1][1], power=-1)
    for axes in held[: len(held) // 2 * 2]:
        gates = [unit if carries else table.rescaled_apart(unit, "a sigmoid gate") for carries in GATES[name]]
        table.join(axes[0], table.made_of(gates, one_by_one=True))
    table.seen.append(Axes((2, hidden), (None, unit)))
    return (None if table.size(out) == 1 else out), (None if hidden == 1 else unit)


def packed(call: Call) -> Result:
    """Sequences of several lengths, their steps one after the other."""
    x = call.axes(call.args[0])
    call.leave_out(*call.tensors()[1:])  # lengths
    call.table.mix(x, [0, 1])
    for node in x.nodes[:2]:
        call.table.fix(node, "place in the sequence")
    return [Axes(call.shape, (call.table.node(call.shape[0], "place in the sequence"), *x.nodes[2:])), None]


def unpacked(call: Call) -> Result:
    """The same the other way round; what is filled in lets factors through if it is 0."""
    x = call.axes(call.args[0])
    call.leave_out(*call.tensors()[1:])
    if call.arg(3, "padding_value", 0.0) != 0:
        call.table.admit(x, NOTHING, "padded with a number")
    call.table.fix(x[0], "place in the sequence")
    call.table.mix(x, [0])
    front = [call.table.node(size, "place in the sequence") for size in call.shape[:2]]
    return [Axes(call.shape, (*front, *x.nodes[1:])), None]


RULES: Mapping[str, Rule] = {
    **dict.fromkeys(("gru", "lstm", "rnn_tanh", "rnn_relu"), layers),
    **dict.fromkeys(("gru_cell", "lstm_cell", "rnn_tanh_cell", "rnn_relu_cell"), cell),
    "pack_padded_sequence": packed,
    "pad_packed_sequence": unpacked,
}
