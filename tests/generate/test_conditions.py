"""What a sample can ask for: columns become numbers, wishes that cannot be met are refused in one sentence."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from small_zoos import SMALL, made_zoo

from wsexplore.generate import FlowConfig, WeightFlow, fit_flow
from wsexplore.generate.conditions import Conditions
from wsexplore.nets import architecture
from wsexplore.zoo import Zoo

TABLE = pd.DataFrame(
    {
        "lr": np.logspace(-4, 0, 20),
        "accuracy": np.linspace(0.2, 0.9, 20),
        "label": [0, 1, 2, 10] * 5,
        "optimizer": ["sgd", "adam"] * 10,
    }
)


def test_numbers_are_standardised_or_read_by_their_logarithm_and_words_are_one_hot():
    listens = Conditions.of(TABLE, ["lr", "accuracy", "label", "optimizer"])
    lr, accuracy, label, optimizer = listens.columns
    assert (lr.logarithmic, accuracy.logarithmic) == (True, False)
    assert (label.values, optimizer.values) == (("0", "1", "2", "10"), ("adam", "sgd"))
    rows = listens.rows(TABLE)
    assert rows.shape == (20, 2 + 2 + 4 + 2)
    assert rows[:, [1, 3]].mean(0).abs().max() < 1e-5
    torch.testing.assert_close(rows[:, [1, 3]].std(0, correction=0)[1], torch.tensor(1.0), atol=0.05, rtol=0)
    assert torch.equal(rows[:, 4:8].sum(1), torch.ones(20))


def test_what_is_not_asked_for_stays_open():
    listens = Conditions.of(TABLE, ["accuracy", "label"])
    rows = listens.asked({"label": 2}, 3)
    assert torch.equal(rows, torch.tensor([[0.0, 0, 0, 0, 1, 0]]).expand(3, -1))
    assert torch.equal(listens.asked({}, 1), torch.zeros(1, 6))
    assert listens.asked({"accuracy": 0.9}, 1)[0, 1] > 1


def test_a_share_of_conditions_is_dropped_whole_columns_at_a_time():
    listens = Conditions.of(TABLE, ["accuracy", "label"])
    rows = listens.rows(TABLE).repeat(200, 1)
    kept = listens.dropped(rows, 0.25, torch.Generator().manual_seed(0))
    label = kept[:, 2:].sum(1)
    assert set(label.tolist()) == {0.0, 1.0}
    assert label.mean().item() == pytest.approx(0.75**2, abs=0.03)
    assert torch.equal(listens.dropped(rows, 0.0, torch.Generator()), rows)


def test_columns_come_back_from_json():
    listens = Conditions.of(TABLE, ["lr", "optimizer"])
    assert Conditions.from_list(listens.to_list()) == listens


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ({"x": [1.0, None]}, "column x is empty for 1 networks"),
        ({"x": [1.0, 1.0]}, "has one value alone"),
        ({"x": [1.0, float("inf")]}, "not finite"),
        ({"x": [f"w{i}" for i in range(101)]}, "101 different words, at most 100"),
        ({"y": [1.0, 2.0]}, "the zoo has no column x; it has y"),
    ],
)
def test_a_column_that_cannot_be_learnt_is_refused(table, sentence):
    with pytest.raises(ValueError, match=sentence):
        Conditions.of(pd.DataFrame(table), ["x"])


@pytest.mark.parametrize(
    ("condition", "sentence"),
    [
        ({"colour": 1}, "does not listen to colour; it listens to lr, optimizer"),
        ({"optimizer": "lion"}, "optimizer 'lion' is unknown; choose one of adam, sgd"),
        ({"lr": 0.0}, "lr must be a number above 0, seen from 0.0001 to 1, got 0.0"),
        ({"lr": "fast"}, "lr must be a number"),
        ({"lr": float("nan")}, "lr must be a number"),
        ({"lr": True}, "lr must be a number"),
    ],
)
def test_a_wish_that_cannot_be_met_is_refused(condition, sentence):
    with pytest.raises(ValueError, match=sentence):
        Conditions.of(TABLE, ["lr", "optimizer"]).asked(condition, 2)


@pytest.fixture(scope="module")
def listening() -> WeightFlow:
    """Fitted to networks whose weights are high for one label and low for the other."""
    arch, draw = architecture("mlp", widths=[6, 5, 3]), torch.Generator().manual_seed(0)
    label = torch.randint(2, (120,), generator=draw)
    weights = (2.0 * label - 1).unsqueeze(1) + 0.2 * torch.randn(120, arch.layout.size, generator=draw)
    zoo = Zoo.from_weights(arch, weights, pd.DataFrame({"label": label.numpy()}))
    config = FlowConfig(width=32, layers=1, heads=2, steps=300, batch=32, learning_rate=1e-2, conditions=("label",))
    return fit_flow(zoo, config=config)


def test_a_sample_follows_what_is_asked_for_and_guidance_sharpens_it(listening):
    low, high = (listening.sample(40, condition={"label": one}).weights.mean(1) for one in (0, 1))
    assert (low < 0).float().mean() > 0.9
    assert (high > 0).float().mean() > 0.9
    free = listening.sample(40, condition={"label": 1}, guidance=0.0)
    assert torch.allclose(free.weights, listening.sample(40).weights, atol=1e-5)
    strong = listening.sample(40, condition={"label": 1}, guidance=2.0).weights.mean(1)
    assert strong.mean() > high.mean()


def test_what_was_asked_for_stands_in_the_table_and_the_recipe(listening):
    sample = listening.sample(2, condition={"label": 1}, guidance=1.5)
    assert list(sample.table["asked_label"]) == [1, 1]
    assert sample.recipe.cli.endswith("--condition label=1 --guidance 1.5")
    again = eval(sample.recipe.python, {"flow": listening})
    assert torch.equal(again.weights, sample.weights)


def test_a_listening_flow_comes_back_from_disk(listening, tmp_path):
    again = WeightFlow.open(listening.save(tmp_path / "flow"))
    assert again.listens == listening.listens
    asked = {"condition": {"label": 1}, "guidance": 3.0}
    assert torch.equal(again.sample(3, **asked).weights, listening.sample(3, **asked).weights)


def test_a_guidance_that_is_no_number_is_refused(listening):
    for guidance in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="guidance must be 0 or more"):
            listening.sample(1, condition={"label": 1}, guidance=guidance)


def test_a_fit_on_a_column_that_is_missing_is_refused():
    with pytest.raises(ValueError, match="has no column lr"):
        fit_flow(made_zoo([64, 6, 10]), config=replace(SMALL, conditions=("lr",)))
