"""Operations on each number by itself, alone or two tensors at a time."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from wsexplore.symmetry.axes import FLIP, SCALE, Axes, Node
from wsexplore.symmetry.rules.call import NOTHING, Call, Result, Rule

ADMITS: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(("relu", "leaky_relu", "rrelu", "abs", "absolute"), SCALE),
    **dict.fromkeys(
        ("tanh", "sin", "sinh", "tan", "asin", "arcsin", "asinh", "arcsinh", "atan", "arctan", "atanh", "arctanh",
         "erf", "erfinv", "softsign", "tanhshrink", "hardshrink", "softshrink", "sign", "sgn", "trunc", "fix"), FLIP
    ),
    **dict.fromkeys(
        ("neg", "negative", "positive", "dropout", "feature_dropout", "dropout1d", "dropout2d", "dropout3d",
         "alpha_dropout", "feature_alpha_dropout", "contiguous", "clone", "detach", "to", "type", "type_as", "float",
         "double", "half", "bfloat16", "cpu", "cuda", "data", "requires_grad", "alias"), SCALE | FLIP
    ),
    **dict.fromkeys(
        ("gelu", "sigmoid", "silu", "elu", "selu", "celu", "softplus", "mish", "hardswish", "hardsigmoid", "relu6",
         "logsigmoid", "exp", "exp2", "log", "log2", "log10", "log1p", "expm1", "sqrt", "rsqrt", "square", "cos",
         "cosh", "acos", "arccos", "acosh", "pow", "float_power", "reciprocal", "erfc", "sinc", "logit", "lgamma",
         "digamma", "i0", "round", "floor", "ceil", "frac", "nan_to_num", "isnan", "isinf", "isfinite", "logical_not",
         "bitwise_not", "invert", "bool", "long", "int", "short", "char", "byte", "rad2deg", "deg2rad"), NOTHING
    ),
}  # fmt: skip
"""Functions of one number to the factors that pass through them."""

WORDS = {"scale": "positive factors", "flip": "signs"}


def same(call: Call) -> Result:
    """Each number by itself: the axes stay, with the factors that the function lets through."""
    if "dropout" in call.name and call.arg(2, "training", call.kwargs.get("train", False)):
        return None  # random numbers
    return _passing(call, ADMITS[call.name])


def _passing(call: Call, admitted: frozenset[str]) -> Result:
    """The axes of the first tensor, with the factors that are admitted; of whole numbers none."""
    first, *others = call.tensors()
    x = call.axes(first)
    if call.name in ("to", "type", "type_as"):
        call.leave_out(*others)  # it says the type of the result
    if not (call.results[0].is_floating_point() or call.results[0].is_complex()):
        admitted = NOTHING
    if admitted != SCALE | FLIP:
        passes = " and ".join(WORDS[word] for word in sorted(admitted)) or "no factor"
        call.table.admit(x, admitted, f"{call.name} lets {passes} through")
    return x if x.shape == call.shape else None


def raised(call: Call) -> Result:
    """A power; with a tensor as exponent place by place."""
    return compared(call) if len(call.tensors()) > 1 else _passing(call, NOTHING)


def clamped(call: Call) -> Result:
    """Numbers kept within bounds: like ReLU where one bound is 0, odd where they are opposite."""
    if len(call.tensors()) > 1:
        return compared(call)
    low, high = _bounds(call)
    if low is not None and high is not None and low == -high:
        return _passing(call, FLIP)
    return _passing(call, SCALE if (low, high) in ((0, None), (None, 0)) else NOTHING)


def _bounds(call: Call) -> tuple[Any, Any]:
    if call.name == "hardtanh":
        return call.arg(1, "min_val", -1.0), call.arg(2, "max_val", 1.0)
    if call.name == "clamp_min":
        return call.arg(1, "min"), None
    if call.name == "clamp_max":
        return None, call.arg(1, "max")
    return call.arg(1, "min"), call.arg(2, "max")


def threshold(call: Call) -> Result:
    """Numbers below a threshold replaced: ReLU where both are 0."""
    at_zero = call.arg(1, "threshold") == 0 and call.arg(2, "value") == 0
    return _passing(call, SCALE if at_zero else NOTHING)


def prelu(call: Call) -> Result:
    """One slope per channel, or one for all."""
    x, slope = call.axes(call.args[0]), call.axes(call.arg(1, "weight"))
    if len(x) > 1:
        call.table.join_permuted(x[1], slope[0])
        x = call.table.put(x, 1, slope[0])
    call.table.admit(x, SCALE, "prelu lets positive factors through")
    call.table.admit(slope, NOTHING, "slopes of an activation")
    return x


def along(call: Call) -> Result:
    """Each number by itself after all along an axis were looked at, as in a softmax: no factor passes."""
    x = call.axes(call.args[0])
    where, usual = {"normalize": (2, 1), "gumbel_softmax": (4, -1)}.get(call.name, (1, None))
    places = call.arg(where, "dim", usual)
    call.table.admit(x, NOTHING, f"{call.name} lets no factor through")
    call.table.mix(x, range(len(x)) if places is None else [place % len(x) for place in call.ints(places)])
    return x


def cumulated(call: Call) -> Result:
    """Sums along an axis, whose order then matters."""
    x = call.axes(call.args[0])
    place = call.ints(call.arg(1, "dim"))[0] % len(x)
    x = call.table.put(x, place, call.table.node(x.shape[place]))
    call.table.fix(x[place], f"{call.name} runs along it")
    call.table.mix(x, [place])
    if call.name != "cumsum":
        call.table.admit(x, NOTHING, f"{call.name} lets no factor through")
    return x


def added(call: Call) -> Result:
    """Sums and differences: the axes of both move and are rescaled together."""
    return _sum(call, call.tensors(), _number(call))


def extreme(call: Call) -> Result:
    """The larger or smaller of two numbers: positive factors pass where both have them."""
    result = added(call)
    if isinstance(result, Axes):
        call.table.admit(result, SCALE, f"{call.name} lets positive factors through")
    return result


def compared(call: Call) -> Result:
    """Two tensors place by place, under a function that lets no factor through."""
    result = added(call)
    if isinstance(result, Axes):
        for tensor in call.tensors():
            call.table.admit(call.axes(tensor), NOTHING, f"{call.name} lets no factor through")
    return result


def _number(call: Call) -> bool:
    """Whether a number other than zero takes part."""
    return any(isinstance(v, int | float | complex) and v != 0 for v in (*call.args[:3], call.kwargs.get("other")))


def _sum(call: Call, tensors: list[Tensor], number: bool) -> Result:
    """Tensors broadcast against each other; an axis that one of them lacks keeps its factors only if that one is 0."""
    operands = [call.axes(tensor) for tensor in tensors]
    shape, nodes = call.shape, list[Node | None]()
    for place in range(-len(shape), 0):
        present = _present(operands, shape, place)
        for other in present[1:]:
            call.table.join(present[0], other)
        lacking = any(
            len(axes) < -place or axes[place] is None
            for tensor, axes in zip(tensors, operands, strict=True)
            if not call.is_zero(tensor)
        )
        if present and (lacking or number):
            call.table.admit(present[0], NOTHING, f"{call.name} with something that is not rescaled with it")
        nodes.append(present[0] if present else None)
    return Axes(shape, tuple(nodes))


def _present(operands: list[Axes], shape: tuple[int, ...], place: int) -> list[Node]:
    """The nodes of those operands that have one on an axis, counted from the last."""
    found = (x[place] for x in operands if len(x) >= -place and x.shape[place] == shape[place])
    return [node for node in found if node is not None]


def multiplied(call: Call) -> Result:
    """Products and quotients: rescaled with one of the factors, where the others keep their scale."""
    tensors = call.tensors()
    if call.kwargs.get("rounding_mode") is not None:
        return compared(call)
    operands = [call.axes(tensor) for tensor in tensors]
    if call.name in ("div", "divide", "true_divide", "truediv", "itruediv"):
        for divisor in operands[1:]:
            call.table.admit(divisor, NOTHING, "it divides")
    nodes: list[Node | None] = []
    for place in range(-len(call.shape), 0):
        present = _present(operands, call.shape, place)
        for other in present[1:]:
            call.table.join_permuted(present[0], other)
        moving = [node for node in present if call.table.is_rescaled(node)]
        for node in moving[:-1]:
            call.table.admit(node, NOTHING, "multiplied by something that is rescaled itself")
        nodes.append(next(iter([*moving[::-1], *present]), None))
    return Axes(call.shape, tuple(nodes))


def chosen(call: Call) -> Result:
    """A choice between two tensors by a condition, which is rescaled with neither."""
    condition, *others = call.tensors()
    if not others:
        return None
    mask = call.axes(condition)
    call.table.admit(mask, NOTHING, "a condition")
    result = _sum(call, others, _number(call))
    if not isinstance(result, Axes):
        return None
    return _under_mask(call, result, mask)


def masked(call: Call) -> Result:
    """Places of the first tensor overwritten where a mask says so; zeros let factors through."""
    x, mask = call.axes(call.args[0]), call.axes(call.arg(1, "mask"))
    value = call.arg(2, "value")
    call.table.admit(mask, NOTHING, "a mask")
    if isinstance(value, Tensor) or value != 0:
        call.table.admit(x, NOTHING, "places are overwritten")
    return _under_mask(call, x, mask)


def _under_mask(call: Call, x: Axes, mask: Axes) -> Result:
    nodes: list[Node | None] = []
    for place in range(-len(call.shape), 0):
        own, other = (_present([axes], call.shape, place) for axes in (x, mask))
        if own and other:
            call.table.join_permuted(own[0], other[0])
        nodes.append(next(iter([*own, *other]), None))
    return Axes(call.shape, tuple(nodes))


def expanded(call: Call) -> Result:
    """Axes of one place repeated: nothing changes along them."""
    first, *others = call.tensors()
    call.leave_out(*others)
    x = call.axes(first)
    lead = len(call.shape) - len(x)
    kept = tuple(x[k] if x.shape[k] == call.shape[lead + k] else None for k in range(len(x)))
    return Axes(call.shape, (*(None,) * lead, *kept))


RULES: Mapping[str, Rule] = {
    **dict.fromkeys(ADMITS, same),
    **dict.fromkeys(("pow", "float_power"), raised),
    **dict.fromkeys(("clamp", "clip", "clamp_min", "clamp_max", "hardtanh"), clamped),
    "threshold": threshold,
    "prelu": prelu,
    **dict.fromkeys(("softmax", "log_softmax", "softmin", "gumbel_softmax", "normalize"), along),
    **dict.fromkeys(("cumsum", "cumprod", "logcumsumexp"), cumulated),
    **dict.fromkeys(("add", "sub", "radd", "rsub", "subtract"), added),
    **dict.fromkeys(("mul", "rmul", "multiply", "div", "divide", "true_divide", "truediv"), multiplied),
    **dict.fromkeys(("maximum", "minimum", "fmax", "fmin"), extreme),
    **dict.fromkeys(
        ("eq", "ne", "lt", "le", "gt", "ge", "logical_and", "logical_or", "logical_xor", "and", "or", "xor",
         "bitwise_and", "bitwise_or", "rdiv", "rtruediv", "rpow", "addcmul", "addcdiv", "lerp", "atan2", "hypot",
         "remainder", "mod", "fmod", "floordiv", "floor_divide", "logaddexp", "xlogy"), compared
    ),
    "where": chosen,
    "masked_fill": masked,
    **dict.fromkeys(("expand", "expand_as", "broadcast_to"), expanded),
}  # fmt: skip
