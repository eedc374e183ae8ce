"""Weight statistics per layer: the baseline that every learned representation must beat."""

import pandas as pd
import torch

from wsexplore.zoo import Zoo

QUANTILES = (0.0, 0.25, 0.5, 0.75, 1.0)


def weight_statistics(zoo: Zoo) -> pd.DataFrame:
    """Mean, standard deviation and quantiles of every parameter of every network.

    The features of Unterthiner et al., "Predicting Neural Network Accuracy from Weights" (2020): they do not change
    when hidden units are permuted.

    Returns:
        Column `id`, then seven columns per parameter: `<name>.mean`, `.std`, `.q0`, `.q25`, `.q50`, `.q75`, `.q100`.

    Raises:
        ValueError: the zoo is empty.
    """
    if len(zoo) == 0:
        raise ValueError("the zoo is empty; statistics need at least one network")
    levels = torch.tensor(QUANTILES)
    columns: dict[str, object] = {"id": zoo.table["id"].to_numpy()}
    for slot in zoo.architecture.layout.slots:
        values = zoo.weights[:, slot.start : slot.stop]
        columns[f"{slot.name}.mean"] = values.mean(1).numpy()
        columns[f"{slot.name}.std"] = values.std(1, correction=0).numpy()
        quantiles = torch.quantile(values, levels, dim=1)
        for level, row in zip(QUANTILES, quantiles, strict=True):
            columns[f"{slot.name}.q{round(level * 100)}"] = row.numpy()
    return pd.DataFrame(columns)
