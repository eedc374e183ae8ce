"""Recurrent layers and cells: the units of a state are the rows of every gate."""

from collections.abc import Mapping

from torch import Tensor

from wsexplore.symmetry.axes import FLIP, SCALE, Axes, Node
from wsexplore.symmetry.rules.call import Call, Result, Rule, tensors_in

NOTHING: frozenset[str] = frozenset()

GATES: Mapping[str, tuple[bool, ...]] = {
    "gru": (False, False, True),
    "lstm": (False, False, True, False),
    "rnn_tanh": (True,),
    "rnn_relu": (True,),
}
"""Whether each gate carries the sign (or scale) of its unit; the others pass through a sigmoid."""


def layers(call: Call) -> Result:
    """`GRU`, `LSTM` and `RNN`: layer after layer, one direction or two."""
    x, states = call.axes(call.args[0]), list(tensors_in(call.args[1]))
    weights, has_bias, depth = call.args[2], bool(call.args[3]), int(call.args[4])
    both, first = bool(call.args[7]), bool(call.args[8]) if len(call.args) > 8 else False
    if not isinstance(weights, list | tuple):
        return None
    per = 4 if has_bias else 2
    directions = 2 if both else 1
    if len(weights) != per * depth * directions:
        return None  # an LSTM with a projection of its state
    inputs, last = x[-1], []
    for index in range(depth):
        ends = []
        for direction in range(directions):
            start = per * (index * directions + direction)
            unit = _cell(call, call.name, inputs, list(weights[start : start + per]))
            call.table.hint(unit, f"l{index}" + ("_reverse" if direction else ""))
            ends.append(unit)
        last += ends
        inputs = call.table.made_of(ends, one_by_one=True)
    for state in states:
        if not call.is_constant(state) or bool(state.any()):
            for unit in last:
                call.table.fix(unit, "the first state is given")
    if len(x) == 3:
        call.table.fix(x[1 if first else 0], "place in the sequence")
    out = Axes(call.shape, (*x.nodes[:-1], inputs))
    return [out, *(_ended(call, tuple(result.shape), last) for result in call.results[1:])]


def _ended(call: Call, shape: tuple[int, ...], units: list[Node | None]) -> Axes:
    """The last states of all layers and directions, side by side."""
    nodes = [unit for unit in units if unit is not None]
    between = [call.table.node(size, "samples of a batch") for size in shape[1:-1]]
    if len(nodes) < 2:
        return Axes(shape, (None, *between, nodes[0] if nodes else None))
    outer, inner = call.table.stacked(nodes)
    return Axes(shape, (outer, *between, inner))


def cell(call: Call) -> Result:
    """`GRUCell`, `LSTMCell` and `RNNCell`."""
    x, states = call.axes(call.args[0]), list(tensors_in(call.args[1]))
    weights = [tensor for tensor in call.args[2:6] if isinstance(tensor, Tensor)]
    unit = _cell(call, call.name.removesuffix("_cell"), x[-1], weights)
    for state in states:
        axes = call.axes(state)
        call.table.join(axes[-1], unit)
        if axes[-1] is None and bool(state.any()):
            call.table.admit(unit, NOTHING, "the first state is given")
    return [Axes(tuple(result.shape), (*x.nodes[:-1], unit)) for result in call.results]


def _cell(call: Call, name: str, inputs: Node | None, weights: list[Tensor]) -> Node | None:
    """One layer of gates: their rows are the units of the state, and so are the columns that read it."""
    table, hidden = call.table, int(weights[1].shape[1])
    unit = table.node(hidden)
    if unit is None:
        return None
    table.admit(unit, SCALE if name == "rnn_relu" else FLIP, f"{name} lets nothing else through")
    for place, tensor in enumerate(weights):
        axes = call.axes(tensor)
        gates = [unit if carries else table.rescaled_apart(unit, "a sigmoid gate") for carries in GATES[name]]
        table.join(axes[0], table.made_of(gates, one_by_one=True))
        if place == 0:
            if inputs is None:
                table.fix(axes[1], "input of the network")
            table.join(inputs, axes[1], power=-1)
        elif place == 1:
            table.join(unit, axes[1], power=-1)
    table.seen.append(Axes((2, hidden), (None, unit)))
    return unit


RULES: Mapping[str, Rule] = {
    **dict.fromkeys(("gru", "lstm", "rnn_tanh", "rnn_relu"), layers),
    **dict.fromkeys(("gru_cell", "lstm_cell", "rnn_tanh_cell", "rnn_relu_cell"), cell),
}
