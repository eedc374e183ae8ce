"""Operations that write to some places of a tensor."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from wsexplore.symmetry.axes import Axes, Node
from wsexplore.symmetry.rules.call import NOTHING, Call, Result, Rule
from wsexplore.symmetry.rules.indexing import whole_key


def placed(call: Call) -> Result:
    """`index_add`, `scatter_add`: numbers gathered along an axis that is fixed; the others are joined."""
    x, index, source = call.axes(call.args[0]), call.axes(call.arg(2, "index")), call.arg(3, "source")
    source = call.kwargs.get("src") if source is None else source
    if not isinstance(source, Tensor):
        return None
    dim, added = int(call.arg(1, "dim")) % len(x), call.axes(source)
    call.table.fix(index, "chosen by number")
    call.table.mix(x, [dim])
    call.table.mix(added, [dim])
    own = list(x.nodes)
    for place, (node, other) in enumerate(zip(x.nodes, added.nodes, strict=True)):
        if place == dim:
            call.table.fix(node, "chosen by number")
            call.table.fix(other, "chosen by number")
            own[place] = node or call.table.node(x.shape[dim], "chosen by number")
            continue
        if x.shape[place] != added.shape[place]:
            return None
        own[place] = _laid(call, node, other, zero=False)
        if len(index) == len(x):
            call.table.join_permuted(own[place], index[place])
    result = Axes(call.shape, tuple(own))
    if call.name == "scatter_reduce":
        call.table.admit(result, NOTHING, "scatter_reduce lets no factor through")
    return result


def _laid(call: Call, own: Node | None, other: Node | None, *, zero: bool) -> Node | None:
    """One axis of a tensor that another is written to; what lacks it keeps it from being rescaled unless it is 0."""
    call.table.join(own, other)
    if (other is None and not zero) or (own is None and not call.is_zero(call.args[0])):
        call.table.admit(own or other, NOTHING, "written beside something that has no units")
    return own or other


def written(call: Call) -> Result:
    """Numbers written over places of a tensor: the axes that are kept whole are joined, the others fixed."""
    target, key, value = call.args
    x = call.axes(target)
    keys = whole_key(key, len(x))
    if keys is None or any(isinstance(k, list | Tensor) for k in keys):
        return None
    whole = [_covers(k, size) for k, size in zip([k for k in keys if k is not None], x.shape, strict=True)]
    nodes: list[Node | None] = [
        node if keep else node or call.table.node(size, "its places are written one by one")
        for node, keep, size in zip(x.nodes, whole, x.shape, strict=True)
    ]
    for node, keep in zip(nodes, whole, strict=True):
        if not keep:
            call.table.fix(node, "its places are written one by one")
    call.table.mix(x, [place for place, keep in enumerate(whole) if not keep])
    held = call.axes(value) if isinstance(value, Tensor) else Axes((), ())
    return _joined(call, Axes(x.shape, tuple(nodes)), keys, held, zero=not isinstance(value, Tensor) and value == 0)


def _joined(call: Call, x: Axes, keys: Sequence[Any], value: Axes, *, zero: bool) -> Axes:
    """The axes of a value laid beside those of what it is written to, from the last on."""
    nodes, place, back = list(x.nodes), len(x) - 1, 0
    for k in reversed(keys):
        if isinstance(k, int):
            place -= 1
            continue
        back += 1
        other = value[-back] if len(value) >= back else None
        if k is None:
            call.table.fix(other, "written to a new axis")
            continue
        if _covers(k, x.shape[place]):
            nodes[place] = _laid(call, nodes[place], other, zero=zero)
        else:
            call.table.fix(other, "written to some places of an axis")
        place -= 1
    return Axes(x.shape, tuple(nodes))


def _covers(key: Any, size: int) -> bool:
    return isinstance(key, slice) and key.indices(size) == (0, size, 1)


def copied(call: Call) -> Result:
    """A whole tensor written over another."""
    call.leave_out(call.args[0])
    source = call.axes(call.arg(1, "src"))
    lead = len(call.shape) - len(source)
    own = (n if call.shape[lead + k] == source.shape[k] else None for k, n in enumerate(source.nodes))
    return Axes(call.shape, (*(None,) * lead, *own))


RULES: Mapping[str, Rule] = {
    "setitem": written,
    **dict.fromkeys(("index_add", "scatter_add", "scatter_reduce"), placed),
    "copy": copied,
}
