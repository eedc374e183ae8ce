"""The flows on the shelf: what they are, read from their manifests, and the few that are in memory."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from wsexplore.generate import WeightFlow
from wsexplore.generate.velocity import Velocity
from wsexplore.nets import Architecture, architecture_from_dict
from wsexplore.population import device_of
from wsexplore.serve.refusals import BrokenFlow, UnknownFlow
from wsexplore.zoo import Recipe, read_manifest, shelf

BLOCK = {"cpu": 8, "cuda": 64}
"""Networks of one block by kind of device. A block is always full, so its kernels always see the same shapes."""

WARM = 4
"""Flows held in memory."""

Folders = Callable[[], Mapping[str, Path]]


@dataclass(frozen=True, slots=True, eq=False)
class FlowFacts:
    """What the manifest of a flow says.

    Attributes:
        name: on the shelf.
        version: when its manifest was written, in ns; another flow of the same name has another.
        architecture: of the networks it makes.
        parameters: weights of one network.
        recipe: how the flow was made.
        manifest: everything, as JSON values.
    """

    name: str
    version: int
    architecture: Architecture
    parameters: int
    recipe: Recipe
    manifest: dict[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class LoadedFlow:
    """A flow in memory.

    Attributes:
        facts: what its manifest says.
        flow: with its coordinates on the CPU.
        network: the velocity, on the device.
        device: where it runs.
        block: networks that always run together.
    """

    facts: FlowFacts
    flow: WeightFlow
    network: Velocity
    device: torch.device
    block: int


class FlowShelf:
    """Flows by name; a bounded number of them in memory, the least used of which makes room for another.

    Args:
        device: "cpu", "cuda" or "auto".
        warm: flows held in memory.
        folders: where flows lie by name; by default what ships and what the user keeps.

    Raises:
        ValueError: the device is unknown or missing, or `warm` is below 1.
    """

    def __init__(self, *, device: str = "auto", warm: int = WARM, folders: Folders = lambda: shelf("flows")):
        if warm < 1:
            raise ValueError(f"at least 1 flow is held in memory, got {warm}")
        self.device = device_of(device)
        self._most, self._folders = warm, folders
        self._facts: dict[str, FlowFacts] = {}
        self._loaded: OrderedDict[str, LoadedFlow] = OrderedDict()
        self._lock, self._loading = threading.Lock(), threading.Lock()

    def names(self) -> list[str]:
        """Names of all flows, in order."""
        return sorted(self._folders())

    def facts(self, name: str) -> FlowFacts:
        """What the manifest of a flow says; it is read again where it changed.

        Raises:
            UnknownFlow: there is none of this name.
            BrokenFlow: its manifest cannot be read.
        """
        folder = self._folder(name)
        try:
            version = (folder / "manifest.json").stat().st_mtime_ns
            with self._lock:
                held = self._facts.get(name)
            if held is not None and held.version == version:
                return held
            manifest = read_manifest(folder, "flow")
            architecture = architecture_from_dict(manifest["architecture"])
            recipe, parameters = Recipe.from_dict(manifest["recipe"]), architecture.layout.size
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise BrokenFlow(f"the flow {name!r} cannot be read: {_line(error)}") from None
        found = FlowFacts(name, version, architecture, parameters, recipe, manifest)
        with self._lock:
            self._facts[name] = found
        return found

    def block(self, facts: FlowFacts) -> int:
        """Networks of one block, were the flow warm or cold; 0 where that is not known before it is loaded."""
        held = self._held(facts)
        return 0 if held is None else held.block

    def is_warm(self, name: str) -> bool:
        """Whether the flow is in memory."""
        with self._lock:
            return name in self._loaded

    def load(self, facts: FlowFacts) -> LoadedFlow:
        """The flow in memory.

        Raises:
            BrokenFlow: it cannot be read, or another flow has taken its name since `facts` were read.
        """
        with self._loading:
            held = self._held(facts)
            if held is not None:
                return held
            folder = self._folder(facts.name)
            try:
                flow = WeightFlow.open(folder)
                if (folder / "manifest.json").stat().st_mtime_ns != facts.version:
                    raise ValueError("it was replaced while the request waited; ask again")
                network = flow.network.on(self.device)
            except (OSError, ValueError, RuntimeError) as error:
                raise BrokenFlow(f"the flow {facts.name!r} cannot be read: {_line(error)}") from None
            block = max(1, min(BLOCK[self.device.type], flow.at_once))
            held = LoadedFlow(facts, flow, network, self.device, block)
            with self._lock:
                self._loaded[facts.name] = held
                while len(self._loaded) > self._most:
                    self._loaded.popitem(last=False)
            return held

    def _held(self, facts: FlowFacts) -> LoadedFlow | None:
        with self._lock:
            held = self._loaded.get(facts.name)
            if held is None or held.facts.version != facts.version:
                return None
            self._loaded.move_to_end(facts.name)
            return held

    def _folder(self, name: str) -> Path:
        known = self._folders()
        if name not in known:
            raise UnknownFlow(
                f"there is no flow called {name[:60]!r}; there is {', '.join(sorted(known)) or 'none yet'}"
            )
        return known[name]


def _line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
