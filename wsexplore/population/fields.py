"""Fields: networks from coordinates to intensity, so that a network is a picture."""

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from wsexplore.datasets import Dataset
from wsexplore.nets import Architecture
from wsexplore.population.steps import OnStep
from wsexplore.zoo import Zoo

AT_ONCE = 4096
"""Fields evaluated at once."""


def field_grid(height: int, width: int) -> Float[Tensor, "pixels 2"]:
    """Coordinates of the pixels' places, row by row: (row, column) in -1 to 1."""
    rows, columns = torch.linspace(-1, 1, height), torch.linspace(-1, 1, width)
    return torch.stack(torch.meshgrid(rows, columns, indexing="ij"), dim=-1).view(-1, 2)


def field_targets(data: Dataset) -> Float[Tensor, "samples pixels"]:
    """Intensities in 0 to 1 of every image of a data set, training split first.

    Raises:
        ValueError: its samples are no grey images.
    """
    shape = data.input_shape
    if len(shape) == 3 and shape[0] == 1:
        shape = shape[1:]
    if len(shape) != 2:
        raise ValueError(f"a field is fitted to grey images, {data.name} has samples of shape {data.input_shape}")
    inputs = torch.cat([data.train.inputs, data.test.inputs])
    return data.images(inputs).reshape(len(inputs), -1).clamp(0, 1)


def field_labels(data: Dataset) -> Tensor:
    """Class numbers of the images, in the order of `field_targets`."""
    return torch.cat([data.train.targets, data.test.targets])


@torch.no_grad()
def render(
    architecture: Architecture, weights: Float[Tensor, "models parameters"], *, height: int, width: int
) -> Float[Tensor, "models height width"]:
    """The pictures that these networks are, intensities around 0 to 1, at any resolution.

    Raises:
        ValueError: the networks are no fields of one intensity.
    """
    if architecture.task != "field":
        raise ValueError(f"{architecture.name} classifies; only a field, like siren, can be rendered")
    outputs = architecture.forward(weights, field_grid(height, width).to(weights.device))
    if outputs.shape[-1] != 1:
        raise ValueError(f"these fields have {outputs.shape[-1]} outputs; only grey ones can be rendered")
    return outputs.view(len(weights), height, width).cpu()


@torch.no_grad()
def field_errors(
    architecture: Architecture,
    weights: Float[Tensor, "models parameters"],
    targets: Float[Tensor, "models pixels"],
    shape: tuple[int, int],
) -> Float[Tensor, " models"]:
    """Mean squared error of each picture, intensities in 0 to 1, against its own target of `shape`."""
    pictures = render(architecture, weights, height=shape[0], width=shape[1])
    return (pictures.view(len(weights), -1) - targets.cpu()).square().mean(1)


def evaluate_fields(zoo: Zoo, data: Dataset, *, on_step: OnStep | None = None) -> pd.DataFrame:
    """How close each field is to the image that its row names in the column `sample`.

    Returns:
        Columns `id`, `mse` (of intensities in 0 to 1) and `psnr` (dB), in the zoo's order.

    Raises:
        ValueError: the table has no such column, or it names no image of the data set.
    """
    if "sample" not in zoo.table:
        raise ValueError("these fields have no column sample, so the image that each was fitted to is not known")
    targets, samples = field_targets(data), zoo.table["sample"].to_numpy()
    if not np.issubdtype(samples.dtype, np.integer) or samples.min() < 0 or samples.max() >= len(targets):
        raise ValueError(f"the column sample must hold numbers of images of {data.name}, 0 to {len(targets) - 1:,}")
    shape, errors = (data.input_shape[-2], data.input_shape[-1]), []
    for start in range(0, len(zoo), AT_ONCE):
        rows = np.arange(start, min(start + AT_ONCE, len(zoo)))
        errors.append(field_errors(zoo.architecture, zoo.rows(rows), targets[torch.tensor(samples[rows])], shape))
        if on_step is not None:
            on_step((int(rows[-1]) + 1) / len(zoo), f"evaluated {int(rows[-1]) + 1:,} of {len(zoo):,} networks")
    error = torch.cat(errors)
    return pd.DataFrame(
        {"id": zoo.table["id"].to_numpy(), "mse": error.double().numpy(), "psnr": psnr(error).double().numpy()}
    )


def psnr(mse: Tensor) -> Tensor:
    """Peak signal-to-noise ratio of a mean squared error of intensities in 0 to 1, in dB."""
    return -10 * torch.log10(mse)
