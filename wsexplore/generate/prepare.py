"""From a zoo to what a velocity network is trained on."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from wsexplore.align import align
from wsexplore.datasets import Dataset
from wsexplore.embed import Encoder
from wsexplore.generate.checks import SAMPLES
from wsexplore.generate.conditions import Conditions
from wsexplore.generate.config import FlowConfig
from wsexplore.generate.coordinates import Coordinates
from wsexplore.generate.domain import moved_pictures
from wsexplore.generate.examples import Examples, loss_of_zero
from wsexplore.generate.function_coordinates import Function, FunctionCoordinates
from wsexplore.generate.latent_coordinates import LatentCoordinates
from wsexplore.generate.paths import PATHS
from wsexplore.generate.plain_coordinates import PlainCoordinates
from wsexplore.generate.principal_coordinates import PrincipalCoordinates
from wsexplore.generate.sources import Source
from wsexplore.generate.tokens import UnitTokens
from wsexplore.generate.unit_coordinates import UnitCoordinates
from wsexplore.nets import Architecture
from wsexplore.population import OnStep, field_grid
from wsexplore.symmetry import PermutationSpec, permute_weights, random_permutation
from wsexplore.zoo import Zoo

PICTURE, PROBES = 12, 64
"""Pixels along a side of a field, and samples, on which a function is measured."""

ORDERS = 4
"""Random orders of every network from which the coordinates of an augmented fit are measured."""


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Networks to train on and networks kept out, with what is told of them.

    Attributes:
        architecture: of all networks.
        train: networks to train on, with their turned copies.
        zoo: the same without copies.
        held_out: networks kept out.
        told: what is told of each of `train`.
        held_out_told: what is told of each of `held_out`.
    """

    architecture: Architecture
    train: Float[Tensor, "models parameters"]
    zoo: Zoo
    held_out: Float[Tensor, "others parameters"]
    told: Float[Tensor, "models conditions"]
    held_out_told: Float[Tensor, "others conditions"]

    @classmethod
    def of(
        cls,
        frame: Zoo,
        train: Int[Tensor, " train"],
        others: Int[Tensor, " others"],
        told: Float[Tensor, "networks conditions"],
        turned: int,
        seed: int,
    ) -> "Split":
        """The networks of some rows, and `turned` copies of those to train on.

        Raises:
            ValueError: copies are asked for and the networks are no SIREN fields.
        """
        architecture, zoo = frame.groups()[0][0], frame.select(train.numpy())
        weights = zoo.weights
        copies = [moved_pictures(architecture, weights, seed=seed + copy) for copy in range(turned)]
        held_out = frame.select(others.numpy()).weights if len(others) else weights[:0]
        train_told = told[train].repeat(turned + 1, 1)
        return cls(architecture, torch.cat([weights, *copies]), zoo, held_out, train_told, told[others])


def kept_apart(zoo: Zoo, share: float, seed: int) -> tuple[Int[Tensor, " train"], Int[Tensor, " others"]]:
    """Rows to train on and rows to keep out: whole runs, where there are several, since checkpoints are alike."""
    runs = torch.from_numpy(np.unique(zoo.table["run"].to_numpy(), return_inverse=True)[1])
    runs = runs if int(runs.max()) else torch.arange(len(zoo))
    wanted = max(1, round(share * len(zoo))) if share else 0
    order = torch.randperm(int(runs.max()) + 1, generator=torch.Generator().manual_seed(seed))
    rank = order.argsort()[runs]
    before = torch.bincount(rank).cumsum(0)
    out = rank < torch.searchsorted(before, wanted) + 1 if wanted else torch.zeros(len(zoo), dtype=torch.bool)
    return (~out).nonzero().flatten(), out.nonzero().flatten()


def framed(
    zoo: Zoo,
    config: FlowConfig,
    tokens: UnitTokens,
    reference: int,
    encoder: Encoder | None,
    seed: int,
    on_step: OnStep | None = None,
) -> Zoo:
    """The networks with their units in the order in which they are learnt."""
    if config.kind == "latent":
        if encoder is None:
            raise ValueError("a latent flow lives in the latents of an encoder; give one, or choose another kind")
        return encoder.align(zoo)
    raw = config.frame == "raw" or (
        config.frame == "auto"
        and (config.augment or (config.kind == "tokens" and tokens.exclusive and not config.positions))
    )
    return zoo if raw else align(zoo, reference=reference, seed=seed, on_step=on_step)


def coordinates_of(
    split: Split,
    config: FlowConfig,
    tokens: UnitTokens,
    spec: PermutationSpec,
    encoder: Encoder | None,
    source: Dataset | None,
    seed: int,
) -> Coordinates:
    """The coordinates that a configuration asks for, measured on the training networks."""
    if config.kind == "latent":
        assert encoder is not None
        return LatentCoordinates.of(split.zoo, encoder, components=config.components)
    weights = split.train
    if config.augment:
        orders = [random_permutation(spec, seed=seed + turn, models=len(weights)) for turn in range(ORDERS)]
        layout = split.architecture.layout
        weights = torch.cat([permute_weights(weights, order, spec, layout) for order in orders])
    if config.kind == "tokens":
        return UnitCoordinates.of(weights, tokens)
    if config.kind == "plain" and config.basis != "principal":
        return PlainCoordinates.of(weights)
    if config.basis == "function":
        return FunctionCoordinates.of(weights, _probe(split.architecture, source), components=config.components)
    return PrincipalCoordinates.of(weights, components=config.components, whiten=config.kind == "preconditioned")


def _probe(architecture: Architecture, source: Dataset | None) -> Function:
    """What a network answers: the picture of a field, or logits of the first training samples."""
    if architecture.task == "field":
        inputs = field_grid(PICTURE, PICTURE)
    elif source is None:
        raise ValueError("what weights change of the function is measured on data; name a data set that is here")
    else:
        inputs = source.train.inputs[:PROBES]
    return lambda weights: architecture.forward(weights.unsqueeze(0), inputs)[0]


def examples_of(
    split: Split,
    listens: Conditions,
    coordinates: Coordinates,
    spec: PermutationSpec,
    tokens: UnitTokens,
    config: FlowConfig,
    init: str,
    seed: int,
) -> Examples:
    """What is trained on, on the device of the tokens."""
    device, layout, weights = tokens.gather.device, split.architecture.layout, split.train
    states = coordinates.encode(weights)
    source = Source.of(config.source, config.source_scale, states, init)
    path, generator = PATHS[config.path], torch.Generator().manual_seed(seed + 2)
    pool = source.draw(config.pool, generator, coordinates, layout)
    noise = source.draw(SAMPLES, generator, coordinates, layout)
    weight, states = coordinates.variance.to(device), states.to(device)

    def permuted(rows: Tensor, draw: torch.Generator) -> Tensor:
        order = random_permutation(spec, seed=int(torch.randint(2**31 - 1, (1,), generator=draw)), models=len(rows))
        return coordinates.encode(permute_weights(weights[rows], order, spec, layout))

    return Examples(
        states=states,
        held_out=coordinates.encode(split.held_out).to(device),
        conditions=split.told.to(device),
        held_out_conditions=split.held_out_told.to(device),
        listens=listens,
        drop=config.drop,
        weight=weight,
        spread=float((weight * states.square()).mean().sqrt()),
        unit=loss_of_zero(states, weight, path, noise.to(device)),
        path=path,
        source=source,
        coordinates=coordinates,
        layout=layout,
        tokens=tokens,
        coupling="independent" if config.coupling == "orbit" and config.positions else config.coupling,
        pool=pool.to(device),
        permuted=permuted if config.augment else None,
    )


def scheme_of(zoo: Zoo) -> str:
    """The initialisation scheme of the zoo, where its table names one alone."""
    names = {str(name) for name in zoo.table["init"]} if "init" in zoo.table else set()
    return names.pop() if len(names) == 1 else "default"
