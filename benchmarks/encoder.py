"""How good an encoder is, and how fast one is trained and used.

    python -m benchmarks.encoder quality                     # the shipped encoder on the shipped zoo
    python -m benchmarks.encoder speed                       # training, against the plain way, one thread
    python -m benchmarks.encoder stream --models 100000      # embedding, with the memory that it takes
    python -m benchmarks.encoder ablation --steps 1000       # what the parts of the loss do to the probes

`quality` prints the accuracy of networks before and after decoding, and of networks drawn from latents beside their
novelty and the controls, then further training against training from scratch. `speed` trains the small model of the
published comparison (58 tokens of 65 numbers, width 128, two layers and two) on MLPs 64-24-24-10. The plain way makes
each window in Python and hands it over by a DataLoader, as the public implementations do; the model is the same.
Published for the public implementation on two busy cores: about 95 pairs of windows and 11,000 tokens per processor
second.
"""

import argparse
import resource
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd
import torch
from torch.utils.data import DataLoader, Dataset

from wsexplore.align import Alignment
from wsexplore.embed import Encoder, EncoderConfig, SampleSettings, fit_encoder, probe, sample_encoder
from wsexplore.embed.training import normalized_cross_entropy
from wsexplore.generate import quality
from wsexplore.nets import architecture
from wsexplore.population import evaluate, fine_tune
from wsexplore.symmetry import permute_weights, random_permutation
from wsexplore.zoo import Zoo, item, zoo_writer

NAME, DATA = "digits-mlp", "digits"
SMALL = EncoderConfig(width=128, layers=2, heads=4, latent=128, batch=32, steps=60, telling=0.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("quality", "speed", "stream", "ablation"))
    parser.add_argument("--models", type=int, default=100_000, help="networks to embed")
    parser.add_argument("--steps", type=int, default=1000, help="of each encoder of the ablation")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    {"quality": quality_, "speed": speed, "stream": stream, "ablation": ablation}[chosen.what](chosen)


def quality_(chosen: argparse.Namespace) -> None:
    zoo, encoder = aligned(), Encoder.open(NAME)
    rebuilt = evaluate(encoder.reconstruct(zoo), DATA)["test_accuracy"].to_numpy()
    own = zoo.table["test_accuracy"].to_numpy()
    print(f"{len(zoo):,} networks: test accuracy {own.mean():.4f}, decoded {rebuilt.mean():.4f}")
    last = (zoo.table["design"] == "seeds").to_numpy()
    print(f"{int(last.sum()):,} of one recipe: {own[last].mean():.4f}, decoded {rebuilt[last].mean():.4f}")
    good = zoo.select("design = 'seeds'")
    rows = []
    for kernel, bandwidth, candidates in [("network", b, 1) for b in (0.1, 0.2, 0.5, 1.0)] + [
        ("network", 0.5, 10),
        ("token", 0.2, 1),
    ]:
        settings = SampleSettings(bandwidth, kernel, candidates)
        made = sample_encoder(encoder, good, 100, data=DATA, settings=settings, seed=0)
        frame = quality(made, good, DATA, name="encoder").frame.set_index("generator")
        rows.append({"kernel": kernel, "bandwidth": bandwidth, "best of": candidates, **_short(frame.loc["encoder"])})
    rows += [{"kernel": name, **_short(frame.loc[name])} for name in frame.index if name != "encoder"]
    print(pd.DataFrame(rows).round(3).to_string(index=False))
    start = sample_encoder(encoder, good, 32, data=DATA, settings=SampleSettings(0.5), seed=1)
    scratch = Zoo.from_weights(
        good.architecture, torch.stack([good.architecture.initial_weights(seed=seed) for seed in range(32)])
    )
    for name, begun in (("samples, bandwidth 0.5", start), ("scratch", scratch)):
        curve = fine_tune(begun, DATA, epochs=5).table.groupby("epoch")["test_accuracy"].mean()
        print(f"{name:24s}" + ", ".join(f"epoch {epoch}: {value:.3f}" for epoch, value in curve.items()))


def _short(row: pd.Series) -> dict[str, float]:
    return {"accuracy": row["mean_accuracy"], "best": row["best_accuracy"], "novelty": row["novelty"]}


def speed(chosen: argparse.Namespace) -> None:
    shape = architecture("mlp", widths=[64, 24, 24, 10])
    weights = torch.stack([shape.initial_weights(seed=seed) for seed in range(300)])
    zoo = Zoo.from_weights(shape, weights)
    fit_encoder(zoo, config=replace(SMALL, steps=2))
    begun = time.process_time()
    encoder = fit_encoder(zoo, config=SMALL)
    ours = time.process_time() - begun
    begun = time.process_time()
    _plainly(zoo, encoder)
    plain = time.process_time() - begun
    tokens = encoder.tokenizers[0].tokens
    print(f"{tokens.count} tokens of {tokens.size} numbers, {encoder.size:,} parameters, batch {SMALL.batch}")
    for name, seconds in (("plain way", plain), ("here", ours)):
        windows = SMALL.steps * SMALL.batch / seconds
        print(f"{name:10s} {windows:7.1f} pairs of windows and {windows * 2 * tokens.count:9,.0f} tokens a CPU second")
    print(f"{plain / ours:.2f} times the plain way")


class _Windows(Dataset[tuple[torch.Tensor, ...]]):
    """Two views of each network, prepared one by one."""

    def __init__(self, zoo: Zoo, encoder: Encoder):
        self.zoo, self.reader = zoo, encoder.tokenizers[0]
        self.orders = [random_permutation(self.reader.spec, seed=seed) for seed in range(50)]

    def __len__(self) -> int:
        return SMALL.steps * SMALL.batch

    def __getitem__(self, place: int) -> tuple[torch.Tensor, ...]:
        weights = self.zoo.weights[place % len(self.zoo)].unsqueeze(0)
        order = self.orders[int(torch.randint(len(self.orders), ()))]
        other = permute_weights(weights, order, self.reader.spec, self.reader.architecture.layout)
        views = [self.reader.read(view)[0] for view in (weights, other)]
        return (*views, *(view * (1 + SMALL.noise * torch.randn_like(view)) for view in views), self.reader.tokens.mask)


def _plainly(zoo: Zoo, encoder: Encoder) -> None:
    """The same number of steps of the same model, windows by a DataLoader."""
    network = encoder.network.requires_grad_(True)
    optimiser = torch.optim.AdamW(network.parameters(), SMALL.learning_rate)
    position = encoder.tokenizers[0].tokens.position
    for first, second, one, other, mask in DataLoader(_Windows(zoo, encoder), batch_size=SMALL.batch):
        latents = network.encode(torch.cat([one, other]), position)
        clean, masks = torch.cat([first, second]), torch.cat([mask, mask])
        error = ((network.decode(latents, position) - clean) * masks).square().mean()
        loss = 0.95 * error + 0.05 * normalized_cross_entropy(network.project(latents), SMALL.temperature)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(network.parameters(), SMALL.clip)
        optimiser.step()


def stream(chosen: argparse.Namespace) -> None:
    encoder, shape = Encoder.open(NAME), Zoo.open(NAME).architecture
    with tempfile.TemporaryDirectory() as passing:
        draw, path = torch.Generator().manual_seed(0), Path(passing) / "zoo"
        with zoo_writer(path, shape) as writer:
            for start in range(0, chosen.models, 8192):
                models = min(8192, chosen.models - start)
                writer.append(0.1 * torch.randn(models, shape.layout.size, generator=draw))
        many = Zoo.open(path)
        encoder.embed(many.select(range(100)))
        before, begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
        points = encoder.embed(many)
        seconds = time.process_time() - begun
        peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(
        f"{chosen.models:,} networks in {seconds:.0f} CPU s, {chosen.models / seconds:,.0f} a second; {peak:.0f} MiB "
        f"more than before, of which the points are {points.nbytes / 2**20:.0f}"
    )


def ablation(chosen: argparse.Namespace) -> None:
    zoo, rows = aligned(), {}
    base = EncoderConfig(steps=chosen.steps)
    for name, config, data in (
        ("SANE: reconstruction and contrast", replace(base, telling=0.0), None),
        ("no contrast", replace(base, telling=0.0, contrast=0.0), None),
        ("telling statistics", base, None),
        ("telling statistics and answers", base, DATA),
    ):
        encoder = fit_encoder(zoo, config=config, data=data)
        report = probe({"encoder": encoder.embed(zoo)}, zoo.table, models=("ridge",))
        rows[name] = report.frame.set_index("target")["r2"]
        rows[name]["error"] = min(encoder.history, key=lambda one: one.whole).judged
        print(pd.DataFrame(rows).T.round(3).to_string(), flush=True)


def aligned() -> Zoo:
    """The shipped zoo in its stored frame."""
    return Alignment.open(item("alignments", NAME)).apply(Zoo.open(NAME))


if __name__ == "__main__":
    main()
