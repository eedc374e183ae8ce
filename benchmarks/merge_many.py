"""Many networks averaged into one: as they are, aligned to the first, to their mean and cycle-consistently.

`python -m benchmarks.merge_many` trains five MLPs 784-512-512-512-10 on MNIST from WSEXPLORE_DATA and prints the test
accuracy of the mean of their weights, without and with repaired statistics. `--architecture resnet --data cifar10` does
the same for ResNet-20. Published for five networks (C2M3, 2024), test accuracy: MLPs on EMNIST 0.03 naive, 0.86
MergeMany, 0.87 cycle-consistent; ResNets of twice the width on CIFAR-10 0.10 naive, 0.50 MergeMany with REPAIR, 0.69
cycle-consistent with REPAIR. Trained networks are kept in the folder `--work`.
"""

import argparse
import time
from pathlib import Path

import pandas as pd
import torch

from wsexplore.align import FRAMES, align_permutations, repair
from wsexplore.datasets import dataset
from wsexplore.population import score, train_zoo
from wsexplore.zoo import Zoo

CALIBRATION = 512
"""Training samples that statistics are measured on."""


def main() -> None:
    """Train or open the networks, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--architecture", default="mlp", choices=("mlp", "resnet"))
    parser.add_argument("--width", type=int, default=2, help="of the ResNet-20, times 16 channels")
    parser.add_argument("--models", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--work", type=Path, default=Path("data/kept/merge-many"), help="where networks are kept")
    chosen = parser.parse_args()
    zoo = trained(chosen)
    print(f"{len(zoo)} of {zoo.architecture.name}, {zoo.architecture.layout.size:,} weights, {chosen.data}")
    print(f"test accuracy of each: {', '.join(f'{one:.1%}' for one in zoo.table['test_accuracy'])}")
    rows = [merged(zoo, chosen.data, "as they are", 0.0)]
    for frame in FRAMES:
        begun = time.perf_counter()
        found = align_permutations(zoo, frame=frame, memory=4 << 30)
        rows.append(merged(found.apply(zoo), chosen.data, f"frame {frame}", time.perf_counter() - begun))
    print(pd.DataFrame(rows).round(3).to_string(index=False))


def trained(chosen: argparse.Namespace) -> Zoo:
    """The networks, one seed each; opened where they were trained before."""
    resnet = chosen.architecture == "resnet"
    folder = chosen.work / f"{chosen.architecture}-{chosen.data}-{chosen.models}x{chosen.epochs}"
    if (folder / "manifest.json").is_file():
        return Zoo.open(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    inputs = dataset(chosen.data).train.inputs[0].numel()
    config = {"depth": 20, "width": 16 * chosen.width} if resnet else {"widths": [inputs, 512, 512, 512, 10]}
    return train_zoo(
        chosen.architecture,
        chosen.data,
        models=chosen.models,
        epochs=chosen.epochs,
        lr=2e-3 if resnet else 1e-3,
        batch_size=128,
        precision="bf16" if resnet else "float32",
        seed=0,
        config=config,
        out=folder,
    )


def merged(zoo: Zoo, data: str, name: str, seconds: float) -> dict[str, object]:
    """Test accuracy and loss of the mean of all weights, and of the same after REPAIR."""
    source, architecture, count = dataset(data), zoo.architecture, len(zoo)
    mean, statistics = zoo.weights.mean(0, keepdim=True), zoo.buffers.mean(0, keepdim=True)
    repaired, renewed = repair(
        architecture,
        mean,
        zoo.weights,
        torch.full((1, count), 1 / count),
        source.train.inputs[:CALIBRATION],
        buffers=statistics,
        end_buffers=zoo.buffers,
    )
    plain = score(architecture, mean, source.test, buffers=statistics)
    after = score(architecture, repaired, source.test, buffers=renewed)
    return {
        "networks": name,
        "seconds": seconds,
        "accuracy": float(plain.accuracy[0]),
        "loss": float(plain.loss[0]),
        "REPAIR accuracy": float(after.accuracy[0]),
        "REPAIR loss": float(after.loss[0]),
    }


if __name__ == "__main__":
    main()
