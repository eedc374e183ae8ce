"""Operations that take some places of a tensor, or write to some of them."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from wsexplore.symmetry.axes import Axes, Node
from wsexplore.symmetry.rules.call import NOTHING, Call, Result, Rule


def cut(call: Call) -> Result:
    """An axis taken apart: `chunk`, `split` and their like."""
    x = call.axes(call.args[0])
    place = int(call.arg(2, "dim", call.kwargs.get("axis", 0))) % len(x)
    sizes = [result.shape[place] for result in call.results]
    parts = _parts(call, x[place], sizes)
    if parts is None:
        return None
    return [_with(x, place, part, size) for part, size in zip(parts, sizes, strict=True)]


def gated(call: Call) -> Result:
    """The first half of an axis times a sigmoid of the second."""
    x = call.axes(call.args[0])
    place = int(call.arg(1, "dim", -1)) % len(x)
    size = call.shape[place]
    halves = _parts(call, x[place], [size, size])
    if halves is None:
        return None
    one, other = (_with(x, place, half, size) for half in halves)
    call.table.admit(other[place], NOTHING, "a sigmoid gate")
    call.table.join_permuted(one[place], other[place])
    for k, node in enumerate(x.nodes):
        if k != place:
            call.table.admit(node, NOTHING, "a sigmoid gate")
    return one


def _parts(call: Call, node: Node | None, sizes: list[int]) -> list[Node | None] | None:
    if node is None or len(sizes) == 1:
        return [node] * len(sizes)
    parts = call.table.cut(node, sizes)
    return None if parts is None else list(parts)


def _with(x: Axes, place: int, node: Node | None, size: int) -> Axes:
    shape, nodes = list(x.shape), list(x.nodes)
    shape[place], nodes[place] = size, None if size == 1 else node
    return Axes(tuple(shape), tuple(nodes))


def unbound(call: Call) -> Result:
    """Every place of an axis by itself."""
    x = call.axes(call.args[0])
    place = int(call.arg(1, "dim", 0)) % len(x)
    return [_at(call, x, place, index) for index in range(len(call.results))]


def selected(call: Call) -> Result:
    """One place of an axis."""
    x = call.axes(call.args[0])
    place = int(call.arg(1, "dim")) % len(x)
    return _at(call, x, place, int(call.arg(2, "index")) % x.shape[place])


def _at(call: Call, x: Axes, place: int, index: int) -> Axes:
    """The other axes at one place of an axis, whose order then matters."""
    node = x[place]
    rest = [n for k, n in enumerate(x.nodes) if k != place]
    shape = tuple(size for k, size in enumerate(x.shape) if k != place)
    if node is None:
        return Axes(shape, tuple(rest))
    call.table.fix(node, "its places are taken one by one")
    inner = call.table.cut_with(node, [other for other in rest if other is not None])
    copies = call.table.told_apart(node, inner) if inner else None
    if copies is None:
        return Axes(shape, tuple(rest))
    fresh = dict(zip(inner, copies[index], strict=True))
    return Axes(shape, tuple(None if n is None else fresh.get(n, n) for n in rest))


def indexed(call: Call) -> Result:
    """Square brackets: numbers, slices, `None`, the ellipsis, and lists or tensors of whole numbers."""
    tensor, key = call.args
    x = call.axes(tensor)
    keys = _whole_key(key, len(x))
    if keys is None:
        return None
    chosen = [k for k in keys if isinstance(k, list | Tensor)]
    if len(chosen) > 1 or any(not _is_whole(k) for k in chosen):
        return None
    axis, new = 0, x
    for k in keys:
        if k is None:
            new = Axes((*new.shape[:axis], 1, *new.shape[axis:]), (*new.nodes[:axis], None, *new.nodes[axis:]))
            axis += 1
        elif isinstance(k, slice):
            sliced = _sliced(call, new, axis, k)
            if sliced is None:
                return None
            new, axis = sliced, axis + 1
        elif isinstance(k, int):
            new = _at(call, new, axis, k % new.shape[axis])
        else:
            picked = _picked(call, new, axis, k)
            axis, new = axis + len(picked) - len(new) + 1, picked
    return new if new.shape == call.shape else None


def _whole_key(key: Any, axes: int) -> list[Any] | None:
    """One entry per axis, with `None` for new ones; `None` where a mask or something else is asked for."""
    keys = list(key) if isinstance(key, tuple) else [key]
    plain = all(k is None or k is Ellipsis or isinstance(k, slice | int | list | Tensor) for k in keys)
    if not plain or any(isinstance(k, bool) for k in keys):
        return None
    dots = [place for place, k in enumerate(keys) if k is Ellipsis]
    spare = axes - sum(k is not None and k is not Ellipsis for k in keys)
    place = dots[0] if dots else len(keys)
    return [*keys[:place], *[slice(None)] * spare, *keys[place + bool(dots) :]]


def _is_whole(key: Any) -> bool:
    """Whether a list or tensor names places by number, with no axis of its own that the result could put in front."""
    if isinstance(key, Tensor):
        return not key.is_floating_point() and str(key.dtype) not in ("torch.bool", "torch.uint8")
    return all(isinstance(k, int) and not isinstance(k, bool) for k in key)


def _picked(call: Call, x: Axes, place: int, numbers: list[int] | Tensor) -> Axes:
    """Places chosen by number: their axis is fixed, the axes of the numbers stand in its stead."""
    call.table.fix(x[place], "chosen by number")
    held = call.axes(numbers) if isinstance(numbers, Tensor) else call.table.fresh((len(numbers),), "chosen by number")
    call.table.fix(held, "chosen by number")
    return Axes(
        (*x.shape[:place], *held.shape, *x.shape[place + 1 :]),
        (*x.nodes[:place], *held.nodes, *x.nodes[place + 1 :]),
    )


def _sliced(call: Call, x: Axes, place: int, key: slice) -> Axes | None:
    size = x.shape[place]
    start, stop, step = key.indices(size)
    if (start, stop, step) == (0, size, 1):
        return x
    length = len(range(start, stop, step))
    node = x[place]
    if node is None:
        return _with(x, place, None, length)
    if step != 1 or not length:
        call.table.fix(node, "every so many of its places are taken")
        return _with(x, place, call.table.node(length, "taken from a fixed axis"), length)
    sizes = [start, length, size - stop]
    parts = call.table.cut(node, [s for s in sizes if s])
    return None if parts is None else _with(x, place, parts[1 if start else 0], length)


def narrowed(call: Call) -> Result:
    """A run of places along an axis."""
    x = call.axes(call.args[0])
    place, start = int(call.arg(1, "dim")) % len(x), int(call.arg(2, "start"))
    start %= x.shape[place]
    return _sliced(call, x, place, slice(start, start + int(call.arg(3, "length"))))


def picked(call: Call) -> Result:
    """`index_select`: places of one axis, chosen by number."""
    x = call.axes(call.args[0])
    return _picked(call, x, int(call.arg(1, "dim")) % len(x), call.arg(2, "index"))


def gathered(call: Call) -> Result:
    """`gather` and its like: along one axis places are chosen by number, along the others the numbers lie beside them."""
    names = ("indices", "dim") if call.name == "take_along_dim" else ("dim", "index")
    one, other = (call.arg(place, name) for place, name in enumerate(names, start=1))
    index, dim = (one, other) if isinstance(one, Tensor) else (other, one)
    if not isinstance(index, Tensor) or dim is None:
        return None
    return _beside(call, call.axes(call.args[0]), call.axes(index), int(dim))


def _beside(call: Call, x: Axes, index: Axes, dim: int) -> Axes | None:
    if len(x) != len(index):
        return None
    nodes: list[Node | None] = []
    for place, (own, other) in enumerate(zip(x.nodes, index.nodes, strict=True)):
        if place == dim % len(x):
            for node in (own, other):
                call.table.fix(node, "chosen by number")
            nodes.append(other or call.table.node(index.shape[place], "chosen by number"))
        elif x.shape[place] == index.shape[place]:
            call.table.join_permuted(own, other)
            nodes.append(own or other)
        else:
            for node in (own, other):
                call.table.fix(node, "some of its places are taken")
            nodes.append(call.table.node(call.shape[place], "some places of a fixed axis"))
    return Axes(call.shape, tuple(nodes))


def placed(call: Call) -> Result:
    """`index_add`, `scatter_add` and their like: numbers gathered along an axis that is fixed, the others are joined."""
    x, index, source = call.axes(call.args[0]), call.axes(call.arg(2, "index")), call.arg(3, "source")
    source = call.kwargs.get("src") if source is None else source
    if not isinstance(source, Tensor):
        return None
    dim, added = int(call.arg(1, "dim")) % len(x), call.axes(source)
    call.table.fix(index, "chosen by number")
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
    keys = _whole_key(key, len(x))
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
    **dict.fromkeys(("chunk", "split", "tensor_split", "split_with_sizes"), cut),
    "glu": gated,
    "unbind": unbound,
    "select": selected,
    "getitem": indexed,
    "setitem": written,
    "narrow": narrowed,
    "index_select": picked,
    **dict.fromkeys(("gather", "take_along_dim"), gathered),
    **dict.fromkeys(("index_add", "scatter_add", "scatter_reduce"), placed),
    "copy": copied,
}
