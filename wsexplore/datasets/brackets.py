"""Sequences of brackets: a text to classify that needs no download."""

import numpy as np

from wsexplore.datasets.samples import Raw

VOCABULARY = ("", "(", ")", "[", "]")
TRAIN, TEST = 4_000, 1_000
LONGEST = 24
LIMITS = (12, 128)
"""Range of the longest sequence; below there are too few different ones."""


def read_brackets(longest: int = LONGEST, *, swaps: int = 1, seed: int = 0) -> Raw:
    """Sequences of two kinds of brackets that close in the right order, or not: 4,000 to train on, 1,000 to test.

    Balanced sequences are drawn uniformly among those of their length, which is even and uniform in 4 to `longest` as
    far as there are enough. Each has a partner in the other class: the same brackets, some swapped, so that it is no
    longer balanced. So neither length nor counts tell the class. No sequence occurs twice, in neither split.

    Args:
        longest: number of brackets of the longest sequences; more is harder.
        swaps: pairs of brackets swapped in the unbalanced sequences; fewer is harder.
        seed: of every draw.

    Raises:
        ValueError: `longest` is out of range, or `swaps` is none.
    """
    if not LIMITS[0] <= longest <= LIMITS[1] or longest % 2:
        raise ValueError(f"the longest brackets take an even length of {LIMITS[0]} to {LIMITS[1]}, got {longest}")
    if swaps < 1:
        raise ValueError(f"an unbalanced sequence takes at least 1 swap, got {swaps}")
    draw = np.random.default_rng(seed)
    seen: set[tuple[int, ...]] = set()
    pairs: list[tuple[list[int], list[int]]] = []
    while len(pairs) < (TRAIN + TEST) // 2:
        good = _balanced(2 * int(draw.integers(2, longest // 2 + 1)), draw)
        bad = _swapped(good, swaps, draw)
        if is_balanced(bad) or {tuple(good), tuple(bad)} & seen:
            continue
        seen |= {tuple(good), tuple(bad)}
        pairs.append((good, bad))
    tokens = np.zeros((TRAIN + TEST, longest), np.float32)
    for row, sequence in enumerate(sequence for pair in pairs for sequence in pair):
        tokens[row, : len(sequence)] = sequence
    targets = np.tile(np.array([1, 0]), len(pairs))
    train, test = np.split(draw.permutation(len(targets)), [TRAIN])
    classes = ("unbalanced", "balanced")
    return Raw((tokens[train], targets[train]), (tokens[test], targets[test]), classes, "text", VOCABULARY)


def is_balanced(tokens: list[int]) -> bool:
    """Whether every bracket is closed by one of its kind, in the right order; 1 and 3 open, 2 and 4 close."""
    waiting: list[int] = []
    for token in tokens:
        if token % 2:
            waiting.append(token + 1)
        elif not waiting or waiting.pop() != token:
            return False
    return not waiting


def _balanced(length: int, draw: np.random.Generator) -> list[int]:
    """A sequence drawn uniformly among the balanced ones.

    Arnold and Sleep, "Uniform random generation of balanced parenthesis strings", 1980; the kinds are independent.
    """
    waiting: list[int] = []
    tokens: list[int] = []
    for left in range(length, 0, -1):
        depth = len(waiting)
        if draw.random() * 2 * left * (depth + 1) < (depth + 2) * (left - depth):
            opened = int(draw.choice((1, 3)))
            waiting.append(opened + 1)
            tokens.append(opened)
        else:
            tokens.append(waiting.pop())
    return tokens


def _swapped(tokens: list[int], swaps: int, draw: np.random.Generator) -> list[int]:
    changed = list(tokens)
    for _ in range(swaps):
        first, second = draw.choice(len(changed), 2, replace=False)
        changed[first], changed[second] = changed[second], changed[first]
    return changed
