"""How many networks share a program, by architecture and device (measured: `benchmarks/train.py`)."""

from collections.abc import Mapping

from wsexplore.nets import Architecture

PRECISIONS = ("float32", "tf32", "bf16")

STACKS: Mapping[str, Mapping[str, int]] = {
    "cpu": {"mlp": 64, "small-cnn": 16, "cnn": 16, "siren": 64, "field-mlp": 64},
    "cuda": {"mlp": 4096, "small-cnn": 512, "cnn": 256, "siren": 4096, "field-mlp": 4096},
}
ALONE: Mapping[str, int] = {"cpu": 1, "cuda": 16}
"""Networks per shard of every other architecture, and of those with running statistics."""


def networks_per_shard(architecture: Architecture, device: str) -> int:
    """How many networks a shard holds by default."""
    if device == "cpu" and not architecture.runs_stacked("cpu"):
        return ALONE["cpu"]
    return STACKS[device].get(architecture.name, ALONE[device])


def check_precision(precision: str) -> str:
    """The precision, if it is known.

    Raises:
        ValueError: it is not.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision {precision!r} is unknown; choose one of {', '.join(PRECISIONS)}")
    return precision
