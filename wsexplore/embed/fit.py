"""Fit an encoder to one zoo or several."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import fields

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray as Array
from sklearn.decomposition import PCA
from torch import nn

from wsexplore.align import spec_of
from wsexplore.datasets import Dataset
from wsexplore.embed.autoencoder import Autoencoder
from wsexplore.embed.behaviour import function_features
from wsexplore.embed.config import EncoderConfig
from wsexplore.embed.encoder import Encoder
from wsexplore.embed.statistics import weight_statistics
from wsexplore.embed.tokenizer import Tokenizer
from wsexplore.embed.tokens import RowTokens
from wsexplore.embed.training import EncoderStep, Source, train_autoencoder
from wsexplore.population import OnStep, device_of
from wsexplore.zoo import Recipe, Zoo

FEWEST = 16
"""Networks of each architecture that an encoder needs at least."""
ANSWERS = 32
"""Principal coordinates of the networks' answers that are told."""
HELD = 2 << 30
"""Bytes of weights that a fit holds in memory; of a larger zoo it takes networks drawn by the seed."""

OnCheck = Callable[[EncoderStep, Encoder], None]


def fit_encoder(
    zoos: Zoo | Sequence[Zoo],
    *,
    data: str | Dataset | Sequence[str | Dataset | None] | None = None,
    seed: int = 0,
    config: EncoderConfig | None = None,
    on_step: OnStep | None = None,
    on_check: OnCheck | None = None,
    device: str = "cpu",
) -> Encoder:
    """A hyper-representation of the weights of one zoo, or of several architectures at once (SANE, 2024).

    Align each zoo first: reconstruction from aligned weights has about half the error (SANE, appendix). Runs are kept
    out whole, so that no held-out network is a checkpoint of a run that was trained on.

    Args:
        zoos: one zoo, or one per architecture.
        data: data set of each zoo's networks, one for all or one per zoo: what they answer on samples of its training
            split, whose classes are not read, is then among what the mean latent tells. Without it, the statistics of
            the weights alone. See `EncoderConfig.telling`.
        seed: of the initial weights, the runs kept out, the batches and the noise.
        config: sizes and training; by default `EncoderConfig()`.
        on_step: told the share done; it may raise to cancel.
        on_check: given every measurement and the encoder as it is then.
        device: "cpu", "cuda" or "auto".

    Raises:
        ValueError: there are too few networks, weights that are not finite, networks of several architectures in one
            zoo, one architecture in two zoos, or the training diverged at once.
    """
    given = [zoos] if isinstance(zoos, Zoo) else list(zoos)
    config, target = config or EncoderConfig(), device_of(device)
    _check(given)
    size = config.token_size or max(_size(zoo) for zoo in given)
    recipe = _recipe(given, data, config, seed, device)
    sets = [data] * len(given) if data is None or isinstance(data, str | Dataset) else list(data)
    if len(sets) != len(given):
        raise ValueError(f"there are {len(given)} zoos and {len(sets)} data sets; give one data set, or one per zoo")
    sources = [_source(zoo, one, size, config, seed) for zoo, one in zip(given, sets, strict=True)]

    def fitted(network: Autoencoder, tellers: nn.ModuleList, history: tuple[EncoderStep, ...], stopped: str) -> Encoder:
        return Encoder(
            tuple(source.tokenizer for source in sources),
            network.requires_grad_(False),
            tellers.requires_grad_(False),
            config,
            history,
            stopped,
            tuple(zoo.fingerprint for zoo in given),
            tuple(len(zoo) for zoo in given),
            recipe,
        )

    def checked(record: EncoderStep, network: Autoencoder, tellers: nn.ModuleList) -> None:
        if on_check is not None:
            on_check(record, fitted(deepcopy(network).cpu(), deepcopy(tellers).cpu(), (record,), ""))

    moved = [source.to(target) for source in sources]
    trained = train_autoencoder(moved, config, seed=seed, on_step=on_step, on_check=checked)
    return fitted(trained.network, trained.tellers, trained.history, trained.stopped)


def _check(zoos: Sequence[Zoo]) -> None:
    if not zoos:
        raise ValueError("an encoder needs at least one zoo")
    for zoo in zoos:
        if len(zoo) < FEWEST:
            raise ValueError(
                f"an encoder needs at least {FEWEST} networks, this zoo has {len(zoo)}; train or import more"
            )
    layouts = [zoo.architecture.layout for zoo in zoos]
    if any(layout in layouts[:place] for place, layout in enumerate(layouts)):
        raise ValueError("two of the zoos have the same architecture; put their networks into one with wx.concat")


def _size(zoo: Zoo) -> int:
    """Numbers per token that suit an architecture."""
    architecture = zoo.architecture
    return RowTokens.of(spec_of(architecture), architecture.layout).size


def _source(zoo: Zoo, data: str | Dataset | None, size: int, config: EncoderConfig, seed: int) -> Source:
    chosen = _drawn(zoo, seed)
    weights = zoo.rows(chosen)
    broken = ~weights.isfinite().all(1)
    if broken.any():
        raise ValueError(
            f"{int(broken.sum()):,} of {len(weights):,} networks have weights that are not finite; select the others"
        )
    kept_out = _kept_out(zoo, chosen, config.held_out, seed)
    facts = _facts(zoo.select(chosen), data, seed) if config.telling else weights[:, :0]
    return Source.of(Tokenizer.of(zoo, weights[~kept_out], size), weights, facts, kept_out)


def _facts(zoo: Zoo, data: str | Dataset | None, seed: int) -> Float[torch.Tensor, "models facts"]:
    """What a mean latent is to tell: standardised statistics of the weights, and the leading part of the answers."""
    statistics = torch.tensor(weight_statistics(zoo).drop(columns="id").to_numpy(np.float32))
    found = [(statistics - statistics.mean(0)) / statistics.std(0, correction=0).clamp_min(1e-6)]
    if data is not None:
        answers = function_features(zoo, data, seed=seed)
        found.append(_leading(answers, seed))
    return torch.cat(found, 1)


def _leading(answers: Array, seed: int) -> torch.Tensor:
    """Principal coordinates of the answers, the first of variance 1: what varies little counts little."""
    coordinates = PCA(min(ANSWERS, *answers.shape), random_state=seed).fit_transform(answers)
    return torch.tensor(coordinates / max(float(coordinates[:, 0].std()), 1e-6), dtype=torch.float32)


def _drawn(zoo: Zoo, seed: int) -> Int[Array, " rows"]:
    """The rows that fit into memory."""
    most = max(FEWEST, HELD // (4 * zoo.architecture.layout.size))
    rows: Int[Array, " rows"] = np.sort(np.random.default_rng(seed).permutation(len(zoo))[:most])
    return rows


def _kept_out(zoo: Zoo, rows: Int[Array, " rows"], share: float, seed: int) -> torch.Tensor:
    """Which rows belong to runs that are kept out."""
    runs = zoo.table["run"].to_numpy()[rows]
    names = np.unique(runs)
    count = min(round(share * len(names)), len(names) - 1)
    out = np.random.default_rng([seed, 1]).permutation(names)[:count]
    return torch.from_numpy(np.isin(runs, out))


def _recipe(zoos: Sequence[Zoo], data: object, config: EncoderConfig, seed: int, device: str) -> Recipe:
    changed = {f.name: getattr(config, f.name) for f in fields(config) if getattr(config, f.name) != f.default}
    keywords = ", ".join(f"{name}={value!r}" for name, value in changed.items())
    given = "zoo" if len(zoos) == 1 else f"[{', '.join(f'zoo_{place}' for place in range(len(zoos)))}]"
    written = f", config=wx.EncoderConfig({keywords})" if changed else ""
    named = data if isinstance(data, str | list | tuple | None) else str(getattr(data, "name", ""))
    names = {str(one) for one in named} if isinstance(named, list | tuple) else {str(named)}
    told = f", data={named!r}" if named else ""
    options = f" --data {(names.pop() if len(names) == 1 else '').lower() or 'none'}"
    options += f" --device {device}" if device != "auto" else ""
    options += "".join(f" --set {name}={str(value).lower()}" for name, value in changed.items())
    return Recipe.of(
        "fit_encoder",
        inputs={f"zoo_{place}" if len(zoos) > 1 else "zoo": zoo.fingerprint for place, zoo in enumerate(zoos)},
        arguments={"config": config.to_dict(), "data": str(named), "device": device},
        seed=seed,
        cli=f"wsexplore embed fit {'ZOO ' * len(zoos)}--method sane --as-it-is --out ENCODER --seed {seed}{options}",
        python=f"wx.fit_encoder({given}{told}, seed={seed}{written})",
    )
