"""Vision transformers.

Parameter names are those of timm, but for the attention: queries, keys and values are three layers, so that rows
`h * size` to `(h + 1) * size` of each are head `h`, and so are the same columns of `proj`. Heads and the units inside
a head are then axes of plain matrices that may be permuted.
"""

import math
from typing import Any, no_type_check

import torch
from torch import Tensor, nn

from wsexplore.nets import checks
from wsexplore.nets.architecture import Config, Family
from wsexplore.nets.init import initial_weights
from wsexplore.nets.layout import Layout
from wsexplore.nets.mlp import ACTIVATIONS

SPREAD = 0.02
"""Standard deviation of fresh matrices, tokens and positions."""

EPSILON = 1e-6
"""Of the layer normalisations, as in timm."""


class ViT(nn.Module):
    """A vision transformer with normalisation before each part (Dosovitskiy et al. 2021)."""

    def __init__(self, config: Config):
        super().__init__()
        dim, (channels, height, width) = config["dim"], config["input"]
        tokens = (height // config["patch"]) * (width // config["patch"])
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dim)) if config["pool"] == "cls" else None
        self.pos_embed = nn.Parameter(torch.empty(1, tokens + (config["pool"] == "cls"), dim))
        nn.init.normal_(self.pos_embed, std=SPREAD)
        self.patch_embed = Patches(channels, dim, config["patch"])
        self.blocks = nn.Sequential(
            *(
                Block(dim, config["heads"], round(dim * config["mlp_ratio"]), config["activation"])
                for _ in range(config["depth"])
            )
        )
        self.norm = nn.LayerNorm(dim, eps=EPSILON)
        self.head = nn.Linear(dim, config["classes"])

    @no_type_check  # while its symmetry is traced, inputs and outputs are proxies of tensors
    def forward(self, inputs: Tensor) -> Tensor:
        """Logits `(batch, classes)` of images `(batch, channels, height, width)`."""
        x = self.patch_embed(inputs)
        if self.cls_token is not None:
            x = torch.cat([self.cls_token.expand(x.shape[0], -1, -1), x], dim=1)
        x = self.norm(self.blocks(x + self.pos_embed))
        return self.head(x.mean(1) if self.cls_token is None else x[:, 0])


class Patches(nn.Module):
    """An image as a row of tokens, one for each square patch."""

    def __init__(self, channels: int, dim: int, patch: int):
        super().__init__()
        self.proj = nn.Conv2d(channels, dim, patch, stride=patch)

    @no_type_check
    def forward(self, inputs: Tensor) -> Tensor:
        """Tokens `(batch, patches, dim)`, row by row."""
        return self.proj(inputs).flatten(2).transpose(1, 2)


class Block(nn.Module):
    """Attention and a perceptron, each added to the stream."""

    def __init__(self, dim: int, heads: int, hidden: int, activation: str):
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=EPSILON)
        self.attn = Attention(dim, heads)
        self.norm2 = nn.LayerNorm(dim, eps=EPSILON)
        self.mlp = Perceptron(dim, hidden, activation)

    @no_type_check
    def forward(self, x: Tensor) -> Tensor:
        """The stream after this block."""
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Attention(nn.Module):
    """Attention of every token to every token, written out so that it runs for many networks at once."""

    def __init__(self, dim: int, heads: int):
        super().__init__()
        self.heads, self.scale = heads, 1 / math.sqrt(dim // heads)
        self.q, self.k, self.v, self.proj = (nn.Linear(dim, dim) for _ in range(4))

    @no_type_check
    def forward(self, x: Tensor) -> Tensor:
        """What each token gathers, `(batch, tokens, dim)`."""
        q, k, v = (part(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in (self.q, self.k, self.v))
        attention = torch.softmax(q @ k.transpose(-2, -1) * self.scale, dim=-1)
        return self.proj((attention @ v).transpose(1, 2).flatten(2))


class Perceptron(nn.Module):
    """One hidden layer for every token by itself."""

    def __init__(self, dim: int, hidden: int, activation: str):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(dim, hidden), nn.Linear(hidden, dim)
        self.act = ACTIVATIONS[activation]()

    @no_type_check
    def forward(self, x: Tensor) -> Tensor:
        """`(batch, tokens, dim)`."""
        return self.fc2(self.act(self.fc1(x)))


def _complete(config: Config) -> dict[str, Any]:
    """Check a configuration and fill in its defaults."""
    known = {
        "input": [1, 28, 28],
        "patch": 7,
        "dim": 32,
        "depth": 2,
        "heads": 4,
        "mlp_ratio": 2.0,
        "pool": "cls",
        "classes": 10,
        "activation": "gelu",
    }
    full = checks.with_defaults("vit", config, known)
    _, height, width = shape = checks.image(full["input"])
    patch = checks.whole("patch", full["patch"], 1, 4096)
    if height % patch or width % patch:
        raise ValueError(f"patch must divide the image's {height} x {width} pixels, got {patch}")
    dim = checks.whole("dim", full["dim"], 1, 65_536)
    heads = checks.whole("heads", full["heads"], 1, 1024)
    if dim % heads:
        raise ValueError(f"heads must divide dim, got {heads} heads and dim {dim}")
    ratio = checks.real("mlp_ratio", full["mlp_ratio"], 1 / 64, 64.0)
    if round(dim * ratio) < 1:
        raise ValueError(f"mlp_ratio {ratio:g} leaves no hidden unit with dim {dim}; choose a larger one")
    return {
        "input": shape,
        "patch": patch,
        "dim": dim,
        "depth": checks.whole("depth", full["depth"], 1, 96),
        "heads": heads,
        "mlp_ratio": ratio,
        "pool": checks.one_of("pool", full["pool"], ("cls", "mean")),
        "classes": checks.whole("classes", full["classes"], 1, 100_000),
        "activation": checks.one_of("activation", full["activation"], tuple(ACTIVATIONS)),
    }


def _initial(config: Config, layout: Layout, init: str, seed: int) -> Tensor:
    """Tokens and positions are normal of spread 0.02; "default" draws matrices alike, with biases zero.

    The patches' convolution follows the usual schemes in any case.
    """
    weights = initial_weights(layout, init=init, seed=seed)
    draw = torch.Generator().manual_seed(seed)
    for slot in layout.slots:
        values = weights[slot.start : slot.stop]
        if len(slot.shape) == 3 or (init == "default" and len(slot.shape) == 2):
            values.copy_(torch.randn(len(values), generator=draw) * SPREAD)
        elif init == "default" and len(slot.shape) == 1 and slot.name.endswith("bias"):
            values.zero_()
    return weights


VIT_FAMILY = Family(
    name="vit",
    complete=_complete,
    build=ViT,
    input_shape=lambda config: tuple(config["input"]),
    row_fields=("activation",),
    initial=_initial,
    alone_on=("cpu",),
)
