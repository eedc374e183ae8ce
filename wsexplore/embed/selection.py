"""Regions of a map with names, what is made of them by and, or and not, and all of it as text for a link."""

import ast
import keyword
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import shapely
from jaxtyping import Bool, Float, Int
from numpy import ndarray as Array

VERTICES = 30
DRAWN = 8000
"""Most points that one map draws."""

REGIONS = 12
"""Most regions of one selection."""

LONGEST = 300
"""Most characters of an expression."""

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,19}")
WORD = re.compile(r"\s+|[()]|[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """Regions of a map and how they are joined.

    Attributes:
        regions: name to outline.
        expression: of the names, like "A and not B"; "" joins all by or.
    """

    regions: Mapping[str, Float[Array, "vertices 2"]] = field(default_factory=dict)
    expression: str = ""

    def __post_init__(self) -> None:
        """Check names, number and expression."""
        if len(self.regions) > REGIONS:
            raise ValueError(f"a selection has at most {REGIONS} regions, got {len(self.regions)}")
        for name in self.regions:
            check_name(name)
        if self.expression:
            _parsed(self.expression, self.regions)

    def __bool__(self) -> bool:
        return len(self.regions) > 0

    @property
    def joined(self) -> str:
        """The expression, spelt out where all are joined by or."""
        return self.expression or " or ".join(self.regions)

    def drawn(self, outline: Float[Array, "vertices 2"]) -> "Selection":
        """With one more region under the next free letter; it is added to what is selected."""
        name = free_name(self.regions)
        expression = f"{_bracketed(self.expression)} or {name}" if self.expression else ""
        return Selection({**self.regions, name: outline}, expression)

    def without(self, name: str) -> "Selection":
        """Without a region; an expression that needs it gives way to or."""
        left = {other: outline for other, outline in self.regions.items() if other != name}
        needed = re.search(rf"\b{name}\b", self.expression)
        return Selection(left, "" if needed else self.expression)

    def renamed(self, old: str, new: str) -> "Selection":
        """With another name for a region, in the expression too.

        Raises:
            ValueError: the name is no plain word, or taken.
        """
        check_name(new)
        if new != old and new in self.regions:
            raise ValueError(f"there is already a region {new}")
        regions = {new if name == old else name: outline for name, outline in self.regions.items()}
        return Selection(regions, re.sub(rf"\b{old}\b", new, self.expression))


def check_name(name: str) -> None:
    """Refuse what is no name for a region.

    Raises:
        ValueError: it is no plain word of at most 20 letters, or a word of the language.
    """
    if not NAME.fullmatch(name) or keyword.iskeyword(name):
        raise ValueError(f"{name[:40]!r} is no name for a region; use a plain word of at most 20 letters and digits")


def free_name(taken: Sequence[str] | Mapping[str, object]) -> str:
    """The first letter, or letter and number, that no region has."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    names = [*letters, *(f"{letter}{number}" for number in range(2, 9) for letter in letters)]
    return str(next(name for name in names if name not in taken))


def selection_text(selection: Selection) -> str:
    """A selection as `A:x,y x,y x,y;B:...;A and not B`; a single region A as its corners alone."""
    if list(selection.regions) == ["A"] and selection.expression in ("", "A"):
        return _corners(selection.regions["A"])
    parts = [f"{name}:{_corners(outline)}" for name, outline in selection.regions.items()]
    return ";".join([*parts, *([selection.expression] if selection.expression else [])])


def _corners(outline: Float[Array, "vertices 2"]) -> str:
    return " ".join(f"{x:.4g},{y:.4g}" for x, y in outline)


def parse_selection(text: str) -> Selection:
    """The selection that `selection_text` wrote; corners without a name are region A, no text is no region.

    Raises:
        ValueError: a part is neither a region nor an expression of the regions' names.
    """
    parts = [part.strip() for part in text.split(";") if part.strip()]
    regions: dict[str, Float[Array, "vertices 2"]] = {}
    for place, part in enumerate(parts):
        name, colon, corners = part.partition(":")
        if not colon and regions and place == len(parts) - 1 and WORD.match(part):
            return Selection(regions, part)
        name = name.strip() if colon else free_name(regions)
        check_name(name)
        if name in regions:
            raise ValueError(f"the region {name} comes twice")
        regions[name] = parse_polygon(corners if colon else part)
    return Selection(regions)


def rows_in(points: Float[Array, "models 2"], selection: Selection) -> Int[Array, " rows"]:
    """Numbers of the points that a selection holds, in order; each region is tested once."""
    if not selection:
        return np.empty(0, np.int64)
    tree = _parsed(selection.joined, selection.regions)
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    held = {name: inside(points, outline) for name, outline in selection.regions.items() if name in used}
    rows: Int[Array, " rows"] = np.flatnonzero(_value(tree, held))
    return rows


def _parsed(expression: str, regions: Mapping[str, object]) -> ast.expr:
    """The expression as a tree of and, or, not and names, and nothing else."""
    if len(expression) > LONGEST:
        raise ValueError(f"the expression has {len(expression):,} characters; write one of at most {LONGEST}")
    place = 0
    while place < len(expression):
        token = WORD.match(expression, place)
        if token is None:
            raise ValueError(f"the expression holds {expression[place]!r}; write names with and, or, not and brackets")
        place = token.end()
    try:
        tree = ast.parse(expression.strip(), mode="eval").body
    except (SyntaxError, MemoryError, RecursionError):
        raise ValueError(f"the expression {expression!r} cannot be read; write it like A and not (B or C)") from None
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            if node.id not in regions:
                known = ", ".join(regions) or "none yet"
                raise ValueError(f"the expression names {node.id!r}, which is no region; the regions are {known}")
        elif not isinstance(node, ast.BoolOp | ast.UnaryOp | ast.And | ast.Or | ast.Not | ast.Load):
            raise ValueError(f"the expression {expression!r} cannot be read; write it like A and not (B or C)")
    return tree


def _value(tree: ast.expr, held: Mapping[str, Bool[Array, " models"]]) -> Bool[Array, " models"]:
    if isinstance(tree, ast.Name):
        return held[tree.id]
    if isinstance(tree, ast.UnaryOp):
        return ~_value(tree.operand, held)
    assert isinstance(tree, ast.BoolOp)
    join = np.logical_and if isinstance(tree.op, ast.And) else np.logical_or
    value = _value(tree.values[0], held)
    for part in tree.values[1:]:
        value = join(value, _value(part, held))
    return value


def _bracketed(expression: str) -> str:
    return f"({expression})" if " " in expression.strip() else expression


def polygon_text(xs: Sequence[float], ys: Sequence[float]) -> str:
    """A drawn outline as `x,y x,y ...`, simplified to at most 30 vertices of three digits."""
    return _corners(simplified(xs, ys))


def simplified(xs: Sequence[float], ys: Sequence[float]) -> Float[Array, "vertices 2"]:
    """A drawn outline with at most 30 vertices."""
    outline = shapely.LinearRing(list(zip(xs, ys, strict=True)))
    left, bottom, right, top = outline.bounds
    tolerance = max(0.002 * max(right - left, top - bottom), 1e-12)
    while True:
        corners: Float[Array, "vertices 2"] = shapely.get_coordinates(outline.simplify(tolerance))[:-1]
        if len(corners) <= VERTICES:
            return corners
        tolerance *= 1.5


def parse_polygon(text: str) -> Float[Array, "vertices 2"]:
    """The outline that `polygon_text` wrote.

    Raises:
        ValueError: the text is not three or more pairs of numbers.
    """
    try:
        corners = np.array([[float(part) for part in pair.split(",")] for pair in text.split()])
    except ValueError:
        corners = np.empty(0)
    if corners.ndim != 2 or corners.shape[1:] != (2,) or len(corners) < 3 or not np.isfinite(corners).all():
        raise ValueError("a region is three or more corners like 0,0 1,0 1,1")
    return corners


def inside(points: Float[Array, "models 2"], polygon: Float[Array, "vertices 2"]) -> Bool[Array, " models"]:
    """Which points lie within the outline; one that crosses itself is read by its repaired shape."""
    low, high = polygon.min(0), polygon.max(0)
    found: Bool[Array, " models"] = (
        (points[:, 0] >= low[0]) & (points[:, 0] <= high[0]) & (points[:, 1] >= low[1]) & (points[:, 1] <= high[1])
    )
    near = np.flatnonzero(found)
    region = shapely.make_valid(shapely.Polygon(polygon))
    shapely.prepare(region)
    found[near] = shapely.contains_xy(region, points[near, 0], points[near, 1])
    return found


def thinned(rows: Int[Array, " rows"], most: int = DRAWN) -> Int[Array, " some"]:
    """The rows a map draws: all of them, or `most` drawn evenly with a fixed seed, in order."""
    if len(rows) <= most:
        return rows
    draw = np.random.default_rng(0)
    some: Int[Array, " some"] = np.sort(rows[draw.choice(len(rows), most, replace=False)])
    return some
