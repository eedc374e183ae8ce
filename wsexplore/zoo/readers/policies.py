"""Evolved policies of estool: JSON, a flat list of weights and perhaps a score in each file.

The files do not say their layers. In estool's order each layer is a matrix of inputs x outputs, row by row, then its
biases; tanh is between the layers.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from wsexplore.nets import architecture
from wsexplore.zoo.readers.columns import identity, tidy
from wsexplore.zoo.readers.found import Batch, Found, Source, Wishes, hindered
from wsexplore.zoo.readers.tree import Tree

FORMAT = "flat weights in JSON (estool)"
LARGEST = 64 << 20


def policies(tree: Tree, wishes: Wishes) -> Source | None:
    """Files of flat weights of one length: those of the length that the user's widths have, else of the most common."""
    files = [file for file in (tree.files() if tree.is_folder else [tree.root]) if file.suffix == ".json"]
    values = {file: policy for file in files if (policy := _policy(tree, file)) is not None}
    if not values:
        return None
    counts = Counter(len(weights) for weights, _ in values.values())
    size = sum(tree.size(file) for file in values)
    found = Found(FORMAT, tree.name, len(values), None, size, {"lengths": dict(counts.most_common(20))})
    if "widths" not in wishes.config:
        return hindered(
            found,
            f"the files hold flat lists of {', '.join(f'{n:,}' for n, _ in counts.most_common(8))} weights and do not "
            "say their layers; give them with --config widths=24,40,40,4",
        )
    known = architecture("mlp", **{"activation": "tanh", **wishes.config})
    fitting = [file for file in values if len(values[file][0]) == known.layout.size]
    if not fitting:
        return hindered(found, f"no file holds the {known.layout.size:,} weights of {known.config['widths']}")
    other = len(values) - len(fitting)
    problems = (f"{other:,} files hold networks of another size",) if other else ()
    found = Found(FORMAT, tree.name, len(fitting), known, size, found.says, problems)

    def table() -> pd.DataFrame:
        scores = [values[file][1] for file in fitting]
        rows: list[dict[str, Any]] = [{"id": identity(tree.short(file))} for file in fitting]
        if any(score is not None for score in scores):
            rows = [{**row, "score": score} for row, score in zip(rows, scores, strict=True)]
        return tidy(rows)

    def read(wanted: Sequence[int]) -> Batch:
        weights = torch.zeros(len(wanted), known.layout.size)
        for place, row in enumerate(wanted):
            flat = torch.tensor(values[fitting[row]][0], dtype=torch.float64)
            for slot in known.layout.slots:
                part, turned = flat[slot.start : slot.stop], slot.shape[::-1]
                weights[place, slot.start : slot.stop] = part.reshape(turned).T.reshape(-1) if len(turned) > 1 else part
        return Batch(weights)

    return Source(found, table, read)


def _policy(tree: Tree, file: Path) -> tuple[list[float], float | None] | None:
    """Weights and score in a file, or `None` where it is anything else."""
    try:
        value = tree.json(file, most=LARGEST)
    except ValueError:
        return None
    if not isinstance(value, list) or not 1 <= len(value) <= 2 or not isinstance(value[0], list) or not value[0]:
        return None
    numbers = [float(part) for part in value[0] if type(part) in (int, float) and abs(part) < 1e300]
    last = value[1] if len(value) == 2 else None
    score = float(last) if isinstance(last, int | float) and abs(last) < 1e300 else None
    return (numbers, score) if len(numbers) == len(value[0]) else None
