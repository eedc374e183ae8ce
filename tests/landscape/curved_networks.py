"""Factories of a user's modules, named by the tests of curvature."""

import torch
from torch import Tensor, nn


class Encoder(nn.Module):
    """torch's own attention, whose fused kernels have no second derivatives."""

    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)
        self.layers, self.head = nn.TransformerEncoder(layer, 2), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layers(x).mean(1))


class Recurrent(nn.Module):
    """torch's own recurrent layer."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.head = nn.LSTM(3, 5, batch_first=True), nn.Linear(5, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.lstm(x)[0][:, -1])


class Tied(nn.Module):
    """Two layers with the same weights, and one that nothing reads."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.unread = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(2, 2)
        self.second.weight = self.first.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.second(torch.tanh(self.first(x)))


class Once(torch.autograd.Function):
    """A rectifier whose gradient can be taken once."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.relu()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, gradient):
        return gradient * (ctx.saved_tensors[0] > 0)


class Rectified(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 5), nn.Linear(5, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(Once.apply(self.first(x)))


class Distances(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer, self.centres = nn.Linear(4, 3), nn.Parameter(torch.randn(2, 3))

    def forward(self, x: Tensor) -> Tensor:
        return -torch.cdist(self.layer(x), self.centres)


class CutOff(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x).detach()


encoder, recurrent, tied, once, distances, cut_off = Encoder, Recurrent, Tied, Rectified, Distances, CutOff
