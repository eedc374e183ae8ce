"""Operations that gather many places into fewer: sums, means, maxima, pooling, resizing."""

from collections.abc import Mapping

from wsexplore.symmetry.axes import SCALE, Axes
from wsexplore.symmetry.rules.call import Call, Result, Rule

NOTHING: frozenset[str] = frozenset()


def reduced(call: Call) -> Result:
    """Axes summed, averaged or searched for their largest number: their order does not matter, their scale does."""
    x = call.axes(call.args[0])
    dims = call.arg(1, "dim", call.kwargs.get("axis"))
    if call.name in ("norm", "vector_norm"):
        dims = call.arg(2, "dim")
    if dims is not None and not isinstance(dims, int | list | tuple):
        return None
    places = {place % len(x) for place in call.ints(dims)} if dims is not None and dims != [] else set(range(len(x)))
    for place in places:
        call.table.admit(x[place], NOTHING, f"{call.name} over it")
        if call.name in ("argmax", "argmin", "median", "mode", "cummax"):
            call.table.fix(x[place], f"{call.name} over it")
    through = LINEAR if call.name in ("sum", "mean", "nansum", "nanmean") else NOTHING
    kept = [node for place, node in enumerate(x.nodes) if place not in places]
    for node in kept:
        call.table.admit(
            node, through or (SCALE if call.name in ("amax", "amin", "max", "min") else NOTHING), call.name
        )
    if len(call.shape) == len(x):
        nodes = tuple(None if place in places else node for place, node in enumerate(x.nodes))
    else:
        nodes = tuple(kept)
    result = Axes(call.shape, nodes)
    return [result] * len(call.results)


LINEAR = frozenset({"scale", "flip"})


def pooled(call: Call) -> Result:
    """Places of an image gathered; channels stay. Averages let every factor through, maxima positive ones."""
    x = call.axes(call.args[0])
    space = next(int(letter) for letter in call.name if letter.isdigit())
    channel = len(x) - space - 1
    if x.shape[: channel + 1] != call.shape[: channel + 1]:
        return None
    for node in x.nodes[channel + 1 :]:
        call.table.fix(node, "place in the image")
    if "max" in call.name:
        call.table.admit(x[channel], SCALE, f"{call.name} lets only positive factors through")
    elif "lp" in call.name:
        call.table.admit(x[channel], NOTHING, f"{call.name} lets nothing through")
    sizes = [call.table.node(size, "place in the image") for size in call.shape[channel + 1 :]]
    result = Axes(call.shape, (*x.nodes[: channel + 1], *sizes))
    return [result] * len(call.results)


def resized(call: Call) -> Result:
    """An image made larger or smaller, channel by channel."""
    x = call.axes(call.args[0])
    if x.shape[:2] != call.shape[:2]:
        return None
    for node in x.nodes[2:]:
        call.table.fix(node, "place in the image")
    sizes = [call.table.node(size, "place in the image") for size in call.shape[2:]]
    return Axes(call.shape, (*x.nodes[:2], *sizes))


RULES: Mapping[str, Rule] = {
    **dict.fromkeys(
        ("sum", "mean", "amax", "amin", "max", "min", "prod", "std", "var", "norm", "vector_norm", "logsumexp", "any",
         "all", "argmax", "argmin", "nansum", "nanmean", "median"),
        reduced,
    ),
    **dict.fromkeys(
        (f"{kind}_pool{n}d" for kind in ("max", "avg", "adaptive_avg", "adaptive_max", "lp") for n in (1, 2, 3)), pooled
    ),
    **dict.fromkeys((f"max_pool{n}d_with_indices" for n in (1, 2, 3)), pooled),
    **dict.fromkeys(("interpolate", "upsample"), resized),
}  # fmt: skip
