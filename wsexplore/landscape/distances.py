"""Distance in weights against distance in function, over pairs of networks of a zoo."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Float, Int
from numpy import ndarray as Array

from wsexplore.align import FRAMES
from wsexplore.align.activations import shaped_inputs
from wsexplore.align.checks import check_counts, check_word
from wsexplore.datasets import Dataset, dataset
from wsexplore.landscape.apart import in_function, in_matched_weights, in_weights
from wsexplore.landscape.matrix import PAIR
from wsexplore.landscape.picked import check_classifies, check_rows, picked_samples
from wsexplore.landscape.ranks import rank_correlations
from wsexplore.landscape.walk import within
from wsexplore.population import OnStep, device_of
from wsexplore.zoo import Recipe, Zoo

NETWORKS = 256
"""Networks that pairs are made of, at most."""

OF_A_RUN = 4
"""Networks of one run, at most, where there are more networks than are taken."""

SAME = 0.25
"""Share of the pairs that are of one run, where there are so many; of a large zoo an even draw would hold none."""


@dataclass(frozen=True, slots=True, eq=False)
class DistancePairs:
    """Pairs of networks: how far apart their weights are, and how differently they answer.

    Attributes:
        ids: the networks that the pairs are made of.
        rows: of these in the zoo.
        first: place in `ids` of the first of each pair.
        second: of the second.
        same_run: whether the two are checkpoints of one run.
        distances: L2 distance of the weights as trained.
        cosines: of the weights as trained, -1 to 1.
        matched_distances: L2 distance once units are matched; `None` where they were not.
        matched_cosines: likewise.
        frame: what units were matched to: "pair", the second of each pair to the first; or all to a common frame,
            "network" (the medoid), "mean" or "cycle", so that a pair may lie closer than is told.
        disagreements: share of samples answered differently. Not a number, like the next, where one of the two gives
            outputs that are not finite.
        divergences: mean Jensen-Shannon divergence of the class probabilities, in nats, 0 to ln 2 = 0.693.
        correlations: Spearman's rank correlation of the two distances with 95 % intervals; see `rank_correlations`.
        split: "train" or "test".
        samples: that the networks answered.
        recipe: how this was made.
    """

    ids: tuple[str, ...]
    rows: Int[Array, " networks"]
    first: Int[Array, " pairs"]
    second: Int[Array, " pairs"]
    same_run: Bool[Array, " pairs"]
    distances: Float[Array, " pairs"]
    cosines: Float[Array, " pairs"]
    matched_distances: Float[Array, " pairs"] | None
    matched_cosines: Float[Array, " pairs"] | None
    frame: str
    disagreements: Float[Array, " pairs"]
    divergences: Float[Array, " pairs"]
    correlations: pd.DataFrame
    split: str
    samples: int
    recipe: Recipe

    def __len__(self) -> int:
        return len(self.first)

    def table(self) -> pd.DataFrame:
        """Ids, distances and whether it is of one run, a row per pair."""
        ids = np.array(self.ids, dtype=object)
        matched = {"matched_distance": self.matched_distances, "matched_cosine": self.matched_cosines}
        return pd.DataFrame(
            {
                "first": ids[self.first],
                "second": ids[self.second],
                "same_run": self.same_run,
                "distance": self.distances,
                "cosine": self.cosines,
                **{name: values for name, values in matched.items() if values is not None},
                "disagreement": self.disagreements,
                "divergence_nats": self.divergences,
            }
        )


@torch.no_grad()
def distance_pairs(
    zoo: Zoo,
    data: str | Dataset,
    *,
    rows: Sequence[int] | Int[Array, " rows"] | None = None,
    pairs: int = 2000,
    align: bool = False,
    frame: str = PAIR,
    split: str = "test",
    samples: int = 1000,
    seed: int = 0,
    device: str = "auto",
    on_step: OnStep | None = None,
) -> DistancePairs:
    """Weight distance and function distance of pairs of networks, drawn by `seed`.

    Of more than 256 networks that many are taken, at most 4 of a run while there are other runs, runs in random order.
    Of their pairs, up to a quarter are of one run and all others of two. So the pairs of a zoo are no even sample of
    all its pairs; look at the correlations of either kind.

    Args:
        zoo: of classifiers.
        data: name of a data set, or the data set.
        rows: of the networks; `None` for all.
        pairs: so many, or all there are of the networks taken.
        align: tell the distance of the weights once units are matched, too.
        frame: "pair" matches each pair by itself; "network" (the medoid), "mean" and "cycle" match all networks to one
            frame, which takes fewer matchings and leaves pairs further apart.
        split: "train" or "test".
        samples: at most so many, drawn by `seed`.
        seed: of networks, pairs, samples, matching and resampling.
        device: "auto", "cpu" or "cuda", where networks answer; units are matched on the CPU.
        on_step: told the share done; it may raise to cancel.

    Raises:
        ValueError: there are fewer than two networks, one of them twice or out of range, no pairs or no samples, the
            networks are fields, the data do not fit, or a word is unknown.
    """
    check_counts({"pairs": (pairs, 1)})
    check_word(frame, (PAIR, *FRAMES), "frame")
    source, name = (dataset(data), data) if isinstance(data, str) else (data, data.name)
    part, target = source.split(split), device_of(device)
    check_classifies(zoo)
    every = np.arange(len(zoo)) if rows is None else np.asarray(rows, dtype=np.int64)
    check_rows(zoo, every.tolist() if rows is not None else [])
    if len(every) < 2:
        raise ValueError(f"distances are between two or more networks, got {len(every)}")
    if len(np.unique(every)) < len(every):
        raise ValueError("a network comes twice among the rows; its distance to itself is 0, so leave it out")
    chosen_samples = picked_samples(part, samples, seed=seed)
    inputs = shaped_inputs(part.inputs[torch.from_numpy(chosen_samples)], zoo.architecture)
    facts = zoo.entries.part(["id", "run"])
    taken = _networks(facts["run"].to_numpy()[every], every, seed=seed)
    runs = facts["run"].to_numpy()[taken]
    first, second = _pairs(runs, pairs, seed=seed)
    same = runs[first] == runs[second]
    some = zoo.select(taken)
    distances, cosines = in_weights(some, first, second)
    matched_distances, matched_cosines = (
        in_matched_weights(some, first, second, frame, source, seed, within(on_step, 0.0, 0.4))
        if align
        else (None, None)
    )
    disagreements, divergences = in_function(
        some, first, second, inputs, target, within(on_step, 0.4 if align else 0.0, 0.9)
    )
    correlations = rank_correlations(
        {"as trained": distances, **({} if matched_distances is None else {"matched": matched_distances})},
        {"disagreement": disagreements, "divergence": divergences},
        first,
        second,
        runs,
        seed=seed,
        on_step=within(on_step, 0.9, 1.0),
    )
    return DistancePairs(
        ids=tuple(str(one) for one in facts["id"].to_numpy()[taken]),
        rows=taken,
        first=first,
        second=second,
        same_run=np.asarray(same, dtype=bool),
        distances=distances,
        cosines=cosines,
        matched_distances=matched_distances,
        matched_cosines=matched_cosines,
        frame=frame,
        disagreements=disagreements,
        divergences=divergences,
        correlations=correlations,
        split=split,
        samples=len(inputs),
        recipe=_recipe(zoo, rows, name, pairs, align, frame, split, samples, seed),
    )


def _networks(runs: Array, rows: Int[Array, " rows"], *, seed: int) -> Int[Array, " taken"]:
    """At most `NETWORKS` of these rows, in rising order."""
    if len(rows) <= NETWORKS:
        return np.sort(rows)
    draw = np.random.default_rng(seed)
    order = draw.permutation(len(rows))
    shuffled = pd.Series(runs[order])
    later = shuffled.groupby(shuffled, sort=False).cumcount().to_numpy() // OF_A_RUN
    codes = pd.factorize(shuffled)[0]
    turn = np.lexsort((draw.permutation(codes.max() + 1)[codes], later))
    return np.sort(rows[order[turn[:NETWORKS]]])


def _pairs(runs: Array, pairs: int, *, seed: int) -> tuple[Int[Array, " pairs"], Int[Array, " pairs"]]:
    """So many pairs of places, or all."""
    first, second = np.triu_indices(len(runs), 1)
    same = np.flatnonzero(runs[first] == runs[second])
    other = np.flatnonzero(runs[first] != runs[second])
    of_one = min(len(same), max(round(SAME * pairs), pairs - len(other)))
    draw = np.random.default_rng(seed + 1)
    chosen = np.concatenate([draw.permutation(same)[:of_one], draw.permutation(other)[: pairs - of_one]])
    chosen.sort()
    return first[chosen], second[chosen]


def _recipe(
    zoo: Zoo,
    rows: Sequence[int] | Int[Array, " rows"] | None,
    name: str,
    pairs: int,
    align: bool,
    frame: str,
    split: str,
    samples: int,
    seed: int,
) -> Recipe:
    told = {"pairs": pairs, "split": split, "samples": samples}
    flags = " ".join([f"--{key} {value}" for key, value in told.items()])
    matched = {"align": True, **({"frame": frame} if frame != PAIR else {})} if align else {}
    flags += " --align" * align + (f" --frame {frame}" if "frame" in matched else "")
    some = {} if rows is None else {"rows": [int(row) for row in rows]}
    words = ", ".join(f"{key}={value!r}" for key, value in {**some, **told, **matched}.items())
    return Recipe.of(
        "distance_pairs",
        inputs={"zoo": zoo.fingerprint},
        arguments={"dataset": name, **some, **told, **matched},
        seed=seed,
        cli="" if some else f"wsexplore landscape similarity ZOO --dataset {name} {flags} --seed {seed}",
        python=f"wx.distance_pairs(zoo, {name!r}, {words}, seed={seed})",
    )
