"""What an axis is made of, read from the forest: one product of leaves after the other."""

from wsexplore.symmetry.forest import Forest, Leaf

INTERLEAVED = "blocks that follow each other within every place of another axis"


def pieces(forest: Forest, node: int) -> list[list[Leaf]]:
    """A node as products of leaves, a sum inside a product multiplied out.

    They stand in the order of their places, but for sums that are not the outermost factor, whose parts come again and
    again: see `straighten`.
    """
    root, power = forest.find(node)
    if root not in forest.parts:
        return [[Leaf(root, power, forest.size(root))]]
    kind, parts = forest.parts[root]
    expanded = [pieces(forest, part) for part in parts]
    found: list[list[Leaf]] = [[]] if kind == "product" else []
    for each in expanded:
        found = [[*left, *right] for left in found for right in each] if kind == "product" else [*found, *each]
    return [[Leaf(leaf.root, power * leaf.power, leaf.size) for leaf in piece] for piece in found]


def straighten(forest: Forest, node: int) -> set[int]:
    """Fix the parts of sums that are not the outermost factor of a product: they cannot be said one after the other.

    Returns:
        The leaves of these sums, which `in_order` hides.
    """
    root, _ = forest.find(node)
    if root not in forest.parts:
        return set()
    kind, parts = forest.parts[root]
    if kind == "sum":
        return set().union(*(straighten(forest, part) for part in parts))
    first, *inner = forest.flat("product", parts)
    hidden = straighten(forest, first)
    for factor in inner:
        if forest.find(factor)[0] in forest.parts:
            forest.fix(factor, INTERLEAVED)
            hidden |= {leaf.root for leaf in forest.leaves(factor)}
    return hidden


def in_order(forest: Forest, node: int) -> list[list[Leaf]]:
    """A node as products of leaves in the order of its places, once it is straight: sums inside are one fixed leaf."""
    root, power = forest.find(node)
    if root not in forest.parts:
        return [[Leaf(root, power, forest.size(root))]]
    kind, parts = forest.parts[root]
    if kind == "sum":
        found = [piece for part in parts for piece in in_order(forest, part)]
    else:
        first, *inner = forest.flat("product", parts)
        tail = [Leaf(*forest.find(factor), forest.size(factor)) for factor in inner]
        found = [[*piece, *tail] for piece in in_order(forest, first)]
    return [[Leaf(leaf.root, power * leaf.power, leaf.size) for leaf in piece] for piece in found]
