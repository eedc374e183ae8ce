"""What each operation does to the axes of its inputs; one rule per operation, found by the operation's name.

A rule returns the axes of its results, or `None` where it cannot say, which fixes everything it touches.
"""

from collections.abc import Mapping

from wsexplore.symmetry.rules import (
    attention,
    convolutions,
    elementwise,
    indexing,
    norms,
    products,
    recurrent,
    reductions,
    shapes,
    writing,
)
from wsexplore.symmetry.rules.call import Call, Rule, tensors_in

RULES: Mapping[str, Rule] = {
    **attention.RULES,
    **convolutions.RULES,
    **elementwise.RULES,
    **indexing.RULES,
    **norms.RULES,
    **products.RULES,
    **recurrent.RULES,
    **reductions.RULES,
    **shapes.RULES,
    **writing.RULES,
}

__all__ = ["RULES", "Call", "Rule", "tensors_in"]
