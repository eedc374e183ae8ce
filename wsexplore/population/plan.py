"""What a training is to do, checked before any work begins."""

import operator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch

from wsexplore.datasets import Dataset
from wsexplore.engine import Shard
from wsexplore.nets import Architecture, trusted_factories
from wsexplore.population.fields import field_labels, field_targets
from wsexplore.population.shard import SHARED
from wsexplore.population.vary import Vary, hyper_parameters


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a training's result depends on.

    Attributes:
        architecture: of every network.
        data: what they are trained on.
        networks: one row of hyper-parameters each.
        checkpoints: epochs to keep, rising.
        device: where to train.
        precision: "float32", "tf32" or "bf16".
        stack: networks per shard.
    """

    architecture: Architecture
    data: Dataset
    networks: pd.DataFrame
    checkpoints: tuple[int, ...]
    device: torch.device
    precision: str
    stack: int

    def shards(self) -> list[Shard]:
        """Rows cut into stacks that agree in the columns of `SHARED`."""
        shared = [name for name in SHARED if name in self.networks]
        return [
            Shard(
                {
                    "architecture": self.architecture.to_dict(),
                    "data": self.data.name,
                    "networks": group.iloc[start : start + self.stack].to_dict("records"),
                    "checkpoints": list(self.checkpoints),
                    "device": self.device.type,
                    "precision": self.precision,
                    "trusted": [
                        name for name in trusted_factories() if name == self.architecture.config.get("factory")
                    ],
                }
            )
            for _, group in self.networks.groupby(shared, sort=True)
            for start in range(0, len(group), self.stack)
        ]


def networks_of(
    base: Architecture,
    data: Dataset,
    models: int,
    *,
    vary: Vary | None,
    design: str,
    seeds: int | None,
    seed: int,
    shared_init: bool,
    fixed: Mapping[str, Any],
) -> pd.DataFrame:
    """One row of hyper-parameters per network, those that mean something for the architecture and its task.

    Raises:
        ValueError: a name or a value is not allowed, or means nothing here.
    """
    if vary is not None and not isinstance(vary, Mapping):
        raise ValueError(f"vary maps names to a range or a list of values, got {vary!r}")
    asked = {**(vary or {}), **fixed}
    without = set() if "activation" in base.config else {"activation"}
    without |= set() if "dropout" in base.config else {"dropout"}
    without |= {"label_noise", "data_share", "batch_size"} if base.task == "field" else set()
    if senseless := sorted(without & set(asked)):
        raise ValueError(f"{', '.join(senseless)} means nothing for {base.name}; leave it out")
    own = {name: base.config[name] for name in ("activation", "dropout") if base.config.get(name) and name not in asked}
    networks = hyper_parameters(models, vary=vary, design=design, seeds=seeds, seed=seed, **{**own, **fixed})
    if "dropout" in networks and not base.config.get("dropout_modules", False):
        raise ValueError(f"this {base.name} has no dropout layers; build it with dropout_modules=true, or leave it out")
    networks = networks.drop(columns=without & set(networks.columns))
    if shared_init:
        networks["init_seed"] = seed
    if base.task == "field":
        labels = field_labels(data)
        networks["sample"] = networks["run"] % len(labels)
        networks["label"] = [data.classes[int(labels[sample])] for sample in networks["sample"]]
    return networks


def checkpoints_of(checkpoints: Any, epochs: int) -> tuple[int, ...]:
    """The epochs to keep, rising.

    Raises:
        ValueError: they are no epochs of the training.
    """
    if not isinstance(epochs, int) or epochs < 1:
        raise ValueError(f"training takes a whole number of epochs, at least 1, got {epochs}")
    try:
        kept = (epochs,) if checkpoints is None else tuple(sorted({operator.index(epoch) for epoch in checkpoints}))
    except TypeError:
        kept = ()
    if not kept or kept[0] < 0 or kept[-1] > epochs:
        raise ValueError(f"checkpoints are a list of epochs from 0 to {epochs}, got {checkpoints!r}")
    return kept


def check_fit(plan: Plan) -> None:
    """Refuse an architecture that does not fit its data.

    Raises:
        ValueError: inputs or classes do not fit, or a shard is empty.
    """
    if not isinstance(plan.stack, int) or plan.stack < 1:
        raise ValueError(f"a shard holds a whole number of networks, at least 1, got {plan.stack}")
    base, data = plan.architecture, plan.data
    if base.task == "field":
        field_targets(data)
        if base.input_shape != (2,):
            raise ValueError(
                f"a picture has two coordinates, this {base.name} takes {base.input_shape[0]}; give it two"
            )
        if base.forward(base.initial_weights(seed=0).unsqueeze(0), torch.zeros(1, 2)).shape[-1] != 1:
            raise ValueError(f"a grey picture has one intensity; give {base.name} one output")
        return
    outputs = base.forward(base.initial_weights(seed=0).unsqueeze(0), data.test.inputs[:1]).shape[-1]
    if outputs < len(data.classes):
        raise ValueError(
            f"{base.name} has {outputs} outputs for the {len(data.classes)} classes of {data.name}; give it as many"
        )
