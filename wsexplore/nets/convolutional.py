"""The two families of convolutional networks: those of the published zoos, and any other plain stack."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from wsexplore.nets.architecture import Config, Dropout, Family
from wsexplore.nets.cnn import CNN, Step, flat_size, forward_stack
from wsexplore.nets.init import initial_weights
from wsexplore.nets.layout import Layout
from wsexplore.nets.mlp import ACTIVATIONS

VARIANTS: Mapping[str, tuple[int, tuple[int, ...], tuple[int, ...]]] = {
    "cnn": (28, (8, 6, 4), (5, 5, 2)),
    "cnn2": (28, (6, 9, 6), (5, 5, 2)),
    "cnn3": (32, (16, 32, 15), (3, 3, 3)),
}
"""Of each published network: side of its images, channels of its convolutions, sides of their kernels."""

BIAS = 0.01
"""Every bias of a published network before training."""

MOST = 1_000_000
"""Largest number in a configuration."""


def _complete_small(config: Config) -> dict[str, Any]:
    known = {"variant": "cnn", "channels": 1, "activation": "tanh", "dropout_modules": False, "dropout": 0.0}
    full = {**known, **config}
    _check_names("small-cnn", config, known)
    _check_activation(full["activation"])
    if full["variant"] not in VARIANTS:
        raise ValueError(f"variant {full['variant']!r} is unknown; choose one of {', '.join(VARIANTS)}")
    if full["channels"] not in (1, 3) or isinstance(full["channels"], bool):
        raise ValueError(f"channels of a small-cnn are 1 or 3, got {full['channels']!r}")
    if not isinstance(full["dropout_modules"], bool):
        raise ValueError(f"dropout_modules is true or false, got {full['dropout_modules']!r}")
    if (
        isinstance(full["dropout"], bool)
        or not isinstance(full["dropout"], int | float)
        or not 0 <= full["dropout"] < 1
    ):
        raise ValueError(f"dropout lies in 0 to 1, 1 excluded, got {full['dropout']!r}")
    return {
        **full,
        "dropout_modules": full["dropout_modules"] or full["variant"] == "cnn3",
        "dropout": float(full["dropout"]),
    }


def _small_steps(config: Config) -> list[Step]:
    """The layers in the order and with the numbers of the published checkpoints."""
    side, channels, sizes = VARIANTS[config["variant"]]
    third = config["variant"] == "cnn3"
    layers: list[dict[str, Any]] = []

    def active(*, pooled: bool, dropped: bool) -> None:
        layers.extend([{"kind": "pool", "size": 2}] if pooled else [])
        layers.append({"kind": "activation"})
        layers.extend([{"kind": "dropout"}] if dropped and config["dropout_modules"] else [])

    inputs = config["channels"]
    for place, (outputs, size) in enumerate(zip(channels, sizes, strict=True)):
        layers.append({"kind": "conv", "inputs": inputs, "outputs": outputs, "size": size})
        active(pooled=place < 2 or third, dropped=place < 2 or third)
        inputs = outputs
    layers.append({"kind": "flatten"})
    flat = flat_size([Step(name="", **layer) for layer in layers], (config["channels"], side, side))
    layers.append({"kind": "linear", "inputs": flat, "outputs": 20})
    active(pooled=False, dropped=True)
    layers.append({"kind": "linear", "inputs": 20, "outputs": 10})
    return [Step(name=f"module_list.{place}", **layer) for place, layer in enumerate(layers)]


def _small_initial(config: Config, layout: Layout, init: str, seed: int) -> Tensor:
    """Weights by the scheme, biases 0.01 as in the published zoos; "default" is torch's own for both."""
    weights = initial_weights(layout, init=init, seed=seed)
    for slot in layout.slots:
        if init != "default" and len(slot.shape) == 1:
            weights[slot.start : slot.stop] = BIAS
    return weights


def _small_input(config: Config) -> tuple[int, ...]:
    side = VARIANTS[config["variant"]][0]
    return (config["channels"], side, side)


LISTS = ("kernel", "stride", "padding", "pool")


def _complete_cnn(config: Config) -> dict[str, Any]:
    known: dict[str, Any] = {
        "input": [1, 28, 28],
        "channels": [16, 16, 16],
        "kernel": 3,
        "stride": 1,
        "padding": 0,
        "pool": 2,
        "hidden": [32],
        "classes": 10,
        "activation": "relu",
        "head": "flatten",
        "norm": "none",
    }
    _check_names("cnn", config, known)
    full = {**known, **config}
    _check_activation(full["activation"])
    for name, choices in (("head", ("flatten", "average")), ("norm", ("none", "batch"))):
        if full[name] not in choices:
            raise ValueError(f"{name} {full[name]!r} is unknown; choose one of {', '.join(choices)}")
    for name, fewest, most in (("input", 3, 3), ("channels", 1, 64), ("hidden", 0, 64)):
        value = [full[name]] if name != "input" and _is_number(full[name], 1) else full[name]
        if not isinstance(value, list | tuple) or not fewest <= len(value) <= most:
            raise ValueError(f"{name} of a cnn is a list of {fewest} to {most} whole numbers, got {full[name]!r}")
        full[name] = [_whole(name, number, 1) for number in value]
    for name in LISTS:
        value = full[name] if isinstance(full[name], list | tuple) else [full[name]] * len(full["channels"])
        if len(value) != len(full["channels"]):
            raise ValueError(
                f"{name} is one number, or one for each of the {len(full['channels'])} convolutions, got {full[name]!r}"
            )
        full[name] = [_whole(name, number, 0 if name == "padding" else 1) for number in value]
    full["classes"] = _whole("classes", full["classes"], 1)
    if flat_size(_feature_steps(full), full["input"]) == 0:
        raise ValueError(
            f"nothing is left of {full['input'][1]} x {full['input'][2]} images after these convolutions; choose "
            "smaller kernels, strides or pools"
        )
    return full


def _feature_steps(config: Config) -> list[Step]:
    """The layers before the head."""
    steps, inputs = [], config["input"][0]
    for place, outputs in enumerate(config["channels"]):
        size, stride, padding, pool = (config[name][place] for name in LISTS)
        steps.append(Step("conv", f"convs.{place}", inputs, outputs, size, stride, padding))
        if config["norm"] == "batch":
            steps.append(Step("norm", f"norms.{place}", inputs=outputs))
        if pool > 1:
            steps.append(Step("pool", f"pools.{place}", size=pool))
        steps.append(Step("activation", "activation"))
        inputs = outputs
    if config["head"] == "average":
        steps.append(Step("average", "average"))
    return [*steps, Step("flatten", "flatten")]


def _cnn_steps(config: Config) -> list[Step]:
    steps = _feature_steps(config)
    units = [flat_size(steps, config["input"]), *config["hidden"], config["classes"]]
    for place in range(len(units) - 1):
        if place:
            steps.append(Step("activation", "activation"))
        steps.append(Step("linear", f"linears.{place}", units[place], units[place + 1]))
    return steps


def _check_names(family: str, config: Config, known: Mapping[str, Any]) -> None:
    if unknown := sorted(set(config) - set(known)):
        raise ValueError(f"{family} has no field {', '.join(unknown)}; it has {', '.join(known)}")


def _check_activation(value: object) -> None:
    if not isinstance(value, str) or value not in ACTIVATIONS:
        raise ValueError(f"activation {value!r} is unknown; choose one of {', '.join(ACTIVATIONS)}")


def _is_number(value: object, low: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= MOST


def _whole(name: str, value: object, low: int) -> int:
    if not isinstance(value, int) or not _is_number(value, low):
        raise ValueError(f"{name} of a cnn holds whole numbers from {low} to {MOST:,}, got {value!r}")
    return value


def _forward_small(config: Config, parameters: dict[str, Tensor], inputs: Tensor, dropout: Dropout | None) -> Tensor:
    return forward_stack(_small_steps(config), config["activation"], parameters, inputs, dropout)


def _forward_cnn(config: Config, parameters: dict[str, Tensor], inputs: Tensor, dropout: Dropout | None) -> Tensor:
    return forward_stack(_cnn_steps(config), config["activation"], parameters, inputs, dropout)


SMALL_CNN_FAMILY = Family(
    name="small-cnn",
    complete=_complete_small,
    build=lambda config: CNN(_small_steps(config), config["activation"], config["dropout"]),
    input_shape=_small_input,
    row_fields=("activation",),
    forward=_forward_small,
    forward_on=("cpu",),
    initial=_small_initial,
)
CNN_FAMILY = Family(
    name="cnn",
    complete=_complete_cnn,
    build=lambda config: CNN(_cnn_steps(config), config["activation"]),
    input_shape=lambda config: tuple(config["input"]),
    row_fields=("activation",),
    forward=_forward_cnn,
    forward_on=("cpu",),
    alone_on=("cpu",),
)
