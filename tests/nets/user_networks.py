"""Factories of a user's modules, named by the tests of `factory`."""

import torch
from torch import Tensor, nn


class Constants(nn.Module):
    """A linear layer behind constants of every kind, and a count that moves in training."""

    def __init__(self, inputs: int = 4, classes: int = 3):
        super().__init__()
        self.linear = nn.Linear(inputs, classes)
        self.register_buffer("scale", torch.rand(inputs), persistent=False)
        self.register_buffer("order", torch.randperm(inputs))
        self.register_buffer("mask", torch.arange(inputs) % 2 == 0)
        self.register_buffer("seen", torch.zeros(()))
        self.plain = torch.rand(inputs)

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.seen += len(x)
        x = x[:, self.order] * self.scale + self.plain
        return self.linear(torch.where(self.mask, x, -x))


class Branching(nn.Module):
    """Goes a way that depends on values, which `vmap` cannot; its normalisation moves statistics."""

    def __init__(self, inputs: int = 4, classes: int = 3):
        super().__init__()
        self.norm, self.linear = nn.BatchNorm1d(inputs), nn.Linear(inputs, classes)

    def forward(self, x: Tensor) -> Tensor:
        y = self.linear(self.norm(x))
        return y if y.sum().item() > 0 else 2 * y


class Tied(nn.Module):
    """An embedding that is also the head."""

    def __init__(self, inputs: int = 4):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(inputs, inputs, bias=False), nn.Linear(inputs, inputs)
        self.decoder.weight = self.encoder.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.decoder(torch.relu(self.encoder(x)))


def recurrent() -> nn.Module:
    """torch's own recurrent layer, for which `vmap` has no rule."""

    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm, self.head = nn.LSTM(3, 5, batch_first=True), nn.Linear(5, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.lstm(x)[0][:, -1])

    return Last()


def dropping() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 50), nn.Dropout(0.5), nn.Linear(50, 3))


def half() -> nn.Module:
    return nn.Linear(4, 3).half()


def nothing() -> nn.Module:
    return nn.ReLU()


def lazy() -> nn.Module:
    return nn.LazyLinear(3)


def number() -> int:
    return 7


def breaking() -> nn.Module:
    raise RuntimeError("no such thing\nsecond line")


def deep() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 4), nn.Unflatten(1, (2, 2)))
