"""What the features of a zoo's networks tell about them: a table of R-squared, split by run.

    OMP_NUM_THREADS=1 python -m benchmarks.probes
    python -m benchmarks.probes --encoder data/encoders/digits-mlp
    python -m benchmarks.probes --zoo my-zoo --data digits --targets test_accuracy lr

predicts each target from each kind of features, by ridge regression and by gradient boosting, in five folds over runs.
Printed is the score of the better model with its 95 % interval over runs, and how far the control with permuted labels
comes. Learning rates are predicted on the log10 scale. The aligned weights are those of the zoo's stored alignment.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from jaxtyping import Float

from wsexplore.align import Alignment
from wsexplore.embed.encoder import Encoder
from wsexplore.embed.features import KINDS, features_of
from wsexplore.embed.probe import TARGETS, ProbeReport, probe
from wsexplore.zoo import Zoo, item

Features = Float[np.ndarray, "models features"]


def all_features(zoo: Zoo, name: str, data: str, encoder: Path | None, seed: int) -> dict[str, Features]:
    """Every kind of features, with the time that it took printed."""
    aligned = Alignment.open(item("alignments", name)).apply(zoo)
    found = {}
    for kind in KINDS if encoder is not None else [kind for kind in KINDS if not kind.startswith("encoder")]:
        begun = time.perf_counter()
        if kind.startswith("encoder") and encoder is not None:
            values = features_of(aligned, kind, encoder=Encoder.open(encoder), seed=seed)
        else:
            values = features_of(zoo, kind, data=data, aligned=aligned, seed=seed)
        found[kind] = values
        print(f"{kind:12s} {values.shape[1]:5d} features in {time.perf_counter() - begun:6.1f} s", flush=True)
    return found


def print_table(report: ProbeReport) -> None:
    best = report.best()
    targets = list(dict.fromkeys(best["target"]))
    for score, title in (("r2", "R2"), ("tau", "Kendall's tau")):
        print(f"\n| {title} | " + " | ".join(targets) + " |\n|---|" + "---|" * len(targets))
        for name, rows in best.groupby("features", sort=False):
            cells = [
                f"{row[score]:.3f} ({row[f'{score}_low']:.3f} to {row[f'{score}_high']:.3f}), {row['model']}"
                for row in rows.set_index("target").loc[targets].to_dict("records")
            ]
            print(f"| {name} | " + " | ".join(cells) + " |")


def _say(fraction: float, message: str) -> None:
    print(f"{fraction:4.0%} {message}", file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--zoo", default="digits-mlp", help="name of a zoo that has a stored alignment")
    parser.add_argument("--data", default="digits")
    parser.add_argument("--targets", nargs="+", default=TARGETS)
    parser.add_argument(
        "--encoder", type=Path, default=None, help="folder of a fitted encoder; it sees aligned weights"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--csv", type=Path, default=None, help="file to write the whole table to")
    arguments = parser.parse_args()
    zoo = Zoo.open(arguments.zoo)
    print(f"{zoo!r}, {zoo.table['run'].nunique():,} runs")
    features = all_features(zoo, arguments.zoo, arguments.data, arguments.encoder, arguments.seed)
    begun = time.perf_counter()
    report = probe(features, zoo.table, arguments.targets, seed=arguments.seed, on_step=_say)
    print_table(report)
    low, high = report.frame["control_r2"].min(), report.frame["control_r2"].max()
    print(f"\npermuted labels: {low:.3f} to {high:.3f}; probes in {time.perf_counter() - begun:.0f} s")
    print(report.frame.round(3).to_string(index=False))
    if arguments.csv is not None:
        report.frame.to_csv(arguments.csv, index=False)


if __name__ == "__main__":
    main()
