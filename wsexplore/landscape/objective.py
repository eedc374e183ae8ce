"""The loss of one network as a function of its weights."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from wsexplore.datasets import Dataset
from wsexplore.landscape.ends import kind_of
from wsexplore.nets import Architecture, Layout
from wsexplore.population import field_grid, field_targets
from wsexplore.zoo import Zoo


@dataclass(frozen=True, slots=True, eq=False)
class Objective:
    """The mean loss of one network on given samples as a function of its weights.

    The network runs in evaluation mode: dropout is off, and running statistics are the network's own and constant.

    Attributes:
        network: its id.
        architecture: of the network.
        layout: of its weights.
        module: a module of its own, with its running statistics, whose parameters are replaced in every call.
        weights: as they are in the zoo.
        inputs: of the samples.
        targets: class numbers; of a field the intensities of its image.
        split: "train" or "test"; "image" for a field, whose samples are the pixels of its own image.
    """

    network: str
    architecture: Architecture
    layout: Layout
    module: nn.Module
    weights: Float[Tensor, " parameters"]
    inputs: Float[Tensor, "samples ..."]
    targets: Tensor
    split: str

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def unit(self) -> str:
        """Of the loss: mean cross-entropy in "nats", or for a field mean "squared intensity"."""
        return "squared intensity" if self.architecture.task == "field" else "nats"

    def total(self, weights: Float[Tensor, " parameters"], part: slice) -> Float[Tensor, ""]:
        """Sum of the losses of some samples; divided by the number of all of them it is their share of the mean."""
        inputs, targets = self.inputs[part], self.targets[part]
        outputs = torch.func.functional_call(self.module, self.layout.unflatten(weights), (inputs,))
        if self.architecture.task == "field":
            errors: Tensor = (outputs - targets).square().sum()
            return errors
        lost: Tensor = nn.functional.cross_entropy(outputs, targets, reduction="sum")
        return lost


def objective_of(
    zoo: Zoo,
    row: int,
    data: Dataset,
    *,
    split: str,
    samples: int | None,
    seed: int,
    device: torch.device,
    dtype: torch.dtype = torch.float32,
) -> Objective:
    """The loss of one network of a zoo on a split of a data set, or on so many samples of it.

    A field is judged by the squared error against the image that its row names in the column `sample`. Its samples are
    the pixels of this image, whatever the split.

    Args:
        zoo: it holds the network.
        row: of the network.
        data: it holds the samples.
        split: "train" or "test".
        samples: so many are drawn without putting back; all of them for `None`, or where there are no more.
        seed: of the draw.
        device: where the network runs.
        dtype: of weights and inputs.

    Raises:
        ValueError: the row is out of range, the data do not fit, or there is no sample.
    """
    architecture = kind_of(zoo, [row])
    network = str(zoo.entries.part(["id"])["id"].iloc[row])
    field = architecture.task == "field"
    chosen = data.split(split)
    inputs, targets = _pixels(zoo, row, architecture, data) if field else (chosen.inputs, chosen.targets)
    if samples is not None and samples < 1:
        raise ValueError(f"curvature is measured on 1 or more samples, got {samples:,}")
    if not len(inputs):
        raise ValueError(f"the {split} split of {data.name} has no samples to measure curvature on")
    if samples is not None and samples < len(inputs):
        draw = torch.randperm(len(inputs), generator=torch.Generator().manual_seed(seed))
        some = draw[:samples].sort().values
        inputs, targets = inputs[some], targets[some]
    if inputs[0].numel() != torch.Size(architecture.input_shape).numel():
        raise ValueError(
            f"inputs of shape {tuple(inputs.shape[1:])} do not fit {architecture.name} with input shape "
            f"{architecture.input_shape}"
        )
    inputs = inputs.reshape(-1, *architecture.input_shape).to(device, dtype)
    module = architecture.module(zoo.rows([row])[0], zoo.buffer_rows([row])[0]).to(device, dtype)
    with torch.no_grad():
        outputs = module(inputs[:1]).shape[-1]
    if field and outputs != targets.shape[-1]:
        raise ValueError(f"these fields have {outputs} outputs; only grey ones can be compared with an image")
    if not field and int(targets.max()) >= outputs:
        raise ValueError(f"the networks tell {outputs} classes apart, the data have at least {int(targets.max()) + 1}")
    return Objective(
        network=network,
        architecture=architecture,
        layout=architecture.layout,
        module=module,
        weights=zoo.rows([row])[0].to(device, dtype),
        inputs=inputs,
        targets=targets.to(device, dtype) if field else targets.to(device),
        split="image" if field else split,
    )


def _pixels(
    zoo: Zoo, row: int, architecture: Architecture, data: Dataset
) -> tuple[Float[Tensor, "pixels 2"], Float[Tensor, "pixels 1"]]:
    """Places of the pixels of a field's own image, and their intensities in 0 to 1."""
    if "sample" not in zoo.columns:
        raise ValueError("these fields have no column sample, so the image that each was fitted to is not known")
    images, sample = field_targets(data), zoo.table["sample"].iloc[row]
    if sample != int(sample) or not 0 <= sample < len(images):
        raise ValueError(f"the column sample must hold numbers of images of {data.name}, 0 to {len(images) - 1:,}")
    return field_grid(*data.input_shape[-2:]), images[int(sample)].unsqueeze(-1)
