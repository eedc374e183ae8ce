"""Where two networks answer alike: shares of samples, the classes they say, and the samples they differ most on."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from numpy import ndarray as Array
from torch import Tensor

from wsexplore.align.activations import shaped_inputs
from wsexplore.align.checks import check_counts
from wsexplore.datasets import Dataset, dataset
from wsexplore.landscape.picked import class_names, picked_network, picked_samples
from wsexplore.landscape.told import quoted
from wsexplore.population import OnStep, device_of, predict
from wsexplore.zoo import Recipe, Zoo

OUTCOMES = (
    "both right",
    "only the first right",
    "only the second right",
    "both wrong, alike",
    "both wrong, differently",
)
"""What two networks may do with a sample."""

PART = 1000
"""Samples that are answered between two calls of `on_step`."""


@dataclass(frozen=True, slots=True, eq=False)
class Agreement:
    """What two networks say about the same samples.

    Attributes:
        first: id of one network.
        second: id of the other.
        classes: names of the classes that the networks tell apart.
        split: "train" or "test".
        samples: how many were compared.
        outcomes: samples by true class and `OUTCOMES`.
        said: samples by the class that the first says (row) and that the second says (column).
        divergence: mean Jensen-Shannon divergence of the class probabilities, in nats, 0 to ln 2 = 0.693.
        most: rows of the split on which the probabilities differ most, that sample first.
        most_divergences: their divergence, in nats.
        most_said: class numbers that the first and the second say there.
        most_targets: their true classes.
        recipe: how this was made.
    """

    first: str
    second: str
    classes: tuple[str, ...]
    split: str
    samples: int
    outcomes: Int[Array, "classes 5"]
    said: Int[Array, "classes classes"]
    divergence: float
    most: Int[Array, " shown"]
    most_divergences: Float[Array, " shown"]
    most_said: Int[Array, "shown 2"]
    most_targets: Int[Array, " shown"]
    recipe: Recipe

    @property
    def shares(self) -> Float[Array, " 5"]:
        """Shares of the samples, in the order of `OUTCOMES`; they add up to 1."""
        found: Float[Array, " 5"] = self.outcomes.sum(0) / self.samples
        return found

    @property
    def accuracies(self) -> tuple[float, float]:
        """Of the first and of the second, fractions of 1."""
        both, first, second, *_ = self.shares
        return float(both + first), float(both + second)

    @property
    def disagreement(self) -> float:
        """Share of samples to which the two give different classes."""
        return float(1 - np.trace(self.said) / self.samples)

    @property
    def disagreement_error(self) -> float:
        """Standard error of `disagreement` over the choice of samples, a fraction of 1."""
        share = self.disagreement
        return float((share * (1 - share) / self.samples) ** 0.5)

    @property
    def expected_disagreement(self) -> float:
        r"""What `disagreement` would be if the two erred independently.

        $1 - a_1 a_2 - \frac{(1 - a_1)(1 - a_2)}{c - 1}$ for accuracies $a_1, a_2$ and $c$ classes: which samples are
        wrong is independent, and so is which of the other classes is said. Networks usually differ less, because both
        err on the hard samples.
        """
        one, other = self.accuracies
        return float(1 - one * other - (1 - one) * (1 - other) / max(1, len(self.classes) - 1))

    @property
    def error_consistency(self) -> float:
        r"""Cohen's kappa of right and wrong, $(o - e)/(1 - e)$ (Geirhos et al. 2020, "Beyond accuracy", equation 1).

        $o$ is the share of samples that both get right or both get wrong, $e = a_1 a_2 + (1 - a_1)(1 - a_2)$. 1: both
        err on the same samples; 0: independently; below, they avoid each other's errors. Not a number where both
        accuracies are 0 or 1.
        """
        one, other = self.accuracies
        expected = one * other + (1 - one) * (1 - other)
        seen = float(1 - self.shares[1] - self.shares[2])
        return (seen - expected) / (1 - expected) if expected < 1 else float("nan")

    def frame(self) -> pd.DataFrame:
        """Samples by true class and outcome, a row per class that has samples, and one for all."""
        known = self.outcomes.sum(1) > 0
        rows = np.concatenate([self.outcomes[known], self.outcomes.sum(0, keepdims=True)])
        names = [name for name, some in zip(self.classes, known, strict=True) if some]
        return pd.DataFrame({"class": [*names, "all"], **dict(zip(OUTCOMES, rows.T, strict=True))})


@torch.no_grad()
def agreement(
    zoo: Zoo,
    first: int,
    second: int,
    data: str | Dataset,
    *,
    split: str = "test",
    samples: int | None = None,
    shown: int = 24,
    seed: int = 0,
    device: str = "auto",
    on_step: OnStep | None = None,
) -> Agreement:
    """What two networks say about the same samples of a split.

    Args:
        zoo: it holds both networks.
        first: row of one network.
        second: row of another.
        data: name of a data set, or the data set.
        split: "train" or "test".
        samples: at most so many, drawn by `seed`; `None` takes the whole split.
        shown: how many of the samples with the largest Jensen-Shannon divergence are told.
        seed: of the samples.
        device: "auto", "cpu" or "cuda".
        on_step: told the share done, after every 1,000 samples; it may raise to cancel.

    Raises:
        ValueError: a row is out of range, one network is chosen twice, the networks are fields or give outputs that are
            not finite, the data do not fit, or there are no samples.
    """
    check_counts({"shown": (shown, 0)})
    source, name = (dataset(data), data) if isinstance(data, str) else (data, data.name)
    part, target = source.split(split), device_of(device)
    networks = [picked_network(zoo, row) for row in (first, second)]
    ids = (networks[0][0], networks[1][0])
    if first == second:
        raise ValueError(f"network {ids[0]} is chosen twice and always agrees with itself; choose two networks")
    rows = picked_samples(part, samples, seed=seed)
    inputs, targets = part.inputs[torch.from_numpy(rows)], part.targets[torch.from_numpy(rows)]
    shaped = shaped_inputs(inputs, networks[0][1])
    answers, divergences = [], []
    for start in range(0, len(rows), PART):
        some = shaped[start : start + PART].to(target)
        one, other = (
            _probabilities(each[0], predict(each[1], each[2].to(target), some, buffers=each[3].to(target))[0])
            for each in networks
        )
        answers.append(torch.stack([one.argmax(1), other.argmax(1)], dim=1).cpu())
        divergences.append(jensen_shannon(one, other).cpu())
        if on_step is not None:
            done = min(start + PART, len(rows))
            on_step(done / len(rows), f"compared answers to {done:,} of {len(rows):,} samples")
    said, apart, classes = torch.cat(answers), torch.cat(divergences), one.shape[1]
    if int(targets.max()) >= classes:
        raise ValueError(
            f"the networks tell {classes} classes apart, the data have at least {int(targets.max()) + 1}; choose the "
            "data that they were trained on"
        )
    most = apart.argsort(descending=True, stable=True)[:shown]
    names = class_names(source.classes, classes)
    return Agreement(
        first=ids[0],
        second=ids[1],
        classes=names,
        split=split,
        samples=len(rows),
        outcomes=_counts(targets * len(OUTCOMES) + _outcomes(said, targets), (classes, len(OUTCOMES))),
        said=_counts(said[:, 0] * classes + said[:, 1], (classes, classes)),
        divergence=float(apart.mean()),
        most=rows[most.numpy()],
        most_divergences=apart[most].numpy(),
        most_said=said[most].numpy(),
        most_targets=targets[most].numpy(),
        recipe=_recipe(zoo, (first, second), ids, name, split, samples, seed),
    )


def jensen_shannon(
    one: Float[Tensor, "*samples classes"], other: Float[Tensor, "*samples classes"]
) -> Float[Tensor, " *samples"]:
    """Jensen-Shannon divergence of class probabilities, sample by sample, in nats; 0 to ln 2, in double precision."""
    p, q = one.double(), other.double()
    apart: Tensor = (
        torch.special.entr((p + q) / 2).sum(-1) - (torch.special.entr(p) + torch.special.entr(q)).sum(-1) / 2
    )
    return apart.clamp(min=0.0)


def _probabilities(name: str, found: Float[Tensor, "samples classes"]) -> Float[Tensor, "samples classes"]:
    if not bool(torch.isfinite(found).all()):
        raise ValueError(f"network {name} gives outputs that are not finite, so it has no answers to compare")
    return found


def _outcomes(said: Int[Tensor, "samples 2"], targets: Int[Tensor, " samples"]) -> Int[Tensor, " samples"]:
    """Places in `OUTCOMES`."""
    first, second = (said == targets.unsqueeze(1)).unbind(1)
    wrong = torch.where(said[:, 0] == said[:, 1], 3, 4)
    return torch.where(first & second, 0, torch.where(first, 1, torch.where(second, 2, wrong)))


def _counts(places: Int[Tensor, " samples"], shape: tuple[int, int]) -> Int[Array, "rows columns"]:
    counted: Int[Array, "rows columns"] = places.bincount(minlength=shape[0] * shape[1]).reshape(shape).numpy()
    return counted


def _recipe(
    zoo: Zoo, rows: tuple[int, int], ids: tuple[str, str], name: str, split: str, samples: int | None, seed: int
) -> Recipe:
    told = {"split": split, **({} if samples is None else {"samples": samples})}
    flags = " ".join(f"--{key} {value}" for key, value in told.items())
    words = ", ".join(f"{key}={value!r}" for key, value in told.items())
    return Recipe.of(
        "agreement",
        inputs={"zoo": zoo.fingerprint},
        arguments={"first": ids[0], "second": ids[1], "dataset": name, **told},
        seed=seed,
        cli=f"wsexplore landscape similarity ZOO {quoted(ids)} --dataset {name} {flags} --seed {seed}",
        python=f"wx.agreement(zoo, {rows[0]}, {rows[1]}, {name!r}, {words}, seed={seed})",
    )
