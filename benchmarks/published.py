"""Whether a zoo of the published small CNNs behaves like the published one on MNIST.

    python -m benchmarks.published --models 32 --epochs 25

trains the seed zoo of the Model Zoos collection (tanh, weights uniform in 0 to 1, biases 0.01, Adam, learning rate
3e-4, batches of 10) and prints mean and spread of the test accuracy beside what was published for networks from
scratch (SANE, arXiv 2406.09997, table of generated MNIST networks). The published networks saw 50,000 images an epoch,
these see 60,000.
"""

import argparse
import time

from wsexplore.population import train_zoo

PUBLISHED = {1: 0.206, 5: 0.367, 25: 0.833, 50: 0.911}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=25)
    parser.add_argument("--out", default=None, help="folder to keep the zoo in")
    arguments = parser.parse_args()
    begun = time.perf_counter()
    zoo = train_zoo(
        "small-cnn",
        "mnist",
        models=arguments.models,
        epochs=arguments.epochs,
        checkpoints=[epoch for epoch in (0, *PUBLISHED) if epoch <= arguments.epochs],
        init="unit_uniform",
        lr=3e-4,
        batch_size=10,
        seed=1,
        out=arguments.out,
    )
    print(f"{arguments.models} networks of {zoo.architecture.layout.size:,} parameters, {arguments.epochs} epochs")
    print(f"{time.perf_counter() - begun:.0f} s")
    print("epoch  mean   spread  lowest  highest  published")
    for epoch, rows in zoo.table.groupby("epoch"):
        found = rows["test_accuracy"]
        known = f"{PUBLISHED[epoch]:.3f}" if epoch in PUBLISHED else "-"
        print(f"{epoch:5d}  {found.mean():.3f}  {found.std():.3f}   {found.min():.3f}   {found.max():.3f}    {known}")


if __name__ == "__main__":
    main()
