"""Zoos and a configuration small enough to fit a flow in a moment."""

import pandas as pd
import torch

from wsexplore.generate import FlowConfig
from wsexplore.nets import architecture
from wsexplore.zoo import Zoo

SMALL = FlowConfig(width=16, layers=1, heads=2, steps=12, batch=8)


def made_zoo(widths: list[int], models: int = 40, seed: int = 0) -> Zoo:
    """Networks whose units are exchangeable: every weight is drawn from one law."""
    arch = architecture("mlp", widths=widths)
    draw = torch.Generator().manual_seed(seed)
    weights = torch.randn(models, arch.layout.size, generator=draw) * 0.3 + 0.1
    return Zoo.from_weights(arch, weights, pd.DataFrame({"dataset": ["digits"] * models}))
