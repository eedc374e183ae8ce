"""Operations that move numbers about: views, transposes, cuts and concatenations."""

import math
from collections.abc import Mapping, Sequence

from torch import Tensor

from wsexplore.symmetry.axes import Axes, Node
from wsexplore.symmetry.rules.call import NOTHING, Call, Result, Rule


def viewed(call: Call) -> Result:
    """A row-major reshape: neighbouring axes are gathered, an axis is cut into blocks."""
    first, *others = call.tensors()
    call.leave_out(*others)  # `view_as` takes the shape of another
    x = call.axes(first)
    if call.results[0].dtype != first.dtype:
        return None
    if x.shape == call.shape:
        return x
    nodes: list[Node | None] = []
    for old, new in _segments(x.shape, call.shape):
        before = [_filled(call, x[place], x.shape[place]) for place in old]
        sizes = [call.shape[place] for place in new]
        after = call.table.regroup(before, sizes)
        if after is None:
            reason = f"{call.name} cuts through its blocks"
            call.table.mix(x, old)
            for node in before:
                call.table.fix(node, reason)
            after = [call.table.node(size, reason) for size in sizes]
        nodes += after
    return Axes(call.shape, tuple(nodes))


def _segments(old: tuple[int, ...], new: tuple[int, ...]) -> list[tuple[list[int], list[int]]]:
    """The shortest runs of axes, before and after, that hold as many numbers: each is reshaped by itself."""
    found: list[tuple[list[int], list[int]]] = []
    left, right = list(range(len(old)))[::-1], list(range(len(new)))[::-1]
    while left or right:
        ours, theirs = [left.pop()] if left else [], [right.pop()] if right else []
        have, want = (math.prod(shape[k] for k in ks) for shape, ks in ((old, ours), (new, theirs)))
        while have != want:
            if have < want:
                ours.append(left.pop())
                have *= old[ours[-1]]
            else:
                theirs.append(right.pop())
                want *= new[theirs[-1]]
        found.append((ours, theirs))
    return found


def _filled(call: Call, node: Node | None, size: int) -> Node | None:
    """A node, also for an axis along which nothing changes."""
    return call.table.repeated(size) if node is None and size > 1 else node


def permuted(call: Call) -> Result:
    """Axes in another order."""
    x = call.axes(call.args[0])
    given = call.args[1:] if len(call.args) != 2 else call.ints(call.args[1])
    order = call.ints(tuple(given)) if given else call.ints(call.kwargs.get("dims", ()))
    return _reordered(x, [place % len(x) for place in order])


def transposed(call: Call) -> Result:
    """Two axes exchanged."""
    x = call.axes(call.args[0])
    one, other = call.arg(1, "dim0", call.kwargs.get("axis0")), call.arg(2, "dim1", call.kwargs.get("axis1"))
    order = list(range(len(x)))
    order[one], order[other] = order[other], order[one]
    return _reordered(x, order)


def turned(call: Call) -> Result:
    """All axes in reverse order, or the last two exchanged."""
    x = call.axes(call.args[0])
    order = list(range(len(x)))
    return _reordered(x, order[::-1] if call.name in ("T", "t", "H") else [*order[:-2], order[-1], order[-2]])


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
    tensors = [tensor for tensor in call.arg(0, "tensors") if tensor.numel()]
    parts = [call.axes(tensor) for tensor in tensors]
    place = int(call.arg(1, "dim", call.kwargs.get("axis", 0))) % len(parts[0])
    nodes: list[Node | None] = []
    for axis in range(len(parts[0])):
        here = [part[axis] for part in parts]
        if axis == place:
            filled = [
                node or (call.table.node if call.is_zero(tensor) else call.table.repeated)(tensor.shape[axis])
                for node, tensor in zip(here, tensors, strict=True)
            ]
            nodes.append(call.table.one_after_the_other(filled))
        else:
            nodes.append(_joined(call, here, tensors))
    return Axes(call.shape, tuple(nodes))


def _joined(call: Call, nodes: list[Node | None], tensors: Sequence[Tensor]) -> Node | None:
    present = [node for node in nodes if node is not None]
    for other in present[1:]:
        call.table.join(present[0], other)
    if present and any(node is None and not call.is_zero(t) for node, t in zip(nodes, tensors, strict=True)):
        call.table.admit(present[0], NOTHING, "joined to something that has no units")
    return present[0] if present else None


def stacked(call: Call) -> Result:
    """Tensors side by side on a new axis."""
    tensors = list(call.arg(0, "tensors"))
    parts = [call.axes(tensor) for tensor in tensors]
    place = int(call.arg(1, "dim", 0)) % len(call.shape)
    nodes = [_joined(call, [part[axis] for part in parts], tensors) for axis in range(len(parts[0]))]
    nodes.insert(place, call.table.node(len(parts), "tensors side by side"))
    return Axes(call.shape, tuple(nodes))


def padded(call: Call) -> Result:
    """New places at the ends of axes, which may change places among themselves; zeros let factors through."""
    x, widths = call.axes(call.args[0]), call.ints(call.arg(1, "pad"))
    mode, value = call.arg(2, "mode", "constant"), call.arg(3, "value") or 0
    nodes = list(x.nodes)
    for back in range(len(widths) // 2):
        before, after = widths[2 * back], widths[2 * back + 1]
        place = len(x) - 1 - back
        if before or after:
            node = nodes[place]
            if mode == "constant" and before >= 0 and after >= 0:
                ends = [call.table.node(width) or call.table.single("padding") for width in (before, after) if width]
                middle = _filled(call, node, x.shape[place])
                nodes[place] = call.table.one_after_the_other([*ends[: before > 0], middle, *ends[before > 0 :]])
                continue
            call.table.fix(node, f"padded in the way {mode!r}")
            call.table.mix(x, [place])
            nodes[place] = call.table.node(call.shape[place], "places that are padded")
    result = Axes(call.shape, tuple(nodes))
    if mode == "constant" and value:
        call.table.admit(result, NOTHING, "padded with a number")
    return result


def interleaved(call: Call) -> Result:
    """Each place of an axis several times, one copy after the other."""
    x, times, dim = call.axes(call.args[0]), call.arg(1, "repeats"), call.arg(2, "dim")
    if not isinstance(times, int) or dim is None:
        return None
    place = int(dim) % len(x)
    nodes = list(x.nodes)
    if nodes[place] is not None:
        nodes[place] = call.table.made_of([nodes[place], call.table.repeated(times)], one_by_one=False)
    return Axes(call.shape, tuple(nodes))


def repeated(call: Call) -> Result:
    """Copies of a whole tensor along its axes and along new ones in front."""
    x = call.axes(call.args[0])
    lead = len(call.shape) - len(x)
    nodes: list[Node | None] = [None] * lead
    for node, size, whole in zip(x.nodes, x.shape, call.shape[lead:], strict=True):
        copies = call.table.repeated(whole // size) if node is not None else None
        nodes.append(call.table.made_of([copies, node], one_by_one=False))
    return Axes(call.shape, tuple(nodes))


def flipped(call: Call) -> Result:
    """Axes read backwards, rolled, or cut along a diagonal: their order matters."""
    x = call.axes(call.args[0])
    if call.name in ("tril", "triu"):
        dims = [len(x) - 2, len(x) - 1]
    else:
        given = call.kwargs.get("dims", call.args[1:] if call.name == "flip" else call.arg(2, "dims"))
        flat = given[0] if isinstance(given, tuple) and len(given) == 1 else given
        dims = [dim % len(x) for dim in call.ints(flat)] if flat is not None and flat != () else list(range(len(x)))
    for dim in dims:
        x = call.table.put(x, dim, call.table.node(x.shape[dim]) if call.name in ("tril", "triu") else None)
        call.table.fix(x[dim], f"{call.name} along it")
    call.table.mix(x, dims)
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


def shuffled(call: Call) -> Result:
    """Channels told apart from places of an image or from groups, and put together in another order."""
    x, factor = call.axes(call.args[0]), int(call.args[1])
    lead, channels = x.nodes[:-3], x.shape[-3]
    if call.name == "channel_shuffle":
        cut = call.table.regroup([_filled(call, x[1], x.shape[1])], [factor, x.shape[1] // factor])
        if cut is None:
            return None
        return Axes(x.shape, (x[0], call.table.made_of(cut[::-1], one_by_one=False), *x.nodes[2:]))
    call.table.mix(x, [len(x) - 2, len(x) - 1])
    for node in x.nodes[-2:]:
        call.table.fix(node, "place in the image")
    space = [call.table.node(size, "place in the image") for size in call.shape[-2:]]
    if call.name == "pixel_unshuffle":
        channel = call.table.made_of([x[-3], call.table.node(factor**2, "place in the image")], one_by_one=False)
        return Axes(call.shape, (*lead, channel, *space))
    parts = call.table.regroup([_filled(call, x[-3], channels)], [channels // factor**2, factor**2])
    if parts is None:
        return None
    call.table.fix(parts[1], "place in the image")
    return Axes(call.shape, (*lead, parts[0], *space))


def unfolded(call: Call) -> Result:
    """Patches of an image, of all channels; or windows along one axis."""
    x = call.axes(call.args[0])
    if len(call.args) > 3 or "dimension" in call.kwargs:  # windows
        place = int(call.arg(1, "dimension")) % len(x)
        call.table.fix(x[place], "cut into windows")
        call.table.mix(x, [place])
        new = [call.table.node(call.shape[k], "cut into windows") for k in (place, len(x))]
        return Axes(call.shape, (*x.nodes[:place], new[0], *x.nodes[place + 1 :], new[1]))
    if len(x) != 4:
        return None
    call.table.mix(x, [2, 3])
    for node in x.nodes[2:]:
        call.table.fix(node, "place in the image")
    patch = call.table.node(call.shape[1] // x.shape[1], "place in the kernel")
    channel = call.table.made_of([x[1], patch], one_by_one=False)
    return Axes(call.shape, (x[0], channel, call.table.node(call.shape[2], "place in the image")))


def paired(call: Call) -> Result:
    """Two numbers as one complex number."""
    x = call.axes(call.args[0])
    call.table.fix(x[-1], "the parts of a complex number")
    return Axes(call.shape, x.nodes[:-1])


def unpaired(call: Call) -> Result:
    """A complex number as two."""
    x = call.axes(call.args[0])
    return Axes(call.shape, (*x.nodes, call.table.node(2, "the parts of a complex number")))


RULES: Mapping[str, Rule] = {
    **dict.fromkeys(("view", "reshape", "flatten", "unflatten", "view_as", "reshape_as", "ravel"), viewed),
    "permute": permuted,
    **dict.fromkeys(("transpose", "swapaxes", "swapdims"), transposed),
    **dict.fromkeys(("t", "T", "mT", "adjoint", "H", "mH"), turned),
    **dict.fromkeys(("movedim", "moveaxis"), moved),
    **dict.fromkeys(("cat", "concat", "concatenate"), concatenated),
    "stack": stacked,
    "pad": padded,
    **dict.fromkeys(("repeat", "tile"), repeated),
    "repeat_interleave": interleaved,
    **dict.fromkeys(("flip", "roll", "tril", "triu"), flipped),
    **dict.fromkeys(("squeeze", "unsqueeze"), squeezed),
    **dict.fromkeys(("pixel_shuffle", "pixel_unshuffle", "channel_shuffle"), shuffled),
    "unfold": unfolded,
    "view_as_complex": paired,
    "view_as_real": unpaired,
}
