"""Factories of modules that the tests of REPAIR name."""

import torch
from torch import Tensor, nn


class Written(nn.Module):
    """An activation that writes in place stands between the first map and a normalisation; dropout follows."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm, self.second = nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Linear(6, 5, bias=False)
        self.scale, self.last = nn.RMSNorm(5), nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.dropout(self.norm(torch.relu_(self.first(x))), 0.5, self.training)
        return self.last(torch.relu(self.scale(self.second(x))))


class Bare(nn.Module):
    """Maps without bias, and normalisations without scale."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.last = nn.Linear(4, 6, bias=False), nn.Linear(6, 5), nn.Linear(5, 3)
        self.norm = nn.BatchNorm1d(5, affine=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(torch.tanh(self.norm(self.second(torch.tanh(self.first(x))))))


class Again(nn.Module):
    """A map that runs twice and one that shares its matrix; a normalisation may run twice, too."""

    def __init__(self, normed: bool = False) -> None:
        super().__init__()
        self.inner, self.shared, self.other = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4)
        self.other.weight = self.shared.weight
        self.norm = nn.BatchNorm1d(4) if normed else nn.Identity()
        self.plain, self.last = nn.Linear(4, 4), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(2):
            x = torch.tanh(self.norm(self.inner(x)))
        return self.last(torch.tanh(self.plain(self.other(torch.tanh(self.shared(x))))))
