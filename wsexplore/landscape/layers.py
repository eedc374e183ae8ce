"""What every layer of a network gives to some samples, kept as CKA needs it."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from wsexplore.align.activations import DEAD
from wsexplore.align.channels import hooked
from wsexplore.align.sights import MAPS
from wsexplore.landscape.cka import Answers, centred, centred_gram
from wsexplore.population import OnStep

OUTPUT = "output"
"""What the outputs of a network are called where no layer gives them as they are."""

ALIVE = 6
"""Times the widest layer that one pass holds at once (measured on residual networks, which hold most)."""

PASS = 512 << 20
"""Bytes of activations in one pass."""

COLUMNS = 4096
"""Features that are centred, and multiplied by one another, at once."""

STRIPE = 128
"""Rows of a matrix of products that are filled at once."""

Hook = Callable[[nn.Module, tuple[Any, ...], Any], None]


@dataclass(frozen=True, slots=True)
class Layer:
    """One place in a network where a tensor with an entry for every sample can be read.

    Attributes:
        name: path of the module, with the number of its run behind where it runs several times in a pass, and "into "
            before where its input is read.
        path: of the module that is watched.
        run: which of its runs, from 0.
        taken: whether its input is read, not its output.
        axis: of the samples.
        features: numbers for each sample, channels times places.
    """

    name: str
    path: str
    run: int
    taken: bool
    axis: int
    features: int

    @property
    def place(self) -> tuple[str, int, bool]:
        """What tells it from all others."""
        return self.path, self.run, self.taken


@torch.no_grad()
def layers_of(module: nn.Module, inputs: Float[Tensor, "samples ..."]) -> list[Layer]:
    """Every layer that gives a tensor of floating point numbers with an entry for every sample, in the order they run.

    These are maps, normalisations, activations, pools and blocks; containers are not, and of a tuple the first tensor
    counts. A tensor that several modules hand on as it is comes once: under the name of the block that ends with it,
    else of the layer that made it. What a network computes between its modules (a functional activation, a recurrent
    state) is read where a linear or convolution layer takes it, or as the output of the network.

    Args:
        module: in evaluation mode.
        inputs: some samples; 3 are run.
    """
    two, three = (_seen(module, inputs[[place % len(inputs) for place in range(count)]]) for count in (2, 3))
    runs = Counter(made.path for made in two if not made.taken)
    inside = [made.path for made in two if made.path]
    found: dict[_Key, tuple[_Made, int]] = {}
    for made, again in zip(two, three, strict=False):
        axis = _sample_axis(made.value, again.value) if made.path == again.path else None
        if axis is None or made.given:
            continue
        before = found.get(made.key)
        ends_here = before is not None and not made.taken and _within(before[0].path, made.path)
        if before is None or (ends_here and made.is_block and not all(_within(path, made.path) for path in inside)):
            found[made.key] = (made, axis)
    return [
        Layer(
            name="into " * made.taken + (made.path or OUTPUT) + (f" #{made.run + 1}" if runs[made.path] > 1 else ""),
            path=made.path,
            run=made.run,
            taken=made.taken,
            axis=axis,
            features=made.value.numel() // 2,
        )
        for made, axis in found.values()
    ]


_Key = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True, eq=False)
class _Made:
    """What one run of a module gave or took; `given` is it where it is an input of the network, or a view of one."""

    path: str
    run: int
    taken: bool
    is_block: bool
    value: Tensor
    version: int
    given: bool

    @property
    def key(self) -> _Key:
        """The same for two tensors only if they hold the same numbers: memory, and how often it was written to."""
        held = self.value
        return held.untyped_storage().data_ptr(), int(held.storage_offset()), held.numel(), self.version


def _seen(module: nn.Module, inputs: Tensor) -> list[_Made]:
    """What every module takes and gives in one pass, in the order in which they end; tensors stay alive with it."""
    made: list[_Made] = []

    def read(layer: nn.Module, place: tuple[str, int, bool], value: Tensor) -> None:
        block = place[0] != "" and not isinstance(layer, nn.Sequential)
        given = value.untyped_storage().data_ptr() == inputs.untyped_storage().data_ptr()
        made.append(_Made(*place, block, value, value._version, given))

    with hooked(module, _watching([path for path, _ in module.named_modules()], read)):
        module(inputs)
    return made


def _watching(
    paths: Sequence[str], read: Callable[[nn.Module, tuple[str, int, bool], Tensor], None]
) -> dict[str, Hook]:
    """Hooks that call `read` for every tensor that these modules give, and that maps among them take."""
    runs: Counter[str] = Counter()

    def watch(path: str) -> Hook:
        def hook(layer: nn.Module, given: tuple[Any, ...], output: Any) -> None:
            for taken, held in ((True, given if isinstance(layer, MAPS) else None), (False, output)):
                value = held[0] if isinstance(held, tuple | list) and held else held
                if isinstance(value, Tensor) and value.is_floating_point() and value.dim() > 1:
                    read(layer, (path, runs[path], taken), value)
            runs[path] += 1

        return hook

    return {path: watch(path) for path in paths}


def _sample_axis(two: Tensor, three: Tensor) -> int | None:
    """The first axis that is as long as there are samples."""
    fitting = (axis for axis in range(two.dim()) if two.shape[axis] == 2 and three.shape[axis] == 3)
    return next(fitting, None) if two.dim() == three.dim() else None


def _within(path: str, block: str) -> bool:
    return path == block or path.startswith(f"{block}.")


@torch.no_grad()
def answers_of(
    module: nn.Module,
    layers: Sequence[Layer],
    inputs: Float[Tensor, "samples ..."],
    *,
    estimator: str,
    memory: int = PASS,
    on_step: OnStep | None = None,
) -> list[Answers]:
    """What each of these layers gives to all samples.

    All samples run in one pass where its activations fit `memory`, else every two of some equal parts do, so that all
    pairs of samples meet. What is kept does not depend on that, but for rounding: 8 bytes for every sample and feature
    of a layer with fewer features than samples, 2 bytes for every two samples of any other, and 4 while it grows.

    Args:
        module: in evaluation mode.
        layers: as `layers_of` finds them.
        inputs: the samples.
        estimator: of CKA.
        memory: bytes of activations.
        on_step: told the share done, after each layer; it may raise to cancel.

    Raises:
        ValueError: a layer does not run for all samples.
    """
    count = len(inputs)
    parts = torch.split(torch.arange(count), max(1, samples_together(layers, memory) // 2))
    passes = [torch.arange(count)] if len(parts) < 3 else [torch.cat(pair) for pair in combinations(parts, 2)]
    grown = [_Grown.of(layer, inputs) for layer in layers]
    done = 0

    def tell() -> None:
        nonlocal done
        done += 1
        if on_step is not None:
            on_step(done / (len(passes) * len(layers)), f"read {done:,} of {len(passes) * len(layers):,} layers")

    watched = list(dict.fromkeys(layer.path for layer in layers))
    for rows in passes:
        missing = {each.layer.place: each for each in grown}
        with hooked(module, _watching(watched, partial(_grow, missing, rows, tell))):
            module(inputs[rows])
        if missing:
            name = next(iter(missing.values())).layer.name
            raise ValueError(f"the layer {name} does not run for all samples, so its answers cannot be compared")
    return [each.answers(estimator) for each in grown]


def _grow(
    missing: "dict[tuple[str, int, bool], _Grown]",
    rows: Tensor,
    tell: Callable[[], None],
    layer: nn.Module,
    place: tuple[str, int, bool],
    value: Tensor,
) -> None:
    if place in missing:
        missing.pop(place).add(value, rows)
        tell()


def samples_together(layers: Sequence[Layer], memory: int = PASS) -> int:
    """Samples whose activations fit so many bytes."""
    return max(2, memory // (4 * ALIVE * max((layer.features for layer in layers), default=1)))


def kept_bytes(layers: Sequence[Layer], samples: int) -> int:
    """Bytes that the answers of these layers take."""
    return sum(8 * samples * x.features if x.features < samples else 2 * samples * (samples + 1) for x in layers)


@dataclass(slots=True, eq=False)
class _Grown:
    """The answers of one layer while they are collected, shifted by the mean of the first pass."""

    layer: Layer
    whole: Float[Tensor, "samples _"]
    shift: Float[Tensor, " features"] | None = None

    @classmethod
    def of(cls, layer: Layer, inputs: Tensor) -> "_Grown":
        return cls(layer, torch.zeros(len(inputs), min(layer.features, len(inputs)), device=inputs.device))

    def add(self, value: Tensor, rows: Tensor) -> None:
        """The answers to some samples, with the inner products of all pairs among them."""
        values = value.movedim(self.layer.axis, 0).flatten(1)
        if self.layer.features < len(self.whole):
            self.whole[rows] = values.float()
            return
        if self.shift is None:
            self.shift = values.mean(0, dtype=torch.float64).float()
        products = values.new_zeros(len(rows), len(rows), dtype=torch.float32)
        for columns, middle in zip(torch.split(values, COLUMNS, 1), torch.split(self.shift, COLUMNS), strict=True):
            part = columns.float() - middle
            for start in range(0, len(rows), STRIPE):  # the half above the diagonal is enough
                products[start : start + STRIPE, start:].addmm_(part[start : start + STRIPE], part[start:].T)
        self.whole[rows.unsqueeze(1), rows] = products.triu() + products.triu(1).T

    def answers(self, estimator: str) -> Answers:
        """What is kept."""
        if self.layer.features < len(self.whole):
            return Answers(centred(self.whole).cpu(), None)
        assert self.shift is not None
        spread, size = self.whole.diagonal().double().sum(), self.shift.double().square().sum()
        dead = spread <= len(self.whole) * DEAD**2 * size
        self.whole = torch.where(dead, 0.0, self.whole)
        return Answers(None, centred_gram(self.whole, estimator=estimator).cpu())
