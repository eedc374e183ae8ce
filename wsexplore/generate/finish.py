"""What generated weights still lack: running statistics."""

from jaxtyping import Float
from torch import Tensor

from wsexplore.align import reset_statistics
from wsexplore.datasets import Dataset, dataset
from wsexplore.nets import Architecture
from wsexplore.population import score

CALIBRATION = 1024
"""Training samples on which running statistics are estimated."""


def statistics_of(
    architecture: Architecture, weights: Float[Tensor, "models parameters"], data: str | Dataset | None
) -> Float[Tensor, "models buffers"]:
    """The running statistics of generated networks, estimated on the first `CALIBRATION` training samples.

    Statistics that are copied from a trained network fail, those of the network itself work (DeepWeightFlow, table 7).

    Raises:
        ValueError: the networks have running statistics and no data set is named.
    """
    if not architecture.buffers.size:
        return weights.new_empty(len(weights), 0)
    if data is None:
        raise ValueError("these networks carry running statistics; name the data set on which they are estimated")
    source = dataset(data) if isinstance(data, str) else data
    return reset_statistics(architecture, weights, source.train.inputs[:CALIBRATION])


def finite(weights: Float[Tensor, "models parameters"]) -> Float[Tensor, "models parameters"]:
    """The weights, once it is known that they are numbers.

    Raises:
        ValueError: some are not finite.
    """
    if broken := int((~weights.isfinite().all(1)).sum()):
        raise ValueError(
            f"{broken:,} of {len(weights):,} samples are not finite; take more steps or a lower temperature or guidance"
        )
    return weights


def mean_accuracy(architecture: Architecture, weights: Tensor, data: Dataset) -> float:
    """Mean test accuracy of networks."""
    buffers = statistics_of(architecture, weights, data)
    return float(score(architecture, weights, data.test, buffers=buffers).accuracy.mean())
