"""What can be chosen about a weight flow before it is fitted."""

from dataclasses import asdict, dataclass, fields
from typing import Any

COUPLINGS = ("orbit", "independent")


@dataclass(frozen=True, slots=True)
class FlowConfig:
    """Size of the velocity network and how it is trained.

    The defaults were measured on 1,000 MLPs 64-32-10 (`benchmarks/flow.py`).

    Raises:
        ValueError: a field is out of range; the sentence says which.
    """

    width: int = 96
    """Numbers per token inside the network; a multiple of `heads`."""
    layers: int = 4
    """Transformer layers."""
    heads: int = 4
    """Attention heads per layer."""
    expansion: int = 2
    """Hidden units of the feed-forward part, as a multiple of `width`."""
    steps: int = 6000
    """Optimiser steps."""
    batch: int = 32
    """Networks per step."""
    learning_rate: float = 3e-3
    """Highest learning rate of the one-cycle schedule (AdamW)."""
    weight_decay: float = 0.01
    """Decoupled weight decay (AdamW)."""
    clip: float = 1.0
    """Largest gradient norm."""
    average: float = 0.999
    """Decay per step of the moving average of the weights, which is what samples."""
    coupling: str = "orbit"
    """"orbit": the units of each noise are matched to those of its network; "independent": they are not."""
    held_out: float = 0.05
    """Share of the zoo kept out of the training, on which the loss is watched; 0 to watch nothing."""

    def __post_init__(self) -> None:
        for name in ("width", "layers", "heads", "expansion", "steps", "batch"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ValueError(f"{name} must be a whole number of at least 1, got {value!r}")
        if self.width % self.heads:
            raise ValueError(f"width must be a multiple of heads, got width {self.width} and {self.heads} heads")
        for name in ("learning_rate", "weight_decay", "clip", "average", "held_out"):
            value = getattr(self, name)
            if not isinstance(value, int | float) or isinstance(value, bool):
                raise ValueError(f"{name} must be a number, got {value!r}")
        for name in ("learning_rate", "clip"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, got {getattr(self, name)!r}")
        if not self.weight_decay >= 0:
            raise ValueError(f"weight_decay must be 0 or more, got {self.weight_decay!r}")
        if not 0 <= self.average < 1:
            raise ValueError(f"average must be at least 0 and below 1, got {self.average!r}")
        if self.coupling not in COUPLINGS:
            raise ValueError(f"coupling {self.coupling!r} is unknown; choose {' or '.join(COUPLINGS)}")
        if not 0 <= self.held_out <= 0.5:
            raise ValueError(f"held_out must be a share from 0 to 0.5, got {self.held_out!r}")

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "FlowConfig":
        """The inverse of `to_dict`.

        Raises:
            ValueError: a field is unknown or out of range.
        """
        if unknown := sorted(set(values) - {field.name for field in fields(cls)}):
            raise ValueError(f"a flow has no setting {', '.join(unknown)}")
        return cls(**values)
