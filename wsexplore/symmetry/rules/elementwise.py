"""Operations on each number by itself, alone or two tensors at a time."""

from collections.abc import Mapping

from torch import Tensor

from wsexplore.symmetry.axes import FLIP, SCALE, Axes, Node
from wsexplore.symmetry.rules.call import Call, Result, Rule

NOTHING: frozenset[str] = frozenset()

ADMITS: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(("relu", "leaky_relu", "threshold", "rrelu", "relu6_"), SCALE),
    **dict.fromkeys(("tanh", "sin", "asinh", "atan", "erf", "softsign", "hardtanh", "tanhshrink", "arctan"), FLIP),
    **dict.fromkeys(
        ("neg", "dropout", "feature_dropout", "dropout1d", "dropout2d", "dropout3d", "contiguous", "clone", "detach",
         "to", "float", "double", "type", "requires_grad", "alias", "zero_padding"),
        SCALE | FLIP,
    ),
    **dict.fromkeys(
        ("gelu", "sigmoid", "silu", "elu", "selu", "celu", "softplus", "mish", "hardswish", "hardsigmoid", "relu6",
         "logsigmoid", "exp", "log", "sqrt", "rsqrt", "abs", "square", "cos", "pow", "reciprocal", "clamp", "clip",
         "clamp_min", "clamp_max", "log1p", "expm1", "sign", "isnan", "nan_to_num", "hardshrink", "softshrink",
         "softmax", "log_softmax", "softmin", "normalize", "cumsum", "alpha_dropout", "logical_not", "bool", "round",
         "floor", "ceil", "sinh", "cosh", "tan", "erfc", "gumbel_softmax", "sinc", "rad2deg", "deg2rad"),
        NOTHING,
    ),
}  # fmt: skip
"""Activations to the factors that pass through them."""


def same(call: Call) -> Result:
    """Each number by itself: the axes stay, with the factors that the function lets through."""
    axes = call.axes(call.args[0] if call.args else next(iter(call.tensors())))
    if axes.shape != call.shape:
        return None
    call.table.admit(axes, ADMITS[call.name], f"{call.name} lets only {_words(ADMITS[call.name])} through")
    return axes


def _words(admitted: frozenset[str]) -> str:
    return " and ".join({"scale": "positive factors", "flip": "signs"}[word] for word in sorted(admitted)) or "nothing"


def cumulated(call: Call) -> Result:
    """Sums along an axis, whose order then matters."""
    axes = call.axes(call.args[0])
    call.table.fix(axes[call.ints(call.arg(1, "dim"))[0]], "a sum runs along it")
    return axes


def prelu(call: Call) -> Result:
    """One slope per channel, or one for all."""
    x, slope = call.axes(call.args[0]), call.axes(call.arg(1, "weight"))
    if len(x) > 1:
        call.table.join_permuted(x[1], slope[0])
    call.table.admit(x, SCALE, "prelu lets only positive factors through")
    call.table.admit(slope, NOTHING, "slopes of an activation")
    return x


def added(call: Call) -> Result:
    """Sums and differences: the axes of both move and are rescaled together."""
    return _two(call, joined=True)


def multiplied(call: Call) -> Result:
    """Products: rescaled with one of the factors, where the other keeps its scale."""
    return _two(call, joined=False)


def compared(call: Call) -> Result:
    """Two tensors place by place, under a function that lets no factor through."""
    result = _two(call, joined=True)
    if isinstance(result, Axes):
        call.table.admit(result, NOTHING, f"{call.name} lets nothing through")
    return result


def _two(call: Call, *, joined: bool) -> Result:
    tensors = call.tensors()
    operands = [call.axes(tensor) for tensor in tensors]
    shape = call.shape
    nodes: list[Node | None] = []
    if not joined and call.name in ("div", "true_divide") and len(operands) == 2:
        call.table.admit(operands[1], NOTHING, "divides")
    for place in range(-len(shape), 0):
        here = [(t, x) for t, x in zip(tensors, operands, strict=True) if len(x) >= -place]
        present = [x[place] for _, x in here if x.shape[place] == shape[place] and x[place] is not None]
        if not present:
            nodes.append(None)
            continue
        first = present[0]
        for other in present[1:]:
            call.table.join_permuted(first, other)
        if joined:
            for other in present[1:]:
                call.table.join(first, other)
            if (len(present) < len(operands) and not _vanish(call, tensors, operands, place)) or _number(call):
                call.table.admit(first, NOTHING, f"{call.name} with something that has no units")
            nodes.append(first)
        else:
            moving = [node for node in present if call.table.is_rescaled(node)]
            if len(moving) > 1:
                for node in moving:
                    call.table.admit(node, NOTHING, "two rescaled axes are multiplied")
            nodes.append(moving[0] if len(moving) == 1 else first)
    return Axes(shape, tuple(nodes))


def _vanish(call: Call, tensors: list[Tensor], operands: list[Axes], place: int) -> bool:
    """Whether every operand without units on this axis is a constant zero."""
    return all(
        call.is_zero(tensor)
        for tensor, axes in zip(tensors, operands, strict=True)
        if len(axes) < -place or axes[place] is None
    )


def _number(call: Call) -> bool:
    """Whether a number other than zero is added."""
    return any(isinstance(value, int | float) and value != 0 for value in call.args[:2])


def masked(call: Call) -> Result:
    """Places of the first tensor overwritten where a mask says so."""
    x, mask = call.axes(call.args[0]), call.axes(call.args[1])
    for place in range(-min(len(x), len(mask)), 0):
        call.table.join(x[place], mask[place])
    call.table.admit(x, NOTHING, "places are overwritten")
    return x if x.shape == call.shape else None


def where(call: Call) -> Result:
    """A choice between two tensors."""
    return compared(call)


def expanded(call: Call) -> Result:
    """Axes of one place repeated: nothing changes along them."""
    x = call.axes(call.args[0])
    lead = len(call.shape) - len(x)
    kept = tuple(x[k] if x.shape[k] == call.shape[lead + k] else None for k in range(len(x)))
    return Axes(call.shape, (*(None,) * lead, *kept))


RULES: Mapping[str, Rule] = {
    **dict.fromkeys((name for name in ADMITS if name != "cumsum"), same),
    "cumsum": cumulated,
    "prelu": prelu,
    **dict.fromkeys(("add", "sub", "radd", "rsub", "iadd", "isub", "subtract"), added),
    **dict.fromkeys(("mul", "rmul", "imul", "multiply", "div", "truediv", "true_divide", "itruediv"), multiplied),
    **dict.fromkeys(
        ("maximum", "minimum", "max_of", "eq", "ne", "lt", "le", "gt", "ge", "logical_and", "logical_or", "rdiv",
         "rtruediv", "rpow", "addcmul", "addcdiv", "lerp", "where", "and", "or"),
        compared,
    ),
    **dict.fromkeys(("masked_fill",), masked),
    **dict.fromkeys(("expand", "expand_as", "broadcast_to"), expanded),
}  # fmt: skip
