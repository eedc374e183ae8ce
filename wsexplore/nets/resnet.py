"""Residual networks with the parameter names of torchvision."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple, no_type_check

import torch
from torch import Tensor, nn

from wsexplore.nets import checks
from wsexplore.nets.architecture import Config, Family
from wsexplore.nets.init import initial_weights
from wsexplore.nets.layout import Layout
from wsexplore.nets.mlp import ACTIVATIONS


class Plan(NamedTuple):
    """What the depth of a residual network says.

    Attributes:
        blocks: of each stage.
        bottleneck: blocks of three convolutions whose output is four times as wide.
        width: channels of the first stage, unless the user chooses others.
    """

    blocks: tuple[int, ...]
    bottleneck: bool
    width: int


PLANS: Mapping[int, Plan] = {
    **{depth: Plan(((depth - 2) // 6,) * 3, False, 16) for depth in (8, 14, 20, 32, 44, 56, 110)},
    18: Plan((2, 2, 2, 2), False, 64),
    34: Plan((3, 4, 6, 3), False, 64),
    50: Plan((3, 4, 6, 3), True, 64),
}
"""By depth: three stages for small images (He et al. 2016, section 4.2), four as for ImageNet (their table 1)."""

NORMS = ("batch", "group", "layer", "none")
GROUPS = 8
"""Most groups of a group normalisation."""


class ResNet(nn.Module):
    """A residual network; its configuration is complete.

    The convolutions have biases only where there is no normalisation. The stride of a bottleneck lies on its middle
    convolution, as in torchvision.
    """

    def __init__(self, config: Config):
        super().__init__()
        plan, width = PLANS[config["depth"]], config["width"]
        small = config["stem"] == "small"
        self.conv1 = _conv(config, config["input"][0], width, 3 if small else 7, stride=1 if small else 2)
        self.bn1 = _norm(config, width)
        self.activation = ACTIVATIONS[config["activation"]]()
        self.maxpool = nn.Identity() if small else nn.MaxPool2d(3, stride=2, padding=1)
        inputs, block = width, Bottleneck if plan.bottleneck else Block
        for stage, count in enumerate(plan.blocks):
            blocks: list[nn.Module] = []
            for place in range(count):
                stride = 2 if stage and not place else 1
                blocks.append(block(config, inputs, width << stage, stride))
                inputs = (width << stage) * block.expansion
            self.add_module(f"layer{stage + 1}", nn.Sequential(*blocks))
        self.stages = len(plan.blocks)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(inputs, config["classes"])

    @no_type_check  # while its symmetry is traced, inputs and outputs are proxies of tensors
    def forward(self, inputs: Tensor) -> Tensor:
        """Logits `(batch, classes)` of images `(batch, channels, height, width)`."""
        x = self.maxpool(self.activation(self.bn1(self.conv1(inputs))))
        for stage in range(1, self.stages + 1):
            x = getattr(self, f"layer{stage}")(x)
        return self.fc(torch.flatten(self.avgpool(x), 1))


class Block(nn.Module):
    """Two 3x3 convolutions beside a shortcut."""

    expansion = 1

    def __init__(self, config: Config, inputs: int, width: int, stride: int):
        super().__init__()
        self.conv1, self.bn1 = _conv(config, inputs, width, 3, stride), _norm(config, width)
        self.conv2, self.bn2 = _conv(config, width, width, 3), _norm(config, width)
        self.activation = ACTIVATIONS[config["activation"]]()
        self.downsample = _shortcut(config, inputs, width, stride)

    @no_type_check
    def forward(self, x: Tensor) -> Tensor:
        """The shortcut plus what the convolutions add."""
        added = self.bn2(self.conv2(self.activation(self.bn1(self.conv1(x)))))
        return self.activation(added + (x if self.downsample is None else self.downsample(x)))


class Bottleneck(nn.Module):
    """A 3x3 convolution between two 1x1 ones, beside a shortcut."""

    expansion = 4

    def __init__(self, config: Config, inputs: int, width: int, stride: int):
        super().__init__()
        outputs = width * self.expansion
        self.conv1, self.bn1 = _conv(config, inputs, width, 1), _norm(config, width)
        self.conv2, self.bn2 = _conv(config, width, width, 3, stride), _norm(config, width)
        self.conv3, self.bn3 = _conv(config, width, outputs, 1), _norm(config, outputs)
        self.activation = ACTIVATIONS[config["activation"]]()
        self.downsample = _shortcut(config, inputs, outputs, stride)

    @no_type_check
    def forward(self, x: Tensor) -> Tensor:
        """The shortcut plus what the convolutions add."""
        inner = self.activation(self.bn1(self.conv1(x)))
        added = self.bn3(self.conv3(self.activation(self.bn2(self.conv2(inner)))))
        return self.activation(added + (x if self.downsample is None else self.downsample(x)))


class Padding(nn.Module):
    """The shortcut without parameters: every `stride`-th pixel, new channels zero (option A of He et al. 2016)."""

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.before, self.after = (outputs - inputs) // 2, outputs - inputs - (outputs - inputs) // 2
        self.stride = stride

    @no_type_check
    def forward(self, x: Tensor) -> Tensor:
        """A smaller image with more channels."""
        return nn.functional.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.before, self.after))


def _conv(config: Config, inputs: int, outputs: int, size: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, bias=config["norm"] == "none")


def _norm(config: Config, channels: int) -> nn.Module:
    if config["norm"] == "batch":
        return nn.BatchNorm2d(channels)
    if config["norm"] == "none":
        return nn.Identity()
    return nn.GroupNorm(1 if config["norm"] == "layer" else math.gcd(GROUPS, channels), channels)


def _shortcut(config: Config, inputs: int, outputs: int, stride: int) -> nn.Module | None:
    if stride == 1 and inputs == outputs:
        return None
    if config["shortcut"] == "pad":
        return Padding(inputs, outputs, stride)
    return nn.Sequential(_conv(config, inputs, outputs, 1, stride), _norm(config, outputs))


def _complete(config: Config) -> dict[str, Any]:
    """Check a configuration and fill in its defaults; that of `width` is 16 with three stages and 64 with four."""
    known = {
        "depth": 20,
        "width": None,
        "input": [3, 32, 32],
        "classes": 10,
        "norm": "batch",
        "shortcut": "projection",
        "stem": "small",
        "activation": "relu",
    }
    full = checks.with_defaults("resnet", config, known)
    plan = PLANS[checks.one_of("depth", full["depth"], sorted(PLANS))]
    width = plan.width if full["width"] is None else full["width"]
    checks.one_of("shortcut", full["shortcut"], ("projection", "pad"))
    if full["shortcut"] == "pad" and plan.bottleneck:
        raise ValueError(f"a resnet of depth {full['depth']} has projection shortcuts; leave shortcut out")
    return {
        **full,
        "width": checks.whole("width", width, 1, 4096),
        "input": checks.image(full["input"]),
        "classes": checks.whole("classes", full["classes"], 1, 100_000),
        "norm": checks.one_of("norm", full["norm"], NORMS),
        "stem": checks.one_of("stem", full["stem"], ("small", "imagenet")),
        "activation": checks.one_of("activation", full["activation"], tuple(ACTIVATIONS)),
    }


def _initial(config: Config, layout: Layout, init: str, seed: int) -> Tensor:
    """The usual schemes; "default" is torchvision's: normal convolutions of variance 2 / fan_out."""
    weights = initial_weights(layout, init=init, seed=seed)
    if init == "default":
        draw = torch.Generator().manual_seed(seed)
        for slot in layout.slots:
            if len(slot.shape) == 4:
                fan_out = slot.shape[0] * slot.shape[2] * slot.shape[3]
                values = torch.randn(slot.stop - slot.start, generator=draw)
                weights[slot.start : slot.stop] = values * math.sqrt(2 / fan_out)
    return weights


RESNET_FAMILY = Family(
    name="resnet",
    complete=_complete,
    build=ResNet,
    input_shape=lambda config: tuple(config["input"]),
    row_fields=("activation",),
    initial=_initial,
    alone_on=("cpu",),
)
