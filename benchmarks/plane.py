"""Planes and paths against the plain way and against loss-landscapes, in processor time of one thread.

pip install --no-deps loss-landscapes==3.0.6
python -m benchmarks.plane
"""

import argparse
import copy
from collections.abc import Callable
from dataclasses import replace
from time import process_time

import numpy as np
import torch

from wsexplore.datasets import Dataset, Split, dataset
from wsexplore.landscape import PathEnds, Walk, barrier, curve_route, fit_curve, random_plane, walked
from wsexplore.landscape.directions import random_directions
from wsexplore.landscape.evaluators import choose
from wsexplore.landscape.heights import path_heights
from wsexplore.landscape.refine import refine
from wsexplore.landscape.subspace import Subspace
from wsexplore.nets import Architecture, architecture
from wsexplore.population import train_zoo
from wsexplore.zoo import Zoo

POINTS = 51
MODULES = (
    ("mlp", {"widths": [64, 32, 10]}, 21),
    ("mlp", {"widths": [64, 32, 10], "norm": "layer"}, 21),
    ("small-cnn", {"variant": "cnn"}, 5),
    ("resnet", {"depth": 8, "width": 8, "input": [1, 8, 8]}, 7),
    ("vit", {"input": [1, 8, 8], "patch": 4, "dim": 16, "depth": 2, "heads": 2}, 9),
)
"""Architectures whose planes are compared with a plain loop, and points per side."""


def best_of(work: Callable[[], object], times: int = 3) -> float:
    """The least processor seconds of some runs."""
    spent = []
    for _ in range(times):
        begun = process_time()
        work()
        spent.append(process_time() - begun)
    return min(spent)


def subspace_of(arch: Architecture, weights: torch.Tensor, buffers: torch.Tensor) -> Subspace:
    """The plane along two random directions."""
    axes = random_directions(weights, arch.layout, seed=0)
    return Subspace(arch, torch.cat([weights[None], axes]), torch.cat([buffers[None], torch.zeros(2, len(buffers))]))


def grid(points: int) -> torch.Tensor:
    """Coordinates of a plane, its origin first among the vectors."""
    line = torch.linspace(-1, 1, points)
    places = torch.cartesian_prod(line, line)
    return torch.cat([torch.ones(len(places), 1), places], dim=1)


@torch.no_grad()
def plain_loop(subspace: Subspace, coordinates: torch.Tensor, samples: Split) -> list[float]:
    """One network after the other by `functional_call`."""
    arch = subspace.architecture
    module = arch.module(subspace.vectors[0], subspace.statistics[0])
    inputs, losses = samples.inputs.reshape(len(samples), *arch.input_shape), []
    for place in coordinates:
        weights = place @ subspace.vectors
        logits = torch.func.functional_call(module, arch.layout.unflatten(weights), (inputs,))
        losses.append(float(torch.nn.functional.cross_entropy(logits, samples.targets)))
    return losses


def against_peer(zoo: Zoo, row: int, data: Dataset) -> None:
    """A plane of 51 x 51 networks on all 1,797 digits."""
    arch, weights, buffers, samples = zoo.architecture, zoo.rows([row])[0], zoo.buffer_rows([row])[0], data.test
    subspace, coordinates = subspace_of(arch, weights, buffers), grid(POINTS)
    plane = random_plane(zoo, row, data, points=POINTS)
    ours = best_of(lambda: random_plane(zoo, row, data, points=POINTS))
    print(f"random_plane, {POINTS} x {POINTS} networks, {len(samples):,} digits: {ours:.3f} s ({plane.evaluator})")
    middle = POINTS // 2
    print(
        f"  its centre against the network itself: {abs(plane.losses[middle, middle] - plane.marks[0].loss):.1e} nats"
    )
    loop = best_of(lambda: plain_loop(subspace, coordinates, samples), 1)
    print(f"  functional_call loop: {loop:.3f} s, so {ours / loop:.2f} of it")
    try:
        import loss_landscapes
        from loss_landscapes.metrics import Loss
    except ImportError:
        print("  loss-landscapes 3.0.6 is not installed")
        return
    module = arch.module(weights, buffers)
    metric = Loss(torch.nn.CrossEntropyLoss(), samples.inputs.reshape(len(samples), -1), samples.targets)

    def peer() -> np.ndarray:
        return loss_landscapes.random_plane(copy.deepcopy(module), metric, 1, POINTS, "filter", deepcopy_model=True)

    with torch.no_grad():
        theirs = best_of(peer, 2)
    print(f"  loss-landscapes 3.0.6: {theirs:.3f} s, so {ours / theirs:.2f} of it")


def against_loops() -> None:
    """Other modules: the evaluator that is chosen, against a plain loop over the same networks."""
    data = dataset("digits")
    for name, config, points in MODULES:
        arch = architecture(name, **config)
        inputs = data.test.inputs if arch.input_shape[-1] in (8, 64) else arch.example_input(256)
        samples = Split(inputs[:256], data.test.targets[:256])
        subspace = subspace_of(arch, arch.initial_weights(seed=0), arch.initial_buffers())
        coordinates = grid(points)
        choice = choose(subspace, samples)
        ours = best_of(lambda: refine(subspace, coordinates, samples))  # noqa: B023
        loop = best_of(lambda: plain_loop(subspace, coordinates, samples))  # noqa: B023
        told = ", ".join(f"{key} {1e9 * value:,.0f} ns" for key, value in choice.tried.items())
        print(f"{name} {config}: {choice.name} ({told}); {ours:.3f} s, loop {loop:.3f} s, so {ours / loop:.2f} of it")


def barriers(zoo: Zoo) -> None:
    """All pairs of 12 networks, 25 points, 256 samples; and learned curves against straight lines."""
    rows = [int(row) for row in zoo.entries.where("design = 'seeds'")[:12]]
    data, weights, buffers = dataset("digits"), zoo.rows(rows), zoo.buffer_rows(rows)
    samples = Split(data.test.inputs[:256], data.test.targets[:256])
    pairs = [PathEnds(zoo.architecture, weights[[a, b]], buffers[[a, b]]) for a in range(12) for b in range(a)]
    walk = Walk(25, "test", False, "none", 1000, 0)
    seconds = best_of(lambda: path_heights(pairs, walk, samples))
    print(f"{len(pairs)} barriers at 25 points on 256 samples: {seconds:.3f} s")
    raw, bent = [], []
    for first, second in zip(rows[::2], rows[1::2], strict=True):
        raw.append(barrier(zoo, first, second, data, split="train").height)
        curve = fit_curve(zoo, first, second, data)
        bent.append(walked(curve_route(zoo, curve, data, split="train")).height)
    spent = best_of(lambda: fit_curve(zoo, rows[0], rows[1], data), 1)
    print(
        f"barrier of the training loss, {len(raw)} pairs: straight {np.mean(raw):.3f} nats on average, least "
        f"{min(raw):.3f}; Bezier {np.mean(bent):.4f}, most {max(bent):.4f}; learned in {spent:.2f} s"
    )


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    torch.set_num_threads(1)
    zoo, data = Zoo.open("digits-mlp"), dataset("digits")
    row = int(zoo.entries.where("design = 'seeds'")[0])
    every = Split(torch.cat([data.train.inputs, data.test.inputs]), torch.cat([data.train.targets, data.test.targets]))
    against_peer(zoo, row, replace(data, test=every))
    against_loops()
    barriers(zoo)
    normalised()


def normalised() -> None:
    """A path through batch normalisation, with running statistics mixed and estimated anew."""
    config = {"depth": 8, "width": 8, "input": [1, 8, 8]}
    zoo = train_zoo("resnet", "digits", models=2, epochs=10, lr=3e-3, seed=0, config=config)
    for repair in ("none", "reset"):
        curve = barrier(zoo, 0, 1, "digits", align=True, repair=repair)
        print(
            f"ResNet-8, matched, statistics {repair}: barrier {curve.height:.3f} nats, accuracy at least "
            f"{curve.accuracies.min():.1%}"
        )


if __name__ == "__main__":
    main()
