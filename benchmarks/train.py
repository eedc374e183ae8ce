"""How much faster a population trains together than one network after the other.

    python -m benchmarks.train --models 1000 --epochs 30

prints the seconds of both, their ratio, and the mean test accuracy. The plain loop trains `--loop` networks with
`torch.optim.Adam` on one thread, where small networks run fastest, and is scaled to the whole population.
"""

import argparse
import time

import torch

from wsexplore.datasets import Dataset, dataset
from wsexplore.nets import architecture, initial_weights
from wsexplore.population import train_zoo


def plain_loop(data: Dataset, models: int, epochs: int, lr: float, batch: int) -> float:
    """Seconds for `models` networks, trained one after the other."""
    arch, inputs, targets = architecture("mlp"), data.train.inputs, data.train.targets
    begun = time.perf_counter()
    for seed in range(models):
        module = arch.build()
        module.load_state_dict(arch.layout.unflatten(initial_weights(arch.layout, seed=seed)))
        optimizer = torch.optim.Adam(module.parameters(), lr=lr)
        generator = torch.Generator().manual_seed(seed)
        for _ in range(epochs):
            order = torch.randperm(len(targets), generator=generator)
            for index in order.split(batch):
                optimizer.zero_grad()
                torch.nn.functional.cross_entropy(module(inputs[index]), targets[index]).backward()
                optimizer.step()
    return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=1000)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--loop", type=int, default=20, help="networks of the plain loop")
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--device", default="auto")
    arguments = parser.parse_args()
    data, threads = dataset("digits"), torch.get_num_threads()
    torch.set_num_threads(1)
    plain_loop(data, 1, 1, arguments.lr, 128)
    loop = plain_loop(data, arguments.loop, arguments.epochs, arguments.lr, 128)
    torch.set_num_threads(threads)
    begun = time.perf_counter()
    zoo = train_zoo(
        "mlp", "digits", models=arguments.models, epochs=arguments.epochs, lr=arguments.lr, device=arguments.device
    )
    together = time.perf_counter() - begun
    scaled = loop / arguments.loop * arguments.models
    print(f"{arguments.models} MLPs 64-32-10, {arguments.epochs} epochs, Adam, batch 128")
    print(f"plain loop       {scaled:8.1f} s  ({loop:.1f} s for {arguments.loop})")
    print(f"train_zoo        {together:8.1f} s  ({scaled / together:.1f} times faster)")
    print(f"mean test accuracy {zoo.table['test_accuracy'].mean():.4f}")


if __name__ == "__main__":
    main()
