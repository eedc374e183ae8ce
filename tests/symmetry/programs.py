"""Random networks: a chain of operations on tensors that were computed before, each with parameters of its own."""

import math
import random

import torch
import torch.nn.functional as F
from torch import nn

ACTIVATIONS = (
    F.relu, torch.tanh, F.gelu, torch.sin, torch.abs, torch.neg, F.softsign, torch.square,
    lambda x: F.hardtanh(x, -0.5, 1.0), lambda x: x.clamp(min=0), lambda x: F.threshold(x, 0.1, 0.3),
    lambda x: x.clamp(-0.7, 0.7), lambda x: x * 2.5, lambda x: 2 - x, lambda x: F.leaky_relu(x, 0.2),
)  # fmt: skip


def written(x, y):
    out = torch.zeros_like(x)
    out[:, :1] = y[:, :1]
    return out


def changed_in_place(x, axis):
    y = x.clone()
    y.select(axis, 0).mul_(2.0)
    F.relu(y.narrow(axis, 0, max(1, y.shape[axis] // 2)), inplace=True)
    return y


def heads(x):
    return x.unflatten(-1, (2, -1)).transpose(1, 2)


def fused(kind, y):
    """Queries, keys and values of 2 heads of 4 units, laid out in three ways."""
    assert y.dim() == 3
    if kind == 0:
        return y.unflatten(-1, (3, 2, 4)).permute(2, 0, 3, 1, 4)
    if kind == 1:
        return y.unflatten(-1, (2, 12)).transpose(1, 2).chunk(3, -1)
    return [part.unflatten(-1, (2, 4)).transpose(1, 2) for part in y.chunk(3, -1)]


def attended(q, k, v):
    return ((q @ k.mT).softmax(-1) @ v).transpose(1, 2).flatten(2)


PLAIN = {
    "softmax": lambda x, y, a, n: x.softmax(a),
    "merge": lambda x, y, a, n: x.flatten(a, a + 1),
    "split": lambda x, y, a, n: x.unflatten(a, (n, -1)),
    "transpose": lambda x, y, a, n: x.transpose(a, -1),
    "chunk": lambda x, y, a, n: x.chunk(2, a),
    "cat": lambda x, y, a, n: torch.cat([x, y], a),
    "stack": lambda x, y, a, n: torch.stack([x, y], a),
    "unbind": lambda x, y, a, n: x.unbind(a)[:4],
    "add": lambda x, y, a, n: x + y,
    "sub": lambda x, y, a, n: torch.sub(x, y, alpha=0.5),
    "mul": lambda x, y, a, n: x * y,
    "div": lambda x, y, a, n: x / (y.abs() + 1),
    "maximum": lambda x, y, a, n: torch.maximum(x, y),
    "where": lambda x, y, a, n: torch.where(x > y, y, 0.0),
    "mean": lambda x, y, a, n: x.mean(a, keepdim=n > 2),
    "max": lambda x, y, a, n: x.max(a)[0],
    "centred": lambda x, y, a, n: x - x.sum(a, keepdim=True),
    "cumsum": lambda x, y, a, n: x.cumsum(a),
    "select": lambda x, y, a, n: x.select(a, n - 1),
    "narrow": lambda x, y, a, n: x.narrow(a, 1, n - 1),
    "step": lambda x, y, a, n: x[:, ::2],
    "flip": lambda x, y, a, n: x.flip(a),
    "roll": lambda x, y, a, n: x.roll(1, a),
    "pad": lambda x, y, a, n: F.pad(x, (n - 2, 1), value=0.5 * (n == 4)),
    "dot": lambda x, y, a, n: (x * y).sum(a),
    "gram": lambda x, y, a, n: x @ y.mT,
    "repeat": lambda x, y, a, n: x.repeat_interleave(n, dim=a),
    "tile": lambda x, y, a, n: x.repeat(1, n, *[1] * (x.dim() - 2)),
    "expand": lambda x, y, a, n: x.unsqueeze(a).expand(*x.shape[:a], n, *x.shape[a:]).flatten(a, a + 1),
    "glu": lambda x, y, a, n: F.glu(x, a),
    "pick": lambda x, y, a, n: x.index_select(a, torch.tensor([0, n - 1, 0, 1])),
    "normalize": lambda x, y, a, n: F.normalize(x, dim=a) + x.norm(dim=a, keepdim=True),
    "sort": lambda x, y, a, n: x.sort(dim=a)[0],
    "in place": lambda x, y, a, n: changed_in_place(x, a),
    "written": lambda x, y, a, n: written(x, y),
    "attention": lambda x, y, a, n: attended(heads(x), heads(y), heads(x + y)),
}  # fmt: skip


OFTEN = ["linear", "activation", "layer", "split", "merge", "transpose", "add"] * 5 + [
    "bias",
    "gain",
    "tied",
    "fused",
] * 3


class Program(nn.Module):
    """Steps `(how, first, second, axis, number, part)` on a list of tensors that begins with the input."""

    def __init__(self, seed, length):
        super().__init__()
        self.draw, self.steps = random.Random(seed), []
        self.parameters_made, self.parts = nn.ParameterList(), nn.ModuleList()
        self.generator = torch.Generator().manual_seed(seed)
        self.example = torch.randn(2, 4, 6, generator=self.generator)
        values = [self.example]
        self.extend(values, ("linear", 0, 0, 2, 2, self.part(nn.Linear(6, 8))))
        for _ in range(length):
            for _ in range(20):
                if self.extended(values):
                    break
        chosen = sorted({*self.draw.sample(range(1, len(values)), min(2, len(values) - 1)), len(values) - 1})
        self.ends = [(k, self.parameter(3, values[k].shape[-1])) for k in chosen]

    def extended(self, values):
        """Try one more step."""
        d = self.draw
        first = d.randrange(max(1, len(values) - 5), len(values))
        x = values[first]
        axis, number = d.randrange(1, max(x.dim(), 2)), d.choice((2, 3, 4))
        second = d.choice([k for k in range(1, len(values)) if values[k].shape == x.shape])
        kind = d.choice([*OFTEN, *PLAIN])
        try:
            part = self.parameter_or_part(kind, x, axis)
            self.extend(values, (kind, first, second, axis, number, part))
        except (RuntimeError, IndexError, ValueError, AssertionError):
            return False
        return True

    def parameter_or_part(self, kind, x, axis):
        d = self.draw
        if kind == "linear":
            return self.part(nn.Linear(x.shape[axis], d.choice((4, 6, 8, 12)), bias=d.random() < 0.5))
        if kind == "activation":
            return d.randrange(len(ACTIVATIONS))
        if kind in ("bias", "gain"):
            return self.parameter(*[n if d.random() < 0.6 else 1 for n in x.shape[1:]][d.randrange(x.dim() - 1) :])
        if kind == "tied":
            return d.choice(
                [k for k, p in enumerate(self.parameters_made) if p.dim() == 2 and p.shape[0] == x.shape[-1]]
            )
        if kind == "fused":
            return self.part(nn.Linear(x.shape[-1], 24))
        return self.layer(x) if kind == "layer" else None

    def layer(self, x):
        d, width, channels = self.draw, x.shape[-1], x.shape[1]
        bias, affine = d.random() < 0.5, d.random() < 0.7
        groups = d.choice([k for k in (1, 2, 4) if channels % k == 0])
        makes = [
            lambda: nn.LayerNorm(width, elementwise_affine=affine, bias=bias),
            lambda: nn.LayerNorm(x.shape[-2:], elementwise_affine=affine),
            lambda: nn.BatchNorm1d(channels, affine=affine),
            lambda: nn.GroupNorm(groups, channels, affine=affine),
            lambda: nn.Conv1d(channels, 8, d.choice((1, 3)), padding="same", groups=groups, bias=bias),
            lambda: nn.Conv1d(channels, 2 * channels, 3, padding=1, groups=channels, bias=bias),
            lambda: nn.ConvTranspose1d(channels, 4, 2, groups=groups, bias=bias),
            lambda: nn.Conv2d(channels, 6, d.choice((1, 3)), padding="same", bias=bias),
            lambda: nn.GRU(width, 4, num_layers=d.choice((1, 2)), bidirectional=affine, batch_first=True),
            lambda: nn.LSTM(width, 6, proj_size=0, batch_first=True),
            lambda: nn.MultiheadAttention(width, 2, batch_first=True, bias=bias),
        ]
        return self.part(d.choice(makes)())

    def part(self, layer):
        with torch.no_grad():
            for value in layer.parameters():
                value.copy_(torch.randn(value.shape, generator=self.generator) / math.sqrt(value.shape[-1]))
        self.parts.append(layer.eval())
        return len(self.parts) - 1

    def parameter(self, *shape):
        self.parameters_made.append(nn.Parameter(torch.randn(*shape, generator=self.generator) / math.sqrt(shape[-1])))
        return len(self.parameters_made) - 1

    def extend(self, values, step):
        with torch.no_grad():
            made = self.run(values, step)
        for value in made:
            assert value.dim() > 0
            assert 0 < value.numel() < 4000
            assert 1e-6 < float(value.abs().max()) < 1e4
        values += made
        self.steps.append(step)

    def run(self, values, step):
        kind, first, second, axis, number, part = step
        x, y = values[first], values[second]
        if kind == "linear":
            made = self.parts[part](x.movedim(axis, -1)).movedim(-1, axis)
        elif kind == "activation":
            made = ACTIVATIONS[part](x)
        elif kind == "bias":
            made = x + self.parameters_made[part]
        elif kind == "gain":
            made = x * self.parameters_made[part]
        elif kind == "tied":
            made = x @ self.parameters_made[part]
        elif kind == "fused":
            made = attended(*fused(number - 2, self.parts[part](x)))
        elif kind == "layer":
            made = (
                self.parts[part](x, y, y)[0]
                if isinstance(self.parts[part], nn.MultiheadAttention)
                else self.parts[part](x)
            )
        else:
            made = PLAIN[kind](x, y, axis, number)
        listed = list(made) if isinstance(made, list | tuple) else [made]
        return [value for value in listed if isinstance(value, torch.Tensor)]

    def forward(self, x):
        values = [x]
        for step in self.steps:
            values += self.run(values, step)
        return [F.linear(values[k], self.parameters_made[w]) for k, w in self.ends]
