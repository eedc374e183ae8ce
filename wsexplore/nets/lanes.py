"""Convolutions of many small networks at once on a CPU: one network per lane of a vector register.

A tensor of activations has the shape `(batch, channels, height, width, LANES)`, a stack of kernels `(outputs, inputs,
size, size, LANES)`, so that every multiplication does `LANES` networks in one instruction and each network reads its
own image and its own weights. What happens in one lane does not depend on the others, so a network's bits are the same
whatever it is stacked with. Compiled at first use and kept on disk (measured: `benchmarks/train.py`).
"""

import inspect
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

LANES = 16
"""Networks side by side: the numbers of 32 bits in the widest register."""

BLOCK = 4
"""Neighbouring places of one row that share the loads of a kernel."""

Values = NDArray[np.float32]
Places = NDArray[np.int32]
U = np.uint64  # an unsigned index spares the compiler the case of a negative one, which keeps it from using vectors


def compiled(kernel: Callable[..., None]) -> Any:
    """The kernel as machine code, without the type checks that tests wrap around every function."""
    return numba.njit(fastmath={"contract"}, nogil=True, boundscheck=False, cache=True)(inspect.unwrap(kernel))


class Sizes(NamedTuple):
    """Of one convolution, the input already padded."""

    batch: int
    inputs: int
    height: int
    width: int
    outputs: int
    high: int
    wide: int


class Kernels(NamedTuple):
    """Two products of a convolution; all arrays are flat and every entry of the results is written."""

    forward: Callable[[Values, Values, Values, Values, Sizes], None]
    to_weights: Callable[[Values, Values, Values, Values, Sizes], None]


@lru_cache(maxsize=64)
def kernels(size: int, stride: int) -> Kernels:
    """The products for square kernels of `size` at `stride`, both constants for the compiler."""
    row, step = size * LANES, stride * LANES
    together = size if size <= 3 else 1  # rows of the kernel that share the loads and stores of one result

    def forward(x: Values, w: Values, bias: Values, y: Values, s: Sizes) -> None:
        width = U(s.width * LANES)
        for n in range(s.batch):
            for o in range(s.outputs):
                for i in range(s.high):
                    y0 = U(((n * s.outputs + o) * s.high + i) * s.wide * LANES)
                    for j in range(s.wide):
                        for lane in range(LANES):
                            y[y0 + U(j * LANES + lane)] = bias[U(o * LANES + lane)]
                    for c in range(s.inputs):
                        for u in range(0, size, together):
                            w0 = U(((o * s.inputs + c) * size + u) * row)
                            x0 = U(((n * s.inputs + c) * s.height + i * stride + u) * s.width * LANES)
                            for block in range(s.wide // BLOCK):
                                y1, x1 = y0 + U(block * BLOCK * LANES), x0 + U(block * BLOCK * step)
                                for lane in range(LANES):
                                    y2, x2, w2 = y1 + U(lane), x1 + U(lane), w0 + U(lane)
                                    sum0, sum1 = y[y2], y[y2 + U(LANES)]
                                    sum2, sum3 = y[y2 + U(2 * LANES)], y[y2 + U(3 * LANES)]
                                    for tap in range(together * size):
                                        weight = w[w2 + U(tap * LANES)]
                                        place = x2 + U(tap // size) * width + U(tap % size * LANES)
                                        sum0 += weight * x[place]
                                        sum1 += weight * x[place + U(step)]
                                        sum2 += weight * x[place + U(2 * step)]
                                        sum3 += weight * x[place + U(3 * step)]
                                    y[y2], y[y2 + U(LANES)] = sum0, sum1
                                    y[y2 + U(2 * LANES)], y[y2 + U(3 * LANES)] = sum2, sum3
                            for j in range(s.wide // BLOCK * BLOCK, s.wide):
                                y1, x1 = y0 + U(j * LANES), x0 + U(j * step)
                                for lane in range(LANES):
                                    total = y[y1 + U(lane)]
                                    for tap in range(together * size):
                                        place = x1 + U(tap // size) * width + U(tap % size * LANES + lane)
                                        total += w[w0 + U(tap * LANES + lane)] * x[place]
                                    y[y1 + U(lane)] = total

    def to_weights(x: Values, g: Values, w: Values, bias: Values, s: Sizes) -> None:
        width = U(s.width * LANES)
        w[:], bias[:] = 0, 0
        for n in range(s.batch):
            for o in range(s.outputs):
                first = U((n * s.outputs + o) * s.high * s.wide * LANES)
                for pixel in range(s.high * s.wide):
                    for lane in range(LANES):
                        bias[U(o * LANES + lane)] += g[first + U(pixel * LANES + lane)]
                for c in range(s.inputs):
                    for i in range(s.high):
                        g0 = U(((n * s.outputs + o) * s.high + i) * s.wide * LANES)
                        for u in range(0, size, together):
                            w0 = U(((o * s.inputs + c) * size + u) * row)
                            x0 = U(((n * s.inputs + c) * s.height + i * stride + u) * s.width * LANES)
                            for block in range(s.wide // BLOCK):
                                g1, x1 = g0 + U(block * BLOCK * LANES), x0 + U(block * BLOCK * step)
                                for lane in range(LANES):
                                    g2, x2, w2 = g1 + U(lane), x1 + U(lane), w0 + U(lane)
                                    slope0, slope1 = g[g2], g[g2 + U(LANES)]
                                    slope2, slope3 = g[g2 + U(2 * LANES)], g[g2 + U(3 * LANES)]
                                    for tap in range(together * size):
                                        place = x2 + U(tap // size) * width + U(tap % size * LANES)
                                        w[w2 + U(tap * LANES)] += (
                                            slope0 * x[place]
                                            + slope1 * x[place + U(step)]
                                            + slope2 * x[place + U(2 * step)]
                                            + slope3 * x[place + U(3 * step)]
                                        )
                            for j in range(s.wide // BLOCK * BLOCK, s.wide):
                                g1, x1 = g0 + U(j * LANES), x0 + U(j * step)
                                for lane in range(LANES):
                                    slope = g[g1 + U(lane)]
                                    for tap in range(together * size):
                                        place = x1 + U(tap // size) * width + U(tap % size * LANES + lane)
                                        w[w0 + U(tap * LANES + lane)] += slope * x[place]

    return Kernels(compiled(forward), compiled(to_weights))


def convolve(x: Tensor, weight: Tensor, bias: Tensor, *, stride: int) -> Tensor:
    """Convolution without padding.

    Args:
        x: `(batch, inputs, height, width, LANES)`.
        weight: `(outputs, inputs, size, size, LANES)`.
        bias: `(outputs, LANES)`.
        stride: of the kernel's places.

    Returns:
        `(batch, outputs, high, wide, LANES)`.
    """
    y: Tensor = _Convolution.apply(x, weight, bias, stride)  # type: ignore[no-untyped-call]
    return y


def max_pool(x: Tensor, *, size: int) -> Tensor:
    """The largest value of every `size` by `size` square; the first of equal ones gets the gradient.

    Args:
        x: `(batch, channels, height, width, LANES)`.
        size: of the squares; what is left over at the end is not looked at.

    Returns:
        `(batch, channels, height // size, width // size, LANES)`.
    """
    y: Tensor = _MaxPool.apply(x, size)  # type: ignore[no-untyped-call]
    return y


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, stride: int) -> Tensor:
        size = weight.shape[2]
        batch, inputs, height, width, _ = x.shape
        high, wide = (height - size) // stride + 1, (width - size) // stride + 1
        ctx.sizes = Sizes(batch, inputs, height, width, len(weight), high, wide)
        ctx.stride = stride
        x, weight = x.contiguous(), weight.contiguous()
        ctx.save_for_backward(x, weight)
        y = x.new_empty(batch, len(weight), high, wide, LANES)
        kernels(size, stride).forward(_flat(x), _flat(weight), _flat(bias.contiguous()), _flat(y), ctx.sizes)
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor, Tensor, None]:
        x, weight = ctx.saved_tensors
        slope, products = gradients[0].contiguous(), kernels(weight.shape[2], ctx.stride)
        to_weight, to_bias, to_x = torch.empty_like(weight), weight.new_empty(len(weight), LANES), None
        products.to_weights(_flat(x), _flat(slope), _flat(to_weight), _flat(to_bias), ctx.sizes)
        if ctx.needs_input_grad[0]:
            to_x = _to_inputs(slope, weight, ctx.stride, x.shape)
        return to_x, to_weight, to_bias, None


def _to_inputs(slope: Tensor, weight: Tensor, stride: int, shape: torch.Size) -> Tensor:
    """The gradient to the inputs: the gradients, `stride` apart, convolved with the kernels turned round."""
    size, (batch, outputs, high, wide, _) = weight.shape[2], slope.shape
    tall, broad = (high - 1) * stride + 1, (wide - 1) * stride + 1
    rim = size - 1
    spread = slope.new_zeros(batch, outputs, tall + 2 * rim, broad + 2 * rim, LANES)
    spread[:, :, rim : rim + tall : stride, rim : rim + broad : stride] = slope
    turned = weight.transpose(0, 1).flip(2, 3).contiguous()
    seen = slope.new_empty(batch, shape[1], tall + rim, broad + rim, LANES)
    sizes = Sizes(batch, outputs, spread.shape[2], spread.shape[3], shape[1], seen.shape[2], seen.shape[3])
    nothing = weight.new_zeros(shape[1], LANES)
    kernels(size, 1).forward(_flat(spread), _flat(turned), _flat(nothing), _flat(seen), sizes)
    unseen = (shape[3] - seen.shape[3], shape[2] - seen.shape[2])
    return nn.functional.pad(seen, (0, 0, 0, unseen[0], 0, unseen[1])) if any(unseen) else seen


class Pools(NamedTuple):
    """Pooling and the way of its gradient back.

    All arrays are flat. Every entry is written, on the way back but for rows and columns that fill no square.
    """

    forward: Callable[[Values, Values, Places, Sizes], None]
    backward: Callable[[Values, Places, Values, Sizes], None]


@lru_cache(maxsize=16)
def pools(size: int) -> Pools:
    """Both for squares of `size`, a constant for the compiler."""

    def forward(x: Values, y: Values, best: Places, s: Sizes) -> None:
        width = U(s.width * LANES)
        for plane in range(s.batch * s.inputs):
            for i in range(s.high):
                x0, y0 = U((plane * s.height + i * size) * s.width * LANES), U((plane * s.high + i) * s.wide * LANES)
                for j in range(s.wide):
                    x1, y1 = x0 + U(j * size * LANES), y0 + U(j * LANES)
                    for lane in range(LANES):
                        largest, where = x[x1 + U(lane)], np.int32(0)
                        for place in range(1, size * size):
                            value = x[x1 + U(place // size) * width + U(place % size * LANES) + U(lane)]
                            where = np.int32(place) if value > largest else where
                            largest = value if value > largest else largest
                        y[y1 + U(lane)], best[y1 + U(lane)] = largest, where

    def backward(g: Values, best: Places, x: Values, s: Sizes) -> None:
        width = U(s.width * LANES)
        for plane in range(s.batch * s.inputs):
            for i in range(s.high):
                x0, g0 = U((plane * s.height + i * size) * s.width * LANES), U((plane * s.high + i) * s.wide * LANES)
                for j in range(s.wide):
                    x1, g1 = x0 + U(j * size * LANES), g0 + U(j * LANES)
                    for lane in range(LANES):
                        slope, where = g[g1 + U(lane)], best[g1 + U(lane)]
                        for place in range(size * size):
                            x2 = x1 + U(place // size) * width + U(place % size * LANES) + U(lane)
                            x[x2] = slope if where == place else np.float32(0)

    return Pools(compiled(forward), compiled(backward))


class _MaxPool(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, size: int) -> Tensor:
        x = x.contiguous()
        batch, channels, height, width, _ = x.shape
        sizes = Sizes(batch, channels, height, width, channels, height // size, width // size)
        y = x.new_empty(batch, channels, sizes.high, sizes.wide, LANES)
        best = torch.empty(y.shape, dtype=torch.int32)
        pools(size).forward(_flat(x), _flat(y), best.numpy().reshape(-1), sizes)
        ctx.size, ctx.sizes, ctx.best = size, sizes, best
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        s = ctx.sizes
        whole = s.height % ctx.size == s.width % ctx.size == 0
        to_x = (torch.empty if whole else torch.zeros)(s.batch, s.inputs, s.height, s.width, LANES)
        pools(ctx.size).backward(_flat(gradients[0].contiguous()), ctx.best.numpy().reshape(-1), _flat(to_x), s)
        return to_x, None


def to_lanes(stack: Tensor) -> list[Tensor]:
    """A stack `(models, ...)` as groups of `LANES` networks, `(..., LANES)` each, the last one filled with zeros."""
    groups = []
    for part in torch.split(stack, LANES):
        if len(part) < LANES:
            part = torch.cat([part, part.new_zeros(LANES - len(part), *part.shape[1:])])
        groups.append(part.movedim(0, -1))
    return groups


def _flat(values: Tensor) -> Values:
    array: Values = values.detach().numpy().reshape(-1)
    return array
