"""Text classifiers with one gated recurrent layer, written out step by step so that they run for many at once."""

import math
from typing import Any, no_type_check

import torch
from torch import Tensor, nn

from wsexplore.nets import checks
from wsexplore.nets.architecture import Config, Dropout, Family
from wsexplore.nets.init import initial_weights
from wsexplore.nets.layout import Layout
from wsexplore.nets.steady import stacked_linear, steady_sigmoid

PADDING = 0
"""The token that is not read. So are numbers that the vocabulary lacks."""


class GRU(nn.Module):
    """Token vectors, one recurrent layer, a linear layer on its last or mean state; its configuration is complete.

    The recurrent layer has the parameter names and the equations of `torch.nn.GRU`. At padding the state stays as it
    is, so padding may lie anywhere.
    """

    def __init__(self, config: Config):
        super().__init__()
        self.embedding = nn.Embedding(config["vocabulary"], config["embedding"], padding_idx=PADDING)
        self.gru = Cell(config["embedding"], config["hidden"])
        self.head = nn.Linear(config["hidden"], config["classes"])
        self.length, self.hidden, self.mean = config["length"], config["hidden"], config["pool"] == "mean"

    @no_type_check  # while its symmetry is traced, inputs and outputs are proxies of tensors
    def forward(self, inputs: Tensor) -> Tensor:
        """Logits `(batch, classes)` of token numbers `(batch, length)`, given as floating point numbers."""
        tokens, read = _tokens(inputs, self.embedding.num_embeddings)
        given = nn.functional.linear(self.embedding(tokens), self.gru.weight_ih_l0, self.gru.bias_ih_l0)
        state = torch.zeros_like(given[:, 0, : self.hidden])
        total = state
        for place in range(self.length):
            kept = nn.functional.linear(state, self.gru.weight_hh_l0, self.gru.bias_hh_l0)
            state = torch.where(read[:, place, None], _step(given[:, place], kept, state), state)
            total = total + state * read[:, place, None]
        return self.head(total / _counts(read) if self.mean else state)


class Cell(nn.Module):
    """The parameters of one recurrent layer: rows for the reset gate, the update gate and the new state."""

    def __init__(self, inputs: int, hidden: int):
        super().__init__()
        bound = 1 / math.sqrt(hidden)
        for name, shape in (
            ("weight_ih_l0", (3 * hidden, inputs)),
            ("weight_hh_l0", (3 * hidden, hidden)),
            ("bias_ih_l0", (3 * hidden,)),
            ("bias_hh_l0", (3 * hidden,)),
        ):
            self.register_parameter(name, nn.Parameter(torch.empty(shape).uniform_(-bound, bound)))


@no_type_check
def _tokens(inputs: Tensor, vocabulary: int) -> tuple[Tensor, Tensor]:
    """Token numbers as whole numbers, and where there is something to read."""
    read = (inputs > PADDING) & (inputs < vocabulary)
    return torch.where(read, inputs, PADDING).long(), read


@no_type_check
def _step(given: Tensor, kept: Tensor, state: Tensor) -> Tensor:
    """The state after a token, from what the token and the state before give to the gates."""
    reset, update, new = given.chunk(3, -1)
    kept_reset, kept_update, kept_new = kept.chunk(3, -1)
    gate = steady_sigmoid(update + kept_update)
    fresh = torch.tanh(new + steady_sigmoid(reset + kept_reset) * kept_new)
    return fresh + gate * (state - fresh)


@no_type_check
def _counts(read: Tensor) -> Tensor:
    """Tokens of each text, at least 1."""
    return read.sum(-1, keepdim=True).clamp(min=1)


def _forward(config: Config, parameters: dict[str, Tensor], inputs: Tensor, dropout: Dropout | None) -> Tensor:
    """Logits of a stack of networks by batched matrix products."""
    table = parameters["embedding.weight"]
    models, vocabulary, _ = table.shape
    tokens, read = _tokens(inputs, vocabulary)
    tokens, read = (part.expand(models, *part.shape[-2:]) for part in (tokens, read))
    places = tokens + torch.arange(models, device=tokens.device).view(-1, 1, 1) * vocabulary
    vectors = nn.functional.embedding(places, table.flatten(0, 1)).flatten(1, 2)
    given = stacked_linear(vectors, parameters["gru.weight_ih_l0"], parameters["gru.bias_ih_l0"])
    given = given.view(*tokens.shape, -1)
    state = given.new_zeros(models, tokens.shape[1], config["hidden"])
    total = state
    for place in range(config["length"]):
        kept = stacked_linear(state, parameters["gru.weight_hh_l0"], parameters["gru.bias_hh_l0"])
        state = torch.where(read[..., place, None], _step(given[..., place, :], kept, state), state)
        total = total + state * read[..., place, None] if config["pool"] == "mean" else total
    pooled = total / _counts(read) if config["pool"] == "mean" else state
    return stacked_linear(pooled, parameters["head.weight"], parameters["head.bias"])


def _complete(config: Config) -> dict[str, Any]:
    """Check a configuration and fill in its defaults."""
    known = {"vocabulary": 5, "length": 24, "embedding": 16, "hidden": 32, "classes": 2, "pool": "last"}
    full = checks.with_defaults("gru", config, known)
    return {
        "vocabulary": checks.whole("vocabulary", full["vocabulary"], 2, 1 << 20),
        "length": checks.whole("length", full["length"], 1, 4096),
        "embedding": checks.whole("embedding", full["embedding"], 1, 65_536),
        "hidden": checks.whole("hidden", full["hidden"], 1, 65_536),
        "classes": checks.whole("classes", full["classes"], 1, 100_000),
        "pool": checks.one_of("pool", full["pool"], ("last", "mean")),
    }


def _initial(config: Config, layout: Layout, init: str, seed: int) -> Tensor:
    """The usual schemes for matrices; "default" is torch's: the recurrent layer uniform within 1 / sqrt(hidden).

    Token vectors are standard normal in any case, that of padding zero.
    """
    weights, draw = initial_weights(layout, init=init, seed=seed), torch.Generator().manual_seed(seed)
    for name, values in layout.unflatten(weights).items():
        if name == "embedding.weight":
            values.copy_(torch.randn(values.shape, generator=draw))[PADDING] = 0.0
        elif init == "default" and name.startswith("gru."):
            values.copy_((torch.rand(values.shape, generator=draw) * 2 - 1) / math.sqrt(config["hidden"]))
    return weights


def _example(config: Config, batch: int, draw: torch.Generator) -> Tensor:
    """Texts of random tokens with a little padding."""
    return torch.randint(0, config["vocabulary"], (batch, config["length"]), generator=draw).float()


GRU_FAMILY = Family(
    name="gru",
    complete=_complete,
    build=GRU,
    input_shape=lambda config: (config["length"],),
    forward=_forward,
    initial=_initial,
    example=_example,
)
