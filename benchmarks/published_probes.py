"""What weights tell of a zoo like the published ones, beside the published numbers.

`python -m benchmarks.published_probes` trains the published small CNN (2,464 parameters, tanh) on MNIST from
WSEXPLORE_DATA, many seeds with all their checkpoints, fits an encoder, and prints R-squared of ridge regression, split
by run. The batches are larger than the published ones, so that a CPU trains many networks; `--batch 10 --lr 3e-4
--models 1000 --epochs 50` is the published recipe. The zoo and the encoder are kept in the folder `--work`.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd

from wsexplore.align import align
from wsexplore.embed import Encoder, EncoderConfig, fit_encoder, probe_zoo
from wsexplore.population import train_zoo
from wsexplore.zoo import Zoo

PUBLISHED = pd.DataFrame(
    {
        "test_accuracy": [0.965, 0.987, 0.978, 0.987],
        "epoch": [0.953, 0.974, 0.958, 0.975],
        "generalization_gap": [0.246, 0.393, 0.402, 0.461],
    },
    index=["weights", "statistics", "SANE, mean latent", "SANE, all latents"],
)
"""MNIST CNN zoo, R-squared on the test split (SANE 2024, tables 1 and 2)."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=96)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--steps", type=int, default=1500, help="of the encoder")
    parser.add_argument("--work", type=Path, default=Path("data/kept/published-probes"))
    chosen = parser.parse_args()
    zoo = trained(chosen)
    print(f"{len(zoo):,} networks of {zoo.table['run'].nunique()} runs, accuracy {accuracy(zoo)}")
    aligned = align(zoo, by="run", reference=int(np.argmax(zoo.table["test_accuracy"])))
    encoder = fitted(chosen, aligned)
    report = probe_zoo(
        zoo,
        encoder=encoder,
        aligned=aligned,
        targets=("test_accuracy", "epoch", "generalization_gap"),
        data="mnist",
        models=("ridge",),
    )
    frame = report.frame.assign(
        cell=[f"{one.r2:.3f} ({one.r2_low:.3f} to {one.r2_high:.3f})" for one in report.frame.itertuples()]
    )
    print(
        frame.pivot(index="features", columns="target", values="cell")
        .loc[list(dict.fromkeys(frame["features"]))]
        .to_string()
    )
    print("\npublished, 1,000 runs\n" + PUBLISHED.to_string())


def accuracy(zoo: Zoo) -> str:
    found = zoo.table.groupby("epoch")["test_accuracy"].mean()
    return ", ".join(
        f"{value:.3f} at epoch {epoch}" for epoch, value in found.items() if epoch in (1, 5, found.index[-1])
    )


def trained(chosen: argparse.Namespace) -> Zoo:
    folder = chosen.work / f"zoo-{chosen.models}x{chosen.epochs}-{chosen.batch}-{chosen.lr:g}"
    if (folder / "manifest.json").is_file():
        return Zoo.open(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    begun = time.perf_counter()
    zoo = train_zoo(
        "small-cnn",
        "mnist",
        models=chosen.models,
        epochs=chosen.epochs,
        checkpoints=range(1, chosen.epochs + 1),
        lr=chosen.lr,
        batch_size=chosen.batch,
        init="unit_uniform",
        activation="tanh",
        seed=0,
        out=folder,
    )
    print(f"trained in {time.perf_counter() - begun:.0f} s")
    return zoo


def fitted(chosen: argparse.Namespace, aligned: Zoo) -> Encoder:
    folder = chosen.work / f"encoder-{chosen.models}x{chosen.epochs}-{chosen.steps}"
    if (folder / "manifest.json").is_file():
        return Encoder.open(folder)
    begun = time.perf_counter()
    encoder = fit_encoder(aligned, data="mnist", config=EncoderConfig(steps=chosen.steps))
    print(f"{encoder!r} fitted in {time.perf_counter() - begun:.0f} s, error {encoder.history[-1].judged:.4f}")
    encoder.save(folder)
    return encoder


if __name__ == "__main__":
    main()
