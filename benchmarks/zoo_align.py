"""How long a whole zoo takes to align, in every frame, and how much memory.

    python -m benchmarks.zoo_align
    python -m benchmarks.zoo_align --models 1000 --memory 64

trains a zoo of small perceptrons on the digits and one of the published small CNNs on the digits at 28 x 28 (one epoch;
`--work` keeps them), then aligns each in every frame. Every line is measured in a process of its own: seconds by the
clock and of the processor, and the most memory that the process held above what it held with the zoo opened (on Linux).
The plain way matches network after network to the first one by coordinate ascent in numpy and scipy; it is measured on
`--loop` networks, one core, and scaled. The ratio is that of the processor seconds. `left` is the distance of the
aligned networks from their mean, as a share of what it was. The frame "cycle" holds all networks in memory and is given
2 GiB.
"""

import argparse
import multiprocessing
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from benchmarks.plain_ascent import plain_ascent
from wsexplore.align import FRAMES, align_permutations, spec_of
from wsexplore.population import train_zoo
from wsexplore.zoo import Zoo

ZOOS: dict[str, dict[str, Any]] = {
    "mlp": {"data": "digits", "epochs": 10, "config": {}, "limit": 2.0},
    "small-cnn": {"data": "digits@28", "epochs": 1, "config": {}, "limit": 20.0},
}
PLAIN, ALIKE = "plain way", "network, ascent alone"


def trained(name: str, models: int, folder: Path) -> Path:
    """The zoo of this name, trained unless it is there."""
    path, recipe = folder / f"{name}-{models}", ZOOS[name]
    if not path.exists():
        train_zoo(name, recipe["data"], models=models, epochs=recipe["epochs"], config=recipe["config"], out=path)
    return path


def measured(task: tuple[str, str, int, int]) -> dict[str, float]:
    """One way on one zoo."""
    path, frame, memory, loop = task
    zoo = Zoo.open(path)
    if frame == PLAIN:
        return _plainly(zoo, loop)
    how = {"frame": "network", "method": "weights"} if frame == ALIKE else {"frame": frame}
    align_permutations(zoo.select([0, 1, 2]), **how)
    before, begun, used = _fresh_peak(), time.perf_counter(), time.process_time()
    found = align_permutations(zoo, memory=memory << 20, **how)
    seconds, used, peak = time.perf_counter() - begun, time.process_time() - used, _peak() - before
    aligned = found.apply(zoo).weights
    left = _spread(aligned) / _spread(zoo.weights)
    return {"seconds": seconds, "processor": used, "MiB": peak, "left": left, "change": _change(zoo, aligned)}


def _plainly(zoo: Zoo, loop: int) -> dict[str, float]:
    torch.set_num_threads(1)
    layout, spec = zoo.architecture.layout, spec_of(zoo.architecture)
    values = [layout.unflatten(row) for row in zoo.weights[: loop + 1]]
    begun, used = time.perf_counter(), time.process_time()
    for other in values[1:]:
        plain_ascent(values[0], other, spec.outline, spec.sizes, seed=0)
    scale, nothing = len(zoo) / (len(values) - 1), float("nan")
    seconds, used = (time.perf_counter() - begun) * scale, (time.process_time() - used) * scale
    return {"seconds": seconds, "processor": used, "MiB": nothing, "left": nothing, "change": nothing}


def _fresh_peak() -> float:
    """What the process holds now, in MiB; from here on `_peak` counts anew."""
    if (counter := Path("/proc/self/clear_refs")).exists():
        counter.write_text("5")
    return _peak()


def _peak() -> float:
    """The most that the process held since, in MiB."""
    if (status := Path("/proc/self/status")).exists():
        return float(status.read_text().partition("VmHWM:")[2].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _spread(weights: torch.Tensor) -> float:
    return float((weights.double() - weights.double().mean(0)).norm())


def _change(zoo: Zoo, aligned: torch.Tensor) -> float:
    inputs = torch.randn(8, *zoo.architecture.input_shape, generator=torch.Generator().manual_seed(0))
    before, after = (zoo.architecture.forward(weights[:64], inputs) for weights in (zoo.weights, aligned))
    return float((after - before).abs().max() / before.abs().max())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=1000)
    parser.add_argument("--memory", type=int, default=256, help="MiB that networks may take while they are matched")
    parser.add_argument("--loop", type=int, default=20, help="networks of the plain way")
    parser.add_argument("--work", type=Path, default=None, help="folder to keep the trained zoos in")
    parser.add_argument("--only", default="", help="zoos whose name holds this")
    parser.add_argument("--frames", nargs="+", default=FRAMES, choices=FRAMES)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as passing:
        folder = arguments.work or Path(passing)
        folder.mkdir(parents=True, exist_ok=True)
        for name, recipe in ((name, recipe) for name, recipe in ZOOS.items() if arguments.only in name):
            path = trained(name, arguments.models, folder)
            size = Zoo.open(path).architecture.layout.size
            print(
                f"\n{arguments.models:,} x {name} ({size:,} numbers), {recipe['data']}, memory {arguments.memory} MiB"
            )
            print(
                f"{'':22s}{'seconds':>9s}{'processor':>11s}{'times faster':>14s}{'MiB':>7s}{'left':>7s}{'change':>10s}"
            )
            plain = 0.0
            for frame in (PLAIN, ALIKE, *arguments.frames):
                memory = arguments.memory if frame != "cycle" else max(arguments.memory, 2048)
                with multiprocessing.get_context("spawn").Pool(1) as pool:
                    one = pool.apply(measured, ((str(path), frame, memory, arguments.loop),))
                plain = plain or one["processor"]
                print(
                    f"{frame:22s}{one['seconds']:9.2f}{one['processor']:11.2f}{plain / one['processor']:14.1f}"
                    f"{one['MiB']:7.0f}{one['left']:7.3f}{one['change']:10.1e}",
                    flush=True,
                )
                if frame == "network":
                    held = "holds" if one["seconds"] <= recipe["limit"] else "MISSED"
                    print(f"{'':22s}at most {recipe['limit']:g} s: {held}")


if __name__ == "__main__":
    main()
