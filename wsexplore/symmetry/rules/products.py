"""Linear maps: layers, convolutions, matrix products, embeddings, attention."""

import string
from collections.abc import Mapping, Sequence

from torch import Tensor

from wsexplore.symmetry.axes import Axes, Node
from wsexplore.symmetry.rules.call import Call, Result, Rule

NOTHING: frozenset[str] = frozenset()


def linear(call: Call) -> Result:
    """Inputs meet the columns of the weight; its rows make the units."""
    x, weight = call.axes(call.args[0]), call.axes(call.arg(1, "weight"))
    if not call.is_zero(call.args[0]):
        _meet(call, x[-1], weight[1])
    return Axes(call.shape, (*x.nodes[:-1], _with_bias(call, weight[0], call.arg(2, "bias"))))


def _meet(call: Call, one: Node | None, other: Node | None) -> None:
    """A sum over two axes: what multiplies one divides the other."""
    if one is None or other is None:
        call.table.admit(one or other, NOTHING, "summed against a constant")
    call.table.join(one, other, power=-1)


def _with_bias(call: Call, node: Node | None, bias: Tensor | None) -> Node | None:
    if bias is not None:
        call.table.join(node, call.axes(bias)[0])
    return node


def convolution(call: Call) -> Result:
    """Channels, in groups or not; the places in the kernel and in the image stay."""
    x, weight = call.axes(call.args[0]), call.axes(call.arg(1, "weight"))
    space = len(weight) - 2
    channel = len(x) - space - 1
    groups = int(call.arg(6, "groups", 1))
    inputs, outputs = x[channel], weight[0]
    if call.name.startswith("conv_transpose"):
        return _transposed(call, x, weight, channel)
    if groups > 1:
        into = call.table.regroup([inputs], [groups, x.shape[channel] // groups])
        out = call.table.regroup([outputs], [groups, weight.shape[0] // groups])
        if into is None or out is None:
            return None
        call.table.join(into[0], out[0], power=-1)
        call.table.hint(out[0], "groups")
        _meet(call, into[1], weight[1])
        outputs = call.table.made_of(out, one_by_one=False)
        if call.table.size(into[1]) > 1 or call.table.size(out[1]) > 1:
            call.table.admit(out[0], NOTHING, "convolution in groups")
        outputs = _own_scale(call, outputs, into)
    else:
        _meet(call, inputs, weight[1])
    return _image(call, x, weight, channel, _with_bias(call, outputs, call.arg(2, "bias")))


def _own_scale(call: Call, outputs: Node | None, into: Sequence[Node | None]) -> Node | None:
    """A depthwise convolution divides by the factors of its inputs and multiplies by its own: none is kept."""
    call.table.admit(outputs, NOTHING, "convolution in groups")
    for node in into:
        call.table.admit(node, NOTHING, "convolution in groups")
    return outputs


def _transposed(call: Call, x: Axes, weight: Axes, channel: int) -> Result:
    groups = int(call.arg(6, "groups", 1))
    if groups > 1:
        return None
    _meet(call, x[channel], weight[0])
    return _image(call, x, weight, channel, _with_bias(call, weight[1], call.arg(2, "bias")))


def _image(call: Call, x: Axes, weight: Axes, channel: int, outputs: Node | None) -> Axes:
    for node in weight.nodes[2:]:
        call.table.fix(node, "place in the kernel")
    for node in x.nodes[channel + 1 :]:
        call.table.fix(node, "place in the image")
    space = [call.table.node(size, "place in the image") for size in call.shape[channel + 1 :]]
    return Axes(call.shape, (*x.nodes[:channel], outputs, *space))


def embedding(call: Call) -> Result:
    """Rows of a table, chosen by number."""
    numbers, weight = call.axes(call.args[0]), call.axes(call.arg(1, "weight"))
    call.table.fix(weight[0], "chosen by number")
    return Axes(call.shape, (*numbers.nodes, *weight.nodes[1:]))


def matrix_product(call: Call) -> Result:
    """`matmul` and its like, batched or not."""
    tensors = call.tensors()[-2:] if call.name in ("addmm", "baddbmm") else call.tensors()[:2]
    if call.name == "rmatmul":
        tensors = tensors[::-1]
    a, b = (call.axes(tensor) for tensor in tensors)
    rows = string.ascii_letters[: max(len(a), len(b)) - 2] if len(a) > 1 and len(b) > 1 else ""
    lead_a = string.ascii_letters[: max(len(a) - 2, 0)]
    lead_b = string.ascii_letters[: max(len(b) - 2, 0)]
    if len(a) > 2 and len(b) > 2:
        lead_a, lead_b = rows[len(rows) - (len(a) - 2) :], rows[len(rows) - (len(b) - 2) :]
    left = lead_a + ("Y" if len(a) > 1 else "") + "X"
    right = lead_b + "X" + ("Z" if len(b) > 1 else "")
    lead = lead_a if len(lead_a) >= len(lead_b) else lead_b
    out = lead + ("Y" if len(a) > 1 else "") + ("Z" if len(b) > 1 else "")
    if call.name in ("addmm", "baddbmm"):
        result = contract(call, [a, b], [left, right], out)
        extra = call.axes(call.args[0])
        for place in range(-len(extra), 0):
            call.table.join(result[place], extra[place])
        return result
    if len(a) == len(b) == 4:
        _hint_heads(call, a, b)
    return contract(call, [a, b], [left, right], out)


def _hint_heads(call: Call, a: Axes, b: Axes) -> None:
    """Products of `(batch, heads, ...)` are attention: scores, then values."""
    call.table.hint(a[1], "heads")
    call.table.hint(a[3], "query_key")
    call.table.hint(b[3], "value")


def contract(call: Call, operands: Sequence[Axes], inputs: Sequence[str], output: str) -> Axes:
    """A sum of products over named axes: those of one name are permuted together.

    An axis that is summed divides in one operand what it multiplies in the other; one that is kept by both is told
    apart place by place, so its own factors cancel.
    """
    where: dict[str, list[Node | None]] = {}
    for axes, names in zip(operands, inputs, strict=True):
        for name, node, size in zip(names, axes.nodes, axes.shape, strict=True):
            if size > 1:
                where.setdefault(name, []).append(node)
    kept: dict[str, Node | None] = {}
    for name, nodes in where.items():
        if name in output and len(nodes) == 1:
            kept[name] = nodes[0]
        elif len(nodes) == 2:
            if name in output:
                for node in nodes:
                    call.table.admit(node, NOTHING, "kept by both factors of a product")
                call.table.join(nodes[0], nodes[1])
                kept[name] = nodes[0] or nodes[1]
            else:
                _meet(call, nodes[0], nodes[1])
        else:
            for node in nodes[1:]:
                call.table.join_permuted(nodes[0], node)
            for node in nodes:
                call.table.admit(node, NOTHING, "summed")
            kept[name] = nodes[0] if name in output else None
    return Axes(call.shape, tuple(kept.get(name) for name in output))


def einsum(call: Call) -> Result:
    """Products and sums by the names of axes."""
    equation = str(call.args[0]).replace(" ", "")
    given = call.args[1] if isinstance(call.args[1], list | tuple) else call.args[1:]
    operands = [call.axes(tensor) for tensor in given]
    if "->" not in equation or "." in equation or any(len(set(n)) < len(n) for n in equation.split("->")[0].split(",")):
        return None
    names, output = equation.split("->")
    inputs = names.split(",")
    if len(operands) > 2:
        return None
    return contract(call, operands, inputs, output)


def outer(call: Call) -> Result:
    """All products of two vectors."""
    a, b = call.axes(call.args[0]), call.axes(call.args[1])
    return contract(call, [a, b], ["y", "z"], "yz")


def attention(call: Call) -> Result:
    """Scaled dot products of queries and keys, summed over values; the order of keys and of heads is free."""
    q, k, v = (call.axes(call.arg(place, name)) for place, name in enumerate(("query", "key", "value")))
    if call.kwargs.get("enable_gqa"):
        return None
    letters = string.ascii_lowercase[: len(q) - 2]
    mask = call.arg(3, "attn_mask")
    scores = contract_shape(call, [q, k], [f"{letters}YX", f"{letters}ZX"], f"{letters}YZ")
    if mask is not None:
        held = call.axes(mask)
        for place in range(-min(len(held), len(scores)), 0):
            call.table.join_permuted(scores[place], held[place])
    if call.arg(5, "is_causal", False):
        call.table.fix(scores[-1], "place in the sequence")
        call.table.fix(scores[-2], "place in the sequence")
    call.table.admit(scores, NOTHING, "softmax lets nothing through")
    for letter, node in zip(letters, q.nodes, strict=False):
        if letter == letters[-1]:
            call.table.hint(node, "heads")
    call.table.hint(q[-1], "query_key")
    call.table.hint(v[-1], "value")
    return contract(call, [scores, v], [f"{letters}YZ", f"{letters}ZV"], f"{letters}YV")


def contract_shape(call: Call, operands: Sequence[Axes], inputs: Sequence[str], output: str) -> Axes:
    """`contract` for a result that is not the call's own: its shape follows from the names."""
    sizes: dict[str, int] = {}
    for axes, names in zip(operands, inputs, strict=True):
        for name, size in zip(names, axes.shape, strict=True):
            sizes[name] = max(size, sizes.get(name, 1))
    result = contract(call, operands, inputs, output)
    return Axes(tuple(sizes[name] for name in output), result.nodes)


def multi_head(call: Call) -> Result:
    """`torch.nn.MultiheadAttention`: heads, and in each head its query-key and value units."""
    query, key, value = (call.axes(call.arg(place, name)) for place, name in enumerate(("query", "key", "value")))
    width, heads = int(call.arg(3, "embed_dim_to_check")), int(call.arg(4, "num_heads"))
    out_weight, out_bias = call.arg(11, "out_proj_weight"), call.arg(12, "out_proj_bias")
    if any(call.arg(place, name) is not None for place, name in ((7, "bias_k"), (8, "bias_v"))):
        return None
    parts = _projections(call, width)
    if parts is None:
        return None
    table = call.table
    split: list[list[Node | None]] = []
    for (rows, columns), x in zip(parts, (query, key, value), strict=True):
        _meet(call, x[-1], columns)
        cut = table.regroup([rows], [heads, table.size(rows) // heads])
        if cut is None:
            return None
        split.append(cut)
    (q_heads, q_units), (k_heads, k_units), (v_heads, v_units) = split
    for place in range(len(key) - 1):
        table.join_permuted(key[place], value[place])
    for node in (q_heads, k_heads, v_heads):
        table.admit(node, NOTHING, "softmax lets nothing through")
        table.join(q_heads, node)
    table.join(q_units, k_units, power=-1)
    table.hint(q_heads, "heads")
    table.hint(q_units, "query_key")
    table.hint(v_units, "value")
    weight = call.axes(out_weight)
    inside = table.made_of([v_heads, v_units], one_by_one=False)
    _meet(call, inside, weight[1])
    _note_heads(call, query, [q_heads, q_units], [v_heads, v_units])
    result = Axes(call.shape, (*query.nodes[:-1], _with_bias(call, weight[0], out_bias)))
    weights = [table.fresh(tuple(r.shape), "attention weights") for r in call.results[1:]]
    return [result, *weights]


def _projections(call: Call, width: int) -> list[tuple[Node | None, Node | None]] | None:
    """Rows and columns of the projections of queries, keys and values, their biases joined."""
    table, packed = call.table, call.arg(5, "in_proj_weight")
    if call.arg(18, "use_separate_proj_weight", False):
        weights = [call.axes(call.kwargs[f"{letter}_proj_weight"]) for letter in "qkv"]
        rows, columns = [w[0] for w in weights], [w[1] for w in weights]
    else:
        weight = call.axes(packed)
        cut = table.cut(weight[0], [width] * 3) if weight[0] is not None else None
        if cut is None:
            return None
        rows, columns = list(cut), [weight[1]] * 3
    bias = call.arg(6, "in_proj_bias")
    if bias is not None:
        node = call.axes(bias)[0]
        table.join(table.made_of(rows, one_by_one=True), node)
    return list(zip(rows, columns, strict=True))


def _note_heads(call: Call, query: Axes, *heads: Sequence[Node | None]) -> None:
    """Note the tensors inside, so that it is known that units stand beside their heads."""
    for nodes in heads:
        sizes = [call.table.size(node) for node in nodes]
        call.table.seen.append(Axes((query.shape[0], *sizes), (query[0], *nodes)))
    call.table.seen.append(Axes((call.table.size(heads[0][0]),), (heads[0][0],)))


RULES: Mapping[str, Rule] = {
    "linear": linear,
    **dict.fromkeys(
        ("conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), convolution
    ),
    "embedding": embedding,
    **dict.fromkeys(("matmul", "rmatmul", "mm", "bmm", "mv", "dot", "addmm", "baddbmm"), matrix_product),
    "einsum": einsum,
    "outer": outer,
    "scaled_dot_product_attention": attention,
    "multi_head_attention_forward": multi_head,
}
