"""Networks that use torch in unusual ways: tied, hand-written, in place, through views, out of sight."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call


class Plain(nn.Module):
    """Layers `a`, `b`, ... of linear maps, to be put together by `how`."""

    def __init__(self, widths, how, **parameters):
        super().__init__()
        self.how = how
        for name, (inputs, outputs) in zip("abcdefg", widths, strict=False):
            setattr(self, name, nn.Linear(inputs, outputs))
        self.two = nn.Bilinear(5, 4, 6)
        for name, shape in parameters.items():
            setattr(self, name, nn.Parameter(torch.randn(*shape)))

    def forward(self, *inputs):
        return self.how(self, *inputs)


class TiedAutoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(9, 7), nn.Linear(7, 5)
        self.shift = nn.ParameterList([torch.zeros(7), torch.zeros(9)])

    def forward(self, x):
        h = torch.relu(self.second(torch.relu(self.first(x))))
        h = torch.relu(F.linear(h, self.second.weight.t(), self.shift[0]))
        return F.linear(h, self.first.weight.t(), bias=self.shift[1])


class Shared(nn.Module):
    """One layer used again and again."""

    def __init__(self):
        super().__init__()
        self.inside, self.step, self.out = nn.Linear(3, 6), nn.Linear(6, 6), nn.Linear(6, 2)

    def forward(self, x):
        h = torch.tanh(self.inside(x))
        for _ in range(3):
            h = torch.tanh(self.step(h)) + h
        return self.out(h)


class Siren(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(2, 8), nn.Linear(8, 7), nn.Linear(7, 3)])

    def forward(self, x):
        for layer in self.layers[:-1]:
            x = torch.sin(3.0 * layer(x))
        return self.layers[-1](x)


class Film(nn.Module):
    """A network that scales and shifts the channels of another."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(1, 6, 3), nn.BatchNorm2d(6, affine=False)
        self.film, self.head = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 12)), nn.Linear(6, 2)

    def forward(self, x, z):
        gamma, beta = self.film(z)[:, :, None, None].chunk(2, 1)
        return self.head(F.relu((1 + gamma) * self.norm(self.conv(x)) + beta).mean((2, 3)))


class Hyper(nn.Module):
    """A network that makes the weights of another."""

    def __init__(self):
        super().__init__()
        self.make, self.out = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 4 * 6)), nn.Linear(4, 2)

    def forward(self, x, z):
        return self.out(torch.relu(torch.bmm(self.make(z).view(-1, 4, 6), x.unsqueeze(-1)).squeeze(-1)))


class Lora(nn.Module):
    def __init__(self, merged):
        super().__init__()
        self.merged = merged
        self.base, self.out = nn.Linear(5, 8), nn.Linear(8, 3)
        self.down, self.up = nn.Parameter(torch.randn(4, 5)), nn.Parameter(torch.randn(8, 4))

    def forward(self, x):
        if self.merged:
            return self.out(torch.relu(F.linear(x, self.base.weight + 0.5 * (self.up @ self.down), self.base.bias)))
        return self.out(torch.relu(self.base(x) + 0.5 * (x @ self.down.T) @ self.up.T))


class Called(nn.Module):
    """An inner module whose weights are made by the outer one."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(3, 6), nn.ReLU(), nn.Linear(6, 2))
        self.gain = nn.Parameter(torch.ones(6))

    def forward(self, x):
        weights = dict(self.inner.named_parameters())
        weights["0.weight"] = weights["0.weight"] * self.gain[:, None]
        return functional_call(self.inner, weights, (x,))


class Vmapped(nn.Module):
    """An ensemble that `vmap` runs, out of sight of what Python calls."""

    def __init__(self):
        super().__init__()
        self.first, self.weight, self.out = nn.Linear(3, 5), nn.Parameter(torch.randn(4, 6, 5)), nn.Linear(6, 2)

    def forward(self, x):
        h = torch.relu(self.first(x))
        return self.out(torch.vmap(lambda w: torch.tanh(h @ w.T))(self.weight).mean(0))


class Scripted(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(3, 5), torch.jit.script(nn.Sequential(nn.Linear(5, 6), nn.Tanh()))
        self.third, self.out = nn.Linear(6, 4), nn.Linear(4, 2)

    def forward(self, x):
        return self.out(torch.relu(self.third(self.second(torch.relu(self.first(x))))))


class Straight(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone().clamp_(min=0) + 1

    @staticmethod
    def backward(ctx, grad):
        return grad


class GraphConv(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.kind = kind
        adjacency = torch.tensor([[0.0, 1, 0, 1], [1, 0, 1, 0], [0, 1, 0, 0], [1, 0, 0, 0]])
        self.register_buffer("adjacency", adjacency if kind != "sparse" else adjacency.to_sparse())
        self.one, self.two = nn.Linear(3, 6), nn.Linear(6, 2)

    def gather(self, h):
        if self.kind == "edges":
            source, target = self.adjacency.nonzero().T
            return torch.zeros_like(h).index_add_(0, target, h[source])
        if self.kind == "scatter":
            source, target = self.adjacency.nonzero().T
            return torch.zeros_like(h).scatter_add_(
                0, target[:, None].expand(-1, h.shape[1]), h.index_select(0, source)
            )
        return torch.sparse.mm(self.adjacency, h) if self.kind == "sparse" else self.adjacency @ h

    def forward(self, x):
        return self.two(self.gather(F.relu(self.gather(self.one(x)))))


class Noisy(nn.Module):
    def __init__(self):
        super().__init__()
        self.inside, self.mean, self.spread, self.out = (
            nn.Linear(4, 6),
            nn.Linear(6, 5),
            nn.Linear(6, 5),
            nn.Linear(5, 4),
        )

    def forward(self, x):
        h = F.relu(self.inside(x))
        mean, log = self.mean(h), self.spread(h)
        return self.out(F.relu(mean + torch.randn_like(mean) * torch.exp(0.5 * log))), mean, log


class Objects:
    def __init__(self, answer):
        self.answer = [answer]


class Offsets(nn.Module):
    def __init__(self):
        super().__init__()
        self.table, self.weights = (
            nn.EmbeddingBag(9, 6, mode="sum", include_last_offset=True),
            nn.Parameter(torch.randn(7)),
        )

    def forward(self, x):
        return self.table(x, torch.tensor([0, 3, 7]), per_sample_weights=self.weights)


def spectral(n):
    layer = nn.utils.parametrizations.spectral_norm(nn.Linear(4, n))
    for _ in range(3):
        layer(torch.randn(2, 4))
    return layer


def flattened_softmax(m, x):
    """Groups that compete with each other, unit by unit."""
    return m.b(m.a(x).view(-1, 3, 4).softmax(1).flatten(1))


def running_sum(m, x):
    return m.b(m.a(x).view(-1, 3, 4).cumsum(1).flatten(1))


def norm_over_groups(m, x):
    h = F.layer_norm(m.a(x).view(-1, 3, 4).transpose(1, 2), (3,))
    return m.b(h.transpose(1, 2).flatten(1))


def turned_round(m, x):
    return m.b(torch.relu(m.a(x)).view(-1, 3, 4).flip(1, 2).flatten(1))


def slice_in_place(m, x):
    h = m.a(x)
    h[:, :4] = torch.relu(h[:, :4])
    h[:, 0] += 1
    return m.b(h)


def view_in_place(m, x):
    h = m.a(x)
    h.view(-1, 3, 4)[:, 1].mul_(m.w)
    return m.b(h)


def written_row_by_row(m, x):
    out = torch.zeros(x.shape[0], 2, 12, dtype=x.dtype)
    out[:, 0] = m.a(x)
    out[:, 1, :].copy_(torch.tanh(m.a(x)))
    return m.b(out).sum(1)


def written_to_view(m, x):
    out = torch.zeros(x.shape[0], 12, dtype=x.dtype)
    out[:, 2:6].add_(m.a(x)[:, :4])
    return m.b(torch.relu(out))


def out_argument(m, x):
    h = torch.empty(x.shape[0], 12, dtype=x.dtype)
    torch.mul(m.a(x), 2.0, out=h)
    return m.b(torch.relu_(h))


def largest_place(m, x):
    h = torch.relu(m.a(x))
    best = h.max(dim=1)
    return m.b(h) + best.indices.unsqueeze(1) * 0.1 + best.values[:, None]


def sorted_units(m, x):
    return m.b(torch.sort(m.a(x), dim=1)[0].relu())


def powers(m, x):
    return m.b(torch.relu(m.a(x)).add(0.5).pow(m.w.abs()))


def clamps(m, x):
    h = m.a(x)
    return m.b(F.threshold(h, 0.1, 20.0) + h.clamp(min=0) + F.hardtanh(h, -1.0, 0.5) + torch.clamp(h, -0.3, 0.3))


def clamped_by_tensor(m, x):
    return m.b(torch.clamp(m.a(x), max=m.w))


def divided(m, x):
    h = m.a(x)
    return m.b(h / m.w) + m.b(torch.div(h, 0.3, rounding_mode="floor"))


def swapped(m, x):
    return m.b(torch.relu(m.a(x).view(-1, 3, 4)).swapaxes(axis0=1, axis1=2).reshape(-1, 12))


def copies_summed(m, x):
    """A row that is repeated, flattened and met by weights: copies have no scale of their own."""
    return m.b(m.w.expand(3, 4).reshape(12)) + m.c(m.a(x))


def ones_beside(m, x):
    h = torch.relu(m.a(x))
    return m.b(torch.cat([h, torch.ones(x.shape[0], 4, dtype=x.dtype)], 1))


def zeros_beside(m, x):
    h = torch.relu(m.a(x))
    return m.b(torch.cat([torch.zeros(x.shape[0], 4, dtype=x.dtype), h], 1))


def maxout(m, x):
    return m.b(m.a(x).view(-1, 6, 2).max(-1).values)


def maximum_of_two(m, x):
    return m.c(torch.maximum(m.a(x), torch.max(m.b(x), m.w)))


def gated(m, x):
    return m.b(F.glu(m.a(x), -1)) + m.c(m.a(x)).mul(m.c(m.a(x)))


def bilinear_gate(m, x):
    return m.c(m.a(x) * m.b(x))


def squared(m, x):
    return m.c(m.a(x) * m.a(x))


def random_rows(m, x):
    return m.b(m.a(x)[:, torch.tensor([3, 1, 2])])


def every_second(m, x):
    return m.b(torch.relu(m.a(x))[:, ::2])


def bias_over_tokens(m, x):
    """Units over the tokens are rescaled, then a bias is added to their channels."""
    h = torch.relu(m.a(x.transpose(1, 2))).transpose(1, 2)
    return m.b(h).sum(1)


def channels_last_norm(m, x):
    h = torch.relu(m.a(x.transpose(1, 2)))
    return m.b(F.layer_norm(h.transpose(1, 2), (3,), m.w, m.v)).mean(1)


def by_data(m, x):
    return m.b(torch.relu(m.a(x).data.detach().to(x.dtype).contiguous().clone()))


def tensordots(m, x):
    h = torch.tensordot(m.a(x), m.w, dims=([1], [1]))
    return torch.inner(torch.relu(h), m.v)


def addcmuls(m, x):
    h = m.a(x)
    return m.b(torch.addcmul(m.w, h, h)) + m.b(torch.lerp(h, m.w, 0.3))


def windows(m, x):
    return m.b(m.a(x).unfold(1, 4, 2).relu()).sum(1)


def complex_product(m, x):
    h = torch.view_as_complex(m.a(x).view(-1, 6, 2))
    return m.b(torch.view_as_real(h * torch.view_as_complex(m.w)).flatten(1))


def unknown(m, x):
    return m.c(torch.relu(m.b(torch.fft.fft(m.a(x)).real)))


def plain(widths, how, shape=(4, 3), **parameters):
    return lambda: (Plain(widths, how, **parameters), torch.randn(*shape))


AB, ABC = ((3, 12), (12, 2)), ((3, 12), (3, 12), (12, 2))
NETWORKS = {
    "tied autoencoder": lambda: (TiedAutoencoder(), torch.randn(4, 9)),
    "shared layer": lambda: (Shared(), torch.randn(4, 3)),
    "siren": lambda: (Siren(), torch.randn(5, 2)),
    "film": lambda: (Film(), (torch.randn(3, 1, 6, 6), torch.randn(3, 4))),
    "hyper": lambda: (Hyper(), (torch.randn(3, 6), torch.randn(3, 3))),
    "lora": lambda: (Lora(False), torch.randn(4, 5)),
    "lora merged": lambda: (Lora(True), torch.randn(4, 5)),
    "functional call": lambda: (Called(), torch.randn(4, 3)),
    "vmap": lambda: (Vmapped(), torch.randn(4, 3)),
    "scripted": lambda: (Scripted(), torch.randn(4, 3)),
    "autograd function": plain(AB, lambda m, x: m.b(Straight.apply(m.a(x)))),
    **{f"graph {kind}": lambda kind=kind: (GraphConv(kind), torch.randn(4, 3)) for kind in ("dense", "sparse", "edges", "scatter")},
    "variational": lambda: (Noisy(), torch.randn(3, 4)),
    "objects": plain(AB, lambda m, x: Objects(m.b(torch.relu(m.a(x))))),
    "spectral norm": lambda: (nn.Sequential(spectral(6), nn.ReLU(), nn.Linear(6, 2)), torch.randn(3, 4)),
    "old spectral norm": lambda: (nn.Sequential(nn.utils.spectral_norm(nn.Linear(4, 6)), nn.Tanh(), nn.Linear(6, 2)), torch.randn(3, 4)),
    "weight norm": lambda: (nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(4, 6)), nn.ReLU(), nn.utils.parametrizations.weight_norm(nn.Linear(6, 2), dim=None)), torch.randn(3, 4)),
    "weight norm over inputs": lambda: (nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.utils.parametrizations.weight_norm(nn.Linear(6, 2), dim=1)), torch.randn(3, 4)),
    "prelu": lambda: (nn.Sequential(nn.Linear(3, 6), nn.PReLU(6), nn.Linear(6, 5), nn.PReLU(), nn.Linear(5, 2)), torch.randn(4, 3)),
    "bilinear layer": lambda: (Plain(((3, 5), (3, 4), (6, 2)), lambda m, x: m.c(torch.relu(m.two(torch.relu(m.a(x)), torch.tanh(m.b(x)))))), torch.randn(4, 3)),
    "embedding bag": lambda: (nn.Sequential(nn.EmbeddingBag(9, 6, mode="max"), nn.Linear(6, 2)), torch.randint(9, (3, 4))),
    "embedding bag with offsets": lambda: (nn.Sequential(Offsets(), nn.Linear(6, 2)), torch.randint(9, (7,))),
    "bounded embedding": lambda: (nn.Sequential(nn.Embedding(9, 6, max_norm=0.5), nn.Linear(6, 2)), torch.randint(9, (3, 4))),
    "softmax across groups": plain(AB, flattened_softmax),
    "running sum": plain(AB, running_sum),
    "norm over groups": plain(AB, norm_over_groups),
    "turned round": plain(AB, turned_round),
    "slice in place": plain(AB, slice_in_place),
    "view in place": plain(AB, view_in_place, w=(4,)),
    "written row by row": plain(AB, written_row_by_row),
    "written to a view": plain(AB, written_to_view),
    "out argument": plain(AB, out_argument),
    "largest place": plain(AB, largest_place),
    "sorted units": plain(AB, sorted_units),
    "powers": plain(AB, powers, w=(12,)),
    "clamps": plain(AB, clamps),
    "clamped by a tensor": plain(AB, clamped_by_tensor, w=(12,)),
    "divided": plain(AB, divided, w=(12,)),
    "swapped axes": plain(AB, swapped),
    "copies summed": plain(((3, 6), (12, 2), (6, 2)), copies_summed, w=(4,)),
    "ones beside": plain(((3, 6), (10, 2)), ones_beside),
    "zeros beside": plain(((3, 6), (10, 2)), zeros_beside),
    "maxout": plain(((3, 12), (6, 2)), maxout),
    "maximum of two": plain(ABC, maximum_of_two, w=(12,)),
    "gated": plain(((3, 12), (6, 2), (12, 2)), gated),
    "bilinear gate": plain(ABC, bilinear_gate),
    "squared": plain(ABC, squared),
    "rows by number": plain(((3, 12), (3, 2)), random_rows),
    "every second": plain(((3, 12), (6, 2)), every_second),
    "bias over tokens": plain(((5, 6), (3, 2)), bias_over_tokens, shape=(2, 5, 3)),
    "norm over channels after tokens": plain(((5, 6), (3, 2)), channels_last_norm, shape=(2, 5, 3), w=(3,), v=(3,)),
    "by data": plain(AB, by_data),
    "tensordots": plain(((3, 12),), tensordots, w=(5, 12), v=(2, 5)),
    "addcmul": plain(AB, addcmuls, w=(12,)),
    "windows": plain(((3, 12), (4, 2)), windows),
    "complex product": plain(AB, complex_product, w=(6, 2)),
    "fourier": plain(((3, 4), (4, 5), (5, 2)), unknown),
    "multiplied from the right": plain(((3, 6),), lambda m, x: (m.w @ torch.relu(m.a(x)).T).T, w=(2, 6)),
    "several results": plain(((3, 6), (6, 4), (6, 2)), lambda m, x: (m.b(torch.relu(m.a(x))), [m.c(torch.relu(m.a(x)))])),
    "triangle of one number": plain(AB, lambda m, x: m.b((m.a(x).sum() * torch.ones(12, 12)).tril().sum(0) * m.a(x))),
    "batch norm of one number": plain(AB, lambda m, x: m.b(F.batch_norm(m.u.expand(4, 12), m.w, m.v**2)) + m.a(x)[:, :2], u=(1,), w=(12,), v=(12,)),
    "list of units": plain(((3, 4), (4, 2)), lambda m, x: m.b(torch.stack([t * (k + 1) for k, t in enumerate(m.a(x).unbind(1))], 1))),
    "checkpointed": plain(AB, lambda m, x: m.b(torch.utils.checkpoint.checkpoint(lambda t: torch.relu(m.a(t)), x, use_reentrant=False))),
}  # fmt: skip
