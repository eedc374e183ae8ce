"""Attention: heads, and in each head the units of queries and keys, and those of values."""

import string
from collections.abc import Mapping, Sequence

from torch import Tensor

from wsexplore.symmetry.axes import Axes, Node
from wsexplore.symmetry.rules.call import NOTHING, Call, Result, Rule
from wsexplore.symmetry.rules.products import contract, meet, with_bias


def attention(call: Call) -> Result:
    """Scaled dot products of queries and keys, summed over values; the order of keys and of heads is free."""
    q, k, v = (call.axes(call.arg(place, name)) for place, name in enumerate(("query", "key", "value")))
    if call.arg(7, "enable_gqa", False):
        shared = [_shared(call, each, q.shape[-3]) for each in (k, v)]
        k, v = shared
    letters = string.ascii_lowercase[: len(q) - 2]
    leads = [letters[len(letters) - len(x) + 2 :] for x in (q, k, v)]
    scores = contract(call, [q, k], [f"{leads[0]}YX", f"{leads[1]}ZX"], f"{letters}YZ")
    call.table.admit(scores, NOTHING, "softmax lets no factor through")
    if (mask := call.arg(3, "attn_mask")) is not None:
        scores = _under(call, scores, call.axes(mask))
    if call.arg(5, "is_causal", False):
        for place in (-2, -1):
            scores = call.table.put(scores, len(scores) + place, call.table.node(scores.shape[place]))
            call.table.fix(scores[place], "place in the sequence")
    call.table.mix(scores, [len(scores) - 1])
    if len(q) > 3:
        call.table.hint(q[-3], "heads")
    call.table.hint(q[-1], "query_key")
    call.table.hint(v[-1], "value")
    return contract(call, [scores, v], [f"{letters}YZ", f"{leads[2]}ZV"], f"{letters}YV")


def _shared(call: Call, x: Axes, heads: int) -> Axes:
    """Keys or values of which each head is used by several heads of queries, one after the other."""
    times = heads // x.shape[-3]
    if times == 1:
        return x
    parts = [x[-3], call.table.repeated(times)]
    node = call.table.made_of(parts, one_by_one=False)
    return Axes((*x.shape[:-3], heads, *x.shape[-2:]), (*x.nodes[:-3], node, *x.nodes[-2:]))


def _under(call: Call, scores: Axes, mask: Axes) -> Axes:
    """The scores with a mask on them."""
    call.table.admit(mask, NOTHING, "a mask")
    for place in range(-min(len(mask), len(scores)), 0):
        call.table.join_permuted(scores[place], mask[place])
        scores = call.table.put(scores, len(scores) + place, mask[place])
    return scores


def multi_head(call: Call) -> Result:
    """`torch.nn.MultiheadAttention`: heads, and in each head its query-key and value units."""
    query, key, value = (call.axes(call.arg(place, name)) for place, name in enumerate(("query", "key", "value")))
    width, heads = int(call.arg(3, "embed_dim_to_check")), int(call.arg(4, "num_heads"))
    if any(call.arg(place, name) is not None for place, name in ((19, "static_k"), (20, "static_v"))):
        return None
    parts = _projections(call, width)
    if parts is None:
        return None
    table = call.table
    split: list[list[Node | None]] = []
    for (rows, columns), x in zip(parts, (query, key, value), strict=True):
        meet(call, x[-1], columns)
        table.multiply(x.nodes, [rows])
        cut = table.regroup([rows], [heads, table.size(rows) // heads])
        if cut is None:
            return None
        split.append(cut)
        for node in x.nodes[:-1]:
            table.admit(node, NOTHING, "softmax lets no factor through")
    (q_heads, q_units), (k_heads, k_units), (v_heads, v_units) = split
    for node in (q_heads, k_heads, v_heads):
        table.admit(node, NOTHING, "softmax lets no factor through")
        table.join(q_heads, node)
    table.join(q_units, k_units, power=-1)
    table.hint(q_heads, "heads")
    table.hint(q_units, "query_key")
    table.hint(v_units, "value")
    scores = _scores(call, query, key, value, q_heads)
    weight = call.axes(call.arg(11, "out_proj_weight"))
    meet(call, table.made_of([v_heads, v_units], one_by_one=False), weight[1])
    for nodes in ([q_heads, q_units], [k_heads, k_units], [v_heads, v_units]):
        table.multiply(scores.nodes, nodes[1:])
        table.multiply(nodes)
    table.multiply(query.nodes[:-1], [v_heads, v_units], weight.nodes[:1])
    table.multiply([q_heads])
    rest = (scores[2], scores[0]) if len(query) == 3 else (scores[2],)
    result = Axes(call.shape, (*rest, weight[0]))
    return [with_bias(call, result, -1, call.arg(12, "out_proj_bias")), *(_seen_weights(call, scores))]


def _projections(call: Call, width: int) -> list[tuple[Node | None, Node | None]] | None:
    """Rows and columns of the projections of queries, keys and values, their biases joined."""
    table = call.table
    if call.arg(18, "use_separate_proj_weight", False):
        weights = [call.axes(call.kwargs[f"{letter}_proj_weight"]) for letter in "qkv"]
        rows, columns = [w[0] for w in weights], [w[1] for w in weights]
    else:
        weight = call.axes(call.arg(5, "in_proj_weight"))
        cut = table.cut(weight[0], [width] * 3) if weight[0] is not None else None
        if cut is None:
            return None
        rows, columns = list(cut), [weight[1]] * 3
    if (bias := call.arg(6, "in_proj_bias")) is not None:
        table.join(table.made_of(rows, one_by_one=True), call.axes(bias)[0])
    for node, place, name in ((rows[1], 7, "bias_k"), (rows[2], 8, "bias_v")):
        if (extra := call.arg(place, name)) is not None:
            table.join(node, call.axes(extra)[-1])
    return list(zip(rows, columns, strict=True))


def _scores(call: Call, query: Axes, key: Axes, value: Axes, heads: Node | None) -> Axes:
    """The axes `(batch, heads, queries, keys)` of the attention weights; places under a mask are joined to it."""
    table, batched = call.table, len(query) == 3
    for place in range(len(key) - 1):
        table.join_permuted(key[place], value[place])
    sequences = [query[0], key[0] or value[0]]
    batch = None
    if batched:
        table.join_permuted(query[1], key[1])
        batch = query[1] or key[1] or value[1]
    masks: list[Tensor | None] = [call.arg(16, "attn_mask"), call.arg(14, "key_padding_mask")]
    extra = call.arg(7, "bias_k") is not None or bool(call.arg(9, "add_zero_attn", False))
    if any(mask is not None for mask in masks) or extra or call.kwargs.get("is_causal"):
        for tensor in masks:
            if tensor is not None:
                table.fix(call.axes(tensor), "a mask")
        sequences = [n or table.node(x.shape[0]) for n, x in zip(sequences, (query, key), strict=True)]
        for node in (*sequences, *([heads] if _per_head(masks[0]) else [])):
            table.fix(node, "under a mask")
    places = table.size(key[0]) + (call.arg(7, "bias_k") is not None) + bool(call.arg(9, "add_zero_attn", False))
    last = sequences[1] if not extra else table.node(places, "places of keys and of what is added to them")
    count = query.shape[1] if batched else 1
    scores = Axes((count, table.size(heads), query.shape[0], places), (batch, heads, sequences[0], last))
    table.mix(scores, [3])
    return scores


def _per_head(mask: Tensor | None) -> bool:
    return mask is not None and mask.dim() == 3


def _seen_weights(call: Call, scores: Axes) -> Sequence[Axes]:
    """The attention weights where they are given out: of every head, or their mean."""
    found = []
    for result in call.results[1:]:
        shape = tuple(result.shape)
        wanted = [place for place in range(4) if place != 1 or call.kwargs.get("average_attn_weights") is False]
        wanted = wanted if len(shape) == len(wanted) else wanted[1:]
        found.append(Axes(shape, tuple(scores[place] for place in wanted)))
    return found


RULES: Mapping[str, Rule] = {
    "scaled_dot_product_attention": attention,
    "multi_head_attention_forward": multi_head,
}
