"""Weight flows on disk: a folder of one safetensors file and a manifest."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from wsexplore.embed import Encoder
from wsexplore.embed.parts import Parts
from wsexplore.generate.conditions import Conditions
from wsexplore.generate.config import SOURCES, FlowConfig
from wsexplore.generate.coordinates import read_coordinates
from wsexplore.generate.function_coordinates import FunctionCoordinates
from wsexplore.generate.latent_coordinates import LatentCoordinates
from wsexplore.generate.networks import loaded, network_of
from wsexplore.generate.plain_coordinates import PlainCoordinates
from wsexplore.generate.principal_coordinates import PrincipalCoordinates
from wsexplore.generate.sources import Source
from wsexplore.generate.tokens import UnitTokens
from wsexplore.generate.training import FitStep
from wsexplore.generate.unit_coordinates import UnitCoordinates
from wsexplore.nets import Layout, architecture_from_dict
from wsexplore.symmetry import PermutationSpec
from wsexplore.zoo import Recipe, atomic_folder, find, read_manifest, write_manifest

if TYPE_CHECKING:
    from wsexplore.generate.flow import WeightFlow

FILE = "flow.safetensors"
VERSION = 2
"""Of what stands in a flow's manifest; flows of version 1 knew one kind alone."""

NAMES = {
    UnitCoordinates: "units",
    PlainCoordinates: "plain",
    PrincipalCoordinates: "principal",
    FunctionCoordinates: "function",
    LatentCoordinates: "latent",
}
MOST = 1 << 31
"""Weights of a network, and numbers of a layer of a velocity network, at most."""


def save(flow: "WeightFlow", path: Path) -> Path:
    """Write a flow, whole or not at all.

    Raises:
        ValueError: another process writes there.
        OSError: the disk is full.
    """
    with atomic_folder(path) as folder:
        save_file(tensors_of(flow), folder / FILE)
        write_manifest(folder, "flow", _manifest(flow))
    return path


def tensors_of(flow: "WeightFlow") -> dict[str, Tensor]:
    """The arrays of a flow by name."""
    parts: dict[str, dict[str, Tensor]] = {
        "coordinates": flow.coordinates.tensors(),
        "network": flow.network.state_dict(),
        "source": {"factor": flow.source.factor},
    }
    if isinstance(flow.coordinates, LatentCoordinates):
        parts["encoder"] = flow.coordinates.encoder.parts.tensors()
    return {f"{part}.{name}": v.contiguous() for part, values in parts.items() for name, v in values.items()}


def read(path: str | Path) -> dict[str, Any]:
    """The attributes of a flow that `save` wrote: a folder, or the name of a shipped or kept flow.

    Raises:
        ValueError: there is none, the folder holds something else, is broken, or comes from another version.
    """
    folder = find("flows", path)
    manifest = read_manifest(folder, "flow")
    if manifest.get("flow_version") != VERSION:
        raise ValueError(f"{folder} holds a flow of an older version; fit it again: {_fitted_by(manifest)}")
    try:
        return _parsed(manifest, load_file(folder / FILE))
    except (
        KeyError,
        TypeError,
        AttributeError,
        RuntimeError,
        OSError,
        SafetensorError,
        ValueError,
        OverflowError,
    ) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else (str(error).splitlines() or [""])[0]
        raise ValueError(f"{folder} does not hold a flow that fits its manifest ({reason}); make it again") from None


def _parsed(manifest: dict[str, Any], tensors: dict[str, Tensor]) -> dict[str, Any]:
    parts: dict[str, dict[str, Tensor]] = {"coordinates": {}, "network": {}, "source": {}, "encoder": {}}
    for name, value in tensors.items():
        part, _, rest = name.partition(".")
        if part not in parts:
            raise ValueError(f"a flow has no array {name[:60]!r}")
        parts[part][rest] = value.clone()  # aligned memory, on which products round as they did in the fit
    architecture = architecture_from_dict(manifest["architecture"])
    if architecture.layout.size > MOST:
        raise ValueError(f"an architecture of {architecture.layout.size:,} weights is larger than any flow's")
    kind, config = str(manifest["coordinates"]), FlowConfig.from_dict(manifest["config"])
    if kind != "latent" and len(parts["coordinates"]["mean"]) != architecture.layout.size:
        raise ValueError(f"the architecture has {architecture.layout.size:,} weights, the arrays another number")
    encoder = _encoder(manifest["encoder"], parts["encoder"]) if kind == "latent" else None
    spec = _spec(manifest["spec"], architecture.layout)
    tokens = UnitTokens.of(spec, architecture.layout)
    coordinates = read_coordinates(kind, parts["coordinates"], tokens, architecture, encoder)
    listens = Conditions.from_list(manifest["listens"])
    if max(config.width * config.expansion, listens.width) > max(1, _most(parts["network"])):
        raise ValueError("the configuration asks for a larger velocity network than there is")
    if config.kind != "plain" and config.layers != _layers(parts["network"]):
        raise ValueError(f"the configuration asks for {config.layers:,} layers, the arrays hold another number")
    network = loaded(network_of(config, tokens, coordinates.size, listens.width, seed=None), parts["network"])
    source = manifest["source"]
    factor, scale, init = parts["source"]["factor"], float(source["scale"]), str(source["init"])
    if source["kind"] not in SOURCES or not 0 < scale < float("inf") or not factor.isfinite().all():
        raise ValueError("the source is unknown or not finite")
    if factor.dim() != 2 or factor.shape[1] != coordinates.size:
        raise ValueError(f"the source has states of {factor.shape[-1]} numbers, the flow of {coordinates.size}")
    history = tuple(FitStep(**step) for step in manifest["history"])
    return {
        "architecture": architecture,
        "spec": spec,
        "coordinates": coordinates,
        "network": network,
        "source": Source(source["kind"], scale, init, factor),
        "listens": listens,
        "config": config,
        "history": history,
        "stopped": str(manifest["stopped"]),
        "fitted_on": str(manifest["fitted_on"]),
        "networks": int(manifest["networks"]),
        "held_out": tuple(str(one) for one in manifest["held_out"]),
        "where": str(manifest["where"]),
        "dataset": None if manifest["dataset"] is None else str(manifest["dataset"]),
        "recipe": Recipe.from_dict(manifest["recipe"]),
        "steps": _counted(manifest["steps"]),
    }


def _manifest(flow: "WeightFlow") -> dict[str, Any]:
    facts = {
        "flow_version": VERSION,
        "architecture": flow.architecture.to_dict(),
        "spec": {
            "axes": [[name, list(axes)] for name, axes in flow.spec.outline.items()],
            "sizes": [[group, units] for group, units in flow.spec.sizes.items()],
            "fixed": [list(pair) for pair in flow.spec.fixed],
        },
        "config": flow.config.to_dict(),
        "coordinates": NAMES[type(flow.coordinates)],
        "source": {"kind": flow.source.kind, "scale": flow.source.scale, "init": flow.source.init},
        "listens": flow.listens.to_list(),
        "history": [asdict(step) for step in flow.history],
        "stopped": flow.stopped,
        "fitted_on": flow.fitted_on,
        "networks": flow.networks,
        "held_out": list(flow.held_out),
        "where": flow.where,
        "dataset": flow.dataset,
        "recipe": flow.recipe.to_dict(),
        "steps": flow.steps,
    }
    if isinstance(flow.coordinates, LatentCoordinates):
        encoder = flow.coordinates.encoder
        facts["encoder"] = {**encoder.parts.facts(), "recipe": encoder.recipe.to_dict()}
    return facts


def _encoder(facts: dict[str, Any], tensors: dict[str, Tensor]) -> Encoder:
    """The encoder inside a flow, without its history."""
    parts = Parts.of(facts, tensors)
    recipe = Recipe.from_dict(facts["recipe"])
    return Encoder(parts.tokenizers, parts.network, parts.tellers, parts.config, (), "", (), (), recipe)


def _spec(facts: dict[str, Any], layout: Layout) -> PermutationSpec:
    """The spec of a manifest, where lists of pairs keep the order that the tokens follow."""
    return PermutationSpec.of_outline(
        {name: tuple(axes) for name, axes in facts["axes"]},
        dict(facts["sizes"]),
        {slot.name: slot.shape for slot in layout.slots},
        tuple((place, reason) for place, reason in facts["fixed"]),
    )


def _most(tensors: dict[str, Tensor]) -> int:
    """The longest axis of any array."""
    return max((max(value.shape) for value in tensors.values() if value.dim()), default=0)


def _layers(tensors: dict[str, Tensor]) -> int:
    """How many layers or blocks the arrays belong to."""
    return len({name.split(".")[1] for name in tensors if name.startswith(("layers.", "blocks."))})


def _counted(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MOST:
        raise ValueError(f"steps must be a whole number of at least 1, got {value!r}")
    return value


def _fitted_by(manifest: dict[str, Any]) -> str:
    recipe = manifest.get("recipe")
    return str(recipe.get("cli", "")) if isinstance(recipe, dict) else "wsexplore flow fit"
