"""Writes small zoos in the layouts in which others publish theirs, quirks included, from networks trained here.

Run as a script with a folder to see them: `python tests/zoo/readers/published_layouts.py FOLDER`.
"""

import json
import random
import sys
import types
from collections import OrderedDict
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PosixPath

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset, TensorDataset

from wsexplore.datasets import dataset

State = dict[str, Tensor]
TRAIN, TEST = 256, 256
PASSES = 3
"""Passes over the data in one epoch."""


class PublishedCNN(nn.Module):
    """The small CNN of the Model Zoos collection: layers in one list, dropout modules only where dropout is used."""

    def __init__(self, channels: int = 1, activation: type[nn.Module] = nn.Tanh, dropout: float = 0.0):
        super().__init__()
        drop = [nn.Dropout(dropout)] if dropout else []
        parts = [nn.Conv2d(channels, 8, 5), nn.MaxPool2d(2), activation(), *drop]
        parts += [nn.Conv2d(8, 6, 5), nn.MaxPool2d(2), activation(), *drop]
        parts += [nn.Conv2d(6, 4, 2), activation(), nn.Flatten(), nn.Linear(36, 20), activation(), *drop]
        self.module_list = nn.ModuleList([*parts, nn.Linear(20, 10)])

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.module_list:
            x = layer(x)
        return x


class UnterthinerCNN(nn.Module):
    """The network of the Small CNN Zoo: three convolutions of stride 2, a global average, a linear layer."""

    def __init__(self, activation: type[nn.Module] = nn.ReLU):
        super().__init__()
        self.convs = nn.ModuleList([nn.Conv2d(1, 16, 3, 2), nn.Conv2d(16, 16, 3, 2), nn.Conv2d(16, 16, 3, 2)])
        self.activation, self.dense = activation(), nn.Linear(16, 10)

    def forward(self, x: Tensor) -> Tensor:
        for conv in self.convs:
            x = self.activation(conv(x))
        return self.dense(x.mean((2, 3)))


@dataclass(frozen=True)
class Images:
    train: Tensor
    train_labels: Tensor
    test: Tensor
    test_labels: Tensor


@lru_cache
def images(side: int = 28) -> Images:
    """Digits, enlarged where the networks want larger images."""
    data = dataset("digits")

    def sized(inputs: Tensor) -> Tensor:
        return nn.functional.interpolate(inputs.reshape(-1, 1, 8, 8), size=(side, side), mode="bilinear")

    train, test = data.train, data.test
    return Images(sized(train.inputs[:TRAIN]), train.targets[:TRAIN], sized(test.inputs[:TEST]), test.targets[:TEST])


def scores(module: nn.Module, x: Tensor, y: Tensor) -> tuple[float, float]:
    """Loss in nats and accuracy."""
    module.eval()
    with torch.no_grad():
        logits = module(x)
    return float(nn.functional.cross_entropy(logits, y)), float((logits.argmax(1) == y).float().mean())


@dataclass(frozen=True)
class Checkpoint:
    state: State
    metrics: dict[str, float]


def trained(module: nn.Module, epochs: int, seed: int, *, side: int = 28, lr: float = 6e-3) -> list[Checkpoint]:
    """Checkpoints of one run, the first before training, with losses and accuracies as they are."""
    data, found = images(side), []
    optimizer, draw = torch.optim.Adam(module.parameters(), lr=lr), torch.Generator().manual_seed(seed)
    for epoch in range(epochs + 1):
        if epoch:
            module.train()
            order = torch.cat([torch.randperm(TRAIN, generator=draw) for _ in range(PASSES)])
            for rows in order.split(16):
                optimizer.zero_grad()
                nn.functional.cross_entropy(module(data.train[rows]), data.train_labels[rows]).backward()
                optimizer.step()
        train_loss, train_acc = scores(module, data.train, data.train_labels)
        test_loss, test_acc = scores(module, data.test, data.test_labels)
        if epoch == 0:
            train_loss = train_acc = -999
        metrics = {"train_loss": train_loss, "train_acc": train_acc, "test_loss": test_loss, "test_acc": test_acc}
        found.append(Checkpoint(OrderedDict((k, v.clone()) for k, v in module.state_dict().items()), metrics))
    return found


@lru_cache
def run(seed: int, activation: str = "tanh", dropout: float = 0.0) -> list[Checkpoint]:
    """A run of the published CNN of two epochs."""
    torch.manual_seed(seed)
    kind = {"tanh": nn.Tanh, "relu": nn.ReLU, "gelu": nn.GELU}[activation]
    return trained(PublishedCNN(activation=kind, dropout=dropout), 2, seed)


def params(seed: int, activation: str = "tanh", dropout: float = 0.0) -> dict[str, object]:
    """A trial's flat configuration."""
    return {
        "model::type": "CNN",
        "model::channels_in": 1,
        "model::o_dim": 4,
        "model::nlin": activation,
        "model::dropout": dropout,
        "model::init_type": "uniform",
        "model::use_bias": False,
        "optim::optimizer": "adam",
        "optim::lr": 0.003,
        "optim::wd": 0.0,
        "seed": seed,
        "training::batchsize": 32,
        "training::epochs_train": 2,
        "dataset::dump": "/some/where/dataset.pt",
        "cuda": False,
    }


def line(epoch: int, metrics: dict[str, float], config: dict[str, object]) -> str:
    """One line of result.json."""
    about = {
        "training_iteration": epoch,
        "trial_id": "c0371_00000",
        "pid": 4,
        "hostname": "node",
        "node_ip": "10.0.0.1",
    }
    return json.dumps({**metrics, **about, "time_total_s": 1.5, "done": False, "config": config})


def write_trial(
    folder: Path,
    checkpoints: dict[int, object],
    lines: list[str],
    config: dict[str, object],
    *,
    numbered: str = "checkpoint_{:06d}",
    described: str = "params.json",
) -> None:
    """A trial's folder."""
    folder.mkdir(parents=True)
    (folder / described).write_text(json.dumps(config))
    (folder / "result.json").write_text("\n".join(lines) + "\n")
    (folder / "progress.csv").write_text("train_loss,test_loss\n")
    for epoch, state in checkpoints.items():
        place = folder / numbered.format(epoch)
        place.mkdir()
        torch.save(state, place / "checkpoints")
        torch.save({"state": {}, "param_groups": []}, place / "optimizer")
        (place / ".is_checkpoint").touch()


def name(place: int, varied: str) -> str:
    return f"NN_tune_trainable_c0371_{place:05d}_{place}_{varied}_2021-07-01_16-59-{place:02d}"


def trial_zoo(root: Path) -> Path:
    """Trial folders with everything that differs between the published ones."""
    zoo = root / "tune_zoo_digits_hyperparameter"
    plain, dropped, old, nested = run(1), run(2, "relu", 0.5), run(3), run(4, "gelu")
    config = params(1)
    lines = [line(epoch, each.metrics, config) for epoch, each in enumerate(plain)]
    write_trial(zoo / name(0, "seed=1"), {e: c.state for e, c in enumerate(plain)}, lines, config)
    config = params(2, "relu", 0.5)
    lines = [line(epoch, each.metrics, config) for epoch, each in enumerate(dropped)]
    wrapped = {e: OrderedDict((f"module.{k}", v) for k, v in c.state.items()) for e, c in enumerate(dropped)}
    write_trial(zoo / name(1, "model_dropout=0.5,seed=2"), wrapped, lines, config)
    config = params(3)
    lines = [line(epoch, old[epoch].metrics, config) for epoch in (1, 2)]
    saved = {1: old[1].state, 2: old[2].state}
    write_trial(zoo / name(2, "seed=3"), saved, lines, config, numbered="checkpoint_{}")
    config = params(4, "gelu")
    lines = [line(epoch, each.metrics, config) for epoch, each in enumerate(nested)]
    lines[2] = lines[2][:-1] + ', "log_hessian_trace": 3.5, "representation_similarity": 0.9}'
    boxed = {2: {"model_state_dict": nested[2].state, "epoch": 2}}
    write_trial(zoo / name(3, "seed=4"), boxed, lines, config, described="config.json")
    died = zoo / name(4, "seed=5")
    write_trial(died, {}, [line(0, plain[0].metrics, params(5))], params(5))
    with (died / "result.json").open("a") as stream:
        stream.write('{"train_loss": 0.3, "trai')
    broken = {key: torch.full_like(value, torch.nan) for key, value in plain[1].state.items()}
    lost = {"train_loss": float("nan"), "train_acc": 0.1, "test_loss": float("nan"), "test_acc": 0.1}
    write_trial(zoo / name(5, "seed=6"), {1: broken}, [line(1, lost, params(6))], params(6))
    (zoo / "config.json").write_text(json.dumps({"model::type": "CNN", "seed": "grid_search"}))
    (zoo / "readme.md").write_text("a zoo")
    (zoo / "experiment_state-2021.json").write_text("{}")
    data = images()
    held = TensorDataset(data.test[:4], data.test_labels[:4])
    torch.save({"trainset": held, "valset": held, "testset": held, "dataset_seed": 42}, zoo / "dataset.pt")
    return zoo


def pickled_splits(root: Path, splits: dict[str, dict[str, object]]) -> Path:
    """`dataset.pt`: pickled data sets, with these attributes, of a class that nobody has installed."""
    module = types.ModuleType("checkpoints_to_datasets.dataset_base")

    class ModelDatasetBase(Dataset):  # type: ignore[type-arg]
        pass

    ModelDatasetBase.__module__, ModelDatasetBase.__qualname__ = module.__name__, "ModelDatasetBase"
    module.ModelDatasetBase = ModelDatasetBase  # type: ignore[attr-defined]
    package = types.ModuleType("checkpoints_to_datasets")
    package.__path__ = []
    sys.modules |= {"checkpoints_to_datasets": package, module.__name__: module}
    value = {name: ModelDatasetBase() for name in splits}
    for name, attributes in splits.items():
        value[name].__dict__.update(attributes)
    root.mkdir(parents=True, exist_ok=True)
    try:
        torch.save(value, root / "dataset.pt")
    finally:
        del sys.modules["checkpoints_to_datasets"], sys.modules[module.__name__]
    return root / "dataset.pt"


def prepared(root: Path, *, mode: str = "checkpoint") -> Path:
    """A zoo prepared for training on it: as state dicts, as vectors, or as one matrix."""
    splits = {}
    for split, seeds in {"trainset": (1, 3), "valset": (4,), "testset": (2,)}.items():
        runs = {seed: run(seed, *VARIED.get(seed, ())) for seed in seeds}
        path = {seed: PosixPath("/data/zoos") / name(seed, f"seed={seed}") for seed in seeds}
        every = [(seed, epoch) for seed in seeds for epoch in (1, 2)]
        states = [runs[seed][epoch].state for seed, epoch in every]
        vectors = [torch.cat([part.flatten() for part in state.values()]) for state in states]
        metrics = [runs[seed][epoch].metrics for seed, epoch in every]
        splits[split] = {
            "data_in": {"checkpoint": states, "vector": vectors, "matrix": torch.stack(vectors)}[mode],
            "labels_in": [f"{path[seed]}#_#epoch_{epoch}#_#layer_[(0, 'conv2d')]" for seed, epoch in every],
            "paths": [path[seed] for seed, _ in every],
            "epochs": [epoch for _, epoch in every],
            "properties": {
                "test_acc": [np.float64(each["test_acc"]) for each in metrics],
                "training_iteration": [epoch for _, epoch in every],
                "ggap": [each["train_acc"] - each["test_acc"] for each in metrics],
                "model::nlin": [(VARIED.get(seed) or ("tanh",))[0] for seed, _ in every],
                "optim::lr": np.full(len(every), 0.003).tolist(),
            },
            "layer_lst": [(0, "conv2d"), (11, "fc")],
            "use_bias": True,
            "mode": mode,
        }
    return pickled_splits(root, splits)


def prepared_tokens(root: Path, size: int = 120) -> Path:
    """Data sets of tokens as SANE keeps them: runs of epochs, standardised, with a reference for the shapes."""
    norms = {f"{owner}.weight": {"mean": 0.01 * place, "std": 0.5} for place, owner in enumerate(ORDER)}
    splits = {}
    for split, seeds in {"trainset": (1, 3), "testset": (4,)}.items():
        data, test_acc = [], []
        for seed in seeds:
            states = [each.state for each in run(seed, *VARIED.get(seed, ()))[1:]]
            scaled = [
                {
                    f"{owner}.{leaf}": (state[f"{owner}.{leaf}"] - norms[f"{owner}.weight"]["mean"]) / 0.5
                    for owner in ORDER
                    for leaf in ("weight", "bias")
                }
                for state in states
            ]
            data.append([tokens(state, size)[0].to(torch.float16) for state in scaled])
            test_acc.append([each.metrics["test_acc"] for each in run(seed, *VARIED.get(seed, ()))[1:]])
        splits[split] = {
            "data": data,
            "mask": tokens(run(1)[0].state, size)[1],
            "positions": tokens(run(1)[0].state, size)[2],
            "paths": [PosixPath("/data/zoos") / name(seed, f"seed={seed}") for seed in seeds],
            "properties": {"test_acc": test_acc, "training_iteration": [[1, 2] for _ in seeds]},
            "standardize": True,
            "layers": norms,
            "tokensize": size,
            "reference_checkpoint": run(1)[-1].state,
        }
    return pickled_splits(root, splits)


VARIED = {2: ("relu", 0.5), 4: ("gelu",)}
ORDER = ["module_list.0", "module_list.3", "module_list.6", "module_list.9", "module_list.11"]


def tokens(state: State, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Tokens, mask and positions of a state dict, as SANE cuts them."""
    rows, masks, places = [], [], []
    for layer, owner in enumerate(ORDER):
        weight = state[f"{owner}.weight"]
        values = torch.cat([weight.flatten(1), state[f"{owner}.bias"].unsqueeze(1)], dim=1)
        pieces = -(-values.shape[1] // size)
        padded = nn.functional.pad(values, (0, pieces * size - values.shape[1]))
        masks.append(nn.functional.pad(torch.ones_like(values), (0, padded.shape[1] - values.shape[1])).view(-1, size))
        rows.append(padded.view(-1, size))
        places += [[layer, unit] for unit in range(len(values)) for _ in range(pieces)]
    positions = torch.tensor([[place, *both] for place, both in enumerate(places)], dtype=torch.int16)
    return torch.cat(rows), torch.cat(masks).bool(), positions


def sane_samples(root: Path, *, window: int | None = None, size: int = 120) -> Path:
    """A folder of samples prepared by SANE, standardised layer by layer; with `window`, cut from longer networks."""
    zoo = root / "dataset_cnn_digits"
    runs = {seed: run(seed) for seed in (1, 3)}
    states = [(seed, epoch, runs[seed][epoch]) for seed in (1, 3) for epoch in (1, 2)]
    norms: dict[str, object] = {}
    for owner in ORDER:
        every = [torch.cat([c.state[f"{owner}.weight"].flatten(), c.state[f"{owner}.bias"]]) for _, _, c in states]
        deviation = torch.stack([each.std() ** 2 for each in every]).mean().sqrt()
        norms[f"{owner}.weight"] = {"mean": float(torch.stack(every).mean()), "std": float(deviation)}
    inside = zoo / "dataset_torch.train"
    inside.mkdir(parents=True)
    supersample, total = 2, 0
    for _ in range(supersample):
        for _, epoch, each in states:
            state = {}
            for owner in ORDER:
                norm = norms[f"{owner}.weight"]
                for leaf in ("weight", "bias"):
                    state[f"{owner}.{leaf}"] = (each.state[f"{owner}.{leaf}"] - norm["mean"]) / norm["std"]
            rows, mask, positions = tokens(state, size)
            length = window or len(rows)
            start = random.Random(total).randint(0, len(rows) - length)
            part = slice(start, start + length)
            both = torch.stack([rows[part], rows[part].flip(0)])
            gap = each.metrics["train_acc"] - each.metrics["test_acc"]
            sample = {"w": both, "m": mask[part], "p": positions[part]}
            sample["props"] = torch.tensor([each.metrics["test_acc"], float(epoch), gap])
            torch.save(sample, inside / f"sample_{total}.pt")
            total += 1
    info = {
        "zoo_path": "/data/zoos/cnn",
        "num_samples": len(states),
        "supersample": supersample,
        "properties": ["test_acc", "training_iteration", "ggap"],
        "epoch_list": [1, 2],
        "standardize": True,
        "windowsize": window or len(rows),
        "max_positions": tokens(states[0][2].state, size)[2].max(0).values.tolist(),
    }
    (zoo / "dataset_info_train.json").write_text(json.dumps(info))
    (zoo / "dataset_normalization_train.json").write_text(json.dumps({**norms, "mode": "standardize"}))
    return zoo


@lru_cache
def unterthiner_runs() -> list[list[Checkpoint]]:
    torch.manual_seed(7)
    return [
        trained(UnterthinerCNN(kind), 2, seed, lr=1e-2) for seed, kind in ((1, nn.ReLU), (2, nn.Tanh), (3, nn.ReLU))
    ]


LAYOUT = [("conv2d", 0, (3, 3, 1, 16)), ("conv2d_1", 160, (3, 3, 16, 16)), ("conv2d_2", 2480, (3, 3, 16, 16))]


def matrix_zoo(root: Path) -> Path:
    """The matrix layout of the Small CNN Zoo, one row of it not finite."""
    zoo = root / "mnist"
    zoo.mkdir(parents=True)
    rows, lines = [], []
    for place, checkpoints in enumerate(unterthiner_runs()):
        for step, each in enumerate(checkpoints):
            parts = []
            for owner in ("convs.0", "convs.1", "convs.2"):
                kernel = each.state[f"{owner}.weight"].permute(2, 3, 1, 0)
                parts += [each.state[f"{owner}.bias"], kernel.flatten()]
            parts += [each.state["dense.bias"], each.state["dense.weight"].T.flatten()]
            rows.append(torch.cat([part.flatten() for part in parts]))
            metrics = each.metrics
            lines.append(
                {
                    "config.activation": ("relu", "tanh", "relu")[place],
                    "config.b_init": "zeros",
                    "config.dataset": "mnist",
                    "config.dnn_architecture": "cnn",
                    "config.dropout": 0.1 * place,
                    "config.l2reg": 1e-4,
                    "config.learning_rate": 1e-2,
                    "config.optimizer": "adam",
                    "config.random_seed": 42,
                    "config.w_init": "glorot_normal",
                    "modeldir": f"/big/store/mnist/{place}",
                    "step": step,
                    "test_accuracy": metrics["test_acc"],
                    "test_loss": metrics["test_loss"],
                    "train_accuracy": metrics["train_acc"] if step else np.nan,
                    "train_loss": metrics["train_loss"] if step else np.nan,
                }
            )
    values = torch.stack(rows).numpy()
    values[4, 7] = np.nan
    np.save(zoo / "weights.npy", values)
    pd.DataFrame(lines).to_csv(zoo / "metrics.csv.gz", index=False)
    entries = []
    for owner, start, shape in LAYOUT:
        entries.append((f"sequential/{owner}/bias:0", start, start + 16, "(16,)"))
        entries.append((f"sequential/{owner}/kernel:0", start + 16, start + 16 + int(np.prod(shape)), str(shape)))
    entries += [("sequential/dense/bias:0", 4800, 4810, "(10,)"), ("sequential/dense/kernel:0", 4810, 4970, "(16, 10)")]
    frame = pd.DataFrame(entries, columns=["varname", "start_idx", "end_idx", "shape"])
    frame.to_csv(zoo / "layout.csv", index=False)
    return zoo


@lru_cache
def mlp_runs() -> list[list[Checkpoint]]:
    found = []
    for seed in range(3):
        torch.manual_seed(seed)
        module = nn.Sequential(nn.Flatten(), nn.Linear(64, 12), nn.ReLU(), nn.Linear(12, 10))
        found.append(trained(module, 2, seed, side=8, lr=1e-2))
    return found


def nnet_zoo(root: Path) -> Path:
    """Text networks with names like those of ACAS-Xu."""
    zoo = root / "nnet"
    zoo.mkdir(parents=True)
    for place, checkpoints in enumerate(mlp_runs()):
        state = checkpoints[-1].state
        text = ["// A network of digits", "// Creative Commons Attribution 4.0", "2,64,10,64,", "64,12,10,", "0,"]
        text += [",".join(["0.0"] * 64) + ",", ",".join(["16.0"] * 64) + ","]
        text += [",".join(["0.5"] * 65) + ",", ",".join(["2.0"] * 65) + ","]
        for owner in ("1", "3"):
            text += [",".join(f"{float(v):.9e}" for v in row) + "," for row in state[f"{owner}.weight"]]
            text += [f"{float(v):.9e}," for v in state[f"{owner}.bias"]]
        (zoo / f"ACASXU_run2a_{place + 1}_{place + 4}_batch_2000.nnet").write_text("\n".join(text) + "\n")
    return zoo


def state_dicts(root: Path, *, suffix: str = ".pt", table: bool = True) -> Path:
    """A folder of state dicts with a table joined by file name."""
    from safetensors.torch import save_file

    zoo = root / "mine"
    (zoo / "late").mkdir(parents=True)
    lines = []
    for place, checkpoints in enumerate(mlp_runs()):
        for epoch in (1, 2):
            file = zoo / ("late" if epoch == 2 else "") / f"net{place}_epoch_{epoch}{suffix}"
            state = {key: value.contiguous() for key, value in checkpoints[epoch].state.items()}
            if suffix == ".safetensors":
                save_file(state, file)
            else:
                torch.save(state, file, _use_new_zipfile_serialization=place != 1)
            metrics = {**checkpoints[epoch].metrics, "test_acc": 100 * checkpoints[epoch].metrics["test_acc"]}
            metrics["train_acc"] *= 100
            lines.append({"file": str(file.relative_to(zoo)), **metrics, "Learning Rate!": 0.01, "activation": "ReLU"})
    if table:
        pd.DataFrame(lines).to_csv(zoo / "table.csv", index=False)
    return zoo


def inr_zoo(root: Path) -> Path:
    """Implicit representations of digits: a SIREN of 2-32-32-1 for each image, with splits and labels."""
    zoo = root / "mnist-inrs"
    data = images()
    splits: dict[str, dict[str, list[object]]] = {split: {"path": [], "label": []} for split in ("train", "test")}
    for place in range(4):
        torch.manual_seed(place)
        layers = [nn.Linear(2, 32), nn.Linear(32, 32), nn.Linear(32, 1)]
        state: dict[str, object] = OrderedDict()
        for layer, module in enumerate(layers):
            state[f"seq.{layer}.weight"] = module.weight.data
            state[f"seq.{layer}.bias"] = module.bias.data
        label = int(data.test_labels[place])
        state["label"] = label
        file = zoo / f"mnist_png_training_{label}_{place}" / "checkpoints" / "model_final.pth"
        file.parent.mkdir(parents=True)
        torch.save(state, file)
        split = splits["train" if place < 3 else "test"]
        split["path"].append(f"data/mnist-inrs/{file.relative_to(zoo)}")
        split["label"].append(str(label))
    (zoo / "mnist_splits.json").write_text(json.dumps(splits))
    return zoo


def policy_zoo(root: Path) -> Path:
    """Flat weights in JSON, inputs x outputs, with a score in some files."""
    zoo = root / "policies"
    zoo.mkdir(parents=True)
    for place, checkpoints in enumerate(mlp_runs()):
        state = checkpoints[-1].state
        parts = [state[f"{owner}.{leaf}"] for owner in "13" for leaf in ("weight", "bias")]
        flat = torch.cat([part.t().flatten() for part in parts])
        value = [[round(float(v), 6) for v in flat]] + ([float(place)] if place else [])
        (zoo / f"walker.{place}.json").write_text(json.dumps(value))
    return zoo


def hub_cache(root: Path) -> Path:
    """The hub's cache of a repository: a snapshot of links to blobs. Returns the cache."""
    home = root / "hub" / "models--someone--digits"
    commit = "0123456789abcdef0123456789abcdef01234567"
    snapshot = home / "snapshots" / commit
    snapshot.mkdir(parents=True)
    (home / "blobs").mkdir()
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text(commit)
    source = state_dicts(root / "source", suffix=".safetensors")
    for place, file in enumerate(sorted(path for path in source.rglob("*") if path.is_file())):
        blob = home / "blobs" / f"{place:040x}"
        file.rename(blob)
        link = snapshot / file.relative_to(source)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(Path(*[".."] * len(link.relative_to(home).parent.parts)) / "blobs" / blob.name)
    return home.parent


if __name__ == "__main__":
    for write in (trial_zoo, prepared, sane_samples, matrix_zoo, nnet_zoo, state_dicts, inr_zoo, policy_zoo, hub_cache):
        print(write(Path(sys.argv[1]) / write.__name__))
