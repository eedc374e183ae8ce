"""New networks from a hyper-representation: a kernel density over latents, decoded, repaired, the best kept."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from wsexplore.align import reset_statistics
from wsexplore.datasets import Dataset, Split, dataset
from wsexplore.embed.encoder import Encoder
from wsexplore.nets import Architecture
from wsexplore.population import OnStep, score
from wsexplore.zoo import Recipe, Zoo, select_rows

KINDS = ("network", "token")
PROBE = 256
"""Training samples on which candidates are compared, and running statistics estimated."""


@dataclass(frozen=True, slots=True)
class SampleSettings:
    """How networks are drawn from the latents of anchors.

    Raises:
        ValueError: a field is out of range.
    """

    bandwidth: float = 0.1
    """Spread of the kernel, in standard deviations of the anchors' latents."""
    kernel: str = "network"
    """"network": one anchor for all tokens of a sample; "token": an anchor of its own for each token (S_KDE)."""
    candidates: int = 1
    """Networks decoded for each one kept; the best by their loss on a probe batch stay (sub-sampling)."""
    rounds: int = 1
    """How often the best become the anchors of the next draw (bootstrapping)."""

    def __post_init__(self) -> None:
        if (
            isinstance(self.bandwidth, bool)
            or not isinstance(self.bandwidth, int | float)
            or not 0 <= self.bandwidth <= 10
        ):
            raise ValueError(f"bandwidth must be a number from 0 to 10, got {self.bandwidth!r}")
        if self.kernel not in KINDS:
            raise ValueError(f"kernel {self.kernel!r} is unknown; choose {' or '.join(KINDS)}")
        for name in ("candidates", "rounds"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 100:
                raise ValueError(f"{name} must be a whole number from 1 to 100, got {value!r}")
        if self.rounds > 1 and self.candidates == 1:
            raise ValueError("each round keeps the best of its candidates; give at least 2 candidates, or one round")


def sample_encoder(
    encoder: Encoder,
    anchors: Zoo,
    n: int,
    *,
    data: str | Dataset | None = None,
    settings: SampleSettings | None = None,
    where: str = "",
    seed: int = 0,
    on_step: OnStep | None = None,
) -> Zoo:
    """New networks near the latents of anchors (Schürholt et al. 2022; SANE 2024, section 3.4).

    The kernel density draws noise that is independent in every coordinate. The released samplers drew the same noise
    for every token, which shifts one stored network by a constant; their numbers are those of near copies. Judge the
    result with `quality`, which says how far it lies from the zoo.

    Args:
        encoder: fitted to networks of this architecture.
        anchors: networks whose latents carry the density, in the frame that the encoder was fitted in.
        n: number of networks.
        data: data set on whose training split candidates are compared and running statistics estimated; needed for
            more than one candidate or round, and for networks with running statistics.
        settings: of the draw; by default `SampleSettings()`.
        where: SQL predicate over the anchors' table, for example `test_accuracy > 0.9`.
        seed: of every random draw.
        on_step: told the share done; it may raise to cancel.

    Returns:
        A zoo whose table names the `anchor` of each network, where it has one.

    Raises:
        ValueError: there are no anchors, a number is out of range, the data set is missing, or the encoder reads
            another architecture.
    """
    settings = settings or SampleSettings()
    if not isinstance(n, int) or n < 1:
        raise ValueError(f"a sample has at least 1 network, got {n}")
    chosen = anchors.select(select_rows(anchors.table, where)) if where else anchors
    if len(chosen) == 0:
        raise ValueError("no network is left as an anchor; loosen the filter")
    groups = chosen.groups()
    if len(groups) > 1:
        fields = ", ".join(chosen.architecture.row_fields)
        raise ValueError(f"the anchors differ in {fields}; select one kind with where")
    architecture = groups[0][0]
    source = dataset(data) if isinstance(data, str) else data
    if source is None and (settings.candidates > 1 or settings.rounds > 1 or architecture.buffers.size):
        raise ValueError("name a data set: candidates are compared, and running statistics estimated, on its samples")
    latents, names = encoder.latents(chosen), chosen.table["id"].to_numpy()
    generator, spread = torch.Generator().manual_seed(seed), settings.bandwidth * latents.std(0, correction=0)
    for turn in range(settings.rounds):
        drawn, rows = _drawn(latents, n * settings.candidates, spread, settings, generator)
        weights = encoder.decode(drawn, architecture)
        buffers = _statistics(architecture, weights, source)
        best = _best(architecture, weights, buffers, source, n) if settings.candidates > 1 else torch.arange(n)
        latents, names = drawn[best], names[rows[best].numpy()]
        if on_step is not None:
            on_step((turn + 1) / settings.rounds, f"round {turn + 1} of {settings.rounds}")
    table = pd.DataFrame({"id": [f"sane-{seed}-{i}" for i in range(n)], "run": range(n), "epoch": 0, "seed": seed})
    table = table.assign(bandwidth=float(settings.bandwidth))
    table = table.assign(anchor=names) if settings.kernel == "network" else table
    table = table if source is None else table.assign(dataset=source.name)
    made = _recipe(encoder, anchors, n, source, settings, where, seed)
    return Zoo.from_weights(architecture, weights[best], table=table, recipe=made, buffers=buffers[best])


def _drawn(
    latents: Float[Tensor, "anchors latents latent"],
    n: int,
    spread: Float[Tensor, "latents latent"],
    settings: SampleSettings,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Latents of the density, and the anchor of each sample; with one per token, that of the first."""
    places = latents.shape[1] if settings.kernel == "token" else 1
    rows = torch.randint(len(latents), (n, places), generator=generator)
    centres = latents[rows, torch.arange(latents.shape[1])] if settings.kernel == "token" else latents[rows[:, 0]]
    return centres + spread * torch.randn(centres.shape, generator=generator), rows[:, 0]


def _statistics(architecture: Architecture, weights: Tensor, source: Dataset | None) -> Tensor:
    """Running statistics of decoded networks, estimated on training samples."""
    if not architecture.buffers.size or source is None:
        return architecture.initial_buffers().repeat(len(weights), 1)
    return reset_statistics(architecture, weights, source.train.inputs[:PROBE])


def _best(architecture: Architecture, weights: Tensor, buffers: Tensor, source: Dataset | None, n: int) -> Tensor:
    """The `n` networks of the lowest loss on the probe batch."""
    assert source is not None
    probe = Split(source.train.inputs[:PROBE], source.train.targets[:PROBE])
    loss = score(architecture, weights, probe, buffers=buffers).loss
    return torch.from_numpy(np.argsort(loss.nan_to_num(nan=float("inf")).numpy(), kind="stable")[:n].copy())


def _recipe(
    encoder: Encoder, anchors: Zoo, n: int, source: Dataset | None, settings: SampleSettings, where: str, seed: int
) -> Recipe:
    default = SampleSettings()
    fields = ("bandwidth", "kernel", "candidates", "rounds")
    changed = {name: getattr(settings, name) for name in fields if getattr(settings, name) != getattr(default, name)}
    inside = ", ".join(f"{name}={value!r}" for name, value in changed.items())
    words = [f"seed={seed}"]
    words += [f"data={source.name!r}"] if source else []
    words += [f"where={where!r}"] if where else []
    words += [f"settings=wx.SampleSettings({inside})"] if changed else []
    return Recipe.of(
        "sample_encoder",
        inputs={"encoder": encoder.fingerprint, "anchors": anchors.fingerprint},
        arguments={"models": n, "where": where, **{name: getattr(settings, name) for name in fields}},
        seed=seed,
        python=f"wx.sample_encoder(encoder, anchors, {n}, {', '.join(words)})",
    )
