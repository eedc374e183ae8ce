"""How fast a zoo is aligned, whether functions stay, and what alignment does to the midpoint of two networks.

python -m benchmarks.align --models 1000
"""

import argparse
import time

import numpy as np
import torch

from wsexplore.align import match_population, spec_of
from wsexplore.datasets import dataset
from wsexplore.population import score, train_zoo
from wsexplore.symmetry import permute_weights


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=1000)
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--lr", type=float, default=2e-3)
    arguments = parser.parse_args()
    zoo = train_zoo("mlp", "digits", models=arguments.models, lr=arguments.lr)
    data, arch = dataset("digits"), zoo.architecture
    begun = time.perf_counter()
    spec = spec_of(arch)
    matching = match_population(zoo.weights, zoo.weights[0], spec, arch.layout)
    aligned = permute_weights(zoo.weights, matching.permutations, spec, arch.layout)
    seconds = time.perf_counter() - begun
    difference = (arch.forward(aligned, data.test.inputs) - arch.forward(zoo.weights, data.test.inputs)).abs().max()
    falls = int((np.diff(matching.objective, axis=1) < -1e-6 * np.abs(matching.objective[:, :-1])).sum())
    print(f"{arguments.models} MLPs 64-32-10, mean test accuracy {zoo.table['test_accuracy'].mean():.4f}")
    print(f"aligned to the first in {seconds:.2f} s")
    print(f"largest logit difference {difference:.1e}; the objective fell {falls} times")
    draw = np.random.default_rng(0)
    pairs = np.array([draw.choice(arguments.models, 2, replace=False) for _ in range(arguments.pairs)])
    for name, weights in (("raw", zoo.weights), ("aligned", aligned)):
        middle = torch.lerp(weights[pairs[:, 0]], weights[pairs[:, 1]], 0.5)
        accuracy = score(arch, middle, data.test).accuracy.mean()
        print(f"midpoint of {arguments.pairs} random pairs, {name:8s} {accuracy:.4f}")


if __name__ == "__main__":
    main()
