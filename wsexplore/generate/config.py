"""What can be chosen about a weight flow before it is fitted."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

KINDS = ("tokens", "plain", "preconditioned", "latent")
FRAMES = ("auto", "raw", "aligned")
BASES = ("auto", "weights", "principal", "function")
PATH_NAMES = ("preserving", "linear")
SOURCES = ("gaussian", "initialisation", "covariance")
COUPLINGS = ("orbit", "independent", "transport")


@dataclass(frozen=True, slots=True)
class FlowConfig:
    """Kind and size of a weight flow, and how it is trained.

    The defaults were measured on 1,000 MLPs 64-32-10 (`benchmarks/flow.py`).

    Raises:
        ValueError: a field is out of range, or two do not go together; the sentence says which.
    """

    kind: str = "tokens"
    """"tokens": a transformer whose tokens are units. "plain": the reference's MLP on whole networks (DeepWeightFlow).
    "preconditioned": a residual MLP in the whitened principal basis, which starts as the zoo's Gaussian. "latent": the
    same on the latents of an encoder."""
    frame: str = "auto"
    """"raw": the networks as they are; "aligned": to one of them first; "auto": aligned, except for tokens of an
    architecture whose units are exchangeable tokens, which need no alignment."""
    positions: bool = False
    """Whether each unit of a token flow learns a position, on an aligned zoo. Units in several groups always do."""
    basis: str = "auto"
    """Of a plain flow: "weights", or "principal" for its components, unwhitened (the reference's PCA). Of a
    preconditioned flow: "principal", or "function" for components ordered and weighed by what they change of the
    outputs. "auto" is the first of each."""
    components: int = 0
    """Principal components that are kept; 0 for all that the networks span."""
    path: str = "preserving"
    """"preserving": the trigonometric path, of unit variance at every time; "linear": the straight one."""
    source: str = "gaussian"
    """Where samples start: "gaussian", independent; "initialisation", fresh networks of the zoo's own scheme;
    "covariance", a Gaussian with the zoo's covariance."""
    source_scale: float = 1.0
    """Factor on the spread of a source; 1 is that of the zoo for a Gaussian."""
    pool: int = 0
    """Noise vectors that are drawn once and used for the whole training, as in the reference; 0 for fresh noise."""
    coupling: str = "orbit"
    """"orbit": the units of each noise are matched to those of its network, where units are exchangeable tokens;
    "transport": noises and networks of a batch are paired by optimal transport; "independent": neither."""
    augment: bool = False
    """Whether every batch has its units permuted at random."""
    turned: int = 0
    """Copies of every field with its picture a little turned, moved and resized, exactly, to learn from; 0 for none."""
    conditions: tuple[str, ...] = ()
    """Columns of the table that a sample can ask for."""
    drop: float = 0.1
    """Share of networks whose conditions are left out while training, for samples without and for guidance."""
    width: int = 96
    """Numbers per token inside the network, a multiple of `heads`; hidden units of a flow on whole networks."""
    layers: int = 4
    """Transformer layers, or residual blocks; the plain network has the reference's three."""
    heads: int = 4
    """Attention heads per layer."""
    expansion: int = 2
    """Hidden units of a feed-forward part, as a multiple of `width`."""
    dropout: float = 0.0
    """Share of hidden values left out while training."""
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
    held_out: float = 0.05
    """Share of the zoo kept out of the training, on which the loss is watched; 0 to watch nothing."""
    patience: int = 6
    """Checks, of twenty, without a lower held-out loss after which the training ends; 0 to go on to the end."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "conditions", tuple(self.conditions))
        self._check_numbers()
        for name, choices in (
            ("kind", KINDS),
            ("frame", FRAMES),
            ("basis", BASES),
            ("path", PATH_NAMES),
            ("source", SOURCES),
            ("coupling", COUPLINGS),
        ):
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} {getattr(self, name)!r} is unknown; choose one of {', '.join(choices)}")
        for name in ("augment", "positions"):
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"{name} must be true or false, got {getattr(self, name)!r}")
        if not all(isinstance(name, str) and name for name in self.conditions):
            raise ValueError(f"conditions must be names of columns, got {self.conditions!r}")
        if len(set(self.conditions)) < len(self.conditions):
            raise ValueError("each column is a condition once; leave out the second")
        if self.kind == "tokens" and self.width % self.heads:
            raise ValueError(f"width must be a multiple of heads, got width {self.width} and {self.heads} heads")
        fitting = {"plain": ("auto", "weights", "principal"), "preconditioned": ("auto", "principal", "function")}
        if self.basis not in fitting.get(self.kind, ("auto",)):
            raise ValueError(f"a {self.kind} flow has no basis {self.basis!r}; leave it out")
        if self.augment and self.kind not in ("plain", "tokens"):
            raise ValueError(
                f"a {self.kind} flow is fitted in one frame, so its units cannot be permuted; leave augment out"
            )
        if self.augment and self.basis == "principal":
            raise ValueError("components hold the orders that they were measured on alone; leave augment or basis out")
        if self.turned and self.kind == "latent":
            raise ValueError("an encoder has not seen turned fields; leave turned out")
        if self.positions and self.kind != "tokens":
            raise ValueError(f"a {self.kind} flow has no tokens, so no positions; leave positions out")
        if self.augment and self.frame == "aligned":
            raise ValueError(
                "units that are permuted at random are not aligned; choose frame raw, or leave augment out"
            )

    def _check_numbers(self) -> None:
        for name in ("width", "layers", "heads", "expansion", "steps", "batch"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ValueError(f"{name} must be a whole number of at least 1, got {value!r}")
        for name in ("components", "pool", "patience", "turned"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 0:
                raise ValueError(f"{name} must be a whole number of at least 0, got {value!r}")
        for name in ("source_scale", "learning_rate", "weight_decay", "clip", "average", "held_out", "drop", "dropout"):
            value = getattr(self, name)
            if not isinstance(value, int | float) or isinstance(value, bool):
                raise ValueError(f"{name} must be a number, got {value!r}")
        for name in ("source_scale", "learning_rate", "clip"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ValueError(f"{name} must be above 0, got {getattr(self, name)!r}")
        if not self.weight_decay >= 0:
            raise ValueError(f"weight_decay must be 0 or more, got {self.weight_decay!r}")
        for name in ("average", "drop", "dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 0 and below 1, got {getattr(self, name)!r}")
        if not 0 <= self.held_out <= 0.5:
            raise ValueError(f"held_out must be a share from 0 to 0.5, got {self.held_out!r}")

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON values."""
        return {**asdict(self), "conditions": list(self.conditions)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "FlowConfig":
        """The inverse of `to_dict`.

        Raises:
            ValueError: a field is unknown or out of range.
        """
        if unknown := sorted(set(values) - {field.name for field in fields(cls)}):
            raise ValueError(f"a flow has no setting {', '.join(unknown)}")
        return cls(**{**values, "conditions": tuple(values.get("conditions", ()))})

    @property
    def changed(self) -> dict[str, Any]:
        """The fields that differ from their defaults."""
        return {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) != f.default}


_REFERENCE = FlowConfig(
    kind="plain",
    path="linear",
    coupling="independent",
    width=512,
    steps=3000,
    batch=64,
    learning_rate=5e-4,
    weight_decay=1e-5,
    dropout=0.1,
)
_WHITENED = FlowConfig(kind="preconditioned", coupling="independent", width=512, layers=3, batch=64, learning_rate=1e-3)
VARIANTS: Mapping[str, FlowConfig] = {
    "tokens": FlowConfig(),
    "positions": FlowConfig(positions=True),
    "raw": replace(_REFERENCE, frame="raw"),
    "aligned": replace(_REFERENCE, frame="aligned"),
    "preconditioned": _WHITENED,
    "latent": replace(_WHITENED, kind="latent"),
}
"""Flows by name, to be compared: what each adds is told in `FlowConfig.kind`."""
