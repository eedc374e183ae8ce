"""How fast and how exactly the curvature of a digits network is found, beside power iteration as PyHessian does it.

    python -m benchmarks.curvature
    python -m benchmarks.curvature --row 1000 --seeds 20

takes a network 64-32-10 (2,410 parameters) of the shipped zoo on one thread, on the test split and on all 1,797
digits. The truth is the exact Hessian in double precision, made once for each. The baseline is written here from the
description of PyHessian (Yao et al. 2020): the graph of the gradient is kept; each eigenvalue takes power iterations
until it changes by less than 0.001 of itself, 100 at most, orthogonal to the eigenvectors before; a trace ends when one
more random vector moves its mean by less than 0.001 of itself, after 100 at most. Times are of the processor, the least
of some runs.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from wsexplore.datasets import Dataset, Split, dataset
from wsexplore.landscape import HessianOperator, curvature, hessian_of, hessian_trace, leading_eigenvalue, objective_of
from wsexplore.landscape.curvature import EIGENVALUE_TOLERANCE, SMALLEST_TOLERANCE
from wsexplore.landscape.lanczos import spectrum_ends
from wsexplore.landscape.sharpness import Setting
from wsexplore.landscape.spectrum import Trace, hutchinson
from wsexplore.zoo import Zoo

CPU = torch.device("cpu")
TOP = 5


def operator(zoo: Zoo, row: int, data: Dataset, dtype: torch.dtype = torch.float32) -> HessianOperator:
    objective = objective_of(zoo, row, data, split="test", samples=None, seed=0, device=CPU, dtype=dtype)
    return hessian_of(objective)


def exact(zoo: Zoo, row: int, data: Dataset) -> Tensor:
    """Every column by its own product, in double precision."""
    hessian = operator(zoo, row, data, torch.float64)
    return torch.cat([hessian(rows) for rows in torch.eye(hessian.size, dtype=torch.float64).split(64)])


def lanczos(zoo: Zoo, row: int, data: Dataset, smallest: bool = False) -> tuple[np.ndarray, int]:
    """Leading eigenvalues as `curvature` finds them, from the zoo on, and the number of products."""
    hessian, generator = operator(zoo, row, data), Setting("test", None, 0, "cpu").generator("start")
    ends = spectrum_ends(
        lambda vectors: hessian(vectors),
        torch.randn(hessian.size, generator=generator),
        TOP,
        tolerance=EIGENVALUE_TOLERANCE,
        slack=SMALLEST_TOLERANCE if smallest else None,
        most=250,
        generator=generator,
    )
    return ends.largest.values, ends.products


class Plain:
    """The baseline: a plain module, the graph of its gradient, and products by a second backward pass."""

    def __init__(self, zoo: Zoo, row: int, data: Dataset):
        self.module = zoo.module(row)
        self.parameters = [*self.module.parameters()]
        loss = torch.nn.functional.cross_entropy(self.module(data.test.inputs), data.test.targets)
        self.gradients = torch.autograd.grad(loss, self.parameters, create_graph=True)
        self.products = 0

    def product(self, vectors: list[Tensor]) -> list[Tensor]:
        """Of the Hessian with a vector in pieces."""
        self.products += 1
        return [*torch.autograd.grad(self.gradients, self.parameters, vectors, retain_graph=True)]


def inner(left: list[Tensor], right: list[Tensor]) -> float:
    return sum(float((a * b).sum()) for a, b in zip(left, right, strict=True))


def normalised(vector: list[Tensor]) -> list[Tensor]:
    length = inner(vector, vector) ** 0.5 + 1e-6
    return [part / length for part in vector]


def power_iteration(zoo: Zoo, row: int, data: Dataset, most: int = 100, tolerance: float = 1e-3):
    plain, values, found = Plain(zoo, row, data), [], []
    torch.manual_seed(0)
    for _ in range(TOP):
        vector, value = normalised([torch.randn_like(part) for part in plain.parameters]), None
        for _ in range(most):
            for other in found:
                share = inner(vector, other)
                vector = [a - share * b for a, b in zip(vector, other, strict=True)]
            vector = normalised(vector)
            moved = plain.product(vector)
            before, value = value, inner(moved, vector)
            vector = normalised(moved)
            if before is not None and abs(value - before) / (abs(before) + 1e-6) < tolerance:
                break
        values.append(value)
        found.append(vector)
    return np.array(values), plain.products


def plain_trace(plain: Plain, seed: int, most: int = 100, tolerance: float = 1e-3) -> tuple[float, int]:
    draw, seen, mean = torch.Generator().manual_seed(seed), [], 0.0
    for _ in range(most):
        signs = [torch.randint(0, 2, part.shape, generator=draw).float() * 2 - 1 for part in plain.parameters]
        seen.append(inner(plain.product(signs), signs))
        before, mean = mean, float(np.mean(seen))
        if abs(mean - before) / (abs(before) + 1e-6) < tolerance:
            break
    return mean, len(seen)


def least(work: Callable[[], object], runs: int = 7) -> float:
    """Seconds of the processor in the fastest run, after one that does not count."""
    work()
    seconds = []
    for _ in range(runs):
        begun = time.process_time()
        work()
        seconds.append(time.process_time() - begun)
    return min(seconds)


def eigenvalue_lines(zoo: Zoo, row: int, data: Dataset, true: np.ndarray) -> None:
    for name, work in (("Lanczos", lanczos), ("power iteration", power_iteration)):
        values, products = work(zoo, row, data)
        errors = np.abs(values - true[:TOP]) / true[:TOP]
        seconds = least(lambda work=work: work(zoo, row, data))
        print(
            f"  {name:<22s}{1e3 * seconds:8.1f} ms  {products:4d} products   relative error of the largest "
            f"{errors[0]:.1e}, of the top {TOP} {errors.max():.1e}"
        )
    values, products = lanczos(zoo, row, data, smallest=True)
    seconds = least(lambda: lanczos(zoo, row, data, smallest=True))
    print(f"  {'with the smallest':<22s}{1e3 * seconds:8.1f} ms  {products:4d} products")
    seconds = least(lambda: leading_eigenvalue(zoo, row, data, device="cpu"))
    print(f"  {'leading_eigenvalue':<22s}{1e3 * seconds:8.1f} ms")


def trace_lines(zoo: Zoo, row: int, data: Dataset, true: float, seeds: int) -> None:
    hessian, plain = operator(zoo, row, data), Plain(zoo, row, data)
    begun = time.process_time()
    stopped = [plain_trace(plain, seed) for seed in range(seeds)]
    seconds = (time.process_time() - begun) / seeds
    values, counts = np.array(stopped).T
    trace_line("PyHessian's stop", values, counts, true, seconds, "no error told")
    start = torch.randn(hessian.size, generator=torch.Generator().manual_seed(0))
    ends = spectrum_ends(
        lambda vectors: hessian(vectors),
        start,
        TOP,
        tolerance=EIGENVALUE_TOLERANCE,
        most=250,
        generator=torch.Generator(),
    )
    for name, beside in (("Hutchinson", None), ("eigenvectors taken out", ends.largest.vectors)):

        def estimated(seed: int, beside: Tensor | None = beside) -> Trace:
            generator = Setting("test", None, seed, "cpu").generator("trace")
            return hutchinson(hessian, start, 100, tolerance=0.01, generator=generator, beside=beside)

        begun = time.process_time()
        traces = [estimated(seed) for seed in range(seeds)]
        seconds = (time.process_time() - begun) / seeds
        inside = sum(abs(trace.value - true) <= 3 * trace.error for trace in traces)
        values, counts = (np.array(some) for some in zip(*((t.value, len(t.estimates)) for t in traces), strict=True))
        trace_line(name, values, counts, true, seconds, f"{inside} of {seeds} within three standard errors")
    seconds = least(lambda: hessian_trace(zoo, row, data, device="cpu"), runs=3)
    print(f"  {'hessian_trace':<22s}{1e3 * seconds:8.1f} ms")


def trace_line(name: str, values: np.ndarray, counts: np.ndarray, true: float, seconds: float, said: str) -> None:
    error = np.sqrt(np.mean((values - true) ** 2)) / abs(true)
    print(f"  {name:<22s}{1e3 * seconds:8.1f} ms  {counts.mean():4.0f} probes   typical error {error:6.2%}, {said}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--row", type=int, default=3999)
    parser.add_argument("--seeds", type=int, default=100)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    zoo, digits = Zoo.open("digits-mlp"), dataset("digits")
    every = Split(
        torch.cat([digits.train.inputs, digits.test.inputs]), torch.cat([digits.train.targets, digits.test.targets])
    )
    for name, data in (("test split", digits), ("all digits", replace(digits, test=every))):
        begun = time.process_time()
        matrix = exact(zoo, arguments.row, data)
        seconds = time.process_time() - begun
        true = torch.linalg.eigvalsh(matrix).flip(0).numpy()
        print(f"{name}, {len(data.test):,} samples, network {zoo.table['id'].iloc[arguments.row]}, one thread")
        print(
            f"  {'exact Hessian':<22s}{1e3 * seconds:8.1f} ms   largest "
            f"{', '.join(f'{value:.4f}' for value in true[:TOP])}, smallest {true[-1]:.4f}, trace {true.sum():.4f}"
        )
        eigenvalue_lines(zoo, arguments.row, data, true)
        trace_lines(zoo, arguments.row, data, float(true.sum()), arguments.seeds)
        seconds = least(lambda data=data: curvature(zoo, arguments.row, data, device="cpu"), runs=3)
        print(f"  {'curvature, all of it':<22s}{1e3 * seconds:8.1f} ms")


if __name__ == "__main__":
    main()
