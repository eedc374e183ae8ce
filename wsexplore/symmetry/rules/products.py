"""Linear maps: layers, matrix products, sums of products over named axes, embeddings."""

import string
from collections.abc import Mapping, Sequence

from torch import Tensor

from wsexplore.symmetry.axes import SCALE, Axes, Node
from wsexplore.symmetry.rules.call import NOTHING, Call, Result, Rule


def linear(call: Call) -> Result:
    """Inputs meet the columns of the weight; its rows make the units."""
    x, weight = call.axes(call.args[0]), call.axes(call.arg(1, "weight"))
    if not call.is_zero(call.args[0]):
        meet(call, x[-1], weight[-1])
    call.table.multiply(x.nodes, weight.nodes[:-1])
    if len(weight) == 1:
        return with_bias(call, Axes(call.shape, x.nodes[:-1]), None, call.arg(2, "bias"))
    return with_bias(call, Axes(call.shape, (*x.nodes[:-1], weight[0])), -1, call.arg(2, "bias"))


def meet(call: Call, one: Node | None, other: Node | None) -> None:
    """A sum over two axes: what multiplies one divides the other."""
    if one is None or other is None:
        call.table.admit(one or other, NOTHING, "summed against a constant")
    call.table.join(one, other, power=-1)


def with_bias(call: Call, result: Axes, place: int | None, bias: Tensor | None) -> Axes:
    """Add a bias along one axis: it moves with that axis, and no other axis keeps its factors."""
    if bias is None or call.is_zero(bias):
        return result
    held, nodes = call.axes(bias), list(result.nodes)
    own = None if place is None else place % len(result)
    for k, node in enumerate(nodes):
        if k == own and held[-1] is not None:
            call.table.join(node, held[-1])
            nodes[k] = node or held[-1]
            if node is None:
                call.table.admit(held[-1], NOTHING, "added to a constant")
        else:
            call.table.admit(node, NOTHING, "a bias is added")
    return Axes(result.shape, tuple(nodes))


def embedding(call: Call) -> Result:
    """Rows of a table, chosen by number; with a largest norm they cannot be rescaled."""
    if call.args[0].is_floating_point():
        return None
    numbers, weight = call.axes(call.args[0]), call.axes(call.arg(1, "weight"))
    call.table.fix(weight[0], "chosen by number")
    call.table.mix(weight, [0])
    if call.arg(3, "max_norm") is not None:
        call.table.admit(weight, NOTHING, "the norm of a row is bounded")
    return Axes(call.shape, (*numbers.nodes, weight[1]))


def bag(call: Call) -> Result:
    """Rows of a table, chosen by number and gathered by sum, mean or maximum."""
    numbers, weight = call.axes(call.args[0]), call.axes(call.arg(1, "weight"))
    for tensor in call.tensors()[2:]:
        call.table.fix(call.axes(tensor), "says which rows are gathered")
    call.table.fix(weight[0], "chosen by number")
    call.table.mix(weight, [0])
    call.table.fix(numbers, "chosen by number")
    if call.arg(3, "max_norm") is not None:
        call.table.admit(weight, NOTHING, "the norm of a row is bounded")
    if call.arg(6, "mode", "mean") in ("max", 2):
        call.table.admit(weight, SCALE, "a maximum lets positive factors through")
    return Axes(call.shape, (call.table.node(call.shape[0], "places of a bag"), weight[1]))


def matrix_product(call: Call) -> Result:
    """`matmul` and its like, batched or not."""
    tensors = call.tensors()
    shift = tensors[0] if call.name in SHIFTED else None
    one, other = tensors[1:3] if call.name in SHIFTED else tensors[:2]
    if call.name == "rmatmul":
        one, other = other, one
    a, b = call.axes(one), call.axes(other)
    longest = max(len(a), len(b), 2)
    lead = string.ascii_lowercase[: longest - 2]
    left = lead[len(lead) - max(len(a) - 2, 0) :] + ("Y" if len(a) > 1 else "") + "X"
    right = lead[len(lead) - max(len(b) - 2, 0) :] + "X" + ("Z" if len(b) > 1 else "")
    if len(a) == len(b) == 4:
        _hint_heads(call, a, b)
    result = contract(call, [a, b], [left, right], lead + left[-2:-1] * (len(a) > 1) + right[-1:] * (len(b) > 1))
    return result if shift is None else _shifted(call, result, shift)


SHIFTED = ("addmm", "baddbmm", "addmv")
"""Products to which a tensor is added."""


def _shifted(call: Call, result: Axes, shift: Tensor) -> Axes:
    if call.is_zero(shift) or call.kwargs.get("beta", 1) == 0:
        call.leave_out(shift)
        return result
    held = call.axes(shift)
    own = [held[place] if len(held) >= -place else None for place in range(-len(result), 0)]
    for node, other in zip(result.nodes, own, strict=True):
        if node is None or other is None:
            call.table.admit(node or other, NOTHING, "a bias is added")
        call.table.join(node, other)
    return Axes(result.shape, tuple(node or other for node, other in zip(result.nodes, own, strict=True)))


def _hint_heads(call: Call, a: Axes, b: Axes) -> None:
    """Products of `(batch, heads, ...)` are attention: scores, then values."""
    call.table.hint(a[1], "heads")
    call.table.hint(a[3], "query_key")
    call.table.hint(b[3], "value")


def contract(call: Call, operands: Sequence[Axes], inputs: Sequence[str], output: str) -> Axes:
    """A sum of products over named axes: those of one name are permuted together.

    An axis that is summed divides in one operand what it multiplies in the other; one that several have and the
    result keeps is told apart place by place, so it keeps its scale.
    """
    where: dict[str, list[Node | None]] = {}
    sizes: dict[str, int] = {}
    for axes, names in zip(operands, inputs, strict=True):
        for name, node, size in zip(names, axes.nodes, axes.shape, strict=True):
            sizes[name] = max(size, sizes.get(name, 1))
            if size > 1:
                where.setdefault(name, []).append(node)
    kept: dict[str, Node | None] = {}
    call.table.multiply(next((n for n in nodes if n is not None), None) for nodes in where.values())
    for name, nodes in where.items():
        present = [node for node in nodes if node is not None]
        if len(nodes) == 2 and name not in output:
            meet(call, *nodes)
            continue
        if len(nodes) > 1 or name not in output:
            for node in present:
                call.table.admit(node, NOTHING, "in several factors of a product" if name in output else "summed")
                call.table.join(present[0], node)
        kept[name] = present[0] if present else None
    return Axes(tuple(sizes.get(name, 1) for name in output), tuple(kept.get(name) for name in output))


def einsum(call: Call) -> Result:
    """Products and sums by the names of axes."""
    if not isinstance(call.args[0], str):
        return None
    given = call.args[1] if isinstance(call.args[1], list | tuple) else call.args[1:]
    operands = [call.axes(tensor) for tensor in given]
    names = _names(call.args[0].replace(" ", ""), [len(x) for x in operands])
    if names is None or any(len(set(each)) < len(each) for each in names[0]):
        return None
    inputs, output = names
    for axes, letters in zip(operands, inputs, strict=True):
        if len(axes) == 4 and len(operands) == 2 and output and len(output) == 4:
            _hint_products(call, axes, letters, inputs, output)
    return contract(call, operands, inputs, output)


def _hint_products(call: Call, axes: Axes, letters: str, inputs: Sequence[str], output: str) -> None:
    """In a product of four axes, those that both factors and the result have are heads."""
    for node, letter in zip(axes.nodes[1:], letters[1:], strict=True):
        if letter in output and all(letter in names for names in inputs):
            call.table.hint(node, "heads")
        elif letter not in output:
            call.table.hint(node, "query_key")


def _names(equation: str, lengths: Sequence[int]) -> tuple[list[str], str] | None:
    """The letters of every operand and of the result, dots replaced by capitals; `None` for what is not understood."""
    left, arrow, output = equation.partition("->")
    inputs = left.split(",")
    if len(inputs) != len(lengths):
        return None
    if not arrow:
        letters = left.replace(",", "").replace(".", "")
        output = ("..." if "..." in left else "") + "".join(
            letter for letter in sorted(set(letters)) if letters.count(letter) == 1
        )
    spare = [c for c in string.ascii_letters if c not in equation]
    widths = [n - len(names.replace("...", "")) for names, n in zip(inputs, lengths, strict=True)]
    longest = max((width for width, names in zip(widths, inputs, strict=True) if "..." in names), default=0)
    dots = "".join(spare[:longest])
    inputs = [names.replace("...", dots[len(dots) - width :]) for names, width in zip(inputs, widths, strict=True)]
    output = output.replace("...", dots)
    fits = all(len(names) == n for names, n in zip(inputs, lengths, strict=True))
    return (inputs, output) if fits and "." not in output else None


def outer(call: Call) -> Result:
    """All products of two vectors."""
    a, b = call.axes(call.args[0]), call.axes(call.args[1])
    return contract(call, [a, b], ["y", "z"], "yz")


def inner(call: Call) -> Result:
    """Products summed over the last axis of both."""
    a, b = (call.axes(tensor) for tensor in call.tensors()[:2])
    left = string.ascii_lowercase[: len(a) - 1]
    right = string.ascii_lowercase[len(a) - 1 : len(a) + len(b) - 2]
    return contract(call, [a, b], [left + "X", right + "X"], left + right)


def tensordot(call: Call) -> Result:
    """Products summed over the axes that are named, or over the last of one and the first of the other."""
    a, b = (call.axes(tensor) for tensor in call.tensors()[:2])
    dims = call.arg(2, "dims", 2)
    if isinstance(dims, int):
        dims = (list(range(len(a) - dims, len(a))), list(range(dims)))
    if isinstance(dims, Tensor) or len(dims) != 2:
        return None
    ours, theirs = ([k % len(x) for k in call.ints(d)] for d, x in zip(dims, (a, b), strict=True))
    left = list(string.ascii_lowercase[: len(a)])
    right = list(string.ascii_uppercase[: len(b)])
    for one, two in zip(ours, theirs, strict=True):
        right[two] = left[one]
    output = [c for c in left if c not in right] + [c for c in right if c not in left]
    return contract(call, [a, b], ["".join(left), "".join(right)], "".join(output))


def bilinear(call: Call) -> Result:
    """`nn.Bilinear`: both inputs meet an axis of the weight."""
    one, other, weight = (call.axes(tensor) for tensor in call.tensors()[:3])
    meet(call, one[-1], weight[1])
    meet(call, other[-1], weight[2])
    call.table.multiply(one.nodes, other.nodes[-1:], weight.nodes[:1])
    rows: list[Node | None] = []
    for a, b in zip(one.nodes[:-1], other.nodes[:-1], strict=True):
        call.table.join_permuted(a, b)
        for node in (a, b):
            call.table.admit(node, NOTHING, "in several factors of a product")
        rows.append(a or b)
    return with_bias(call, Axes(call.shape, (*rows, weight[0])), -1, call.arg(3, "bias"))


def weight_norm(call: Call) -> Result:
    """Directions times lengths: the units have the scale of the lengths; a direction may have any positive factor."""
    direction, length = call.axes(call.args[0]), call.axes(call.arg(1, "g"))
    dim = int(call.arg(2, "dim", 0))
    own = [length[place] if len(length) == len(direction) else None for place in range(len(direction))]
    kept: list[Node | None] = []
    for place, (node, other) in enumerate(zip(direction.nodes, own, strict=True)):
        call.table.join_permuted(node, other)
        call.table.admit(node, SCALE if place == dim else NOTHING, "a norm is taken")
        kept.append(other or call.table.rescaled_apart(node, "a norm is taken"))
    call.table.mix(direction, [place for place in range(len(direction)) if place != dim])
    return Axes(call.shape, tuple(kept))


RULES: Mapping[str, Rule] = {
    "linear": linear,
    "embedding": embedding,
    "embedding_bag": bag,
    **dict.fromkeys(("matmul", "rmatmul", "mm", "bmm", "mv", "dot", "vdot", "sparse_mm", *SHIFTED), matrix_product),
    "einsum": einsum,
    **dict.fromkeys(("outer", "ger"), outer),
    "inner": inner,
    "tensordot": tensordot,
    "bilinear": bilinear,
    "weight_norm": weight_norm,
}
