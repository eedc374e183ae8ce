"""Operations that take some places of a tensor."""

from collections.abc import Mapping
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
    keys = whole_key(key, len(x))
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


def whole_key(key: Any, axes: int) -> list[Any] | None:
    """What stands in square brackets, one entry per axis, `None` for a new one; `None` for masks and the like."""
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
    call.table.mix(x, [place])
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
        call.table.mix(x, [place])
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
    """`gather`: along one axis places are chosen by number, along the others the numbers lie beside them."""
    names = ("indices", "dim") if call.name == "take_along_dim" else ("dim", "index")
    one, other = (call.arg(place, name) for place, name in enumerate(names, start=1))
    index, dim = (one, other) if isinstance(one, Tensor) else (other, one)
    if not isinstance(index, Tensor) or dim is None:
        return None
    return _beside(call, call.axes(call.args[0]), call.axes(index), int(dim))


def _beside(call: Call, x: Axes, index: Axes, dim: int) -> Axes | None:
    if len(x) != len(index):
        return None
    call.table.mix(x, [k for k in range(len(x)) if k == dim % len(x) or x.shape[k] != index.shape[k]])
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


RULES: Mapping[str, Rule] = {
    **dict.fromkeys(("chunk", "split", "tensor_split", "split_with_sizes"), cut),
    "glu": gated,
    "unbind": unbound,
    "select": selected,
    "getitem": indexed,
    "narrow": narrowed,
    "index_select": picked,
    **dict.fromkeys(("gather", "take_along_dim"), gathered),
}
