"""Operations that gather many places into fewer: sums, means, maxima, pooling, resizing."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from wsexplore.symmetry.axes import FLIP, SCALE, Axes
from wsexplore.symmetry.rules.call import NOTHING, Call, Result, Rule
from wsexplore.symmetry.rules.elementwise import extreme

THROUGH: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(("sum", "mean", "nansum", "nanmean"), SCALE | FLIP),
    **dict.fromkeys(
        ("amax", "amin", "max", "min", "median", "nanmedian", "std", "norm", "vector_norm", "linalg_norm",
         "linalg_vector_norm"), SCALE
    ),
}  # fmt: skip
"""What passes on the axes that are kept; by default nothing."""

PLACES = ("argmax", "argmin", "count_nonzero")
"""Operations that give the place itself."""


def reduced(call: Call) -> Result:
    """Axes summed, averaged or searched for their largest number: their order does not matter, their scale does."""
    dims = _dims(call)
    if isinstance(dims, Tensor):
        return extreme(call)
    x = call.axes(call.args[0])
    places = {place % len(x) for place in call.ints(dims)} if dims is not None and dims != [] and x.shape else set()
    places = places or set(range(len(x)))
    through = THROUGH.get(call.name, NOTHING)
    for place, node in enumerate(x.nodes):
        call.table.admit(node, NOTHING if place in places else through, f"{call.name} over it")
        if place in places and call.name in PLACES:
            call.table.fix(node, f"{call.name} over it")
    if len(call.shape) == len(x):
        nodes = [None if place in places else node for place, node in enumerate(x.nodes)]
    else:
        nodes = [node for place, node in enumerate(x.nodes) if place not in places]
    tells = call.name in ("max", "min", "median", "nanmedian")
    numbered = tuple(node for place in places if tells and (node := x[place]))
    return [Axes(call.shape, tuple(nodes)), *(Axes(call.shape, tuple(nodes), numbered) for _ in call.results[1:])]


def _dims(call: Call) -> Any:
    """The axes that are reduced; all where none is named."""
    place = 2 if "norm" in call.name else 1
    dims = call.arg(place, "dim", call.kwargs.get("axis", call.kwargs.get("other")))
    return None if isinstance(dims, bool) or dims == () else dims


def ordered(call: Call) -> Result:
    """An axis in the order of its numbers, or the largest of them: what comes out has an order of its own."""
    x = call.axes(call.args[0])
    dim = call.arg(2 if call.name == "topk" else 1, "dim", -1)
    if not isinstance(dim, int) or isinstance(dim, bool):
        return None
    dim %= len(x)
    call.table.admit(x, SCALE, f"{call.name} lets positive factors through")
    call.table.admit(x[dim], NOTHING, f"{call.name} along it")
    call.table.mix(x, [dim])
    if call.name == "argsort":
        call.table.fix(x[dim], f"{call.name} along it")
    new = None if call.shape[dim] == 1 else call.table.node(call.shape[dim], "in the order of its numbers")
    nodes = (*x.nodes[:dim], new, *x.nodes[dim + 1 :])
    numbered = tuple(node for node in (x[dim],) if node is not None)
    return [Axes(tuple(result.shape), nodes, numbered if place else ()) for place, result in enumerate(call.results)]


def pooled(call: Call) -> Result:
    """Places of an image gathered; channels stay. Averages let every factor through, maxima positive ones."""
    x = call.axes(call.args[0])
    space = next(int(letter) for letter in call.name if letter.isdigit())
    channel = len(x) - space - 1
    if x.shape[: channel + 1] != call.shape[: channel + 1]:
        return None
    whole = call.name.startswith("adaptive_avg") and set(call.shape[channel + 1 :]) == {1}
    if "max" in call.name:
        call.table.admit(x, SCALE, f"{call.name} lets positive factors through")
    elif "lp" in call.name:
        call.table.admit(x, NOTHING, f"{call.name} lets no factor through")
    call.table.mix(x, range(channel + 1, len(x)))
    for node in x.nodes[channel + 1 :]:
        if whole:
            call.table.admit(node, NOTHING, "averaged over")
        else:
            call.table.fix(node, "place in the image")
    return [_image(call, x, result, channel + 1) for result in call.results]


def _image(call: Call, x: Axes, result: Tensor, lead: int) -> Axes:
    shape = tuple(result.shape)
    sizes = [call.table.node(size, "place in the image") for size in shape[lead:]]
    return Axes(shape, (*x.nodes[:lead], *sizes))


def resized(call: Call) -> Result:
    """An image made larger or smaller, channel by channel."""
    x = call.axes(call.args[0])
    if x.shape[:2] != call.shape[:2]:
        return None
    call.table.mix(x, range(2, len(x)))
    for node in x.nodes[2:]:
        call.table.fix(node, "place in the image")
    if "unpool" in call.name:
        for place, other in enumerate(call.axes(call.arg(1, "indices")).nodes):
            call.table.join_permuted(x[place], other)
            x = call.table.put(x, place, other)
    return _image(call, x, call.results[0], 2)


RULES: Mapping[str, Rule] = {
    **dict.fromkeys(
        (*THROUGH, *PLACES, "prod", "var", "var_mean", "std_mean", "logsumexp", "any", "all"), reduced
    ),
    **dict.fromkeys(("topk", "sort", "argsort"), ordered),
    **dict.fromkeys(
        (f"{kind}_pool{n}d" for kind in ("max", "avg", "adaptive_avg", "adaptive_max", "lp") for n in (1, 2, 3)), pooled
    ),
    **dict.fromkeys(
        (f"{kind}max_pool{n}d_with_indices" for kind in ("", "adaptive_") for n in (1, 2, 3)), pooled
    ),
    **dict.fromkeys(("interpolate", "upsample", *(f"max_unpool{n}d" for n in (1, 2, 3))), resized),
}  # fmt: skip
