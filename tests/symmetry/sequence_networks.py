"""Networks for sequences and sets as their authors write them, small."""

import math

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


class Conv1D(nn.Module):
    """The linear layer of GPT-2, whose weight lies the other way round."""

    def __init__(self, nf, nx):
        super().__init__()
        self.nf = nf
        self.weight, self.bias = nn.Parameter(torch.empty(nx, nf).normal_(std=0.2)), nn.Parameter(torch.zeros(nf))

    def forward(self, x):
        size_out = (*x.size()[:-1], self.nf)
        return torch.addmm(self.bias, x.view(-1, x.size(-1)), self.weight).view(size_out)


class Gpt2Block(nn.Module):
    def __init__(self, width, heads, context):
        super().__init__()
        self.heads = heads
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.c_attn, self.c_proj = Conv1D(3 * width, width), Conv1D(width, width)
        self.c_fc, self.c_out = Conv1D(4 * width, width), Conv1D(width, 4 * width)
        self.register_buffer(
            "bias",
            torch.tril(torch.ones(context, context, dtype=torch.bool)).view(1, 1, context, context),
            persistent=False,
        )

    def split(self, x):
        return x.view(*x.shape[:-1], self.heads, -1).permute(0, 2, 1, 3)

    def forward(self, x):
        q, k, v = (self.split(t) for t in self.c_attn(self.ln_1(x)).split(x.shape[-1], dim=2))
        scores = torch.matmul(q, k.transpose(-1, -2)) / math.sqrt(v.size(-1))
        n = q.size(-2)
        mask = torch.full([], torch.finfo(scores.dtype).min, dtype=scores.dtype)
        scores = torch.where(self.bias[:, :, :n, :n], scores.to(scores.dtype), mask)
        out = torch.matmul(F.softmax(scores, dim=-1).type(v.dtype), v).permute(0, 2, 1, 3).contiguous()
        x = x + self.c_proj(out.view(*out.shape[:-2], -1))
        return x + self.c_out(F.gelu(self.c_fc(self.ln_2(x)), approximate="tanh"))


class Gpt2(nn.Module):
    def __init__(self, width=12, heads=3):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(17, width), nn.Embedding(9, width)
        self.h = nn.ModuleList(Gpt2Block(width, heads, 9) for _ in range(2))
        self.ln_f, self.lm_head = nn.LayerNorm(width), nn.Linear(width, 17, bias=False)
        self.lm_head.weight = self.wte.weight

    def forward(self, ids):
        x = self.wte(ids) + self.wpe(torch.arange(ids.shape[1]))
        for each in self.h:
            x = each(x)
        return {"logits": self.lm_head(self.ln_f(x)), "hidden": None}


class RmsNorm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)).type_as(x)


def rotate_half(x):
    x1, x2 = x[..., : x.shape[-1] // 2], x[..., x.shape[-1] // 2 :]
    return torch.cat((-x2, x1), dim=-1)


class LlamaAttention(nn.Module):
    def __init__(self, width, heads, shared, how):
        super().__init__()
        self.heads, self.shared, self.size, self.how = heads, shared, width // heads, how
        self.q_proj = nn.Linear(width, width, bias=False)
        self.k_proj, self.v_proj = (nn.Linear(width, shared * self.size, bias=False) for _ in range(2))
        self.o_proj = nn.Linear(width, width, bias=False)
        self.register_buffer("freqs", 10000.0 ** (-torch.arange(0, self.size, 2).float() / self.size))

    def rotate(self, q, k):
        angles = torch.outer(torch.arange(q.shape[-2]).to(self.freqs), self.freqs)
        if self.how == "complex":
            turns = torch.polar(torch.ones_like(angles), angles)
            q, k = (torch.view_as_complex(t.reshape(*t.shape[:-1], -1, 2)) * turns for t in (q, k))
            return tuple(torch.view_as_real(t).flatten(3) for t in (q, k))
        cos, sin = torch.cat((angles, angles), -1).cos()[None, None], torch.cat((angles, angles), -1).sin()[None, None]
        return q * cos + rotate_half(q) * sin, k * cos + rotate_half(k) * sin

    def forward(self, x):
        b, n, _ = x.shape
        q = self.q_proj(x).view(b, n, self.heads, self.size).transpose(1, 2)
        k, v = (p(x).view(b, n, self.shared, self.size).transpose(1, 2) for p in (self.k_proj, self.v_proj))
        q, k = self.rotate(q, k)
        times = self.heads // self.shared
        if self.how == "expand":
            k, v = (
                t[:, :, None].expand(b, self.shared, times, n, self.size).reshape(b, self.heads, n, self.size)
                for t in (k, v)
            )
        elif self.how != "sdpa":
            k, v = (torch.repeat_interleave(t, times, dim=1) for t in (k, v))
        if self.how == "sdpa":
            out = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
        else:
            mask = torch.full((n, n), float("-inf")).triu(1).to(q)
            out = F.softmax(q @ k.transpose(2, 3) / self.size**0.5 + mask, dim=-1, dtype=q.dtype) @ v
        return self.o_proj(out.transpose(1, 2).contiguous().reshape(b, n, -1))


class Llama(nn.Module):
    def __init__(self, how):
        super().__init__()
        self.embed = nn.Embedding(11, 24)
        self.attention = LlamaAttention(24, 6, 2, how)
        self.norms = nn.ModuleList(RmsNorm(24) for _ in range(3))
        self.gate, self.up, self.down = (nn.Linear(a, b, bias=False) for a, b in ((24, 20), (24, 20), (20, 24)))
        self.head = nn.Linear(24, 11, bias=False)

    def forward(self, ids):
        x = self.embed(ids)
        x = x + self.attention(self.norms[0](x))
        y = self.norms[1](x)
        x = x + self.down(F.silu(self.gate(y)) * self.up(y))
        return self.head(self.norms[2](x))


class NeoxAttention(nn.Module):
    """Queries, keys and values side by side within every head."""

    def __init__(self):
        super().__init__()
        self.inside, self.qkv, self.out, self.head = (
            nn.Linear(5, 12),
            nn.Linear(12, 36),
            nn.Linear(12, 12),
            nn.Linear(12, 3),
        )

    def forward(self, x):
        x = self.inside(x)
        b, n, d = x.shape
        q, k, v = self.qkv(x).view(b, n, 3, 12).transpose(1, 2).chunk(3, dim=-1)
        y = F.softmax(q @ k.mT * 0.5, -1) @ v
        return self.head(x + self.out(y.transpose(1, 2).flatten(2)))


class TimmAttention(nn.Module):
    def __init__(self, how):
        super().__init__()
        self.how = how
        self.patch, self.pos = nn.Conv2d(3, 12, 4, stride=4), nn.Parameter(torch.randn(1, 5, 12) * 0.1)
        self.cls = nn.Parameter(torch.randn(1, 1, 12) * 0.1)
        self.norm1, self.norm2, self.norm = nn.LayerNorm(12), nn.LayerNorm(12), nn.LayerNorm(12)
        self.qkv, self.proj = nn.Linear(12, 36), nn.Linear(12, 12)
        self.fc1, self.fc2, self.head = nn.Linear(12, 20), nn.Linear(20, 12), nn.Linear(12, 4)
        self.gamma = nn.Parameter(torch.full((12,), 0.5))

    def attention(self, x):
        b, n, c = x.shape
        qkv = self.qkv(x).reshape(b, n, 3, 3, c // 3).permute(2, 0, 3, 1, 4)
        if self.how == "index":
            q, k, v = qkv[0], qkv[1], qkv[2]
        elif self.how == "unbind":
            q, k, v = qkv.unbind(0)
        else:
            q, k, v = qkv
        if self.how == "einsum":
            weights = torch.einsum("bhid,bhjd->bhij", q, k).softmax(dim=-1)
            return self.proj(torch.einsum("b h i j, b h j d -> b i h d", weights, v).reshape(b, n, c))
        return self.proj(((q @ k.transpose(-2, -1)) * 0.5).softmax(dim=-1).matmul(v).transpose(1, 2).reshape(b, n, c))

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat((self.cls.expand(x.shape[0], -1, -1), x), dim=1) + self.pos
        x = x + self.gamma * self.attention(self.norm1(x))
        x = x + self.fc2(F.gelu(self.fc1(self.norm2(x))))
        return self.head(self.norm(x)[:, 0])


class SwinWindow(nn.Module):
    def __init__(self, window=2):
        super().__init__()
        self.window = window
        self.patch = nn.Conv2d(3, 8, 2, stride=2)
        self.norm, self.qkv, self.proj = nn.LayerNorm(8), nn.Linear(8, 24), nn.Linear(8, 8)
        self.table = nn.Parameter(torch.randn((2 * window - 1) ** 2, 2))
        places = torch.stack(torch.meshgrid(torch.arange(window), torch.arange(window), indexing="ij")).flatten(1)
        apart = (places[:, :, None] - places[:, None, :]).permute(1, 2, 0) + window - 1
        self.register_buffer("index", apart[..., 0] * (2 * window - 1) + apart[..., 1])
        self.merge, self.head = nn.Linear(32, 10, bias=False), nn.Linear(10, 3)

    def forward(self, x):
        x = self.patch(x).permute(0, 2, 3, 1)
        b, h, w, c = x.shape
        m = self.window
        y = torch.roll(self.norm(x), shifts=(-1, -1), dims=(1, 2))
        y = y.view(b, h // m, m, w // m, m, c).permute(0, 1, 3, 2, 4, 5).contiguous().view(-1, m * m, c)
        q, k, v = self.qkv(y).reshape(-1, m * m, 3, 2, c // 2).permute(2, 0, 3, 1, 4).unbind(0)
        bias = self.table[self.index.view(-1)].view(m * m, m * m, -1).permute(2, 0, 1).contiguous()
        y = ((q @ k.transpose(-2, -1) + bias.unsqueeze(0)).softmax(-1) @ v).transpose(1, 2).reshape(-1, m * m, c)
        y = self.proj(y).view(b, h // m, w // m, m, m, c).permute(0, 1, 3, 2, 4, 5).contiguous().view(b, h, w, c)
        x = x + torch.roll(y, shifts=(1, 1), dims=(1, 2))
        x = torch.cat([x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2]], -1)
        return self.head(self.merge(x).mean((1, 2)))


class SeqToSeq(nn.Module):
    """The last state of one recurrent layer begins another."""

    def __init__(self, kind, layers=1):
        super().__init__()
        self.encoder = getattr(nn, kind)(4, 6, num_layers=layers, batch_first=True)
        self.decoder = getattr(nn, kind)(3, 6, num_layers=layers, batch_first=True)
        self.out = nn.Linear(6, 2)

    def forward(self, x, y):
        _, state = self.encoder(x)
        return self.out(self.decoder(y, state)[0])


class FromLatent(nn.Module):
    """First states that a linear layer makes, for two layers at once."""

    def __init__(self, layers=2):
        super().__init__()
        self.layers = layers
        self.start, self.rnn, self.out = nn.Linear(3, 5 * layers), nn.GRU(2, 5, num_layers=layers), nn.Linear(5, 2)

    def forward(self, z, x):
        h = self.start(z).view(-1, self.layers, 5).transpose(0, 1).contiguous()
        return self.out(self.rnn(x, h)[0])


class LearntStart(nn.Module):
    def __init__(self, layers=1):
        super().__init__()
        self.h0 = nn.Parameter(torch.randn(layers, 1, 5))
        self.rnn, self.out = nn.GRU(3, 5, num_layers=layers, batch_first=True), nn.Linear(5, 2)

    def forward(self, x):
        return self.out(self.rnn(x, self.h0.expand(-1, x.shape[0], -1).contiguous())[0].mean(1))


class Packed(nn.Module):
    def __init__(self, kind="LSTM"):
        super().__init__()
        self.embed, self.rnn = (
            nn.Embedding(9, 4, padding_idx=0),
            getattr(nn, kind)(4, 5, 2, batch_first=True, bidirectional=True),
        )
        self.out = nn.Linear(10, 3)

    def forward(self, ids):
        packed = pack_padded_sequence(self.embed(ids), torch.tensor([5, 3]), batch_first=True)
        h, _ = pad_packed_sequence(self.rnn(packed)[0], batch_first=True)
        return self.out(h)


class LastStates(nn.Module):
    """The last states of both directions, put side by side."""

    def __init__(self, kind="GRU", layers=2):
        super().__init__()
        self.rnn, self.out = getattr(nn, kind)(3, 4, layers, bidirectional=True), nn.Linear(8, 3)

    def forward(self, x):
        h = self.rnn(x)[1]
        h = h[0] if isinstance(h, tuple) else h
        return self.out(torch.cat((h[-2], h[-1]), dim=1))


class Unbatched(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.rnn, self.out = nn.Linear(3, 4), nn.GRU(4, 5), nn.Linear(5, 2)

    def forward(self, x):
        return self.out(self.rnn(torch.tanh(self.first(x)))[0])


class CellLoop(nn.Module):
    def __init__(self, kind="LSTM"):
        super().__init__()
        self.kind, self.cell, self.out = kind, getattr(nn, f"{kind}Cell")(3, 5), nn.Linear(5, 2)

    def forward(self, x):
        h, c = x.new_zeros(x.shape[0], 5), torch.zeros(x.shape[0], 5).to(x)
        seen = torch.empty(x.shape[0], x.shape[1], 5, dtype=x.dtype)
        for t in range(x.shape[1]):
            if self.kind == "LSTM":
                h, c = self.cell(x[:, t], (h, c))
            else:
                h = self.cell(x[:, t], h)
            seen[:, t] = h
        return self.out(seen) + c.mean()


class OneUnit(nn.Module):
    """A recurrent layer of one unit in each direction."""

    def __init__(self):
        super().__init__()
        self.first, self.rnn, self.out = nn.Linear(3, 4), nn.LSTM(4, 1, bidirectional=True), nn.Linear(2, 2)

    def forward(self, x):
        return self.out(self.rnn(torch.relu(self.first(x)))[0])


class Translator(nn.Module):
    def __init__(self, **options):
        super().__init__()
        self.source, self.target = nn.Embedding(9, 12), nn.Embedding(7, 12)
        table = torch.arange(6).unsqueeze(1) * torch.exp(torch.arange(0, 12, 2) * -(math.log(1e4) / 12))
        self.register_buffer("pe", torch.stack([table.sin(), table.cos()], -1).flatten(1).unsqueeze(0))
        self.net = nn.Transformer(12, 3, 1, 1, 14, batch_first=True, **options)
        self.out = nn.Linear(12, 7)

    def forward(self, x, y):
        x, y = self.source(x) + self.pe[:, : x.shape[1]], self.target(y) + self.pe[:, : y.shape[1]]
        mask = nn.Transformer.generate_square_subsequent_mask(y.shape[1], dtype=y.dtype)
        return self.out(self.net(x, y, tgt_mask=mask, tgt_is_causal=True))


class LearntQueries(nn.Module):
    """A decoder over learnt queries, as in DETR and Perceiver; a mask puts them in order."""

    def __init__(self, masked, weights=False):
        super().__init__()
        self.masked, self.weights = masked, weights
        self.inside, self.queries = nn.Linear(3, 8), nn.Parameter(torch.randn(5, 8))
        self.attend, self.among = (
            nn.MultiheadAttention(8, 2, batch_first=True),
            nn.MultiheadAttention(8, 2, batch_first=True),
        )
        self.out = nn.Linear(8, 3)

    def forward(self, x):
        x, q = self.inside(x), self.queries.unsqueeze(0).repeat(x.shape[0], 1, 1)
        mask = torch.ones(5, 5, dtype=torch.bool).triu(1) if self.masked else None
        q = q + self.among(q, q, q, attn_mask=mask)[0]
        y, seen = self.attend(q, x, x, average_attn_weights=False)
        y = self.out((q + y).amax(1) if not self.weights else q.sum(1))
        return (y, seen) if self.weights else y


class SetTransformer(nn.Module):
    """Inducing points, whose order is free."""

    def __init__(self):
        super().__init__()
        self.inside, self.points = nn.Linear(3, 8), nn.Parameter(torch.randn(1, 4, 8))
        self.one, self.two = (
            nn.MultiheadAttention(8, 2, bias=False),
            nn.MultiheadAttention(8, 4, kdim=8, vdim=8, add_bias_kv=True),
        )
        self.out = nn.Linear(8, 2)

    def forward(self, x):
        x = self.inside(x).transpose(0, 1)
        p = self.points.expand(x.shape[1], -1, -1).transpose(0, 1)
        h = p + self.one(p, x, x, need_weights=False)[0]
        return self.out((x + self.two(x, h, h)[0]).mean(0))


class DeepSets(nn.Module):
    def __init__(self):
        super().__init__()
        self.phi = nn.Sequential(nn.Linear(3, 7), nn.ReLU(), nn.Linear(7, 6))
        self.rho = nn.Sequential(nn.Linear(12, 5), nn.Tanh(), nn.Linear(5, 2))

    def forward(self, x, mask):
        h = self.phi(x).masked_fill(mask.unsqueeze(-1), 0)
        return self.rho(torch.cat([h.sum(1) / (~mask).sum(1, keepdim=True), h.max(dim=1).values], -1))


class MemoryHeads(nn.Module):
    """Learnt keys and values of every head."""

    def __init__(self):
        super().__init__()
        self.q, self.out = nn.Linear(4, 12), nn.Linear(12, 3)
        self.keys, self.values = nn.Parameter(torch.randn(3, 5, 4)), nn.Parameter(torch.randn(3, 5, 4))

    def forward(self, x):
        q = self.q(x).unflatten(-1, (3, 4)).transpose(1, 2)
        weights = torch.einsum("bhnd,hmd->bhnm", q, self.keys).softmax(-1)
        return self.out(torch.einsum("bhnm,hmd->bnhd", weights, self.values).flatten(2))


class TalkingHeads(nn.Module):
    """Heads that are mixed before and after the softmax."""

    def __init__(self):
        super().__init__()
        self.qkv, self.before, self.after = nn.Linear(4, 36), nn.Linear(3, 3), nn.Linear(3, 3)
        self.out = nn.Linear(12, 3)

    def forward(self, x):
        q, k, v = self.qkv(x).view(*x.shape[:2], 3, 3, 4).permute(2, 0, 3, 1, 4)
        a = self.before((q @ k.mT).permute(0, 2, 3, 1)).softmax(dim=-2)
        a = self.after(a).permute(0, 3, 1, 2)
        return self.out((a @ v).transpose(1, 2).flatten(-2))


class LastRnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.out = nn.RNN(3, 5, nonlinearity="relu", batch_first=True), nn.Linear(5, 2)

    def forward(self, x):
        return self.out(self.rnn(x)[0][:, -1])


class Projected(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.out = nn.LSTM(3, 6, proj_size=4, num_layers=2), nn.Linear(4, 2)

    def forward(self, x):
        return self.out(self.rnn(x)[0])


IDS = (2, 6)
NETWORKS = {
    "gpt2": lambda: (Gpt2(), torch.randint(17, IDS)),
    **{f"llama {how}": lambda how=how: (Llama(how), torch.randint(11, IDS)) for how in ("interleave", "expand", "complex", "sdpa")},
    "neox attention": lambda: (NeoxAttention(), torch.randn(2, 4, 5)),
    **{f"timm vit {how}": lambda how=how: (TimmAttention(how), torch.randn(2, 3, 8, 8)) for how in ("index", "unbind", "unpacked", "einsum")},
    "swin": lambda: (SwinWindow(), torch.randn(2, 3, 8, 8)),
    **{
        f"seq2seq {kind} {layers}": lambda kind=kind, layers=layers: (SeqToSeq(kind, layers), (torch.randn(2, 4, 4), torch.randn(2, 3, 3)))
        for kind in ("GRU", "LSTM") for layers in (1, 2)
    },
    "states from a latent": lambda: (FromLatent(), (torch.randn(2, 3), torch.randn(4, 2, 2))),
    "state from a latent": lambda: (FromLatent(1), (torch.randn(2, 3), torch.randn(4, 2, 2))),
    "learnt start": lambda: (LearntStart(), torch.randn(2, 4, 3)),
    "learnt starts": lambda: (LearntStart(2), torch.randn(2, 4, 3)),
    "packed lstm": lambda: (Packed(), torch.randint(1, 9, (2, 5))),
    "packed gru": lambda: (Packed("GRU"), torch.randint(1, 9, (2, 5))),
    "last states gru": lambda: (LastStates(), torch.randn(4, 2, 3)),
    "last states lstm": lambda: (LastStates("LSTM", 1), torch.randn(4, 2, 3)),
    "unbatched gru": lambda: (Unbatched(), torch.randn(6, 3)),
    "lstm with projection": lambda: (Projected(), torch.randn(4, 2, 3)),
    "relu rnn": lambda: (LastRnn(), torch.randn(2, 4, 3)),
    **{f"{kind} cells": lambda kind=kind: (CellLoop(kind), torch.randn(2, 4, 3)) for kind in ("LSTM", "GRU", "RNN")},
    "lstm of one unit": lambda: (OneUnit(), torch.randn(4, 2, 3)),
    "translator": lambda: (Translator(), (torch.randint(9, (2, 5)), torch.randint(7, (2, 4)))),
    "translator pre-norm": lambda: (Translator(norm_first=True, activation="gelu"), (torch.randint(9, (2, 5)), torch.randint(7, (2, 4)))),
    "learnt queries": lambda: (LearntQueries(masked=False), torch.randn(2, 4, 3)),
    "learnt queries under a mask": lambda: (LearntQueries(masked=True), torch.randn(2, 4, 3)),
    "attention weights of every head": lambda: (LearntQueries(masked=False, weights=True), torch.randn(2, 4, 3)),
    "set transformer": lambda: (SetTransformer(), torch.randn(2, 5, 3)),
    "deep sets": lambda: (DeepSets(), (torch.randn(2, 5, 3), torch.tensor([[False] * 5, [False] * 3 + [True] * 2]))),
    "memory of every head": lambda: (MemoryHeads(), torch.randn(2, 4, 4)),
    "talking heads": lambda: (TalkingHeads(), torch.randn(2, 4, 4)),
}  # fmt: skip
