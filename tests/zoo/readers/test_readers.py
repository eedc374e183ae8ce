"""Each reader opens the published layout, and its networks compute what their authors measured."""

import json
import os
import sys
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pandas as pd
import published_layouts as published
import pytest
import torch
from torch import nn

from wsexplore.nets import architecture
from wsexplore.zoo import Zoo, to_safetensors
from wsexplore.zoo.readers import import_zoo, recognise, torchfile
from wsexplore.zoo.readers.columns import tidy


def measured(zoo: Zoo, side: int = 28) -> np.ndarray:
    """Test accuracy of every network on the digits that the fixtures were measured on."""
    data, found = published.images(side), np.zeros(len(zoo))
    for group, rows in zoo.groups():
        logits = group.forward(zoo.rows(rows), data.test)
        found[rows] = (logits.argmax(-1) == data.test_labels).double().mean(1).numpy()
    return found


@pytest.fixture(scope="module")
def trial_zoo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return published.trial_zoo(tmp_path_factory.mktemp("trials"))


def test_networks_of_trial_folders_reproduce_their_test_accuracy(trial_zoo: Path, tmp_path: Path):
    zoo = import_zoo(trial_zoo, out=tmp_path / "zoo")
    assert zoo.architecture.name == "small-cnn"
    assert set(zoo.table["activation"]) == {"tanh", "relu", "gelu"}
    assert zoo.table["test_accuracy"].max() > 0.6
    np.testing.assert_allclose(measured(zoo), zoo.table["test_accuracy"], atol=1e-6)


def test_trial_folders_are_recognised_without_their_results(trial_zoo: Path):
    found = recognise(trial_zoo)
    assert found.networks == 10
    assert found.says["trials"] == 6
    assert found.architecture == architecture("small-cnn", variant="cnn", channels=1, activation="tanh")
    assert any("1 of 6 trials" in problem for problem in found.problems)
    assert not found.obstacle


def test_what_differs_between_trials_becomes_columns_and_what_all_share_goes_to_the_recipe(trial_zoo: Path):
    zoo = import_zoo(trial_zoo)
    assert {"lr", "weight_decay", "optimizer", "activation", "init", "dropout", "batch_size"} <= set(zoo.table)
    assert zoo.recipe.arguments["shared"]["model_o_dim"] == 4
    assert sorted(zoo.table["seed"].unique()) == [1, 2, 3, 4]
    assert zoo.table["run"].nunique() == 4
    assert not any("/some/where" in str(value) for value in zoo.recipe.arguments["shared"].values())
    assert {"hostname", "pid", "trial_id", "time_total_s"} & set(zoo.table) == set()


def test_before_training_nothing_is_known_of_the_training_loss(trial_zoo: Path):
    table = import_zoo(trial_zoo, epochs=[0]).table
    assert len(table) == 2
    assert "train_loss" not in table
    assert table["test_loss"].notna().all()


def test_a_line_belongs_to_the_epoch_it_names_even_where_the_first_is_missing(trial_zoo: Path):
    table = import_zoo(trial_zoo).table
    old = table[table["seed"] == 3]
    expected = [each.metrics["test_loss"] for each in published.run(3)[1:]]
    assert old["epoch"].tolist() == [1, 2]
    np.testing.assert_allclose(old["test_loss"], expected)


def test_extra_metrics_of_the_phase_zoos_are_kept(trial_zoo: Path):
    table = import_zoo(trial_zoo).table
    assert table.loc[table["seed"] == 4, "log_hessian_trace"].tolist() == [3.5]
    assert table.loc[table["seed"] == 4, "representation_similarity"].tolist() == [0.9]


def test_the_gap_is_train_minus_test_accuracy(trial_zoo: Path):
    table = import_zoo(trial_zoo, epochs="last").table
    np.testing.assert_allclose(table["generalization_gap"], table["train_accuracy"] - table["test_accuracy"])
    assert table["epoch"].tolist() == [2, 2, 2, 2]


def test_a_run_that_diverged_is_left_out_and_counted(trial_zoo: Path):
    zoo = import_zoo(trial_zoo)
    assert zoo.recipe.arguments["networks"] == {"found": 10, "taken": 9}
    assert zoo.recipe.arguments["left_out"] == {"its weights are not finite": 1}


def test_one_trial_alone_is_a_zoo(trial_zoo: Path):
    zoo = import_zoo(min(path for path in trial_zoo.iterdir() if path.is_dir()))
    assert zoo.table["epoch"].tolist() == [0, 1, 2]


def test_the_images_of_a_zoo_are_not_taken_for_networks(trial_zoo: Path):
    assert "images" in recognise(trial_zoo / "dataset.pt").obstacle


def test_running_statistics_of_trials_come_along(tmp_path: Path):
    known = architecture("resnet", depth=18, width=4, input=[1, 8, 8])
    torch.manual_seed(0)
    module = known.build()
    data = published.images(8)
    for _ in range(3):
        module(data.train[:64])
    loss, accuracy = published.scores(module, data.test, data.test_labels)
    metrics = {"train_loss": 1.0, "train_acc": 0.5, "test_loss": loss, "test_acc": accuracy}
    config = {"model::type": "Resnet18_width", "model::width": 4, "training::batchsize": 64, "seed": 0}
    state = OrderedDict((f"module.{name}", value) for name, value in module.state_dict().items())
    assert state["module.bn1.num_batches_tracked"].dtype == torch.int64
    trial = tmp_path / "cifar_10-ResNet18_subset" / "NN_tune_trainable_bf0b6_00005_5_model_width=4"
    published.write_trial(trial, {150: state}, [published.line(150, metrics, config)], config)
    zoo = import_zoo(trial.parent, config={"input": [1, 8, 8]}, out=tmp_path / "out")
    assert zoo.architecture == known
    with torch.no_grad():
        expected, found = module.eval()(data.test), zoo.module(0)(data.test)
    torch.testing.assert_close(found, expected)
    assert zoo.table["width"].tolist() == [4]
    assert float((found.argmax(1) == data.test_labels).float().mean()) == pytest.approx(accuracy)


@pytest.mark.parametrize("mode", ["checkpoint", "vector", "matrix"])
def test_networks_of_a_prepared_pickle_reproduce_their_test_accuracy(tmp_path: Path, mode: str):
    path = published.prepared(tmp_path, mode=mode)
    assert "checkpoints_to_datasets" not in sys.modules
    zoo = import_zoo(path, out=tmp_path / "zoo")
    assert zoo.table["split"].value_counts().to_dict() == {"train": 4, "val": 2, "test": 2}
    assert zoo.table["run"].nunique() == 4
    assert zoo.table["epoch"].tolist() == [1, 2] * 4
    np.testing.assert_allclose(measured(zoo), zoo.table["test_accuracy"], atol=1e-6)


def test_networks_of_prepared_tokens_reproduce_their_test_accuracy(tmp_path: Path):
    zoo = import_zoo(published.prepared_tokens(tmp_path), out=tmp_path / "zoo")
    assert zoo.table["epoch"].tolist() == [1, 2] * 3
    assert zoo.table["run"].tolist() == [0, 0, 1, 1, 2, 2]
    assert any("tanh was taken" in text for text in zoo.recipe.arguments["noticed"])
    tanh = zoo.select("split = 'train'")
    np.testing.assert_allclose(measured(tanh), tanh.table["test_accuracy"], atol=0.005)
    gelu = import_zoo(tmp_path / "dataset.pt", config={"activation": "gelu"}).select("split = 'test'")
    np.testing.assert_allclose(measured(gelu), gelu.table["test_accuracy"], atol=0.005)


def test_networks_of_sane_samples_reproduce_their_test_accuracy(tmp_path: Path):
    zoo = import_zoo(published.sane_samples(tmp_path), out=tmp_path / "zoo")
    assert len(zoo) == 4, "every network is written twice and read once"
    assert zoo.table["epoch"].tolist() == [1, 2, 1, 2]
    assert zoo.table["run"].tolist() == [0, 0, 1, 1]
    np.testing.assert_allclose(measured(zoo), zoo.table["test_accuracy"], atol=0.005)


def test_windows_of_sane_samples_hold_no_whole_network(tmp_path: Path):
    with pytest.raises(ValueError, match="no network is whole"):
        import_zoo(published.sane_samples(tmp_path, window=20))


def test_norms_that_were_not_kept_cannot_be_undone(tmp_path: Path):
    path = published.sane_samples(tmp_path)
    info = json.loads((path / "dataset_info_train.json").read_text())
    (path / "dataset_info_train.json").write_text(json.dumps({**info, "standardize": "l2_ind"}))
    with pytest.raises(ValueError, match="a norm of its own"):
        import_zoo(path)


def test_networks_of_a_matrix_reproduce_their_test_accuracy(tmp_path: Path):
    zoo = import_zoo(published.matrix_zoo(tmp_path), out=tmp_path / "zoo")
    assert zoo.architecture.name == "cnn"
    assert zoo.recipe.arguments["left_out"] == {"its weights are not finite": 1}
    assert zoo.table["run"].tolist() == [0, 0, 0, 1, 1, 2, 2, 2]
    assert {"lr", "init", "activation", "dropout", "optimizer", "l2reg"} <= set(zoo.table)
    np.testing.assert_allclose(measured(zoo), zoo.table["test_accuracy"], atol=1e-6)


def test_a_matrix_without_its_layout_is_read_by_the_published_one(tmp_path: Path):
    path = published.matrix_zoo(tmp_path)
    described = import_zoo(path)
    (path / "layout.csv").unlink()
    assert torch.equal(import_zoo(path).weights, described.weights)


def test_steps_of_a_matrix_can_be_chosen(tmp_path: Path):
    path = published.matrix_zoo(tmp_path)
    assert import_zoo(path, epochs=[2]).table["run"].tolist() == [0, 1, 2]
    assert import_zoo(path, epochs="last").table["epoch"].tolist() == [2, 2, 2]


def test_text_networks_compute_what_the_text_says(tmp_path: Path):
    zoo = import_zoo(published.nnet_zoo(tmp_path), out=tmp_path / "zoo")
    assert zoo.table["previous_advisory"].tolist() == [1, 2, 3]
    assert zoo.table["tau"].tolist() == [4, 5, 6]
    assert zoo.recipe.arguments["scaling"]["means"] == [0.5] * 65
    expected = [checkpoints[-1].metrics["test_acc"] for checkpoints in published.mlp_runs()]
    np.testing.assert_allclose(measured(zoo, 8), expected, atol=1e-6)


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".safetensors"])
def test_state_dicts_in_a_folder_reproduce_the_accuracy_in_its_table(tmp_path: Path, suffix: str):
    zoo = import_zoo(published.state_dicts(tmp_path, suffix=suffix), out=tmp_path / "zoo")
    assert len(zoo) == 6
    assert sorted(zoo.table["epoch"]) == [1, 1, 1, 2, 2, 2]
    assert set(zoo.table["activation"]) == {"relu"}
    assert zoo.table["Learning_Rate"].tolist() == [0.01] * 6
    np.testing.assert_allclose(measured(zoo, 8), zoo.table["test_accuracy"], atol=1e-6)


def test_without_a_table_the_activation_is_assumed_and_said(tmp_path: Path):
    path = published.state_dicts(tmp_path, table=False)
    zoo = import_zoo(path)
    assert any("relu was taken" in text for text in zoo.recipe.arguments["noticed"])
    told = import_zoo(path, config={"activation": "tanh"})
    assert told.architecture.config["activation"] == "tanh"
    assert "noticed" not in told.recipe.arguments


def test_one_state_dict_is_a_zoo_of_one(tmp_path: Path):
    path = published.state_dicts(tmp_path)
    assert len(import_zoo(path / "net0_epoch_1.pt")) == 1


def test_pictures_in_implicit_form_keep_split_and_label(tmp_path: Path):
    zoo = import_zoo(published.inr_zoo(tmp_path), out=tmp_path / "zoo")
    assert zoo.architecture == architecture("siren", widths=[2, 32, 32, 1])
    assert zoo.architecture.task == "field"
    labels = [int(each.split("/")[0].split("_")[-2]) for each in zoo.table["id"]]
    assert zoo.table["label"].tolist() == labels
    assert sorted(zoo.table["split"]) == ["test", "train", "train", "train"]


def test_evolved_policies_compute_what_estool_computes(tmp_path: Path):
    path = published.policy_zoo(tmp_path)
    assert "layers" in recognise(path).obstacle
    zoo = import_zoo(path, config={"widths": [64, 12, 10], "activation": "relu"})
    expected = [checkpoints[-1].metrics["test_acc"] for checkpoints in published.mlp_runs()]
    np.testing.assert_allclose(measured(zoo, 8), expected, atol=0.01)


def test_our_own_export_comes_back_as_it_was(tmp_path: Path):
    zoo = import_zoo(published.state_dicts(tmp_path), out=tmp_path / "zoo")
    (tmp_path / "one.safetensors").write_bytes(to_safetensors(zoo))
    again = import_zoo(tmp_path / "one.safetensors")
    assert torch.equal(again.weights, zoo.weights)
    pd.testing.assert_frame_equal(again.table[zoo.table.columns], zoo.table, check_dtype=False)


def test_our_own_folder_is_copied_with_a_new_recipe(tmp_path: Path):
    zoo = import_zoo(published.state_dicts(tmp_path), out=tmp_path / "zoo")
    copy = import_zoo(tmp_path / "zoo", out=tmp_path / "copy")
    assert torch.equal(copy.weights, zoo.weights)
    pd.testing.assert_frame_equal(copy.table, zoo.table)
    assert copy.recipe.arguments["source"]["fingerprint"] == zoo.fingerprint


def test_a_repository_of_the_hub_is_read_from_its_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(published.hub_cache(tmp_path)))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    zoo = import_zoo("hf:someone/digits", out=tmp_path / "zoo")
    np.testing.assert_allclose(measured(zoo, 8), zoo.table["test_accuracy"], atol=1e-6)
    assert zoo.recipe.arguments["commit"] == "0123456789abcdef0123456789abcdef01234567"
    assert "hf:someone/digits@0123456789abcdef" in zoo.recipe.cli
    assert recognise("hf:someone/digits@main").networks == 6
    with pytest.raises(ValueError, match="not in the cache"):
        import_zoo("hf:someone/nothing")


@pytest.mark.parametrize("address", ["hf:", "hf:someone", "hf:../../x", "hf:a/b@../c", "hf:a/b c"])
def test_an_address_of_another_form_is_refused(address: str):
    with pytest.raises(ValueError, match="is no repository"):
        recognise(address)


def test_a_zoo_on_disk_is_the_zoo_in_memory(trial_zoo: Path, tmp_path: Path):
    held, stored = import_zoo(trial_zoo), import_zoo(trial_zoo, out=tmp_path / "zoo")
    assert torch.equal(held.weights, stored.weights)
    pd.testing.assert_frame_equal(held.table, stored.table)


def test_slices_of_any_size_make_the_same_zoo(trial_zoo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    whole = import_zoo(trial_zoo, out=tmp_path / "whole")
    monkeypatch.setattr("wsexplore.zoo.readers.importing.CHUNK", 4 * 2464 * 2)
    cut = import_zoo(trial_zoo, out=tmp_path / "cut")
    assert torch.equal(cut.weights, whole.weights)
    assert cut.fingerprint == whole.fingerprint


def test_float16_keeps_three_digits(trial_zoo: Path, tmp_path: Path):
    zoo = import_zoo(trial_zoo, out=tmp_path / "zoo", dtype="float16")
    torch.testing.assert_close(zoo.weights, import_zoo(trial_zoo).weights, atol=2e-3, rtol=1e-3)


def test_the_recipe_does_not_tell_where_the_files_lay(trial_zoo: Path):
    recipe = json.dumps(import_zoo(trial_zoo).recipe.to_dict())
    assert str(trial_zoo.parent) not in recipe
    assert trial_zoo.name in recipe


def test_progress_rises_to_the_end(trial_zoo: Path):
    steps: list[float] = []
    import_zoo(trial_zoo, on_step=lambda fraction, message: steps.append(fraction))
    assert steps == sorted(steps)
    assert steps[-1] == 1.0


class Net(nn.Module):
    """A network whose pickle names this module, so that only its code can read it."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(3, 4), nn.Linear(4, 2)


def test_a_pickled_module_is_refused_unless_it_is_trusted(tmp_path: Path):
    torch.manual_seed(0)
    net = Net()
    (tmp_path / "zoo").mkdir()
    torch.save(net, tmp_path / "zoo" / "net.pt")
    with pytest.raises(ValueError, match=r"running code.*state_dict.*--trust"):
        import_zoo(tmp_path / "zoo")
    zoo = import_zoo(tmp_path / "zoo", trust=True)
    assert torch.equal(zoo.module(0).layers[0].weight, net.one.weight)


@pytest.mark.parametrize("dtype", [torch.complex64, torch.uint16])
def test_a_tensor_of_a_kind_that_is_not_read_is_not_called_code(tmp_path: Path, dtype: torch.dtype):
    torch.save({"0.weight": torch.zeros(2, 2, dtype=dtype)}, tmp_path / "net.pt")
    with pytest.raises(ValueError, match="holds values of a kind that is not read") as said:
        import_zoo(tmp_path / "net.pt")
    assert "code" not in str(said.value)


def test_a_pickled_module_of_torch_is_called_code(tmp_path: Path):
    torch.save(nn.Sequential(nn.Linear(2, 2)), tmp_path / "net.pt")
    with pytest.raises(ValueError, match="running code"):
        import_zoo(tmp_path / "net.pt")


def test_an_old_file_that_is_longer_than_its_description_may_be_is_read(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(torchfile, "DESCRIPTION", 4096)
    state = {"0.weight": torch.randn(64, 64), "0.bias": torch.randn(64), "2.weight": torch.randn(2, 64)}
    state["2.bias"] = torch.randn(2)
    torch.save(state, tmp_path / "net.pt", _use_new_zipfile_serialization=False)
    assert torch.equal(import_zoo(tmp_path / "net.pt").module(0).layers[0].weight, state["0.weight"])


@pytest.mark.parametrize(
    ("given", "expected"),
    [([0.5, 1.0000001], [0.5, 1]), ([50, 100.0000001], [0.5, 1]), ([1.2, 1.6], [0.012, 0.016]), ([0, 1], [0, 1])],
)
def test_accuracies_become_fractions_of_1(given: list[float], expected: list[float]):
    found = tidy([{"test_accuracy": value} for value in given])
    np.testing.assert_allclose(found["test_accuracy"], expected, atol=1e-12)
    assert found["test_accuracy"].max() <= 1


def test_accuracies_that_are_neither_fractions_nor_percentages_are_refused():
    with pytest.raises(ValueError, match="fraction of 1 or a percentage"):
        tidy([{"test_accuracy": 0.5}, {"test_accuracy": 1.2}])


def test_a_network_of_unknown_layers_asks_for_a_factory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "zoo").mkdir()
    (tmp_path / "myfactory.py").write_text(
        "from torch import nn\n\n\ndef make(width):\n    return nn.ModuleDict({'a': nn.Bilinear(3, 3, width)})\n"
    )
    torch.save(nn.ModuleDict({"a": nn.Bilinear(3, 3, 2)}).state_dict(), tmp_path / "zoo" / "net.pt")
    with pytest.raises(ValueError, match=r"--factory package\.module:function"):
        import_zoo(tmp_path / "zoo")
    monkeypatch.syspath_prepend(tmp_path)
    config = {"arguments": {"width": 2}, "input": [3]}
    zoo = import_zoo(tmp_path / "zoo", factory="myfactory:make", config=config)
    assert zoo.architecture.name == "factory"
    assert zoo.architecture.layout.size == 20


def test_a_convolutional_network_asks_for_what_its_shapes_do_not_say(tmp_path: Path):
    known = architecture("cnn", input=[1, 8, 8], channels=[4, 4], kernel=3, padding=1, hidden=[6], pool=2)
    (tmp_path / "zoo").mkdir()
    torch.manual_seed(0)
    module = known.build()
    torch.save(module.state_dict(), tmp_path / "zoo" / "net.pt")
    with pytest.raises(ValueError, match=r"--config input=1,28,28"):
        import_zoo(tmp_path / "zoo")
    zoo = import_zoo(tmp_path / "zoo", config={"input": [1, 8, 8], "padding": 1})
    assert zoo.architecture == known
    torch.testing.assert_close(zoo.module(0)(known.example_input()), module.eval()(known.example_input()))


def test_networks_of_another_architecture_are_left_out(tmp_path: Path):
    path = published.state_dicts(tmp_path, table=False)
    torch.save(nn.Sequential(nn.Linear(64, 5), nn.Linear(5, 10)).state_dict(), path / "other.pt")
    zoo = import_zoo(path)
    assert len(zoo) == 6
    assert "another architecture" in next(iter(zoo.recipe.arguments["left_out"]))


REAL = os.environ.get("WSEXPLORE_REAL_ZOOS", "")


@pytest.mark.skipif(not REAL, reason="WSEXPLORE_REAL_ZOOS names no folder of downloaded zoos")
def test_the_45_acas_xu_networks_are_read(tmp_path: Path):
    zoo = import_zoo(Path(REAL) / "acas-xu" / "nnet", out=tmp_path / "zoo")
    assert len(zoo) == 45
    assert zoo.architecture.layout.size == 13_305
    assert set(zip(zoo.table["previous_advisory"], zoo.table["tau"], strict=True)) == {
        (advisory, tau) for advisory in range(1, 6) for tau in range(1, 10)
    }
