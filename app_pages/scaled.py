"""One network with its units rescaled or flipped, as the Align page shows it."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st
import torch
from torch import Tensor

from app_pages.handles import open_zoo, version_of
from wsexplore.align import spec_of
from wsexplore.datasets import dataset
from wsexplore.nets import Layout
from wsexplore.population import field_grid
from wsexplore.symmetry import PermutationSpec, random_scaling, rescale_weights
from wsexplore.zoo import Recipe, Zoo

STEPS = 33
REACH = 4
"""The slider goes from 2 to the power of minus this to 2 to the power of this."""

SHOWN = 8
"""Samples whose class probabilities are drawn."""


@dataclass(frozen=True, slots=True, eq=False)
class Rescaled:
    """One network whose units are multiplied by a factor on the way in and divided by it on the way out.

    Attributes:
        factors: of all units of one class.
        incoming: norm of each unit's incoming weights, a row per factor.
        outgoing: of its outgoing weights.
        probabilities: for some samples.
        norms: of all weights.
        changes: largest change of any output: rounding only.
        recipe: how this was made.
    """

    factors: np.ndarray
    incoming: np.ndarray
    outgoing: np.ndarray
    probabilities: np.ndarray
    norms: np.ndarray
    changes: np.ndarray
    recipe: Recipe

    def frame(self) -> pd.DataFrame:
        """A row per factor."""
        columns = {"factor": self.factors, "norm": self.norms, "largest_output_change": self.changes}
        means = {"mean_incoming_norm": self.incoming.mean(1), "mean_outgoing_norm": self.outgoing.mean(1)}
        return pd.DataFrame({**columns, **means})


@dataclass(frozen=True, slots=True, eq=False)
class Flipped:
    """One network before and after some of its units got the other sign.

    Attributes:
        before: the first matrix of its weights.
        after: the same with units flipped.
        shape: of this parameter.
        units: how many were flipped, of how many.
        weights: share of all weights that got another sign.
        change: largest change of any output: rounding only.
        recipe: how this was made.
    """

    before: np.ndarray
    after: np.ndarray
    shape: tuple[int, ...]
    units: tuple[int, int]
    weights: float
    change: float
    recipe: Recipe


def rescaled(zoo: str, row: int, label: str, data: str) -> Rescaled:
    """A network of a named zoo at every factor of one class of units."""
    return _rescaled(zoo, version_of("zoos", zoo), row, label, data)


def flipped(zoo: str, row: int, data: str, seed: int) -> Flipped:
    """A network of a named zoo with random signs at the units that let them through."""
    return _flipped(zoo, version_of("zoos", zoo), row, data, seed)


@st.cache_data(max_entries=64, show_spinner="Rescaling units…")
@torch.no_grad()
def _rescaled(name: str, version: float, row: int, label: str, data: str) -> Rescaled:
    zoo = open_zoo(name)
    architecture, weights, statistics = _network(zoo, row)
    spec, layout = spec_of(architecture), architecture.layout
    inputs = dataset(data).test.inputs[:SHOWN]
    factors = 2.0 ** np.linspace(-REACH, REACH, STEPS)
    steps, trained = [], architecture.forward(weights, inputs, buffers=statistics)[0]
    for factor in factors:
        scaling = {label: torch.full(spec.rescaling.shapes[label], float(factor))}
        moved = rescale_weights(weights[0], scaling, spec, layout)
        outputs = architecture.forward(moved[None], inputs, buffers=statistics)[0]
        change = float((outputs - trained).abs().max())
        norms = [unit_norms(moved, spec, layout, label, power) for power in (1, -1)]
        steps.append((*(part.numpy() for part in norms), outputs.softmax(-1).numpy(), float(moved.norm()), change))
    incoming, outgoing, probabilities, sizes, changes = (np.array(part) for part in zip(*steps, strict=True))
    network = str(zoo.table["id"].iloc[row])
    recipe = Recipe.of(
        "rescale_weights",
        inputs={"zoo": zoo.fingerprint},
        arguments={"network": network, "units": label, "factors": [float(factor) for factor in factors]},
        python=f"spec = spec_of(zoo.architecture_of({row}))\n"
        f"scaling = {{{label!r}: torch.full({tuple(spec.rescaling.shapes[label])}, 2.0)}}\n"
        f"rescale_weights(zoo.rows([{row}])[0], scaling, spec, zoo.architecture.layout)",
    )
    return Rescaled(factors, incoming, outgoing, probabilities, sizes, changes, recipe)


@st.cache_data(max_entries=64, show_spinner="Flipping signs…")
@torch.no_grad()
def _flipped(name: str, version: float, row: int, data: str, seed: int) -> Flipped:
    zoo = open_zoo(name)
    architecture, weights, statistics = _network(zoo, row)
    spec, layout = spec_of(architecture), architecture.layout
    inputs = field_grid(16, 16) if architecture.task == "field" else dataset(data).test.inputs[:1000]
    drawn = random_scaling(spec, seed=seed, spread=0.0)
    signs = {label: drawn[label] for label, kind in spec.rescaling.kinds.items() if kind != "positive"}
    moved = rescale_weights(weights, _stacked(signs), spec, layout)
    before = architecture.forward(weights, inputs, buffers=statistics)
    after = architecture.forward(moved, inputs, buffers=statistics)
    slot = next(slot for slot in layout.slots if len(slot.shape) > 1)
    matrices = [layout.unflatten(part)[slot.name][0].flatten(1).numpy() for part in (weights, moved)]
    turned = sum(int((part < 0).sum()) for part in signs.values())
    recipe = Recipe.of(
        "rescale_weights",
        inputs={"zoo": zoo.fingerprint},
        arguments={"network": str(zoo.table["id"].iloc[row])},
        seed=seed,
        python=f"spec = spec_of(zoo.architecture_of({row}))\n"
        f"signs = random_scaling(spec, seed={seed}, spread=0.0)\n"
        f"rescale_weights(zoo.rows([{row}])[0], signs, spec, zoo.architecture.layout)",
    )
    return Flipped(
        *matrices,
        tuple(slot.shape),
        (turned, sum(part.numel() for part in signs.values())),
        float(((weights * moved) < 0).float().mean()),
        float((after - before).abs().max()),
        recipe,
    )


def unit_norms(weights: Tensor, spec: PermutationSpec, layout: Layout, label: str, power: int) -> Tensor:
    """Norm of what each unit of a class receives (power 1) or gives (power -1)."""
    shape = spec.rescaling.shapes[label]
    total = torch.zeros(math.prod(shape), dtype=torch.float64)
    for name, value in layout.unflatten(weights).items():
        for block in spec.rescaling.blocks.get(name, ()):
            part = value[block.slices].reshape(block.shape).double().square()
            for place, factor in enumerate(block.factors):
                if factor.group == label and factor.power == power:
                    axes = [place]
                    if len(shape) == 2:
                        axes.insert(0, block.groups.index(spec.rescaling.owners[label]))
                    total += part.movedim(axes, list(range(len(axes)))).reshape(len(total), -1).sum(1)
    return total.sqrt().float()


def _network(zoo: Zoo, row: int):
    return zoo.architecture_of(row), zoo.rows([row]), zoo.buffer_rows([row])


def _stacked(scaling: dict[str, Tensor]) -> dict[str, Tensor]:
    return {label: factors[None] for label, factors in scaling.items()}
