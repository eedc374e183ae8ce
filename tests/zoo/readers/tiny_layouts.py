"""The same layouts with networks of a few weights, so that thousands of damaged copies can be made and read."""

import json
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pandas as pd
import published_layouts as published
import torch
from safetensors.torch import save_file

from wsexplore.nets import architecture
from wsexplore.zoo import Recipe, Zoo, to_safetensors

ARCH = architecture("mlp", widths=[3, 4, 2])


def state(seed: int) -> dict[str, torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)
    shapes = {"layers.0.weight": (4, 3), "layers.0.bias": (4,), "layers.1.weight": (2, 4), "layers.1.bias": (2,)}
    return OrderedDict((name, torch.randn(shape, generator=draw)) for name, shape in shapes.items())


METRICS = {"train_loss": 0.5, "train_acc": 0.9, "test_loss": 0.6, "test_acc": 0.75}
CONFIG = {"model::type": "MLP", "model::nlin": "tanh", "optim::lr": 0.01, "seed": 3}


def trials(root: Path) -> Path:
    for place, epochs in enumerate([(1, 2), (1,)]):
        lines = [published.line(epoch, METRICS, dict(CONFIG)) for epoch in epochs]
        states = {epoch: state(place * 2 + epoch) for epoch in epochs}
        published.write_trial(root / f"NN_tune_trainable_{place}", states, lines, dict(CONFIG))
    return root


def prepared(root: Path) -> Path:
    value = {}
    for split in ("trainset", "testset"):
        value[split] = {
            "data_in": [state(1), state(2)],
            "paths": [Path("/a/trial_1"), Path("/a/trial_2")],
            "epochs": [1, 2],
            "properties": {"test_acc": [0.5, np.float64(0.25)], "ggap": [0.1, 0.2], "array": np.arange(2.0)},
        }
    return published.pickled_splits(root, value)


def sane(root: Path) -> Path:
    inside = root / "dataset_torch.train"
    inside.mkdir(parents=True)
    for place in range(2):
        flat = state(place)
        rows, masks, positions = [], [], []
        for layer in range(2):
            weight, bias = flat[f"layers.{layer}.weight"], flat[f"layers.{layer}.bias"]
            values = torch.cat([weight, bias.unsqueeze(1)], dim=1)
            rows.append(torch.nn.functional.pad(values, (0, 5 - values.shape[1])))
            masks.append(torch.nn.functional.pad(torch.ones_like(values), (0, 5 - values.shape[1])))
            positions += [[layer, unit] for unit in range(len(values))]
        places = torch.tensor([[n, *both] for n, both in enumerate(positions)], dtype=torch.int16)
        sample = {
            "w": torch.cat(rows),
            "m": torch.cat(masks).bool(),
            "p": places,
            "props": torch.tensor([0.5, 1.0, 0.1]),
        }
        torch.save(sample, inside / f"sample_{place}.pt")
    info = {"num_samples": 2, "properties": ["test_acc", "training_iteration", "ggap"], "max_positions": [5, 1, 3]}
    (root / "dataset_info_train.json").write_text(json.dumps({**info, "standardize": True}))
    norms = {f"layers.{layer}.weight": {"mean": 0.1, "std": 2.0} for layer in range(2)}
    (root / "dataset_normalization_train.json").write_text(json.dumps({**norms, "mode": "standardize"}))
    return root


def matrix(root: Path) -> Path:
    root.mkdir(parents=True)
    np.save(root / "weights.npy", np.random.default_rng(0).normal(size=(4, 26)).astype(np.float32))
    entries = [("a/bias:0", 0, 2, "(2,)"), ("a/kernel:0", 2, 20, "(3, 3, 1, 2)")]
    entries += [("b/bias:0", 20, 22, "(2,)"), ("b/kernel:0", 22, 26, "(2, 2)")]
    pd.DataFrame(entries, columns=["varname", "start_idx", "end_idx", "shape"]).to_csv(root / "layout.csv", index=False)
    lines = [
        {"config.dataset": "mnist", "config.activation": "relu", "modeldir": "/a/1", "step": step} for step in range(4)
    ]
    frame = pd.DataFrame(lines).assign(test_accuracy=[0.1, 0.2, 0.3, 0.4], test_loss=1.0)
    frame.to_csv(root / "metrics.csv.gz", index=False)
    return root


def nnet(root: Path) -> Path:
    root.mkdir(parents=True)
    for place in range(2):
        text = ["// a network", "2,3,2,4,", "3,4,2,", "0,", "0,0,0,", "1,1,1,", "0,0,0,0,", "1,1,1,1,"]
        for layer in range(2):
            text += [",".join(f"{float(v):.6e}" for v in row) + "," for row in state(place)[f"layers.{layer}.weight"]]
            text += [f"{float(v):.6e}," for v in state(place)[f"layers.{layer}.bias"]]
        (root / f"net_{place}.nnet").write_text("\n".join(text))
    return root


def folder(root: Path) -> Path:
    root.mkdir(parents=True)
    torch.save(state(0), root / "net0.pt")
    torch.save(state(1), root / "net1.pt", _use_new_zipfile_serialization=False)
    torch.save({"model": state(2), "epoch": 3, "label": torch.tensor(1)}, root / "net2.pth")
    save_file(state(3), root / "net3.safetensors")
    pd.DataFrame({"file": [f"net{n}" for n in range(4)], "test_acc": 0.5, "nlin": "relu"}).to_csv(
        root / "table.csv", index=False
    )
    (root / "mnist_splits.json").write_text(json.dumps({"train": {"path": ["a/net0.pt"], "label": ["4"]}}))
    return root


def tabled(root: Path) -> Path:
    root.mkdir(parents=True)
    for place in range(2):
        save_file(state(place), root / f"net{place}.safetensors")
    frame = pd.DataFrame({"file": [f"net{n}" for n in range(2)], "test_acc": [50.0, 75.0], "nlin": "relu"})
    frame.to_parquet(root / "table.parquet", index=False)
    return root


def zoo() -> Zoo:
    weights = torch.stack([ARCH.layout.flatten(state(seed)) for seed in range(3)])
    return Zoo.from_weights(ARCH, weights, pd.DataFrame({"test_accuracy": [0.1, 0.2, 0.3]}), Recipe.of("made"))


def native(root: Path) -> Path:
    return zoo().save(root)


def exported(root: Path) -> Path:
    root.mkdir(parents=True)
    (root / "export.safetensors").write_bytes(to_safetensors(zoo()))
    return root / "export.safetensors"


def policies(root: Path) -> Path:
    root.mkdir(parents=True)
    for place in range(2):
        (root / f"p{place}.json").write_text(json.dumps([ARCH.layout.flatten(state(place)).tolist(), 0.5]))
    return root


def hub(root: Path) -> Path:
    home = root / "models--someone--digits"
    snapshot, blobs = home / "snapshots" / ("0" * 40), home / "blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    for place in range(2):
        save_file(state(place), blobs / f"{place:064x}")
        (snapshot / f"net{place}.safetensors").symlink_to(Path("..") / ".." / "blobs" / f"{place:064x}")
    return snapshot


LAYOUTS = {
    write.__name__: write
    for write in (trials, prepared, sane, matrix, nnet, folder, tabled, native, exported, policies, hub)
}
