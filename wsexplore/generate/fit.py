"""Fit a weight flow to a zoo."""

import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
from torch import Tensor

from wsexplore.align import spec_of
from wsexplore.datasets import Dataset, dataset, is_registered
from wsexplore.embed import Encoder
from wsexplore.generate.checkpoint import Checkpoint
from wsexplore.generate.checks import SAMPLES
from wsexplore.generate.conditions import Conditions
from wsexplore.generate.config import FlowConfig
from wsexplore.generate.finish import mean_accuracy
from wsexplore.generate.flow import WeightFlow
from wsexplore.generate.networks import network_of
from wsexplore.generate.prepare import Split, coordinates_of, examples_of, framed, kept_apart, scheme_of
from wsexplore.generate.tokens import UnitTokens
from wsexplore.generate.training import FitStep, Training
from wsexplore.nets import Architecture
from wsexplore.population import OnStep, device_of
from wsexplore.population.steps import threads_for
from wsexplore.zoo import Recipe, Zoo

FEWEST = 16
"""Networks that a flow needs at least."""


def fit_flow(
    zoo: Zoo,
    *,
    where: str = "",
    seed: int = 0,
    config: FlowConfig | None = None,
    reference: int | None = None,
    encoder: Encoder | None = None,
    data: str | Dataset | None = None,
    checkpoint: str | Path | None = None,
    on_step: OnStep | None = None,
    on_check: Callable[[FitStep], None] = lambda record: None,
    device: str = "cpu",
) -> WeightFlow:
    """A generator of networks like those of `zoo`, by flow matching (Lipman et al. 2023, eq. 9).

    Which flow is told by `config.kind`. Where every parameter belongs to one permutation group at most (an MLP with one
    hidden layer), the tokens of the default are equivariant: the zoo is taken as it is, and each network counts as all
    its permutations. Otherwise the zoo is first aligned to `reference` and each unit gets a learned position.

    A share of the networks, `config.held_out`, whole runs of them, is kept out of the coordinates and of the training.
    Of all checks the one with the lowest loss on them gives the network, so a flow that begins to memorise is stopped
    there. The same arguments give the same flow on the same device.

    Args:
        zoo: the networks; of their table `dataset`, the conditions and what `where` names are read.
        where: an SQL predicate over the table: fit on these networks alone. The flow keeps it, so that its samples
            can be judged against the same networks.
        seed: of the initial weights, the batches and the noise.
        config: kind, sizes and training; by default `FlowConfig()`. `VARIANTS` holds more.
        reference: row that the others are aligned to, by default 0; used only where the flow is fitted to an aligned
            zoo.
        encoder: for kind "latent": that gives the latents.
        data: the data set on which samples are tested at every check, by default that of the table where it is on this
            machine. It decides nothing, except with `basis="function"`, which is measured on it.
        checkpoint: folder in which the training is kept after every check and from which the same call goes on. It
            stays until `forget_training`, which is for when the flow is stored.
        on_step: told the share done; it may raise to cancel.
        on_check: told what was measured, after every check.
        device: "cpu", "cuda" or "auto".

    Raises:
        ValueError: there are too few networks, weights that are not finite, networks of several architectures, a
            condition that cannot be learnt, or the encoder is missing.
    """
    config, target = config or FlowConfig(), device_of(device)
    zoo = zoo.select(where) if where else zoo
    architecture = _checked(zoo, reference)
    listens = Conditions.of(zoo.table, config.conditions)
    told = listens.rows(zoo.table)
    spec = spec_of(architecture)
    tokens = UnitTokens.of(spec, architecture.layout)
    aligning: OnStep | None = None if on_step is None else (lambda share, message: on_step(0.0, message))
    frame = framed(zoo, config, tokens, reference or 0, encoder, seed, aligning)
    train, others = kept_apart(zoo, config.held_out, seed)
    source = _data_of(zoo, architecture, data)
    facts = (seed, reference, encoder and encoder.fingerprint, source and source.name)
    kept = Checkpoint.of(checkpoint, zoo.fingerprint, config, *facts) if checkpoint is not None else None
    with threads_for(architecture.layout.size):
        split = Split.of(frame, train, others, told, config.turned, seed)
        coordinates = coordinates_of(split, config, tokens, spec, encoder, source, seed)
        init, moved = scheme_of(zoo), tokens.to(target)
        examples = examples_of(split, listens, coordinates, spec, moved, config, init, seed)
        size = coordinates.size
        network = network_of(config, tokens, size, listens.width, seed=seed).to(target)

        def judge(states: Tensor) -> float | None:
            if source is None:
                return None
            some = 8 if architecture.buffers.size else SAMPLES
            return mean_accuracy(architecture, coordinates.decode(states[:some].cpu()), source)

        trained = Training(network, examples, config, seed, judge).run(
            on_step=on_step,
            on_check=on_check,
            earlier=kept.read() if kept is not None else None,
            keep=None if kept is None else kept.keep,
        )
    names = {str(name) for name in zoo.table["dataset"]} if "dataset" in zoo.table else set()
    return WeightFlow(
        architecture=architecture,
        spec=spec,
        coordinates=coordinates,
        network=trained.network.requires_grad_(False),
        source=examples.source.scaled(trained.scale),
        listens=listens,
        config=config,
        history=trained.history,
        stopped=trained.stopped,
        fitted_on=zoo.fingerprint,
        networks=len(zoo),
        held_out=tuple(str(one) for one in zoo.table["id"].iloc[others.numpy()]),
        where=where,
        dataset=names.pop() if len(names) == 1 else None,
        recipe=_recipe(zoo, where, config, seed, reference, encoder, source, device),
    )


def _data_of(zoo: Zoo, architecture: Architecture, data: str | Dataset | None) -> Dataset | None:
    """The data set that samples are tested on, if there is one and it is here."""
    if architecture.task == "field":
        return None
    if isinstance(data, Dataset):
        return data
    names = {str(name) for name in zoo.table["dataset"]} if "dataset" in zoo.table else set()
    name = data or (names.pop() if len(names) == 1 else None)
    try:
        found = dataset(name) if name and (data or is_registered(name)) else None
    except (ValueError, OSError):
        if data is not None:
            raise
        return None
    fits = found is None or found.test.inputs[0].numel() == int(np.prod(architecture.input_shape))
    return found if fits else None


def _checked(zoo: Zoo, reference: int | None) -> Architecture:
    if len(zoo) < FEWEST:
        raise ValueError(f"a flow needs at least {FEWEST} networks, this zoo has {len(zoo)}; train or import more")
    groups = zoo.groups()
    if len(groups) > 1:
        names = [n for n in zoo.architecture.row_fields if len({str(a.config[n]) for a, _ in groups}) > 1]
        value = groups[0][0].config[names[0]]
        raise ValueError(
            f"the networks of this zoo differ in {', '.join(names)}; select one kind first, like "
            f'zoo.select("{names[0]} = {value!r}")'
        )
    if broken := int((~zoo.weights.isfinite().all(1)).sum()):
        raise ValueError(
            f"{broken:,} of {len(zoo):,} networks have weights that are not finite; select the others first"
        )
    if reference is not None and not 0 <= reference < len(zoo):
        raise ValueError(f"reference must be a row from 0 to {len(zoo) - 1}, got {reference}")
    return groups[0][0]


def _recipe(
    zoo: Zoo,
    where: str,
    config: FlowConfig,
    seed: int,
    reference: int | None,
    encoder: Encoder | None,
    source: Dataset | None,
    device: str,
) -> Recipe:
    changed = config.changed
    keywords = ", ".join(f"{name}={value!r}" for name, value in changed.items())
    chosen = [f"where={where!r}"] if where else []
    chosen += [f"seed={seed}"]
    chosen += [f"config=wsexplore.generate.FlowConfig({keywords})"] if changed else []
    chosen += [f"reference={reference}"] if reference is not None else []
    chosen += ["encoder=encoder"] if encoder is not None else []
    options = [f"--where {shlex.quote(where)}"] if where else []
    options += [f"--set {name}={shlex.quote(_told(value))}" for name, value in changed.items()]
    options += ["--encoder ENCODER"] if encoder is not None else []
    options += [f"--reference {reference}"] if reference is not None else []
    inputs = {"zoo": zoo.fingerprint} | ({} if encoder is None else {"encoder": encoder.fingerprint})
    return Recipe.of(
        "fit_flow",
        inputs=inputs,
        arguments={"where": where, "config": config.to_dict(), "reference": reference, "device": device}
        | ({"data": source.name} if source is not None and config.basis == "function" else {}),
        seed=seed,
        cli=" ".join(["wsexplore flow fit ZOO --out FLOW", f"--seed {seed}", *options]),
        python=f"wx.fit_flow(zoo, {', '.join(chosen)})",
    )


def _told(value: object) -> str:
    return (
        ",".join(map(str, value))
        if isinstance(value, tuple)
        else str(value).lower()
        if isinstance(value, bool)
        else str(value)
    )
