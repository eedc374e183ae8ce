"""Curves of low loss between two networks, whose bends are learned."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from numpy import ndarray as Array
from torch import Tensor

from wsexplore.align.checks import check_word
from wsexplore.datasets import Dataset, Split, dataset
from wsexplore.landscape.ends import PathEnds, kind_of, pair_ends
from wsexplore.landscape.kinds import BEZIER, LEARNED, coefficients
from wsexplore.landscape.picked import check_samples
from wsexplore.landscape.route import names_of
from wsexplore.landscape.told import quoted, told
from wsexplore.landscape.walk import within
from wsexplore.population import OnStep, device_of
from wsexplore.population.steps import threads_for
from wsexplore.zoo import Recipe, Zoo

MOST_BENDS = 16

TRIED = 2
"""Batches of each of two epochs on which a cost is measured."""

POSITIONS = 4
"""Networks on the curve in one step, one drawn from each quarter."""


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """A path between two networks with learned bends.

    Attributes:
        kind: "bezier" or "chain".
        first: id of the network at 0.
        second: id of the network at 1.
        aligned: whether the second's units were matched to the first's.
        ends: weights of both, as the curve joins them.
        statistics: their running statistics.
        bends: weights of the bends, in order.
        history: mean loss along the curve on the training batches of each epoch, in nats.
        epochs: that it was to be learned for.
        recipe: how this was made.
    """

    kind: str
    first: str
    second: str
    aligned: bool
    ends: Float[Tensor, "2 parameters"]
    statistics: Float[Tensor, "2 buffers"]
    bends: Float[Tensor, "bends parameters"]
    history: Float[Array, " epochs"]
    epochs: int
    recipe: Recipe

    @property
    def controls(self) -> Float[Tensor, "controls parameters"]:
        """The ends, and between them the bends."""
        return torch.cat([self.ends[:1], self.bends, self.ends[1:]])

    @property
    def done(self) -> bool:
        """Whether it was learned for all its epochs."""
        return len(self.history) == self.epochs

    @property
    def length(self) -> float:
        """Of the curve in weight space, in L2."""
        return float(self.networks(torch.linspace(0, 1, 201)).diff(dim=0).norm(dim=1).sum())

    @property
    def straight_length(self) -> float:
        """Distance between its ends, in L2."""
        return float((self.ends[1] - self.ends[0]).norm())

    def frame(self) -> pd.DataFrame:
        """Mean loss along the curve (nats) by epoch."""
        return pd.DataFrame({"epoch": np.arange(1, len(self.history) + 1), "loss": self.history})

    def networks(self, alphas: Float[Tensor, " steps"]) -> Float[Tensor, "steps parameters"]:
        """Weights at these positions."""
        return coefficients(self.kind, alphas, self.controls) @ self.controls

    def path(self, zoo: Zoo) -> PathEnds:
        """The ends and the way between them, of networks of this zoo.

        Raises:
            ValueError: the zoo does not hold both.
        """
        architecture = kind_of(zoo, [zoo.row_of(self.first), zoo.row_of(self.second)])
        if architecture.layout.size != self.ends.shape[1]:
            raise ValueError(
                f"this curve joins networks of {self.ends.shape[1]:,} weights, those of the zoo have "
                f"{architecture.layout.size:,}"
            )
        return PathEnds(architecture, self.ends, self.statistics, self.kind, self.bends)


def fit_curve(
    zoo: Zoo,
    first: int,
    second: int,
    data: str | Dataset,
    *,
    kind: str = BEZIER,
    bends: int = 1,
    epochs: int = 30,
    lr: float = 0.01,
    batch_size: int = 128,
    align: bool = False,
    method: str = "auto",
    canonical: str = "none",
    seed: int = 0,
    device: str = "auto",
    earlier: Curve | None = None,
    on_step: OnStep | None = None,
    on_partial: Callable[[Curve], None] | None = None,
) -> Curve:
    r"""A curve between two networks along which the training loss is low.

    The ends are fixed; the bends minimise $E_{t \sim U(0,1)} L(\theta(t))$, each step on one batch and one position
    drawn per quarter of the curve (Garipov et al., "Loss Surfaces, Mode Connectivity, and Fast Ensembling of DNNs",
    NeurIPS 2018, arXiv:1802.10026, equation 2), by Adam with a cosine from `lr` to 0. Bends start on the straight
    line. Batch normalisation uses the statistics of the batch, as in training.

    Args:
        zoo: it holds both networks, which are read, never changed.
        first: row of the network at 0.
        second: row of the network at 1.
        data: name of a data set, or the data set; its training split is used.
        kind: "bezier", or "chain" for straight pieces.
        bends: number of them, 1 to 16; with 1 the Bezier curve is quadratic.
        epochs: passes over the training split.
        lr: first step size of Adam.
        batch_size: samples per step.
        align: match the second network's units to the first's before.
        method: of the matching.
        canonical: what rescaling brings both networks to first.
        seed: of the batches, of the positions and of the matching.
        device: "auto", "cpu" or "cuda".
        earlier: what an interrupted fit of the same curve had reached; it goes on from there, with fresh moments of
            the optimiser.
        on_step: told the share done; it may raise to cancel.
        on_partial: given the curve so far, after every epoch.

    Raises:
        ValueError: a number or a word is out of range, both are the same network, or what `barrier` refuses.
    """
    check_word(kind, LEARNED, "learned path")
    for name, value, low, high in (("bends", bends, 1, MOST_BENDS), ("epochs", epochs, 1, 10_000)):
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError(f"{name} of a curve are a whole number from {low} to {high:,}, got {value}")
    if not 0 < lr <= 10:
        raise ValueError(f"the learning rate of a curve lies between 0 and 10, got {lr}")
    if batch_size < 1:
        raise ValueError(f"a batch holds one sample or more, got {batch_size}")
    if first == second:
        raise ValueError(f"a curve joins two different networks, got {zoo.table['id'].iloc[first]} twice")
    source, name = (dataset(data), data) if isinstance(data, str) else (data, data.name)
    if not len(source.train):
        raise ValueError(f"the training split of {name} is empty; a curve is learned on it")
    check_samples(kind_of(zoo, [first, second]), source.train)
    matching: dict[str, Any] = {"align": align, "method": method, "canonical": canonical}
    ends = pair_ends(zoo, first, second, **matching, data=source, seed=seed, on_step=within(on_step, 0.0, 0.05))
    options = {"kind": kind, "bends": bends, "epochs": epochs, "lr": lr, "batch_size": batch_size, "align": align}
    options |= {key: value for key, value in matching.items() if value not in (align, "auto", "none")}
    words, flags = told(options)
    names = names_of(zoo, (first, second))
    start = torch.linspace(0, 1, bends + 2)[1:-1]
    blank = Curve(
        kind,
        *names,
        align,
        ends.weights,
        ends.buffers,
        ends.networks(start),
        np.zeros(0, np.float32),
        epochs,
        Recipe.of(
            "fit_curve",
            inputs={"zoo": zoo.fingerprint},
            arguments={"first": names[0], "second": names[1], "dataset": name, **options},
            seed=seed,
            cli=f"wsexplore landscape curve ZOO {quoted(names)} --dataset {name} {flags} --seed {seed}",
            python=f"wx.fit_curve(zoo, {first}, {second}, {name!r}, {words}, seed={seed})",
        ),
    )
    if earlier is not None and earlier.recipe == blank.recipe:
        blank = replace(blank, bends=earlier.bends, history=earlier.history)
    with threads_for(ends.architecture.layout.size):
        return _learned(
            blank,
            ends,
            source.train,
            lr=lr,
            batch_size=batch_size,
            seed=seed,
            device=device_of(device),
            on_step=within(on_step, 0.05, 1.0),
            on_partial=on_partial,
        )


def curve_cost(
    zoo: Zoo, row: int, data: str | Dataset, *, bends: int = 1, epochs: int = 30, batch_size: int = 128
) -> float:
    """Seconds that `fit_curve` will take on this machine's CPU, from a few of its steps; without the matching.

    Raises:
        ValueError: as in `fit_curve`.
    """
    source, architecture = dataset(data) if isinstance(data, str) else data, kind_of(zoo, [row])
    check_samples(architecture, source.train)
    some = Split(source.train.inputs[: TRIED * batch_size], source.train.targets[: TRIED * batch_size])
    weights, buffers = zoo.rows([row, row]), zoo.buffer_rows([row, row])
    ends = PathEnds(architecture, weights, buffers)
    middle = weights[:1].repeat(bends, 1)
    blank = Curve(BEZIER, "", "", False, weights, buffers, middle, np.zeros(0, np.float32), 2, Recipe.of("fit_curve"))
    began = list[float]()
    with threads_for(architecture.layout.size):
        _learned(
            blank,
            ends,
            some,
            lr=1e-6,
            batch_size=batch_size,
            seed=0,
            device=torch.device("cpu"),
            on_step=lambda fraction, message: began.append(perf_counter()),
            on_partial=None,
        )
    step = min(np.diff(began)) if len(began) > 1 else 0.0
    return float(step * epochs * -(-len(source.train) // batch_size))


def _learned(
    curve: Curve,
    ends: PathEnds,
    train: Split,
    *,
    lr: float,
    batch_size: int,
    seed: int,
    device: torch.device,
    on_step: OnStep,
    on_partial: Callable[[Curve], None] | None,
) -> Curve:
    architecture = ends.architecture
    fixed, bends = ends.weights.to(device), curve.bends.to(device).clone().requires_grad_()
    buffers = {name: value.to(device) for name, value in architecture.buffers.unflatten(ends.buffers[:1]).items()}
    inputs = train.inputs.to(device).reshape(len(train), *architecture.input_shape)
    targets = train.targets.to(device)
    steps = -(-len(train) // batch_size)
    optimizer = torch.optim.Adam([bends], lr=lr)
    for epoch in range(len(curve.history), curve.epochs):
        draw = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
        order, total = torch.randperm(len(train), generator=draw).to(device), 0.0
        for place, part in enumerate(torch.split(order, batch_size)):
            on_step((epoch + place / steps) / curve.epochs, f"learning the bend, epoch {epoch + 1:,}")
            for group in optimizer.param_groups:
                group["lr"] = lr * (1 + np.cos(np.pi * (epoch + place / steps) / curve.epochs)) / 2
            alphas = ((torch.arange(POSITIONS) + torch.rand(POSITIONS, generator=draw)) / POSITIONS).to(device)
            controls = torch.cat([fixed[:1], bends, fixed[1:]])
            weights = coefficients(curve.kind, alphas, controls) @ controls
            held = {key: value.repeat(POSITIONS, *[1] * (value.dim() - 1)) for key, value in buffers.items()}
            parameters = architecture.layout.unflatten(weights)
            logits = architecture.forward_parameters(parameters, inputs[part], held, training=bool(held))
            truth = targets[part].expand(POSITIONS, -1).reshape(-1)
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), truth)
            if not torch.isfinite(loss):
                raise ValueError(
                    f"the loss between {curve.first} and {curve.second} is not finite, so no curve is learned; check "
                    "their weights, or take a smaller learning rate"
                )
            (bends.grad,) = torch.autograd.grad(loss, [bends])
            optimizer.step()
            total += float(loss.detach()) * len(part)
        history = np.append(curve.history, np.float32(total / len(train)))
        curve = replace(curve, bends=bends.detach().cpu().clone(), history=history)
        if on_partial is not None:
            on_partial(curve)
    return curve
