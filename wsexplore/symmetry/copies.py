"""Axes that are another one at each place of the axis beside them.

Queries, keys and values are often one layer that is viewed as `(3, heads, units)`: once the 3 are told apart, the heads
and units of each are its own. Copies that meet again in one tensor are joined again.
"""

from collections.abc import Iterator, Sequence

from wsexplore.symmetry.forest import Forest


def unroll(forest: Forest, outer: int, inner: Sequence[int], seen: Iterator[set[int]]) -> list[list[int]] | None:
    """Copies of `inner` for each place of `outer`, where the two were cut from one node.

    Args:
        forest: of the nodes.
        outer: the factor that is told apart.
        inner: the factors beside it.
        seen: the leaves of every tensor so far.

    Returns:
        `None` where some tensor holds inner places without the outer ones, or the nodes were not cut from one.
    """
    top = forest.find(outer)[0]
    climbed = [forest.climb(node) for node in inner]
    roots = [root for root, _ in climbed]
    if any(power < 0 for _, power in climbed):
        return None
    places = range(forest.size(top))
    if roots and all(root in forest.copies for root in roots):
        return [[forest.copies[root][place] for root in roots] for place in places]
    leaves = {leaf.root for node in inner for leaf in forest.leaves(node)}
    whole = _whole(forest, top, roots)
    if whole is None or any(held & leaves and top not in held for held in seen):
        return None
    copies = [[forest.twin(node) for node in inner] for _ in places]
    forest.beside[top] = roots
    forest.parts[whole] = ("sum", [forest.made_of("product", rest) for rest in copies])
    for place, root in enumerate(roots):
        forest.copies[root] = [rest[place] for rest in copies]
    return copies


def _whole(forest: Forest, outer: int, inner: Sequence[int]) -> int | None:
    """The node that was taken apart into these factors."""
    wanted = [(outer, 1), *((root, 1) for root in inner)]
    products = (r for r, (kind, _) in forest.parts.items() if kind == "product" and forest.parent[r] == r)
    for root in products:
        if [forest.climb(node) for node in forest.flat("product", forest.parts[root][1])] == wanted:
            return root
    return None


def side_by_side(forest: Forest, outer: int, nodes: Sequence[int]) -> int:
    """A node that is another one at each place of `outer`."""
    inner = forest.fresh(forest.size(nodes[0]))
    forest.made_of("product", [outer, inner])
    forest.copies[inner], forest.beside[outer] = list(nodes), [inner]
    return inner


def inside(forest: Forest, outer: int) -> list[int]:
    """The factors inside an outermost factor, where it was cut from a node."""
    top = forest.representative(outer)
    if top in forest.beside:
        return forest.beside[top]
    for kind, parts in forest.parts.values():
        if kind == "product":
            first, *rest = (forest.representative(part) for part in forest.flat("product", parts))
            if first == top:
                return rest
    return []


def is_told_apart(forest: Forest, node: int) -> bool:
    """Whether a node has become copies, one for each place of another, that are still apart."""
    return forest.representative(node) in forest.copies
