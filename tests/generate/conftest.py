import pandas as pd
import pytest
import torch

from wsexplore.generate import FlowConfig, WeightFlow, fit_flow
from wsexplore.nets import architecture
from wsexplore.zoo import Zoo

SMALL = FlowConfig(width=16, layers=1, heads=2, steps=12, batch=8)


def made_zoo(widths: list[int], models: int = 40, seed: int = 0) -> Zoo:
    """Networks whose units are exchangeable: every weight of a layer is drawn from one law."""
    arch = architecture("mlp", widths=widths)
    draw = torch.Generator().manual_seed(seed)
    weights = torch.randn(models, arch.layout.size, generator=draw) * 0.3 + 0.1
    return Zoo.from_weights(arch, weights, pd.DataFrame({"dataset": ["digits"] * models}))


@pytest.fixture(scope="session")
def zoo() -> Zoo:
    return made_zoo([64, 6, 10])


@pytest.fixture(scope="session")
def deep_zoo() -> Zoo:
    return made_zoo([64, 5, 12, 10], seed=1)


@pytest.fixture(scope="session")
def flow(zoo: Zoo) -> WeightFlow:
    return fit_flow(zoo, seed=3, config=SMALL)


@pytest.fixture(scope="session")
def deep_flow(deep_zoo: Zoo) -> WeightFlow:
    return fit_flow(deep_zoo, seed=3, config=SMALL)
