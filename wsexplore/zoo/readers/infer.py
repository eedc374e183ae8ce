"""Which architecture a state dict belongs to, from its names and shapes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from wsexplore.nets import ACTIVATIONS, FAMILIES, Architecture, architecture
from wsexplore.nets.resnet import PLANS
from wsexplore.zoo.readers.fit import Fit, Shapes, fit, layers_of
from wsexplore.zoo.readers.found import Wishes

SMALL = ("cnn", "cnn2", "cnn3")
ASK = (
    "name the architecture with --architecture and its fields with --config, or give --factory package.module:function"
)


@dataclass(frozen=True, slots=True)
class Inferred:
    """An architecture, how a state dict fills it, and what had to be assumed.

    Attributes:
        fit: the architecture and the names.
        assumed: what the file does not say, one sentence each.
    """

    fit: Fit
    assumed: tuple[str, ...] = ()


def infer(shapes: Shapes, wishes: Wishes, hints: Mapping[str, Any] | None = None) -> Inferred:
    """The architecture of a state dict.

    Args:
        shapes: of every tensor, in the order of the module.
        wishes: the user's own word on family and fields comes before everything else.
        hints: fields that lie beside the networks, like `activation`.

    Raises:
        ValueError: no known architecture has these names and shapes.
    """
    told = {name: value for name, value in (hints or {}).items() if value is not None}
    if told.get("activation", "relu") not in ACTIVATIONS:
        raise ValueError(f"the networks use {told['activation']!r}; the activations are {', '.join(ACTIVATIONS)}")
    if wishes.architecture:
        return _as_told(shapes, wishes, told)
    wrong: ValueError | None = None
    for family, fields, assumed in _candidates(shapes):
        if family == "cnn" and "input" not in wishes.config:
            raise ValueError(
                f"the networks are convolutional with channels {fields['channels']}; say what their files do not: "
                "--config input=1,28,28, and stride, padding, pool and head where they are not 1, 0, 2 and flatten"
            )
        spoken = {"activation": told["activation"]} if "activation" in told and family != "siren" else {}
        try:
            matched = fit(architecture(family, **{**fields, **spoken, **wishes.config}), shapes)
        except ValueError as error:  # the user's fields are those of another family
            wrong = wrong or error
            continue
        if matched is not None:
            known = {**told, **wishes.config}
            said = [text for field, text in assumed.items() if field not in known]
            return Inferred(matched, (*said, *unsaid_activation(matched.architecture, known)))
    raise wrong or ValueError(f"no known architecture has the layers {_listed(shapes)}; {ASK}")


def _as_told(shapes: Shapes, wishes: Wishes, told: Mapping[str, Any]) -> Inferred:
    if wishes.architecture not in FAMILIES:
        raise ValueError(f"architecture {wishes.architecture!r} is unknown; choose one of {', '.join(FAMILIES)}")
    fields = next((fields for family, fields, _ in _candidates(shapes) if family == wishes.architecture), {})
    chosen: Architecture = architecture(wishes.architecture, **{**fields, **wishes.config})
    if "activation" in told and "activation" in chosen.config and "activation" not in wishes.config:
        chosen = architecture(wishes.architecture, **{**chosen.config, "activation": told["activation"]})
    matched = fit(chosen, shapes)
    if matched is None:
        raise ValueError(
            f"the networks have the layers {_listed(shapes)}, {wishes.architecture} has "
            f"{_listed({slot.name: slot.shape for slot in chosen.layout.slots})}; change --config"
        )
    return Inferred(matched)


def unsaid_activation(known: Architecture, told: Mapping[str, Any]) -> tuple[str, ...]:
    """The sentence that tells which activation was assumed; none where somebody said it."""
    if "activation" in told or "activation" not in known.row_fields:
        return ()
    taken = known.config["activation"]
    return (f"the files do not say the activation; {taken} was taken, give --config activation=… to change it",)


def small_cnns(fields: Mapping[str, Any]) -> list[Architecture]:
    """The published small networks with these fields; none where the fields are those of another family."""
    try:
        return [
            architecture("small-cnn", **{"variant": variant, "channels": channels, **fields})
            for variant in SMALL
            for channels in (1, 3)
        ]
    except ValueError:
        return []


Candidate = tuple[str, dict[str, Any], dict[str, str]]
"""Family, fields, and for a field that was assumed the sentence that tells so."""


def _candidates(shapes: Shapes) -> Iterator[Candidate]:
    """Families and fields that the shapes suggest, the most particular first."""
    yield from _resnets(shapes)
    layers = layers_of(shapes)
    weights = [layer["weight"] for _, layer in layers if len(layer.get("weight", ())) > 1]
    if not weights or len(weights) < len(layers):
        yield from _own_names(shapes, weights)
        return
    yield from _small_cnns(shapes, weights)
    chained = all(len(shape) == 2 for shape in weights) and all(a[0] == b[1] for a, b in pairwise(weights))
    if chained and layers[0][0].startswith("seq") and weights[0][1] == 2:
        yield from _sirens(weights)
    if chained:
        yield "mlp", {"widths": [weights[0][1], *(shape[0] for shape in weights)]}, {}
    yield from _own_names(shapes, weights)


def _small_cnns(shapes: Shapes, weights: list[tuple[int, ...]]) -> Iterator[Candidate]:
    if len(weights) != 5 or len(weights[0]) != 4 or weights[0][1] not in (1, 3):
        return
    for variant in SMALL:
        for dropped in (False, True):
            fields = {"variant": variant, "channels": weights[0][1], "dropout_modules": dropped}
            if set(shapes) == {slot.name for slot in architecture("small-cnn", **fields).layout.slots}:
                yield "small-cnn", fields, {}
    for variant in SMALL:
        yield "small-cnn", {"variant": variant, "channels": weights[0][1]}, {}


def _sirens(weights: list[tuple[int, ...]]) -> Iterator[Candidate]:
    widths = [weights[0][1], *(shape[0] for shape in weights)]
    said = "the files do not say whether 0.5 is added to the outputs; it is, give --config offset=0 to change it"
    if widths[-1] in (1, 3):
        yield "siren", {"widths": widths}, {"offset": said}


def _resnets(shapes: Shapes) -> Iterator[Candidate]:
    """Torchvision's names: the depth follows from the blocks, the width from the first convolution."""
    stem, head = shapes.get("conv1.weight", ()), shapes.get("fc.weight", ())
    if len(stem) != 4 or len(head) != 2 or "layer1.0.conv1.weight" not in shapes:
        return
    blocks = {name.rpartition(".conv1.weight")[0] for name in shapes if name.startswith("layer")} - {""}
    stages = [sum(block.startswith(f"layer{stage}.") for block in blocks) for stage in range(1, 5)]
    small = stem[2] == 3
    fields: dict[str, Any] = {
        "width": stem[0],
        "input": [stem[1], 32, 32] if small else [stem[1], 224, 224],
        "classes": head[0],
        "norm": "batch" if "bn1.running_mean" in shapes else "none",
        "stem": "small" if small else "imagenet",
        "shortcut": "projection" if any(".downsample." in name for name in shapes) else "pad",
    }
    size = "x".join(map(str, fields["input"]))
    said = {
        "input": f"the files do not say the size of the images; {size} was taken, give --config input=… to change it"
    }
    for depth, plan in PLANS.items():
        deep = "layer1.0.conv3.weight" in shapes
        if list(plan.blocks) == [count for count in stages if count] and plan.bottleneck == deep:
            yield "resnet", {"depth": depth, **fields}, said


def _own_names(shapes: Shapes, weights: list[tuple[int, ...]]) -> Iterator[Candidate]:
    """Networks that this package wrote itself and whose fields follow from the shapes."""
    linears = [shape for name, shape in shapes.items() if name.startswith("layers.") and name.endswith(".weight")]
    if linears and all(len(shape) == 2 for shape in linears) and any(name.startswith("norms.") for name in shapes):
        yield "mlp", {"widths": [linears[0][1], *(shape[0] for shape in linears)], "norm": "layer"}, {}
    kernels = [shape for shape in weights if len(shape) == 4]
    heads = [shape for shape in weights if len(shape) == 2]
    if kernels and heads and kernels + heads == weights:
        yield from _convolutional(shapes, kernels, heads)


def _convolutional(
    shapes: Shapes, kernels: Sequence[tuple[int, ...]], heads: Sequence[tuple[int, ...]]
) -> Iterator[Candidate]:
    fields: dict[str, Any] = {
        "channels": [shape[0] for shape in kernels],
        "kernel": [shape[2] for shape in kernels],
        "hidden": [shape[0] for shape in heads[:-1]],
        "classes": heads[-1][0],
        "norm": "batch" if any(name.endswith("running_mean") for name in shapes) else "none",
    }
    yield "cnn", fields, {}


def _listed(shapes: Shapes) -> str:
    some = [f"{name[:40]} {'x'.join(map(str, shape))}" for name, shape in list(shapes.items())[:4]]
    return ", ".join(some) + (f" and {len(shapes) - 4} more" if len(shapes) > 4 else "")
