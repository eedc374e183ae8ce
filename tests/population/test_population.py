import os
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
import torch

from wsexplore.datasets import dataset
from wsexplore.nets import architecture, initial_weights
from wsexplore.population import FIELDS, evaluate, hyper_parameters, predict, shard, train_zoo
from wsexplore.population.optimizers import Rates, optimizer_step
from wsexplore.zoo import Zoo, concat

VARIED = {
    "lr": (1e-3, 1e-2),
    "optimizer": ["adam", "adamw", "sgd"],
    "activation": ["relu", "tanh"],
    "init": ["default", "kaiming_normal"],
    "weight_decay": (1e-5, 1e-2),
    "label_noise": (0.0, 0.3),
    "data_share": (0.2, 1.0),
}


@pytest.fixture(scope="module")
def varied():
    return train_zoo("mlp", "digits", models=12, epochs=2, vary=VARIED, seed=3, checkpoints=[0, 1, 2])


@pytest.mark.parametrize("shard", [1, 5, 12])
def test_the_same_seed_gives_the_same_bits_however_it_is_cut(varied, shard):
    again = train_zoo("mlp", "digits", models=12, epochs=2, vary=VARIED, seed=3, checkpoints=[0, 1, 2], shard=shard)
    assert torch.equal(again.weights, varied.weights)
    assert again.table.equals(varied.table)


@pytest.mark.parametrize(
    ("widths", "norm"), [([64, 17, 5, 10], "none"), ([64, 9, 7, 3, 10], "layer"), ([64, 6, 1, 10], "none")]
)
def test_odd_widths_give_the_same_bits_however_they_are_cut(widths, norm):
    arch = architecture("mlp", widths=widths, norm=norm)
    whole, *parts = (train_zoo(arch, "digits", models=9, epochs=1, seed=3, shard=shard) for shard in (9, 1, 2, 7))
    for part in parts:
        assert torch.equal(part.weights, whole.weights)


def test_a_longer_population_begins_with_the_shorter_one(varied):
    short = train_zoo("mlp", "digits", models=4, epochs=2, vary=VARIED, seed=3, checkpoints=[0, 1, 2])
    assert torch.equal(short.weights, varied.weights[: len(short)])


def test_another_seed_gives_other_networks(varied):
    other = train_zoo("mlp", "digits", models=12, epochs=2, vary=VARIED, seed=4, checkpoints=[0, 1, 2])
    assert not torch.equal(other.weights, varied.weights)


def test_checkpoints_are_rows_in_order_of_run_and_epoch(varied):
    table = varied.table
    assert table["run"].tolist() == [run for run in range(12) for _ in range(3)]
    assert table["epoch"].tolist() == [0, 1, 2] * 12
    assert table["id"].is_unique


def test_the_first_checkpoint_is_the_initialisation(varied):
    start = varied.select("epoch = 0")
    scale = start.weights.abs().amax(1)
    assert start.table["test_accuracy"].mean() < 0.3
    assert scale.max() < 2


def test_the_metrics_in_the_table_are_those_of_the_stored_weights(varied):
    for split in ("train", "test"):
        scores = evaluate(varied, "digits", split=split)
        for name in ("loss", "accuracy"):
            column = f"{split}_{name}"
            np.testing.assert_allclose(scores[column], varied.table[column], rtol=1e-4, atol=1e-6)


def test_the_generalisation_gap_is_train_minus_test_accuracy(varied):
    gap = varied.table["train_accuracy"] - varied.table["test_accuracy"]
    np.testing.assert_allclose(varied.table["generalization_gap"], gap)


def test_evaluate_agrees_with_a_plain_module(varied):
    test = dataset("digits").test
    scores = evaluate(varied, "digits")
    for row in (0, 7, 20):
        logits = varied.module(row)(test.inputs)
        loss = torch.nn.functional.cross_entropy(logits, test.targets).item()
        accuracy = (logits.argmax(1) == test.targets).float().mean().item()
        assert scores["test_loss"][row] == pytest.approx(loss, rel=1e-4)
        assert scores["test_accuracy"][row] == pytest.approx(accuracy, abs=1e-6)


def test_predictions_are_probabilities(varied):
    arch, rows = varied.groups()[0]
    probabilities = predict(arch, varied.rows(rows), dataset("digits").test.inputs[:9])
    torch.testing.assert_close(probabilities.sum(-1), torch.ones(len(rows), 9))


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_a_stack_steps_as_each_network_would_with_torch_optim(name):
    draw = torch.Generator().manual_seed(0)
    start, gradients = torch.randn(3, 4, 5, generator=draw), torch.randn(6, 3, 4, 5, generator=draw)
    lr, decay, momentum = torch.tensor([0.1, 0.01, 0.3]), torch.tensor([0.0, 0.1, 0.01]), torch.tensor([0.9, 0.0, 0.5])
    ours, state = start.clone(), (torch.zeros(3, 4, 5), torch.zeros(3, 4, 5))
    for step, gradient in enumerate(gradients, start=1):
        optimizer_step(name, ours, gradient.clone(), state, Rates(lr, decay, momentum, decays=True), step)
    for index in range(3):
        alone = torch.nn.Parameter(start[index].clone())
        settings = {"lr": lr[index].item(), "weight_decay": decay[index].item()}
        if name == "sgd":
            settings["momentum"] = momentum[index].item()
        optimizer = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}[name](
            [alone], **settings
        )
        for gradient in gradients:
            alone.grad = gradient[index].clone()
            optimizer.step()
        torch.testing.assert_close(ours[index], alone.detach(), rtol=1e-5, atol=1e-6)


def test_training_together_reaches_what_a_plain_loop_reaches():
    data, arch = dataset("digits"), architecture("mlp")
    accuracies = []
    for seed in range(4):
        module = arch.build()
        module.load_state_dict(arch.layout.unflatten(initial_weights(arch.layout, seed=seed)))
        optimizer = torch.optim.Adam(module.parameters(), lr=2e-3)
        generator = torch.Generator().manual_seed(seed)
        for _ in range(10):
            for index in torch.randperm(1437, generator=generator).split(128):
                optimizer.zero_grad()
                torch.nn.functional.cross_entropy(
                    module(data.train.inputs[index]), data.train.targets[index]
                ).backward()
                optimizer.step()
        accuracies.append((module(data.test.inputs).argmax(1) == data.test.targets).float().mean().item())
    together = train_zoo("mlp", "digits", models=16, epochs=10, lr=2e-3)
    assert together.table["test_accuracy"].mean() == pytest.approx(np.mean(accuracies), abs=0.02)


def test_flipped_labels_and_less_data_hurt():
    zoo = train_zoo("mlp", "digits", models=12, epochs=6, vary={"label_noise": [0.0, 0.9]}, seed=1)
    by_noise = zoo.table.groupby("label_noise")["test_accuracy"].mean()
    assert by_noise[0.0] > by_noise[0.9] + 0.2
    zoo = train_zoo("mlp", "digits", models=12, epochs=6, vary={"data_share": [1.0, 0.02]}, seed=1)
    by_share = zoo.table.groupby("data_share")["test_accuracy"].mean()
    assert by_share[1.0] > by_share[0.02] + 0.1


def test_a_network_that_diverges_is_left_out_and_all_diverging_is_said():
    with pytest.raises(ValueError, match="choose smaller learning rates"):
        train_zoo("mlp", "digits", models=2, epochs=12, lr=100.0, optimizer="sgd", activation="leaky_relu")


def test_training_can_be_cancelled_within_a_second():
    class StopError(Exception):
        pass

    asked = []

    def on_step(fraction, message):
        if fraction > 0:
            asked.append(time.monotonic())
            raise StopError

    with pytest.raises(StopError):
        train_zoo("mlp", "digits", models=200, epochs=200, on_step=on_step)
    assert time.monotonic() - asked[0] < 1


def test_progress_rises_to_one():
    seen = []
    train_zoo("mlp", "digits", models=4, epochs=3, on_step=lambda fraction, message: seen.append(fraction))
    assert seen == sorted(seen)
    assert seen[-1] == 1


def test_a_killed_training_goes_on_and_ends_with_the_same_bits(tmp_path, monkeypatch):
    script = textwrap.dedent(
        """
        import sys, wsexplore as wx
        def on_step(fraction, message):
            print(fraction, flush=True)
        wx.train_zoo("mlp", "digits", models=64, epochs=12, seed=5, shard=4, out=sys.argv[1], on_step=on_step)
        """
    )
    out = tmp_path / "killed"
    process = subprocess.Popen([sys.executable, "-c", script, str(out)], stdout=subprocess.PIPE, text=True)
    for line in process.stdout:
        if float(line) > 0.3:
            os.kill(process.pid, signal.SIGKILL)
            break
    process.wait()
    process.stdout.close()
    partial = tmp_path / "killed.partial"
    finished = [file for file in partial.glob("*.json") if file.name != "plan.json"]
    assert finished
    assert not out.exists()
    trained, plain = [], shard.train_shard
    monkeypatch.setattr(shard, "train_shard", lambda *a, **k: trained.append(1) or plain(*a, **k))
    resumed = train_zoo("mlp", "digits", models=64, epochs=12, seed=5, shard=4, out=out)
    assert len(trained) == 64 // 4 - len(finished)
    monkeypatch.undo()
    whole = train_zoo("mlp", "digits", models=64, epochs=12, seed=5)
    assert torch.equal(resumed.weights, whole.weights)
    assert not partial.exists()


def test_a_training_stopped_in_its_last_write_only_writes_again(tmp_path, monkeypatch):
    def stop(*arguments, **options):
        raise KeyboardInterrupt

    common = {"models": 4, "epochs": 2, "seed": 5, "out": tmp_path / "zoo"}
    monkeypatch.setattr(Zoo, "save", stop)
    with pytest.raises(KeyboardInterrupt):
        train_zoo("mlp", "digits", **common)
    assert not (tmp_path / "zoo").exists()
    monkeypatch.undo()
    monkeypatch.setattr(shard, "train_shard", stop)
    resumed = train_zoo("mlp", "digits", **common)
    monkeypatch.undo()
    assert torch.equal(resumed.weights, train_zoo("mlp", "digits", models=4, epochs=2, seed=5).weights)


def test_an_unfinished_training_with_other_arguments_is_not_mixed_in(tmp_path):
    def cancel(fraction, message):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_zoo("mlp", "digits", models=4, epochs=2, out=tmp_path / "zoo", on_step=cancel)
    with pytest.raises(ValueError, match="unfinished work with other arguments"):
        train_zoo("mlp", "digits", models=4, epochs=3, out=tmp_path / "zoo")


def test_the_written_zoo_is_the_one_in_memory(tmp_path):
    kept = train_zoo("mlp", "digits", models=4, epochs=2, out=tmp_path / "zoo")
    assert torch.equal(Zoo.open(tmp_path / "zoo").weights, train_zoo("mlp", "digits", models=4, epochs=2).weights)
    assert kept.recipe.action == "train_zoo"


def test_hyper_parameters_lie_where_vary_says():
    table = hyper_parameters(200, vary=VARIED, seed=0)
    assert table["lr"].between(1e-3, 1e-2).all()
    assert set(table["optimizer"]) == {"adam", "adamw", "sgd"}
    assert np.log(table["lr"]).mean() == pytest.approx(np.log(10**-2.5), abs=0.15)
    assert table["seed"].is_unique


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"vary": {"learning_rate": (1, 2)}}, "learning_rate is no hyper-parameter; choose among"),
        ({"vary": {"lr": (1e-2, 1e-3)}}, "runs from low to high"),
        ({"vary": {"lr": "fast"}}, "a range"),
        ({"vary": {"lr": []}}, "a range"),
        ({"vary": {"optimizer": ["lion"]}}, "choose one of adam, adamw, sgd"),
        ({"vary": {"lr": (1e-3, float("nan"))}}, "must be a number"),
        ({"lr": -1.0}, "must lie in"),
        ({"lr": 1e-3, "vary": {"lr": (1e-3, 1e-2)}}, "both fixed and varied"),
        ({"batch_size": 2.5}, "whole number"),
        ({"models": 0}, "whole number of networks"),
        ({"epochs": 0}, "whole number of epochs"),
        ({"seed": -1}, "a seed is a whole number"),
        ({"config": {"activation": ["relu"]}}, "choose one of relu"),
        ({"config": {"name": "x"}}, "no field name"),
        ({"checkpoints": [5, 99]}, "epochs from 0 to 2"),
        ({"shard": 0}, "at least 1, got"),
        ({"device": "tpu"}, "choose auto, cpu or cuda"),
        ({"config": {"widths": [784, 10]}}, "do not fit mlp"),
    ],
)
def test_wrong_arguments_are_refused_with_a_sentence(arguments, message):
    with pytest.raises(ValueError, match=message):
        train_zoo("mlp", "digits", **{"models": 2, "epochs": 2, **arguments})


def test_cuda_is_refused_where_there_is_none():
    if torch.cuda.is_available():
        assert train_zoo("mlp", "digits", models=2, epochs=1, device="cuda").weights.isfinite().all()
    else:
        with pytest.raises(ValueError, match="no CUDA device"):
            train_zoo("mlp", "digits", models=2, epochs=1, device="cuda")


def test_every_default_is_allowed():
    for name, field in FIELDS.items():
        assert field.check(name, field.default) == field.default


def test_networks_without_an_activation_of_their_own_are_judged_with_the_architectures():
    zoo = train_zoo("mlp", "digits", models=4, epochs=1, activation="tanh", seed=1)
    other = Zoo.from_weights(zoo.architecture, zoo.weights)
    both = concat([zoo, other])
    assert evaluate(both, "digits")["test_accuracy"].tolist()[:4] == zoo.table["test_accuracy"].tolist()
    assert evaluate(both, "digits")["test_accuracy"].tolist()[4:] == evaluate(other, "digits")["test_accuracy"].tolist()


def test_values_of_the_wrong_kind_give_one_sentence_without_the_type_checks_of_the_tests():
    script = textwrap.dedent(
        """
        import wsexplore as wx
        from wsexplore.generate import FlowConfig
        for call in (
            lambda: wx.train_zoo("mlp", "digits", models=2.5),
            lambda: wx.train_zoo("mlp", "digits", models=2, epochs=1.5),
            lambda: wx.train_zoo("mlp", "digits", models=2, vary={"lr": 0.1}),
            lambda: FlowConfig(learning_rate="x"),
        ):
            try:
                call()
            except ValueError as error:
                print(error)
        """
    )
    said = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert len(said) == 4
    assert "whole number of networks" in said[0]
    assert "whole number of epochs" in said[1]
    assert "lr varies over a range" in said[2]
    assert "learning_rate must be a number" in said[3]
