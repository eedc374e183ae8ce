"""Whether a stack of networks runs faster as one program than network by network, for every family.

    python -m benchmarks.stack --models 16 --batch 32
    python -m benchmarks.stack --device cuda --models 64 --batch 128

prints the milliseconds of one forward and backward pass of all networks in each way, on one thread. The defaults in
`wsexplore.population.stack` and `Family.alone_on` follow this table.
"""

import argparse
import time
from collections.abc import Callable

import torch

from wsexplore.nets import Architecture, architecture

CASES: dict[str, dict] = {
    "mlp": {},
    "small-cnn": {},
    "cnn": {},
    "cnn, BatchNorm": {"norm": "batch"},
    "resnet": {"depth": 8},
    "vit": {},
    "gru": {},
    "siren": {},
    "field-mlp": {},
}


def passes(arch: Architecture, models: int, batch: int, device: str) -> dict[str, Callable[[], None]]:
    weights = torch.stack([arch.initial_weights(seed=seed) for seed in range(models)]).to(device)
    parameters = {n: v.clone().requires_grad_() for n, v in arch.layout.unflatten(weights).items()}
    still = arch.initial_buffers().to(device).repeat(models, 1)
    buffers = {n: v.clone() for n, v in arch.buffers.unflatten(still).items()}
    inputs = torch.stack([arch.example_input(batch)] * models).to(device)
    modules = [arch.build().to(device).train() for _ in range(models)]

    def together() -> None:
        outputs = arch.forward_parameters(parameters, inputs, buffers, training=True)
        torch.autograd.grad(outputs.square().mean(), list(parameters.values()))

    def alone() -> None:
        for module, own in zip(modules, inputs, strict=True):
            torch.autograd.grad(module(own).square().mean(), list(module.parameters()))

    return {"together": together, "alone": alone}


def seconds(work: Callable[[], None], device: str, least: float = 1.0) -> float:
    work()
    runs, begun = 0, time.perf_counter()
    while runs < 2 or time.perf_counter() - begun < least:
        work()
        runs += 1
        if device == "cuda":
            torch.cuda.synchronize()
    return (time.perf_counter() - begun) / runs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=16)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{arguments.models} networks, batches of {arguments.batch}, {arguments.device}; ms per pass of all")
    print("family            together     alone   ratio")
    for title, config in CASES.items():
        arch = architecture(title.partition(",")[0], **config)
        works = passes(arch, arguments.models, arguments.batch, arguments.device)
        together, alone = (1000 * seconds(work, arguments.device) for work in works.values())
        print(f"{title:16s}{together:10.1f}{alone:10.1f}{alone / together:8.1f}", flush=True)


if __name__ == "__main__":
    main()
