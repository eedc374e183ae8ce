"""Operations that move numbers about: views, transposes, cuts and concatenations."""

from collections.abc import Mapping
from typing import Any

from wsexplore.symmetry.axes import Axes, Node
from wsexplore.symmetry.rules.call import Call, Result, Rule


def viewed(call: Call) -> Result:
    """A row-major reshape: neighbouring axes are gathered, an axis is cut into blocks."""
    x = call.axes(call.args[0])
    if x.shape == call.shape:
        return x
    if any(node is None and size > 1 for node, size in zip(x.nodes, x.shape, strict=True)):
        x = Axes(x.shape, tuple(node or call.table.node(size) for node, size in zip(x.nodes, x.shape, strict=True)))
    nodes = call.table.regroup(x.nodes, call.shape)
    return None if nodes is None else Axes(call.shape, tuple(nodes))


def permuted(call: Call) -> Result:
    """Axes in another order."""
    x = call.axes(call.args[0])
    given = call.args[1:] if len(call.args) != 2 else call.ints(call.args[1])
    order = call.ints(tuple(given)) if given else call.ints(call.kwargs.get("dims", ()))
    return _reordered(x, [place % len(x) for place in order])


def transposed(call: Call) -> Result:
    """Two axes exchanged."""
    x = call.axes(call.args[0])
    one, other = call.arg(1, "dim0"), call.arg(2, "dim1")
    one, other = (-2, -1) if one is None else (one, other)
    order = list(range(len(x)))
    order[one], order[other] = order[other], order[one]
    return _reordered(x, order)


def turned(call: Call) -> Result:
    """All axes in reverse order, or the last two exchanged."""
    x = call.axes(call.args[0])
    order = list(range(len(x)))
    return _reordered(x, order[::-1] if call.name in ("T", "t") else [*order[:-2], order[-1], order[-2]])


def moved(call: Call) -> Result:
    """One axis, or several, moved to another place."""
    x = call.axes(call.args[0])
    source = [place % len(x) for place in call.ints(call.arg(1, "source"))]
    goal = [place % len(x) for place in call.ints(call.arg(2, "destination"))]
    order: list[int | None] = [None] * len(x)
    for one, other in zip(source, goal, strict=True):
        order[other] = one
    left = iter(place for place in range(len(x)) if place not in source)
    return _reordered(x, [next(left) if place is None else place for place in order])


def _reordered(x: Axes, order: list[int]) -> Axes:
    return Axes(tuple(x.shape[place] for place in order), tuple(x.nodes[place] for place in order))


def concatenated(call: Call) -> Result:
    """Tensors one after the other along one axis; the other axes move together."""
    parts = [call.axes(tensor) for tensor in call.arg(0, "tensors") if tensor.numel()]
    place = int(call.arg(1, "dim", call.kwargs.get("axis", 0))) % len(parts[0])
    nodes: list[Node | None] = []
    for axis in range(len(parts[0])):
        here = [part[axis] for part in parts]
        if axis == place:
            filled = [node or call.table.node(part.shape[axis]) for node, part in zip(here, parts, strict=True)]
            ones = [node or _single(call) for node in filled]
            nodes.append(call.table.made_of(ones, one_by_one=True))
        else:
            nodes.append(_joined(call, here))
    return Axes(call.shape, tuple(nodes))


def _single(call: Call) -> Node:
    reason = "one place by itself"
    return Node(call.table.permuting.fresh(1, reason), call.table.scaling.fresh(1, reason))


def _joined(call: Call, nodes: list[Node | None]) -> Node | None:
    present = [node for node in nodes if node is not None]
    for other in present[1:]:
        call.table.join(present[0], other)
    if present and len(present) < len(nodes):
        call.table.admit(present[0], frozenset(), "joined to something that has no units")
    return present[0] if present else None


def stacked(call: Call) -> Result:
    """Tensors side by side on a new axis."""
    parts = [call.axes(tensor) for tensor in call.arg(0, "tensors")]
    place = int(call.arg(1, "dim", 0)) % len(call.shape)
    nodes = [_joined(call, [part[axis] for part in parts]) for axis in range(len(parts[0]))]
    nodes.insert(place, call.table.node(len(parts), "tensors side by side"))
    return Axes(call.shape, tuple(nodes))


def cut(call: Call) -> Result:
    """An axis taken apart: `chunk`, `split` and their like."""
    x = call.axes(call.args[0])
    place = int(call.arg(2, "dim", call.kwargs.get("axis", 0))) % len(x)
    sizes = [result.shape[place] for result in call.results]
    parts = _parts(call, x[place], sizes)
    if parts is None:
        return None
    return [_with(x, place, part, size) for part, size in zip(parts, sizes, strict=True)]


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
    inner = _cut_with(call, x, place)
    copies = call.table.told_apart(node, inner) if inner else None
    if copies is None:
        return Axes(shape, tuple(rest))
    fresh = dict(zip(inner, copies[index], strict=True))
    return Axes(shape, tuple(None if n is None else fresh.get(n, n) for n in rest))


def _cut_with(call: Call, x: Axes, place: int) -> list[Node]:
    """The axes that were cut from one axis together with this one, in their order."""
    node = x.nodes[place]
    return [] if node is None else call.table.cut_with(node, [other for other in x.nodes if other is not None])


def indexed(call: Call) -> Result:
    """Square brackets: numbers, slices, `None` and the ellipsis."""
    tensor, key = call.args
    x = call.axes(tensor)
    keys = list(key) if isinstance(key, tuple) else [key]
    if any(not _is_plain(k) for k in keys):
        return None
    spare = len(x) - sum(k is not None and k is not Ellipsis for k in keys)
    if Ellipsis not in keys:
        keys.append(Ellipsis)
    place = keys.index(Ellipsis)
    keys[place : place + 1] = [slice(None)] * spare
    axis, new = 0, x
    for k in keys:
        if k is None:
            new = Axes((*new.shape[:axis], 1, *new.shape[axis:]), (*new.nodes[:axis], None, *new.nodes[axis:]))
        elif isinstance(k, slice):
            sliced = _sliced(call, new, axis, k)
            if sliced is None:
                return None
            new = sliced
        else:
            new = _at(call, new, axis, int(k) % new.shape[axis])
            axis -= 1
        axis += 1
    return new if new.shape == call.shape else None


def _is_plain(key: Any) -> bool:
    return (
        key is None or key is Ellipsis or isinstance(key, slice) or (isinstance(key, int) and not isinstance(key, bool))
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
    if step != 1:
        call.table.fix(node, "every so many of its places are taken")
        return _with(x, place, call.table.node(length, "taken from a fixed axis"), length)
    sizes = [start, length, size - stop]
    parts = call.table.cut(node, [s for s in sizes if s])
    return None if parts is None else _with(x, place, parts[1 if start else 0], length)


def narrowed(call: Call) -> Result:
    """A run of places along an axis."""
    x = call.axes(call.args[0])
    place, start = int(call.arg(1, "dim")) % len(x), int(call.arg(2, "start"))
    return _sliced(call, x, place, slice(start, start + int(call.arg(3, "length"))))


def padded(call: Call) -> Result:
    """New places at the ends of axes; zeros let factors through."""
    x, widths = call.axes(call.args[0]), call.ints(call.arg(1, "pad"))
    mode, value = call.arg(2, "mode", "constant"), call.arg(3, "value", 0)
    nodes = list(x.nodes)
    for back in range(len(widths) // 2):
        before, after = widths[2 * back], widths[2 * back + 1]
        place = len(x) - 1 - back
        if before or after:
            node = nodes[place]
            if mode == "constant" and before >= 0 and after >= 0 and node is not None:
                reason = "places that are padded"
                ends = [call.table.node(width, reason) or _single(call) for width in (before, after) if width]
                nodes[place] = call.table.made_of(
                    [*ends[: 1 if before else 0], node, *ends[1 if before else 0 :]], one_by_one=True
                )
                continue
            call.table.fix(node, "it is padded")
            nodes[place] = call.table.node(call.shape[place], "places that are padded")
    result = Axes(call.shape, tuple(nodes))
    if mode == "constant" and value:
        call.table.admit(result, frozenset(), "padded with a number")
    return result


def repeated(call: Call) -> Result:
    """Copies along axes: whole ones in a row, or each place several times."""
    x = call.axes(call.args[0])
    if call.name == "repeat_interleave":
        times, dim = call.arg(1, "repeats"), call.arg(2, "dim")
        if not isinstance(times, int) or dim is None:
            return None
        place = int(dim) % len(x)
        node = x[place]
        inner = call.table.node(times, "copies of one place")
        parts = [inner] if node is None else [node, inner]
        nodes = list(x.nodes)
        nodes[place] = call.table.made_of(parts, one_by_one=False)
        return Axes(call.shape, tuple(nodes))
    counts = [n // s if s else 1 for n, s in zip(call.shape[-len(x) :], x.shape, strict=True)]
    if len(call.shape) != len(x):
        lead = tuple(None for _ in call.shape[: len(call.shape) - len(x)])
        if any(count > 1 for count in counts):
            return None
        return Axes(call.shape, (*lead, *x.nodes))
    nodes = []
    for node, count in zip(x.nodes, counts, strict=True):
        outer = call.table.node(count, "copies in a row")
        nodes.append(call.table.made_of([outer, node], one_by_one=False) if count > 1 and node is not None else node)
    return Axes(call.shape, tuple(nodes))


def flipped(call: Call) -> Result:
    """Axes read backwards, or rolled: their order matters."""
    x = call.axes(call.args[0])
    for dim in call.ints(call.arg(1 if call.name == "flip" else 2, "dims", list(range(len(x))))):
        call.table.fix(x[dim], f"{call.name} along it")
    return x


def squeezed(call: Call) -> Result:
    """Axes of one place dropped or added."""
    x = call.axes(call.args[0])
    kept = [node for node, size in zip(x.nodes, x.shape, strict=True) if size != 1]
    big = [size for size in call.shape if size != 1]
    if len(kept) != len(big):
        return None
    left = iter(kept)
    return Axes(call.shape, tuple(None if size == 1 else next(left) for size in call.shape))


RULES: Mapping[str, Rule] = {
    **dict.fromkeys(("view", "reshape", "flatten", "unflatten", "view_as", "reshape_as", "ravel"), viewed),
    "permute": permuted,
    **dict.fromkeys(("transpose", "swapaxes", "swapdims"), transposed),
    **dict.fromkeys(("t", "T", "mT", "adjoint"), turned),
    **dict.fromkeys(("movedim", "moveaxis"), moved),
    **dict.fromkeys(("cat", "concat", "concatenate"), concatenated),
    "stack": stacked,
    **dict.fromkeys(("chunk", "split", "tensor_split", "split_with_sizes"), cut),
    "unbind": unbound,
    "select": selected,
    "getitem": indexed,
    "narrow": narrowed,
    "pad": padded,
    **dict.fromkeys(("repeat", "tile", "repeat_interleave"), repeated),
    **dict.fromkeys(("flip", "roll"), flipped),
    **dict.fromkeys(("squeeze", "unsqueeze"), squeezed),
}
