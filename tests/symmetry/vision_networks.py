"""Networks for images as their authors write them, small."""

import torch
import torch.nn.functional as F
from torch import nn


def block(*layers):
    return nn.Sequential(*layers)


class Vgg(nn.Module):
    def __init__(self):
        super().__init__()
        layers, width = [], 3
        for step in (6, 8, "pool", 10, "pool"):
            if step == "pool":
                layers.append(nn.MaxPool2d(2))
            else:
                layers += [nn.Conv2d(width, step, 3, padding=1), nn.BatchNorm2d(step), nn.ReLU(inplace=True)]
                width = step
        self.features = nn.Sequential(*layers)
        self.classifier = block(nn.Dropout(), nn.Linear(40, 12), nn.ReLU(inplace=True), nn.Linear(12, 5))

    def forward(self, x):
        return self.classifier(torch.flatten(self.features(x), 1))


class PadShortcut(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1, bias=False)
        self.one = nn.Conv2d(4, 8, 3, stride=2, padding=1, bias=False)
        self.two = nn.Conv2d(8, 8, 3, padding=1, bias=False)
        self.norms = nn.ModuleList([nn.BatchNorm2d(4), nn.BatchNorm2d(8), nn.BatchNorm2d(8)])
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        x = F.relu(self.norms[0](self.stem(x)))
        y = self.norms[2](self.two(F.relu(self.norms[1](self.one(x)))))
        x = F.relu(y + F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 2, 2), "constant", 0))
        return self.head(F.avg_pool2d(x, x.size()[3]).view(x.size(0), -1))


class SqueezeExcite(nn.Module):
    def __init__(self, width, inner):
        super().__init__()
        self.reduce, self.expand = nn.Conv2d(width, inner, 1), nn.Conv2d(inner, width, 1)

    def forward(self, x):
        return x * torch.sigmoid(self.expand(F.silu(self.reduce(x.mean((2, 3), keepdim=True)))))


class MobileNet(nn.Module):
    def __init__(self, activation=nn.ReLU6):
        super().__init__()
        self.stem = block(nn.Conv2d(3, 6, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(6), activation())
        self.expand = block(nn.Conv2d(6, 12, 1, bias=False), nn.BatchNorm2d(12), activation())
        self.depth = block(nn.Conv2d(12, 12, 3, padding=1, groups=12, bias=False), nn.BatchNorm2d(12), activation())
        self.excite = SqueezeExcite(12, 3)
        self.project = block(nn.Conv2d(12, 6, 1, bias=False), nn.BatchNorm2d(6))
        self.head = nn.Linear(6, 4)

    def forward(self, x):
        x = self.stem(x)
        x = x + self.project(self.excite(self.depth(self.expand(x))))
        return self.head(F.adaptive_avg_pool2d(x, 1).flatten(1))


class ConvNext(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 4, stride=4)
        self.depth = nn.Conv2d(8, 8, 7, padding=3, groups=8)
        self.norm = nn.LayerNorm(8, eps=1e-6)
        self.up, self.down = nn.Linear(8, 32), nn.Linear(32, 8)
        self.gamma = nn.Parameter(torch.full((8,), 1e-1))
        self.head = nn.Linear(8, 4)

    def forward(self, x):
        x = self.stem(x)
        y = self.norm(self.depth(x).permute(0, 2, 3, 1))
        y = self.gamma * self.down(F.gelu(self.up(y)))
        x = x + y.permute(0, 3, 1, 2)
        return self.head(x.mean([-2, -1]))


class GlobalResponse(nn.Module):
    def __init__(self):
        super().__init__()
        self.up, self.down, self.head = nn.Linear(5, 12), nn.Linear(12, 6), nn.Linear(6, 3)
        self.gamma, self.beta = nn.Parameter(torch.zeros(1, 1, 1, 12)), nn.Parameter(torch.zeros(1, 1, 1, 12))

    def forward(self, x):
        x = F.gelu(self.up(x))
        size = torch.norm(x, p=2, dim=(1, 2), keepdim=True)
        x = self.gamma * (x * (size / (size.mean(dim=-1, keepdim=True) + 1e-6))) + self.beta + x
        return self.head(self.down(x)).mean((1, 2))


class ShuffleNet(nn.Module):
    def __init__(self, how):
        super().__init__()
        self.how = how
        self.first, self.last = nn.Conv2d(3, 12, 1, bias=False), nn.Conv2d(12, 8, 1, groups=2)
        self.grouped, self.norm = nn.Conv2d(12, 12, 1, groups=3, bias=False), nn.BatchNorm2d(12)
        self.shuffle = nn.ChannelShuffle(3)
        self.head = nn.Linear(8, 4)

    def forward(self, x):
        x = F.relu(self.norm(self.grouped(F.relu(self.first(x)))))
        if self.how == "view":
            b, c, h, w = x.size()
            x = x.view(b, 3, c // 3, h, w).transpose(1, 2).contiguous().view(b, -1, h, w)
        else:
            x = self.shuffle(x)
        return self.head(F.relu(self.last(x)).mean((2, 3)))


class ShuffleUnit(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.branch = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.last = nn.Conv2d(8, 6, 1)

    def forward(self, x):
        x1, x2 = F.relu(self.stem(x)).chunk(2, dim=1)
        x = torch.cat((x1, F.relu(self.branch(x2))), dim=1)
        b, c, h, w = x.shape
        x = x.reshape(b, 2, c // 2, h, w).permute(0, 2, 1, 3, 4).flatten(1, 2)
        return self.last(x).mean((2, 3))


class DenseNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, padding=1)
        self.norms = nn.ModuleList(nn.BatchNorm2d(6 + 4 * k) for k in range(3))
        self.convs = nn.ModuleList(nn.Conv2d(6 + 4 * k, 4, 3, padding=1) for k in range(3))
        self.last, self.squeeze, self.head = nn.BatchNorm2d(18), nn.Conv2d(18, 9, 1), nn.Linear(9, 4)

    def forward(self, x):
        features = [self.stem(x)]
        for norm, conv in zip(self.norms, self.convs, strict=True):
            features.append(conv(F.relu(norm(torch.cat(features, 1)))))
        x = F.avg_pool2d(self.squeeze(F.relu(self.last(torch.cat(features, 1)))), 2)
        return self.head(F.relu(x).amax((2, 3)))


class UNet(nn.Module):
    def __init__(self, up="transposed"):
        super().__init__()
        self.down = nn.ModuleList([nn.Conv2d(2, 5, 3, padding=1), nn.Conv2d(5, 8, 3, padding=1)])
        self.middle = nn.Conv2d(8, 10, 3, padding=1)
        self.up = nn.ModuleList([nn.Conv2d(14, 8, 3, padding=1), nn.Conv2d(9, 5, 3, padding=1)])
        kinds = {
            "transposed": lambda a, b: nn.ConvTranspose2d(a, b, 2, stride=2),
            "nearest": lambda a, b: block(nn.Upsample(scale_factor=2), nn.Conv2d(a, b, 1)),
            "bilinear": lambda a, b: block(
                nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True), nn.Conv2d(a, b, 3, padding=1)
            ),
            "shuffle": lambda a, b: block(nn.Conv2d(a, 4 * b, 1), nn.PixelShuffle(2)),
        }
        self.grow = nn.ModuleList([kinds[up](10, 6), kinds[up](8, 4)])
        self.last = nn.Conv2d(5, 1, 1)

    def forward(self, x):
        kept = []
        for conv in self.down:
            x = F.leaky_relu(conv(x), 0.1)
            kept.append(x)
            x = F.max_pool2d(x, 2)
        x = F.relu(self.middle(x))
        for grow, conv in zip(self.grow, self.up, strict=True):
            x = torch.cat([grow(x), kept.pop()], 1)
            x = F.relu(conv(x))
        return torch.sigmoid(self.last(x))


class SegNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two, self.three = (
            nn.Conv2d(1, 6, 3, padding=1),
            nn.Conv2d(6, 6, 3, padding=1),
            nn.Conv2d(6, 2, 1),
        )
        self.pool, self.unpool = nn.MaxPool2d(2, return_indices=True), nn.MaxUnpool2d(2)

    def forward(self, x):
        x, places = self.pool(F.relu(self.one(x)))
        return self.three(self.unpool(F.relu(self.two(x)), places))


class Inception(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Conv2d(3, 4, 1), nn.Conv2d(3, 5, 3, padding=1), nn.Conv2d(3, 3, 5, padding=2)
        self.pool = block(nn.MaxPool2d(3, stride=1, padding=1), nn.Conv2d(3, 2, 1))
        self.norm, self.next, self.head = nn.GroupNorm(2, 14), nn.Conv2d(14, 6, 3), nn.Linear(6, 3)

    def forward(self, x):
        y = torch.cat([F.elu(layer(x)) for layer in (self.a, self.b, self.c, self.pool)], dim=-3)
        return self.head(F.relu(self.next(self.norm(y))).mean(dim=(-1, -2)))


class MixerBlock(nn.Module):
    def __init__(self, tokens, width, norm=True):
        super().__init__()
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)]) if norm else [nn.Identity()] * 2
        self.tokens = block(nn.Linear(tokens, 7), nn.ReLU(), nn.Linear(7, tokens))
        self.channels = block(nn.Linear(width, 9), nn.ReLU(), nn.Linear(9, width))

    def forward(self, x):
        x = x + self.tokens(self.norms[0](x).transpose(1, 2)).transpose(1, 2)
        return x + self.channels(self.norms[1](x))


class Mixer(nn.Module):
    def __init__(self, norm=True):
        super().__init__()
        self.patch = nn.Conv2d(3, 10, 4, stride=4)
        self.blocks = nn.Sequential(MixerBlock(4, 10, norm), MixerBlock(4, 10, norm))
        self.head = nn.Linear(10, 4)

    def forward(self, x):
        return self.head(self.blocks(self.patch(x).flatten(2).transpose(1, 2)).mean(1))


class ConvMixerTokens(nn.Module):
    """Convolutions of one place over the tokens, whose places are the channels."""

    def __init__(self):
        super().__init__()
        self.features = nn.Linear(3, 6)
        self.up, self.down = nn.Conv1d(5, 8, 1), nn.Conv1d(8, 4, 1)
        self.head = nn.Linear(6, 2)

    def forward(self, x):
        return self.head(self.down(F.relu(self.up(self.features(x))))).sum(1)


class GatedMlp(nn.Module):
    """gMLP: a gate over the places of a sequence."""

    def __init__(self):
        super().__init__()
        self.inside, self.up, self.down = nn.Linear(3, 6), nn.Linear(6, 16), nn.Linear(8, 6)
        self.norm, self.gate = nn.LayerNorm(8), nn.Linear(5, 5)

    def forward(self, x):
        x = self.inside(x)
        u, v = F.gelu(self.up(x)).chunk(2, dim=-1)
        v = self.gate(self.norm(v).transpose(-1, -2)).transpose(-1, -2)
        return (x + self.down(u * v)).mean(1)


class FrozenBatchNorm(nn.Module):
    """Buffers for all that a BatchNorm has, as in detection models."""

    def __init__(self, n):
        super().__init__()
        for name, value in (("weight", 1.0), ("bias", 0.0), ("running_mean", 0.0), ("running_var", 1.0)):
            self.register_buffer(name, torch.full((n,), value))

    def forward(self, x):
        w, b = self.weight.reshape(1, -1, 1, 1), self.bias.reshape(1, -1, 1, 1)
        scale = w * (self.running_var.reshape(1, -1, 1, 1) + 1e-5).rsqrt()
        return x * scale + (b - self.running_mean.reshape(1, -1, 1, 1) * scale)


class LayerNormOverPlaces(nn.Module):
    """A normalisation over each image of each channel, with and without weights."""

    def __init__(self, affine):
        super().__init__()
        self.one, self.norm, self.two = (
            nn.Conv2d(1, 6, 3, padding=1),
            nn.LayerNorm([5, 5], elementwise_affine=affine),
            nn.Conv2d(6, 3, 3),
        )

    def forward(self, x):
        return self.two(F.relu(self.norm(self.one(x)))).flatten(1)


class InstanceNorms(nn.Module):
    def __init__(self):
        super().__init__()
        self.convs = nn.ModuleList([nn.Conv2d(2, 6, 3), nn.Conv2d(6, 8, 3), nn.Conv2d(8, 4, 1)])
        self.norms = nn.ModuleList([nn.InstanceNorm2d(6, affine=True, track_running_stats=True), nn.InstanceNorm2d(8)])

    def forward(self, x):
        for conv, norm in zip(self.convs, self.norms, strict=False):
            x = F.relu(norm(conv(x)))
        return self.convs[2](x).mean((2, 3))


def sequential(*layers):
    return nn.Sequential(*layers)


IMAGE = (3, 8, 8)
NETWORKS = {
    "vgg": lambda: (Vgg(), torch.randn(2, *IMAGE)),
    "pad shortcut": lambda: (PadShortcut(), torch.randn(2, *IMAGE)),
    "mobilenet relu6": lambda: (MobileNet(), torch.randn(2, *IMAGE)),
    "mobilenet hardswish": lambda: (MobileNet(nn.Hardswish), torch.randn(2, *IMAGE)),
    "convnext": lambda: (ConvNext(), torch.randn(2, *IMAGE)),
    "global response norm": lambda: (GlobalResponse(), torch.randn(2, 4, 4, 5)),
    "shufflenet view": lambda: (ShuffleNet("view"), torch.randn(2, *IMAGE)),
    "shufflenet layer": lambda: (ShuffleNet("layer"), torch.randn(2, *IMAGE)),
    "shufflenet v2 unit": lambda: (ShuffleUnit(), torch.randn(2, *IMAGE)),
    "densenet": lambda: (DenseNet(), torch.randn(2, *IMAGE)),
    **{f"unet {up}": lambda up=up: (UNet(up), torch.randn(2, 2, 8, 8)) for up in ("transposed", "nearest", "bilinear", "shuffle")},
    "segnet": lambda: (SegNet(), torch.randn(2, 1, 6, 6)),
    "inception": lambda: (Inception(), torch.randn(2, *IMAGE)),
    "mixer": lambda: (Mixer(), torch.randn(2, *IMAGE)),
    "mixer without norm": lambda: (Mixer(norm=False), torch.randn(2, *IMAGE)),
    "conv over tokens": lambda: (ConvMixerTokens(), torch.randn(2, 5, 3)),
    "gmlp": lambda: (GatedMlp(), torch.randn(2, 5, 3)),
    "frozen batchnorm": lambda: (
        sequential(nn.Conv2d(3, 6, 3, bias=False), FrozenBatchNorm(6), nn.ReLU(), nn.Conv2d(6, 4, 1), nn.Flatten()),
        torch.randn(2, *IMAGE),
    ),
    "layernorm over places": lambda: (LayerNormOverPlaces(True), torch.randn(2, 1, 5, 5)),
    "layernorm over places, plain": lambda: (LayerNormOverPlaces(False), torch.randn(2, 1, 5, 5)),
    "instance norms": lambda: (InstanceNorms(), torch.randn(2, 2, 8, 8)),
    "grouped convolution, groupnorm across": lambda: (
        sequential(nn.Conv2d(3, 16, 1), nn.Conv2d(16, 16, 3, groups=4), nn.GroupNorm(8, 16), nn.ReLU(), nn.Conv2d(16, 4, 3, groups=2), nn.Flatten()),
        torch.randn(2, *IMAGE),
    ),
    "multiplied depthwise": lambda: (
        sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 12, 3, groups=4), nn.ReLU(), nn.Conv2d(12, 2, 3), nn.Flatten()),
        torch.randn(2, *IMAGE),
    ),
    "transposed in groups": lambda: (
        sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.ConvTranspose2d(8, 12, 3, groups=4), nn.ReLU(), nn.Conv2d(12, 2, 3), nn.Flatten()),
        torch.randn(2, *IMAGE),
    ),
    "batchnorm after flatten": lambda: (
        sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.BatchNorm1d(16), nn.Linear(16, 3)), torch.randn(5, 1, 4, 4)
    ),
    "softmax over channels": lambda: (
        sequential(nn.Conv2d(3, 6, 3), nn.Softmax2d(), nn.Conv2d(6, 4, 3), nn.LocalResponseNorm(2), nn.Conv2d(4, 2, 1)),
        torch.randn(2, *IMAGE),
    ),
}  # fmt: skip
