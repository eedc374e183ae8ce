"""How much faster a population trains together than one network after the other.

    python -m benchmarks.train                                     # 1,000 MLPs on the digits
    python -m benchmarks.train --architecture small-cnn --data mnist --models 32 --epochs 1 --batch 10 --lr 3e-4
    python -m benchmarks.train --architecture small-cnn --data mnist --device cuda --models 512 --epochs 1

prints the seconds of both, their ratio, and the mean test accuracy. The baseline is the best plain way on the same
device: on a CPU one process per core, each training one network after the other on one thread with
`torch.optim.Adam`; on a GPU one network after the other. It trains `--loop` networks and is scaled to the whole
population; starting the processes and reading the data is not counted against it.
"""

import argparse
import time
from multiprocessing import get_context

import torch

from wsexplore.datasets import Dataset, dataset
from wsexplore.nets import Architecture, architecture
from wsexplore.population import device_of, train_zoo, training_cost


def plain(
    arch: Architecture, data: Dataset, seeds: list[int], epochs: int, lr: float, batch: int, device: str
) -> float:
    """Seconds for these networks, trained one after the other and judged once at the end, on both splits."""
    shape = (-1, *arch.input_shape)
    splits = [(s.inputs.reshape(shape).to(device), s.targets.to(device)) for s in (data.train, data.test)]
    inputs, targets = splits[0]
    begun = time.perf_counter()
    for seed in seeds:
        module = arch.build()
        module.load_state_dict(arch.layout.unflatten(arch.initial_weights(seed=seed)), strict=False)
        module.to(device)
        optimizer = torch.optim.Adam(module.parameters(), lr=lr)
        generator = torch.Generator().manual_seed(seed)
        for _ in range(epochs):
            order = torch.randperm(len(targets), generator=generator).to(device)
            for index in order.split(batch):
                optimizer.zero_grad()
                torch.nn.functional.cross_entropy(module(inputs[index]), targets[index]).backward()
                optimizer.step()
        module.eval()
        with torch.no_grad():
            for part, truth in splits:
                hits = [
                    (module(x).argmax(1) == y).sum() for x, y in zip(part.split(500), truth.split(500), strict=True)
                ]
                torch.stack(hits).sum().item()
    return time.perf_counter() - begun


def _worker(task: tuple) -> float:
    name, config, data, seeds, epochs, lr, batch = task
    torch.set_num_threads(1)
    arch, source = architecture(name, **config), dataset(data)
    plain(arch, source, [0], 1, lr, max(batch, len(source.train) // 4), "cpu")
    return plain(arch, source, seeds, epochs, lr, batch, "cpu")


def baseline(arch: Architecture, arguments: argparse.Namespace, device: str) -> float:
    """Seconds of the plain way for `--loop` networks."""
    seeds = list(range(arguments.loop))
    if device == "cuda":
        data = dataset(arguments.data)
        plain(arch, data, [0], 1, arguments.lr, 1024, device)
        return plain(arch, data, seeds, arguments.epochs, arguments.lr, arguments.batch, device)
    cores = torch.get_num_threads()
    with get_context("spawn").Pool(cores) as pool:
        tasks = [
            (arch.name, arch.config, arguments.data, seeds[k::cores], arguments.epochs, arguments.lr, arguments.batch)
            for k in range(cores)
        ]
        return max(pool.map(_worker, tasks, chunksize=1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--architecture", default="mlp")
    parser.add_argument("--data", default="digits")
    parser.add_argument("--models", type=int, default=1000)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--loop", type=int, default=20, help="networks of the plain way")
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="float32")
    arguments = parser.parse_args()
    arch, device = architecture(arguments.architecture), device_of(arguments.device).type
    loop = baseline(arch, arguments, device)
    options = {"lr": arguments.lr, "batch_size": arguments.batch, "device": device, "precision": arguments.precision}
    training_cost(arch, arguments.data, **options)  # what is compiled at first use is on disk from then on
    begun = time.perf_counter()
    zoo = train_zoo(arch, arguments.data, models=arguments.models, epochs=arguments.epochs, **options)
    together = time.perf_counter() - begun
    scaled = loop / arguments.loop * arguments.models
    print(
        f"{arguments.models} x {arch.name} ({arch.layout.size:,} parameters), {arguments.data}, {arguments.epochs} "
        f"epochs, Adam, batch {arguments.batch}, {device}"
    )
    print(f"plain way        {scaled:8.1f} s  ({loop:.1f} s for {arguments.loop})")
    print(f"train_zoo        {together:8.1f} s  ({scaled / together:.1f} times faster)")
    print(f"mean test accuracy {zoo.table['test_accuracy'].mean():.4f}")


if __name__ == "__main__":
    main()
