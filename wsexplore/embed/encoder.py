"""A fitted hyper-representation: weights to latents, and back."""

import hashlib
import json
import operator
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray as Array
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from wsexplore.embed.autoencoder import Autoencoder
from wsexplore.embed.config import EncoderConfig
from wsexplore.embed.parts import Parts, read_history
from wsexplore.embed.tokenizer import Tokenizer
from wsexplore.embed.training import EncoderStep
from wsexplore.nets import Architecture
from wsexplore.population import OnStep
from wsexplore.zoo import Recipe, Zoo, atomic_folder, find, read_manifest, write_manifest

MEMORY = 64 << 20
"""Bytes of activations that one block of networks may take."""
POOLS = ("mean", "layers", "tokens", "told")


@dataclass(frozen=True, slots=True, eq=False)
class Encoder:
    """An autoencoder of weights, fitted to one or more zoos by `fit_encoder`.

    Attributes:
        tokenizers: how it reads each architecture that it knows.
        network: the transformers.
        tellers: for each tokenizer the linear map from a mean latent to what it tells.
        config: how it was fitted.
        history: what was measured during the fit.
        stopped: why the fit ended early; empty if it did not.
        fitted_on: fingerprints of the zoos, in the order of the tokenizers.
        networks: how many networks each of them had.
        recipe: how the encoder was made.
    """

    tokenizers: tuple[Tokenizer, ...]
    network: Autoencoder
    tellers: nn.ModuleList
    config: EncoderConfig
    history: tuple[EncoderStep, ...]
    stopped: str
    fitted_on: tuple[str, ...]
    networks: tuple[int, ...]
    recipe: Recipe

    @property
    def parts(self) -> Parts:
        """What decides how it embeds."""
        return Parts(self.tokenizers, self.network, self.tellers, self.config)

    @property
    def size(self) -> int:
        """Number of parameters of the autoencoder."""
        return sum(parameter.numel() for parameter in self.network.parameters())

    @property
    def best(self) -> EncoderStep:
        """The check whose state was kept."""
        return min(self.history, key=lambda one: one.whole)

    @property
    def tells(self) -> bool:
        """Whether its mean latents were fitted to tell facts of the networks."""
        return all(isinstance(teller, nn.Linear) for teller in self.tellers)

    @property
    def fingerprint(self) -> str:
        """Content hash of everything that decides what is embedded."""
        digest = hashlib.sha256(json.dumps(self.parts.facts(), sort_keys=True).encode())
        for name, tensor in sorted(self.parts.tensors().items()):
            digest.update(name.encode() + tensor.numpy().tobytes())
        return digest.hexdigest()

    def __repr__(self) -> str:
        names = ", ".join(f"{one.architecture.name} of {one.tokens.parameters:,} weights" for one in self.tokenizers)
        return f"Encoder({names}, latent {self.config.latent}, {self.size:,} parameters)"

    def reader_of(self, architecture: Architecture) -> Tokenizer:
        """The tokenizer of an architecture.

        Raises:
            ValueError: the encoder was fitted on others.
        """
        for one in self.tokenizers:
            if one.architecture.layout == architecture.layout:
                return one
        known = ", ".join(f"{one.architecture.name} of {one.tokens.parameters:,} weights" for one in self.tokenizers)
        raise ValueError(
            f"the encoder reads {known}; these networks are {architecture.name} of {architecture.layout.size:,} weights"
        )

    def latents(self, zoo: Zoo) -> Float[Tensor, "models latents latent"]:
        """A latent for every token of every network, or one per network, with its units in the order they have.

        Raises:
            ValueError: the encoder does not read this architecture.
        """
        blocks = [latents for _, latents in self._encoded(zoo)]
        return (
            torch.cat(blocks)
            if blocks
            else torch.empty(0, self._latents(self.reader_of(zoo.architecture)), self.config.latent)
        )

    def embed(
        self, zoo: Zoo, *, pool: str = "mean", align: bool = False, on_step: OnStep | None = None
    ) -> Float[Array, "models width"]:
        """A point for every network. Weights are read block by block, so a large zoo never lies in memory.

        Args:
            zoo: networks of an architecture that the encoder knows.
            pool: "mean" of all latents (SANE), the mean of each layer's ("layers"), all of them ("tokens"), or what the
                mean tells of the network ("told"): statistics of its weights, and what it answers.
            align: first put the units in the order of the encoder's reference; a zoo that was aligned to fit the
                encoder is in that order already.
            on_step: told the share done; it may raise to cancel.

        Raises:
            ValueError: the encoder does not read this architecture, the pool is unknown, or it tells nothing.
        """
        if pool not in POOLS:
            raise ValueError(f"pool {pool!r} is unknown; choose one of {', '.join(POOLS)}")
        reader = self.reader_of(zoo.architecture)
        teller = self.tellers[self.tokenizers.index(reader)]
        if pool == "told" and not isinstance(teller, nn.Linear):
            raise ValueError("this encoder was fitted to tell nothing; fit it with telling above 0, or take the mean")
        layer = reader.tokens.position[:, 1]
        whole = self.config.latent_of == "network" and pool != "told"
        pool = "mean" if whole else pool
        widths = {"mean": 1, "layers": len(reader.tokens.layers), "tokens": reader.tokens.count}
        width = teller.out_features if isinstance(teller, nn.Linear) else 0
        points = np.empty((len(zoo), widths[pool] * self.config.latent if pool in widths else width), np.float32)
        for rows, latents in self._encoded(zoo, align=align):
            if pool == "mean":
                found = latents.mean(1)
            elif pool == "told":
                found = teller(latents.mean(1))
            elif pool == "layers":
                found = torch.cat([latents[:, layer == one].mean(1) for one in range(widths[pool])], 1)
            else:
                found = latents.flatten(1)
            points[rows.start : rows.stop] = found.numpy()
            if on_step is not None:
                on_step(rows.stop / len(zoo), f"{rows.stop:,} of {len(zoo):,} networks embedded")
        return points

    @torch.no_grad()
    def decode(
        self, latents: Float[Tensor, "models latents latent"], architecture: Architecture | None = None
    ) -> Float[Tensor, "models parameters"]:
        """The weights of latents, by default as networks of the first architecture.

        Raises:
            ValueError: the latents have another shape than this architecture's, or it is unknown.
        """
        reader = self.tokenizers[0] if architecture is None else self.reader_of(architecture)
        shape = (self._latents(reader), self.config.latent)
        if latents.shape[1:] != shape:
            raise ValueError(f"latents of this architecture have the shape {shape}, got {tuple(latents.shape[1:])}")
        weights = torch.empty(len(latents), reader.tokens.parameters)
        for rows in _blocks(len(latents), self._block(reader)):
            some = latents[rows.start : rows.stop]
            weights[rows.start : rows.stop] = reader.write(self._windows(reader, some, self.network.decode))
        return weights

    def reconstruct(self, zoo: Zoo) -> Zoo:
        """The networks after encoding and decoding; their metrics are left out of the table, as they have changed.

        Raises:
            ValueError: the encoder does not read this architecture.
        """
        weights = self.decode(self.latents(zoo), zoo.architecture)
        kept = [name for name in zoo.table if name not in METRICS]
        return zoo.with_weights(weights, recipe=self._made("reconstruct", zoo)).with_table(zoo.table[kept])

    def align(self, zoo: Zoo) -> Zoo:
        """The same networks with their units in the order of the encoder's reference.

        Raises:
            ValueError: the encoder does not read this architecture.
        """
        reader = self.reader_of(zoo.architecture)
        return zoo.with_weights(reader.align(zoo.weights), recipe=self._made("align", zoo))

    def save(self, path: str | Path) -> Path:
        """Write a folder of safetensors and a manifest, whole or not at all. `open` gives the same bits back.

        Raises:
            ValueError: another process writes there.
            OSError: the disk is full.
        """
        with atomic_folder(Path(path)) as folder:
            save_file(self.parts.tensors(), folder / "encoder.safetensors")
            facts = {**self.parts.facts(), "history": [asdict(one) for one in self.history], "stopped": self.stopped}
            facts |= {"fitted_on": self.fitted_on, "networks": self.networks, "recipe": self.recipe.to_dict()}
            write_manifest(folder, "encoder", facts)
        return Path(path)

    @classmethod
    def open(cls, path: str | Path) -> "Encoder":
        """Read an encoder that `save` wrote: a folder, or the name of a shipped or kept encoder.

        Raises:
            ValueError: there is none, the folder holds something else, is broken, or comes from a newer version.
        """
        folder = find("encoders", path)
        manifest = read_manifest(folder, "encoder")
        try:
            parts = Parts.of(manifest, load_file(folder / "encoder.safetensors"))
            return cls(
                parts.tokenizers,
                parts.network,
                parts.tellers,
                parts.config,
                read_history(manifest["history"]),
                str(manifest["stopped"]),
                tuple(str(one) for one in manifest["fitted_on"]),
                tuple(operator.index(one) for one in manifest["networks"]),
                Recipe.from_dict(manifest["recipe"]),
            )
        except (KeyError, TypeError, RuntimeError, OSError, SafetensorError, ValueError) as error:
            reason = f"{error} is missing" if isinstance(error, KeyError) else str(error).splitlines()[-1].strip()
            raise ValueError(
                f"{folder} does not hold an encoder that fits its manifest ({reason}); make it again"
            ) from None

    @torch.no_grad()
    def _encoded(self, zoo: Zoo, *, align: bool = False) -> Iterator[tuple[range, Tensor]]:
        reader = self.reader_of(zoo.architecture)
        for rows in _blocks(len(zoo), self._block(reader)):
            weights = zoo.rows(range(rows.start, rows.stop))
            read = reader.read(reader.align(weights) if align else weights)
            yield rows, self._windows(reader, read, self.network.encode)

    def _windows(self, reader: Tokenizer, values: Tensor, run: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """Run over windows of the length that was trained, each with context on both sides of what is kept of it."""
        position, count, window = reader.tokens.position, reader.tokens.count, self.config.window
        if self.config.length(count) == count:
            return run(values, position)
        halo = window // 4
        parts = []
        for start in range(0, count, window - 2 * halo):
            stop = min(start + window - 2 * halo, count)
            first = min(max(0, start - halo), count - window)
            seen = run(values[:, first : first + window], position[first : first + window])
            parts.append(seen[:, start - first : stop - first])
        return torch.cat(parts, 1)

    def _latents(self, reader: Tokenizer) -> int:
        """How many latents a network has."""
        return 1 if self.config.latent_of == "network" else reader.tokens.count

    def _block(self, reader: Tokenizer) -> int:
        """Networks that are run together."""
        tokens = reader.tokens
        length = self.config.length(tokens.count)
        return max(1, MEMORY // (4 * (length * self.config.width * 12 + tokens.count * tokens.size)))

    def _made(self, what: str, zoo: Zoo) -> Recipe:
        return Recipe.of(
            what, inputs={"encoder": self.fingerprint, "zoo": zoo.fingerprint}, python=f"encoder.{what}(zoo)"
        )


METRICS = ("train_loss", "train_accuracy", "test_loss", "test_accuracy", "generalization_gap", "psnr")
"""Columns that say how well a network does."""


def _blocks(count: int, size: int) -> Iterator[range]:
    return (range(start, min(start + size, count)) for start in range(0, count, size))
