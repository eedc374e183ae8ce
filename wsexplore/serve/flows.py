"""The flows on the shelf: what they are, read from their manifests, and the few that are in memory."""

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from wsexplore.generate import WeightFlow
from wsexplore.generate.conditions import Conditions
from wsexplore.generate.networks import on_device
from wsexplore.generate.solver import integrate
from wsexplore.nets import Architecture, architecture_from_dict
from wsexplore.population import device_of
from wsexplore.serve.refusals import BrokenFlow, UnknownFlow
from wsexplore.serve.sizes import agreeing_sizes
from wsexplore.serve.threads import single_threaded
from wsexplore.zoo import Recipe, read_manifest, shelf

BLOCK = {"cpu": 24, "cuda": 64}
"""Most networks of one block by kind of device: on one core, larger ones are no faster."""

FRESH = 1.0
"""Seconds for which the names on the shelf are not read again, unless one is missing."""

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
        steps: of the solver, unless a request says otherwise.
        listens: the columns that a request can ask for.
        manifest: everything, as JSON values.
    """

    name: str
    version: int
    architecture: Architecture
    parameters: int
    recipe: Recipe
    steps: int
    listens: Conditions
    manifest: dict[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class LoadedFlow:
    """A flow in memory.

    Attributes:
        facts: what its manifest says.
        flow: with its coordinates on the CPU.
        network: the velocity, on the device.
        device: where it runs.
        sizes: blocks whose kernels round alike, and the seconds of one evaluation of each when it was loaded.
    """

    facts: FlowFacts
    flow: WeightFlow
    network: nn.Module
    device: torch.device
    sizes: Mapping[int, float]

    @property
    def block(self) -> int:
        """Most networks that run together."""
        return max(self.sizes)

    def size(self, networks: int) -> int:
        """The smallest block that holds so many networks."""
        return min(size for size in self.sizes if size >= networks)


class FlowShelf:
    """Flows by name; a bounded number of them in memory, the least used of which makes room for another.

    Args:
        device: "cpu", "cuda" or "auto".
        warm: flows held in memory.
        folders: where flows lie by name; by default what ships and what the user keeps.
        block: most networks that run together; by default, and at most, what the device takes (`BLOCK`). The bytes do
            not depend on it, unless it is below every size whose kernels round alike: a shelf with blocks of 1 may give
            other bytes than one with the usual blocks, each its own.

    Raises:
        ValueError: the device is unknown or missing, or `warm` or `block` is below 1.
    """

    def __init__(
        self,
        *,
        device: str = "auto",
        warm: int = WARM,
        folders: Folders = lambda: shelf("flows"),
        block: int | None = None,
    ):
        if warm < 1:
            raise ValueError(f"at least 1 flow is held in memory, got {warm}")
        self.device = device_of(device)
        self._most_together = BLOCK[self.device.type] if block is None else block
        if self._most_together < 1:
            raise ValueError(f"a block has at least 1 network, got {block}")
        self._most, self._folders = warm, folders
        self._facts: dict[str, FlowFacts] = {}
        self._loaded: OrderedDict[str, LoadedFlow] = OrderedDict()
        self._lock, self._loading = threading.Lock(), threading.Lock()
        self._known: Mapping[str, Path] = {}
        self._looked = -math.inf

    def names(self) -> list[str]:
        """Names of all flows, in order."""
        return sorted(self._look())

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
            steps, listens = manifest["steps"], Conditions.from_list(manifest["listens"])
            if not isinstance(steps, int) or steps < 1:
                raise ValueError(f"steps must be a whole number of at least 1, got {str(steps)[:40]}")
            architecture = architecture_from_dict(manifest["architecture"])
            recipe, parameters = Recipe.from_dict(manifest["recipe"]), architecture.layout.size
        except KeyError as error:
            raise BrokenFlow(f"the flow {name!r} cannot be read: its manifest has no {error}; fit it again") from None
        except (OSError, TypeError, AttributeError, OverflowError, ValueError) as error:
            raise BrokenFlow(f"the flow {name!r} cannot be read: {_line(error)}") from None
        found = FlowFacts(name, version, architecture, parameters, recipe, steps, listens, manifest)
        with self._lock:
            self._facts[name] = found
        return found

    def is_known(self, name: str) -> bool:
        """Whether the manifest of the flow has been read."""
        with self._lock:
            return name in self._facts

    def block(self, facts: FlowFacts) -> int:
        """Most networks of one block; 0 where that is not known before the flow is loaded."""
        held = self._held(facts)
        return 0 if held is None else held.block

    def is_warm(self, name: str) -> bool:
        """Whether the flow is in memory."""
        with self._lock:
            return name in self._loaded

    def load(self, facts: FlowFacts) -> LoadedFlow:
        """The flow in memory. One that is there is given at once, also while another is read.

        Raises:
            BrokenFlow: it cannot be read, or another flow has taken its name since `facts` were read.
        """
        if (held := self._held(facts)) is not None:
            return held
        with self._loading:
            if (held := self._held(facts)) is not None:
                return held
            folder = self._folder(facts.name)
            try:
                flow = WeightFlow.open(folder)
                if (folder / "manifest.json").stat().st_mtime_ns != facts.version:
                    raise ValueError("it was replaced while the request waited; ask again")
                network = on_device(flow.network, self.device)
            except (OSError, ValueError, RuntimeError) as error:
                raise BrokenFlow(f"the flow {facts.name!r} cannot be read: {_line(error)}") from None
            held = LoadedFlow(
                facts, flow, network, self.device, _sizes(flow, network, self.device, self._most_together)
            )
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
        known = self._known if time.monotonic() - self._looked < FRESH else self._look()
        if name not in known or not known[name].is_dir():
            known = self._look()
        if name not in known:
            raise UnknownFlow(
                f"there is no flow called {name[:60]!r}; there is {', '.join(sorted(known)) or 'none yet'}"
            )
        return known[name]

    def _look(self) -> Mapping[str, Path]:
        """Read the names on the shelf."""
        self._known, self._looked = self._folders(), time.monotonic()
        return self._known


def _sizes(flow: WeightFlow, network: nn.Module, device: torch.device, most: int) -> Mapping[int, float]:
    """Sizes of blocks in which a network of the flow gets the same bits, with seconds per evaluation.

    Tried with one time for all rows and with one for each, and with conditions. Which sizes agree does not depend on
    `most`, so the bytes do not either. Where all that agree are larger than `most`, those up to `most` are tried by
    themselves; then the bytes are those of these sizes.
    """
    width = flow.listens.width

    @torch.no_grad()
    def run(noise: Tensor) -> Tensor:
        wishes = torch.linspace(-1, 1, width).expand(len(noise), -1).contiguous()
        field = flow.field(network, wishes.to(device), 2.0)
        state = integrate(field, noise.to(device), end=flow.end, steps=1, solver="euler")
        times = torch.full((len(noise),), 0.6 * flow.end, device=device)
        return flow.decode((state + field(state, times)).cpu())

    with single_threaded():
        found = agreeing_sizes(run, flow.coordinates.size, min(BLOCK[device.type], flow.at_once))
        if most < min(found):
            found = agreeing_sizes(run, flow.coordinates.size, most)
    evaluations = 4 if width else 2
    return {size: seconds / evaluations for size, seconds in found.items() if size <= most}


def _line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
