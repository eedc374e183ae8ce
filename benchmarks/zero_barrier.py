"""Barriers between networks trained independently, before and after each matching method, with repaired statistics.

`python -m benchmarks.zero_barrier` trains two MLPs 784-512-512-512-10 on MNIST from WSEXPLORE_DATA and prints the
barrier in test loss for every method, raw scales and least norm. Published: zero by weights, straight-through
and activations (Git Re-Basin, 5.1). `--data cifar10 --architecture resnet` does the same for ResNet-20 with and
without repaired statistics. Published midpoints, accuracy: 12.5 % aligned and 67.0 % with statistics reset at width 1,
11.7 % and 90.3 % at width 4 (REPAIR). Trained networks are kept in the folder `--work`.
"""

import argparse
import time
from pathlib import Path

from wsexplore.landscape import barrier_curves, compare_methods
from wsexplore.population import train_zoo
from wsexplore.zoo import Zoo

METHODS = ("weights", "frank-wolfe", "auto", "activations", "ste", "sinkhorn")


def main() -> None:
    """Train or open two networks, then print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="mnist", choices=("mnist", "fashion-mnist", "cifar10"))
    parser.add_argument("--architecture", default="mlp", choices=("mlp", "resnet"))
    parser.add_argument("--width", type=int, default=1, help="of the ResNet-20, times 16 channels")
    parser.add_argument("--epochs", type=int, help="by default 12 of the MLP, 8 of the ResNet")
    parser.add_argument("--methods", nargs="+", default=METHODS)
    parser.add_argument("--steps", type=int, default=11, help="networks on a path")
    parser.add_argument("--work", type=Path, default=Path("data/kept/zero-barrier"), help="where networks are kept")
    chosen = parser.parse_args()
    zoo = trained(chosen)
    print(f"two of {zoo.architecture.name}, {zoo.architecture.layout.size:,} weights, {chosen.data}")
    print(zoo.table[["epoch", "test_loss", "test_accuracy"]].to_string(index=False))
    if chosen.architecture == "mlp":
        for canonical in ("none", "minimum-norm"):
            found = compare_methods(
                zoo, 0, 1, chosen.data, methods=tuple(chosen.methods), canonical=canonical, steps=chosen.steps
            )
            print(f"\nscales: {canonical}")
            print(found.frame.round(4).to_string(index=False))
    print("\nfour curves")
    for kind, curve in barrier_curves(zoo, 0, 1, chosen.data, steps=chosen.steps).items():
        middle = curve.accuracies[len(curve.accuracies) // 2]
        print(f"{kind:18s} barrier {curve.height:7.3f} nats, half-way {middle:6.1%}")


def trained(chosen: argparse.Namespace) -> Zoo:
    """Two networks from two seeds; opened where they were trained before."""
    resnet = chosen.architecture == "resnet"
    epochs = chosen.epochs or (8 if resnet else 12)
    folder = chosen.work / (f"resnet20-x{chosen.width}-{epochs}" if resnet else f"mlp-{chosen.data}-{epochs}")
    if (folder / "manifest.json").is_file():
        return Zoo.open(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    began = time.perf_counter()
    config = {"depth": 20, "width": 16 * chosen.width} if resnet else {"widths": [784, 512, 512, 512, 10]}
    zoo = train_zoo(
        chosen.architecture,
        chosen.data,
        models=2,
        epochs=epochs,
        lr=2e-3 if resnet else 1e-3,
        batch_size=128,
        precision="bf16" if resnet else "float32",
        seed=0,
        config=config,
        out=folder,
    )
    print(f"trained for {epochs} epochs in {time.perf_counter() - began:.0f} s")
    return zoo


if __name__ == "__main__":
    main()
