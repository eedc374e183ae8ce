"""Symmetry as attack and defence: a network moved along its orbit until averaging with its sibling fails."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from numpy import ndarray as Array
from torch import Tensor

from wsexplore.align import match_population, spec_of
from wsexplore.datasets import Dataset, Split, dataset
from wsexplore.landscape.path import linear_path
from wsexplore.nets import Architecture
from wsexplore.population import score
from wsexplore.symmetry import (
    PermutationSpec,
    canonical,
    permute_weights,
    random_permutation,
    random_scaling,
    rescale_weights,
)
from wsexplore.zoo import Recipe, Zoo

SPREADS = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5)


@dataclass(frozen=True, slots=True, eq=False)
class MergeAttack:
    """What moving one of two networks along its orbit does to their average, and what undoes it.

    Attributes:
        first: id of the network that stays.
        second: id of the network that is moved.
        kinds: what was done to it: "permuted", "rescaled", "flipped".
        spreads: standard deviation of the logarithms of the factors, one per strength of the attack.
        untouched: barrier before any attack, in nats.
        attacked: barrier to the moved network.
        permuted_back: barrier once its units are matched (and flipped back), their scales as they are.
        canonical: barrier once both networks are at their least norm, and then matched.
        output_changes: largest change of any output of the moved network: rounding only.
        norms: norm of its weights.
        recipe: how this was made.
    """

    first: str
    second: str
    kinds: tuple[str, ...]
    spreads: Float[Array, " strengths"]
    untouched: float
    attacked: Float[Array, " strengths"]
    permuted_back: Float[Array, " strengths"]
    canonical: Float[Array, " strengths"]
    output_changes: Float[Array, " strengths"]
    norms: Float[Array, " strengths"]
    recipe: Recipe

    def frame(self) -> pd.DataFrame:
        """Barriers in nats, a row per strength."""
        return pd.DataFrame(
            {
                "log_sd": self.spreads,
                "attacked": self.attacked,
                "permuted_back": self.permuted_back,
                "canonical": self.canonical,
                "output_change": self.output_changes,
                "norm": self.norms,
            }
        )


@torch.no_grad()
def merge_attack(
    zoo: Zoo,
    first: int,
    second: int,
    data: str | Dataset,
    *,
    spreads: Sequence[float] = SPREADS,
    permute: bool = True,
    align: bool = True,
    steps: int = 11,
    split: str = "test",
    seed: int = 0,
) -> MergeAttack:
    """Move the second network along its orbit, function unchanged, and measure the barrier to the first.

    Its units are permuted at random, and multiplied by log-normal factors (and signs) where the activation lets them
    through: the constructive form of a merge barrier. Alignment undoes the permutation; bringing both networks to their
    least norm undoes the factors.

    Args:
        zoo: it holds both networks.
        first: row of the network that stays.
        second: row of the network that is moved.
        data: name of a data set, or the data set.
        spreads: strengths of the attack, standard deviations of the log factors, 0 to 5.
        permute: permute units, too.
        align: match the second network to the first before the attack, so that their average works until then.
        steps: networks on each path.
        split: "train" or "test".
        seed: of permutation and factors.

    Raises:
        ValueError: the networks have running statistics, are of two kinds or have no symmetry, or a spread is out of
            range.
    """
    architecture = zoo.architecture_of(second)
    if architecture != zoo.architecture_of(first):
        raise ValueError("the two networks differ in a field of their architecture; choose two of one kind")
    if architecture.buffers.size:
        raise ValueError("averaging networks with running statistics needs repair; choose a zoo without BatchNorm")
    if not spreads or not all(0 <= spread <= 5 for spread in spreads):
        raise ValueError(f"the spreads of an attack are numbers from 0 to 5, got {list(spreads)}")
    spec, layout = spec_of(architecture), architecture.layout
    if not spec.groups and not spec.rescaling.classes:
        raise ValueError("these networks have no units that may be permuted or rescaled, so nothing moves them")
    samples = (dataset(data) if isinstance(data, str) else data).split(split)
    ends = zoo.rows([first, second])
    if align:
        found = match_population(ends[1:], ends[0], spec, layout, seed=seed, signs=True)
        ends = torch.cat([ends[:1], found.apply(ends[1:], spec, layout)])
    order = random_permutation(spec, seed=seed, models=1)
    moved = []
    for spread in spreads:
        factors = random_scaling(spec, seed=seed, spread=spread, models=1)
        start = permute_weights(ends[1:], order, spec, layout) if permute else ends[1:]
        moved.append(rescale_weights(start, factors, spec, layout) if factors else start)
    attacked = torch.cat(moved)
    back = match_population(attacked, ends[0], spec, layout, seed=seed, signs=True).apply(attacked, spec, layout)
    least = canonical(torch.cat([ends[:1], attacked]), spec, layout, form="minimum-norm")
    restored = match_population(least[1:], least[0], spec, layout, seed=seed, signs=True).apply(least[1:], spec, layout)
    pairs = [(ends[0], ends[1])]
    pairs += [(ends[0], one) for one in attacked] + [(ends[0], one) for one in back]
    pairs += [(least[0], one) for one in restored]
    heights = _heights(architecture, pairs, samples, steps)
    tried = heights[1:].reshape(3, len(spreads))
    inputs = samples.inputs[:1000]
    before, after = architecture.forward(ends[1:], inputs), architecture.forward(attacked, inputs)
    ids = [str(zoo.table["id"].iloc[row]) for row in (first, second)]
    name = data if isinstance(data, str) else data.name
    return MergeAttack(
        first=ids[0],
        second=ids[1],
        kinds=_kinds(spec, permute),
        spreads=np.asarray(spreads, dtype=np.float32),
        untouched=float(heights[0]),
        attacked=tried[0],
        permuted_back=tried[1],
        canonical=tried[2],
        output_changes=(after - before).abs().amax((1, 2)).numpy(),
        norms=attacked.norm(dim=1).numpy(),
        recipe=Recipe.of(
            "merge_attack",
            inputs={"zoo": zoo.fingerprint},
            arguments={
                "first": ids[0],
                "second": ids[1],
                "dataset": name,
                "split": split,
                "spreads": list(spreads),
                "permute": permute,
                "align": align,
            },
            seed=seed,
            python=f"wx.merge_attack(zoo, {first}, {second}, {name!r}, permute={permute}, align={align}, "
            f"split={split!r}, seed={seed})",
        ),
    )


def _heights(
    architecture: Architecture, pairs: Sequence[tuple[Tensor, Tensor]], samples: Split, steps: int
) -> Float[Array, " pairs"]:
    """Largest excess of the loss over the chord on each path, in nats."""
    alphas = torch.linspace(0, 1, steps)
    paths = torch.cat([linear_path(one, other, alphas) for one, other in pairs])
    losses = score(architecture, paths, samples).loss.view(len(pairs), steps)
    chords = torch.lerp(losses[:, :1], losses[:, -1:], alphas)
    heights: Float[Array, " pairs"] = (losses - chords).max(1).values.numpy()
    return heights


def _kinds(spec: PermutationSpec, permute: bool) -> tuple[str, ...]:
    kinds = set(spec.rescaling.kinds.values())
    done = {
        "permuted": permute and bool(spec.groups),
        "rescaled": bool(kinds & {"positive", "nonzero"}),
        "flipped": bool(kinds & {"sign", "nonzero"}),
    }
    return tuple(name for name, holds in done.items() if holds)
