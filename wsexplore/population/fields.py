"""Fields: networks from coordinates to intensity, so that a network is a picture."""

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from numpy import ndarray as Array
from torch import Tensor

from wsexplore.datasets import Dataset
from wsexplore.nets import Architecture
from wsexplore.population.budget import cut_for
from wsexplore.population.steps import OnStep
from wsexplore.zoo import Zoo


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


def pictures_of(
    zoo: Zoo, rows: Int[Array, " rows"], *, height: int, width: int, device: str = "cpu"
) -> Float[Tensor, "rows height width"]:
    """`render` for some rows of a zoo, each with its row's own fields of the architecture."""
    found = torch.empty(len(rows), height, width)
    for architecture, members in zoo.groups():
        inside = np.flatnonzero(np.isin(rows, members))
        if len(inside):
            found[inside] = render(architecture, zoo.rows(rows[inside]).to(device), height=height, width=width)
    return found


def field_errors(
    pictures: Float[Tensor, "models height width"], targets: Float[Tensor, "models pixels"]
) -> Float[Tensor, " models"]:
    """Mean squared error of each picture against its own target, intensities in 0 to 1."""
    return (pictures.flatten(1) - targets.cpu()).square().mean(1)


def evaluate_fields(
    zoo: Zoo, data: Dataset, *, device: str = "cpu", memory: int, on_step: OnStep | None = None
) -> pd.DataFrame:
    """How close each field is to the image that its row names in the column `sample`.

    Args:
        zoo: of fields.
        data: their images.
        device: "cpu" or "cuda".
        memory: bytes that weights and activations may take.
        on_step: told the share done; it may raise to cancel.

    Returns:
        Columns `id`, `mse` (of intensities in 0 to 1) and `psnr` (dB), in the zoo's order.

    Raises:
        ValueError: the table has no such column, it names no image of the data set, or one network takes more memory.
    """
    if "sample" not in zoo.table:
        raise ValueError("these fields have no column sample, so the image that each was fitted to is not known")
    targets, samples = field_targets(data), zoo.table["sample"].to_numpy()
    inside = (
        (samples >= 0) & (samples < len(targets)) if np.issubdtype(samples.dtype, np.integer) else np.zeros(1, bool)
    )
    if not inside.all():
        raise ValueError(f"the column sample must hold numbers of images of {data.name}, 0 to {len(targets) - 1:,}")
    height, width, errors = data.input_shape[-2], data.input_shape[-1], [torch.zeros(0)]
    size = max(1, cut_for(zoo.architecture, device, memory).rows // (height * width))
    for start in range(0, len(zoo), size):
        rows = np.arange(start, min(start + size, len(zoo)))
        pictures = pictures_of(zoo, rows, height=height, width=width, device=device)
        errors.append(field_errors(pictures, targets[torch.tensor(samples[rows].tolist())]))
        if on_step is not None:
            on_step((int(rows[-1]) + 1) / len(zoo), f"evaluated {int(rows[-1]) + 1:,} of {len(zoo):,} networks")
    error = torch.cat(errors)
    return pd.DataFrame(
        {"id": zoo.table["id"].to_numpy(), "mse": error.double().numpy(), "psnr": psnr(error).double().numpy()}
    )


def psnr(mse: Tensor) -> Tensor:
    """Peak signal-to-noise ratio of a mean squared error of intensities in 0 to 1, in dB."""
    return -10 * torch.log10(mse)
