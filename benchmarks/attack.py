"""What moving a network along its orbit does to the average with its sibling, and what undoes it.

    python -m benchmarks.attack
    python -m benchmarks.attack --split train --models 8 --seeds 8

trains perceptrons 64-32-10 on the digits; the siblings are two checkpoints of one run, so that their average works.
The second one is permuted, or its hidden units are multiplied by log-normal factors, its function unchanged. The
columns are barriers in nats over 25 positions: before, after the attack (lowest, median and highest over networks and
draws), once the units are matched again, and once both siblings were brought to their least norm first. Published, one
pair of siblings: permuted 0.259; log-sd 1 gives 0.351, log-sd 2 gives 45.6, and the least norm undoes both.
"""

import argparse

import numpy as np

from wsexplore.landscape import merge_attack
from wsexplore.population import train_zoo

ATTACKS: dict[str, tuple[float, bool, str]] = {
    "permuted": (0.0, True, "0.259"),
    "rescaled, log-sd 1": (1.0, False, "0.351"),
    "rescaled, log-sd 2": (2.0, False, "45.6"),
    "both, log-sd 1": (1.0, True, "-"),
    "both, log-sd 2": (2.0, True, "-"),
}
"""Standard deviation of the log factors, whether units are permuted, and the published barrier."""

LIMIT = 1e-4
"""Barrier after canonicalisation, at most, in nats."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=5, help="runs, of two checkpoints each")
    parser.add_argument("--seeds", type=int, default=4, help="draws of the attack on each")
    parser.add_argument("--epochs", type=int, nargs=2, default=(25, 30), help="checkpoints that are siblings")
    parser.add_argument("--split", default="test", choices=("train", "test"))
    arguments = parser.parse_args()
    zoo = train_zoo(
        "mlp", "digits", models=arguments.models, epochs=arguments.epochs[1], checkpoints=sorted(arguments.epochs)
    )
    accuracy = zoo.table["test_accuracy"].mean()
    print(f"{arguments.models} runs, epochs {tuple(arguments.epochs)}, mean test accuracy {accuracy:.3f}")
    print(f"barriers in nats on the {arguments.split} split, {arguments.seeds} draws on each pair")
    print(f"{'':20s}{'before':>9s}{'attacked: low':>15s}{'median':>9s}{'high':>9s}{'published':>11s}", end="")
    print(f"{'matched':>9s}{'least norm, matched':>21s}{'output change':>15s}")
    largest = 0.0
    for name, (spread, permute, published) in ATTACKS.items():
        found = [
            merge_attack(
                zoo,
                2 * run,
                2 * run + 1,
                "digits",
                spreads=(spread,),
                permute=permute,
                align=False,
                steps=25,
                split=arguments.split,
                seed=seed,
            )
            for run in range(arguments.models)
            for seed in range(arguments.seeds)
        ]
        before = max(one.untouched for one in found)
        attacked, matched, least, change = (
            np.array([float(getattr(one, field)[0]) for one in found])
            for field in ("attacked", "permuted_back", "canonical", "output_changes")
        )
        largest = max(largest, before, float(least.max()))
        print(f"{name:20s}{before:9.1e}{attacked.min():15.3f}{np.median(attacked):9.3f}{attacked.max():9.3f}", end="")
        print(f"{published:>11s}{matched.max():9.1e}{least.max():21.1e}{change.max():15.1e}", flush=True)
    held = "holds" if largest <= LIMIT else "MISSED"
    print(f"before, and after canonicalisation, at most {LIMIT:g}: {largest:.1e}, {held}")


if __name__ == "__main__":
    main()
