"""What generators of networks are called in figures, and how they look: one colour and mark for each."""

from wsexplore.figures.theme import CATEGORIES, FRESH, LINE, SYMBOLS, clear, plain
from wsexplore.generate.judge import AT

NAMES = {
    "zoo": "the zoo itself",
    "held_out": "networks kept out",
    "flow": "flow",
    "encoder": "encoder",
    "gaussian": "full-covariance Gaussian",
    "independent": "independent Gaussian",
    "averages": "averages of pairs",
    "triples": "averages of triples",
    "noise": "networks plus noise",
    "fresh": "fresh initialisations",
}
COLOURS = {
    "zoo": CATEGORIES[4],
    "held_out": CATEGORIES[5],
    "flow": FRESH,
    "encoder": FRESH,
    "gaussian": CATEGORIES[0],
    "independent": LINE,
    "averages": CATEGORIES[2],
    "triples": CATEGORIES[6],
    "noise": CATEGORIES[1],
    "fresh": LINE,
}
MARKS = {
    "zoo": SYMBOLS[0],
    "held_out": "hexagon",
    "flow": SYMBOLS[1],
    "encoder": SYMBOLS[1],
    "gaussian": SYMBOLS[2],
    "independent": SYMBOLS[3],
    "averages": SYMBOLS[4],
    "triples": SYMBOLS[5],
    "noise": SYMBOLS[6],
    "fresh": "circle-open",
}


def name_of(generator: str) -> str:
    """The name of a generator for readers; "matched" stands for a control at the novelty of the flow."""
    base = base_of(generator)
    return NAMES.get(base, base) + (", matched" if is_matched(generator) else "")


def title_of(generator: str) -> str:
    """The same as figures show it, letter by letter."""
    return plain(name_of(generator))


def colour_of(generator: str) -> str:
    """Its colour; one that is no control and not the zoo looks like a flow."""
    return COLOURS.get(base_of(generator), FRESH)


def mark_of(generator: str) -> str:
    """Its mark: filled, but hollow for a control as it is."""
    mark = MARKS.get(base_of(generator), SYMBOLS[1])
    return f"{mark}-open" if is_plain(generator) and not mark.endswith("-open") else mark


def faint_of(generator: str) -> str:
    """Its colour for a crowd of points."""
    colour = colour_of(generator)
    return clear(colour, 0.35) if colour.startswith("#") else colour


def base_of(generator: str) -> str:
    """The control behind a name, or the name."""
    return generator.removesuffix(AT)


def is_matched(generator: str) -> bool:
    """Whether it is a control at the novelty of the flow."""
    return generator.endswith(AT)


def is_plain(generator: str) -> bool:
    """Whether it is a control as it is."""
    return generator in ("gaussian", "independent", "averages", "triples", "noise")


def is_judged(generator: str) -> bool:
    """Whether it is what the report is about."""
    return base_of(generator) not in COLOURS or generator in ("flow", "encoder")
