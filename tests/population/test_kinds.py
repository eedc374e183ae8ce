import itertools
import shlex

import numpy as np
import pandas as pd
import pytest
import torch

from wsexplore.cli import cli
from wsexplore.datasets import dataset
from wsexplore.nets import architecture
from wsexplore.population import (
    evaluate,
    field_grid,
    field_targets,
    hyper_parameters,
    pictures_of,
    psnr,
    render,
    train_zoo,
    training_cost,
)
from wsexplore.zoo import Zoo

TINY = {"input": [1, 8, 8], "channels": [4, 3], "kernel": [3, 2], "pool": [2, 1], "hidden": [6]}
WITH_NORM = {**TINY, "norm": "batch"}


@pytest.mark.parametrize("shard", [1, 3, 17])
def test_convolutional_networks_keep_their_bits_however_they_are_cut(shard):
    vary = {"lr": (1e-3, 1e-2), "activation": ["relu", "tanh"]}
    whole, cut = (
        train_zoo("cnn", "digits", models=17, epochs=1, vary=vary, seed=3, config=TINY, shard=size)
        for size in (16, shard)
    )
    assert torch.equal(cut.weights, whole.weights)
    assert cut.table.equals(whole.table)


def test_convolutional_networks_learn_as_a_plain_loop_does():
    arch, data = architecture("cnn", **TINY), dataset("digits")
    together = train_zoo(arch, "digits", models=16, epochs=4, lr=5e-3, batch_size=32)
    accuracies = []
    for seed in range(4):
        module = arch.build()
        module.load_state_dict(arch.layout.unflatten(arch.initial_weights(seed=seed)))
        optimizer = torch.optim.Adam(module.parameters(), lr=5e-3)
        generator = torch.Generator().manual_seed(seed)
        inputs = data.train.inputs.unsqueeze(1)
        for _ in range(4):
            for index in torch.randperm(1437, generator=generator).split(32):
                optimizer.zero_grad()
                torch.nn.functional.cross_entropy(module(inputs[index]), data.train.targets[index]).backward()
                optimizer.step()
        hits = module(data.test.inputs.unsqueeze(1)).argmax(1) == data.test.targets
        accuracies.append(hits.float().mean().item())
    assert together.table["test_accuracy"].mean() == pytest.approx(np.mean(accuracies), abs=0.06)


def test_running_statistics_are_each_networks_own_and_make_its_recorded_accuracy():
    zoo = train_zoo("cnn", "digits", models=3, epochs=2, seed=1, config=WITH_NORM, batch_size=64)
    assert zoo.buffers.shape == (3, zoo.architecture.buffers.size)
    assert not torch.equal(zoo.buffers[0], zoo.buffers[1])
    test = dataset("digits").test
    for row in range(3):
        logits = zoo.module(row)(test.inputs.unsqueeze(1))
        accuracy = (logits.argmax(1) == test.targets).float().mean().item()
        assert zoo.table["test_accuracy"][row] == pytest.approx(accuracy, abs=1e-6)


def test_running_statistics_move_as_those_of_a_plain_module():
    arch, data = architecture("cnn", **WITH_NORM), dataset("digits")
    zoo = train_zoo(arch, "digits", models=1, epochs=1, lr=1e-8, batch_size=1437, init="default")
    start = train_zoo(arch, "digits", models=1, epochs=1, lr=1e-8, batch_size=1437, checkpoints=[0])
    module = start.module(0).train()
    module(data.train.inputs.unsqueeze(1))
    moved = torch.cat([module.state_dict()[slot.name].reshape(-1).float() for slot in arch.buffers.slots])
    torch.testing.assert_close(zoo.buffers[0], moved, rtol=1e-4, atol=1e-5)


def test_dropout_needs_its_layers_and_changes_what_is_learned():
    with pytest.raises(ValueError, match="has no dropout layers; build it with dropout_modules=true"):
        train_zoo("small-cnn", "digits@28", models=1, epochs=1, dropout=0.5)
    with pytest.raises(ValueError, match="dropout means nothing for mlp"):
        train_zoo("mlp", "digits", models=1, epochs=1, dropout=0.5)
    config = {"dropout_modules": True}
    common = {"models": 2, "epochs": 1, "seed": 1, "config": config, "batch_size": 512}
    plain, dropped, cut = (
        train_zoo("small-cnn", "digits@28", **common, **extra)
        for extra in ({}, {"dropout": 0.5}, {"dropout": 0.5, "shard": 1})
    )
    assert not torch.equal(plain.weights, dropped.weights)
    assert torch.equal(dropped.weights, cut.weights)
    assert (dropped.table["dropout"] == 0.5).all()


def test_metrics_of_checkpoints_are_told_once_each_as_they_come(tmp_path):
    heard = []
    zoo = train_zoo(
        "mlp", "digits", models=6, epochs=3, checkpoints=[0, 1, 3], shard=2, on_metrics=heard.append, seed=1
    )
    told = pd.concat(heard).sort_values(["run", "epoch"]).reset_index(drop=True)
    assert told[["run", "epoch"]].to_numpy().tolist() == zoo.table[["run", "epoch"]].to_numpy().tolist()
    np.testing.assert_allclose(told["test_accuracy"], zoo.table["test_accuracy"])


def test_a_grid_goes_through_all_combinations_with_the_same_seeds_at_each():
    vary = {"lr": [1e-3, 1e-2], "optimizer": ["adam", "sgd"], "activation": ["tanh"]}
    table = hyper_parameters(12, vary=vary, design="grid", seeds=3)
    points = list(zip(table["lr"], table["optimizer"], strict=True))
    assert set(points) == set(itertools.product([1e-3, 1e-2], ["adam", "sgd"]))
    by_point = table.groupby(["lr", "optimizer"])["seed"].apply(lambda seeds: tuple(sorted(seeds)))
    assert by_point.nunique() == 1
    assert len(by_point.iloc[0]) == table["seed"].nunique() == 3
    assert hyper_parameters(12, vary=vary, design="grid")["seed"].is_unique


def test_all_networks_of_a_shared_initialisation_start_at_one_point():
    shared = train_zoo("mlp", "digits", models=3, epochs=1, checkpoints=[0, 1], shared_init=True)
    start, end = shared.select("epoch = 0").weights, shared.select("epoch = 1").weights
    assert torch.equal(start[0], start[1])
    assert not torch.equal(end[0], end[1])


@pytest.mark.parametrize(
    ("name", "data", "options", "message"),
    [
        ("mlp", "digits", {"design": "spiral"}, "design 'spiral' is unknown; choose one of random, grid"),
        ("mlp", "digits", {"design": "grid", "vary": {"lr": (1e-3, 1e-2)}}, "a grid goes through lists"),
        ("mlp", "digits", {"seeds": 0}, "seeds is a whole number of at least 1"),
        ("mlp", "digits", {"precision": "int8"}, "choose one of float32, tf32, bf16"),
        ("mlp", "digits", {"config": {"widths": [64, 9]}}, "mlp has 9 outputs for the 10 classes of digits"),
        ("mlp", "digits", {"shard": 0}, "a shard holds a whole number of networks, at least 1, got 0"),
        ("siren", "digits", {"batch_size": 8}, "batch_size means nothing for siren"),
        ("siren", "digits", {"config": {"widths": [3, 4, 1]}}, "a picture has two coordinates, this siren takes 3"),
        ("siren", "digits", {"config": {"widths": [2, 4, 3]}}, "a grey picture has one intensity"),
        ("siren", "two-moons", {}, "a field is fitted to grey images"),
        ("small-cnn", "digits", {}, "do not fit small-cnn"),
    ],
)
def test_what_makes_no_sense_gets_one_sentence_before_any_work(name, data, options, message):
    with pytest.raises(ValueError, match=message):
        train_zoo(name, data, models=2, epochs=1, **options)


def test_a_field_is_the_picture_it_was_fitted_to():
    zoo = train_zoo("siren", "digits", models=12, epochs=300, lr=3e-3, config={"widths": [2, 16, 16, 1], "w0": 5.0})
    targets = field_targets(dataset("digits"))[:12]
    assert (zoo.table["psnr"] > 25).all()
    pictures = render(zoo.architecture, zoo.weights, height=8, width=8).view(12, -1)
    error = (pictures - targets).square().mean(1)
    np.testing.assert_allclose(zoo.table["mse"], error.numpy(), rtol=1e-3, atol=1e-7)
    np.testing.assert_allclose(zoo.table["psnr"], psnr(error).numpy(), rtol=1e-3)
    scores = evaluate(zoo, "digits")
    np.testing.assert_allclose(scores["psnr"], zoo.table["psnr"], rtol=1e-3)
    with pytest.raises(ValueError, match="must hold numbers of images of digits"):
        evaluate(zoo.with_table(zoo.table.assign(sample=1797)), "digits")
    data = dataset("digits")
    assert zoo.table["sample"].tolist() == list(range(12))
    assert zoo.table["label"].tolist() == [data.classes[int(label)] for label in data.train.targets[:12]]


def test_fields_of_several_activations_are_each_drawn_with_their_own():
    vary = {"activation": ["relu", "tanh"]}
    zoo = train_zoo("field-mlp", "digits", models=8, epochs=30, lr=1e-2, vary=vary, seed=1)
    assert zoo.table["activation"].nunique() == 2
    np.testing.assert_allclose(evaluate(zoo, "digits")["psnr"], zoo.table["psnr"], rtol=1e-3)
    pictures = pictures_of(zoo, np.array([5, 2]), height=8, width=8)
    for picture, row in zip(pictures, (5, 2), strict=True):
        alone = render(zoo.architecture_of(row), zoo.rows([row]), height=8, width=8)[0]
        torch.testing.assert_close(picture, alone)
    assert len(evaluate(zoo.select([]), "digits")) == 0
    with pytest.raises(ValueError, match="split 'nonsense' is unknown"):
        evaluate(zoo, "digits", split="nonsense")


def test_numbers_of_numpy_are_numbers(tmp_path):
    common = {"models": 2, "epochs": 1, "seed": 1}
    plain = train_zoo("mlp", "digits", lr=0.25, vary={"batch_size": [512]}, **common)
    vary = {"batch_size": [np.int64(512)]}
    other = train_zoo("mlp", "digits", lr=np.float32(0.25), vary=vary, out=tmp_path / "zoo", **common)
    assert torch.equal(other.weights, plain.weights)
    assert "np." not in other.recipe.cli + other.recipe.python


@pytest.mark.parametrize(
    ("name", "data", "config"),
    [("cnn", "digits", {"input": [1, 8, 8], "channels": [4], "hidden": []}), ("mlp", "digits", {})],
)
def test_the_command_in_the_recipe_makes_the_same_zoo(name, data, config, tmp_path):
    zoo = train_zoo(name, data, models=2, epochs=1, config=config, vary={"lr": (1e-3, 1e-2)}, seed=4)
    words = shlex.split(zoo.recipe.cli.replace("ZOO", str(tmp_path / "again")))
    assert words[0] == "wsexplore"
    cli(words[1:], standalone_mode=False)
    assert Zoo.open(tmp_path / "again").fingerprint == zoo.fingerprint


def test_a_field_can_be_drawn_at_any_resolution_and_a_classifier_cannot():
    siren = architecture("siren", widths=[2, 8, 1])
    weights = siren.initial_weights(seed=0).unsqueeze(0)
    fine = render(siren, weights, height=15, width=15)
    coarse = render(siren, weights, height=8, width=8)
    torch.testing.assert_close(fine[:, ::2, ::2], coarse, rtol=1e-4, atol=1e-5)
    mlp = architecture("mlp")
    with pytest.raises(ValueError, match="only a field, like siren, can be rendered"):
        render(mlp, mlp.initial_weights(seed=0).unsqueeze(0), height=8, width=8)


def test_the_grid_runs_row_by_row_from_corner_to_corner():
    grid = field_grid(2, 3)
    assert grid.tolist() == [[-1, -1], [-1, 0], [-1, 1], [1, -1], [1, 0], [1, 1]]


def test_the_cost_grows_with_the_work_and_refuses_what_training_refuses():
    small, large = (training_cost("mlp", "digits", models=64, epochs=epochs) for epochs in (10, 1000))
    assert large.seconds > 20 * small.seconds
    assert small.bytes == 64 * 4 * 2410
    assert training_cost("mlp", "digits", models=64, epochs=9, checkpoints=[0, 9]).bytes == 2 * small.bytes
    assert training_cost("siren", "digits", epochs=5).bytes == 1797 * 4 * architecture("siren").layout.size
    with pytest.raises(ValueError, match="optimizer 'lion' is unknown"):
        training_cost("mlp", "digits", optimizer="lion")
