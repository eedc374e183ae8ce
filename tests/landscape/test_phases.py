from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from wsexplore.datasets import Dataset, Split, dataset
from wsexplore.jobs.codec import decode, encode
from wsexplore.landscape import (
    PHASE_METRICS,
    PHASES,
    PhaseCell,
    PhaseGrid,
    Thresholds,
    classify,
    curve_route,
    disputed,
    fit_curve,
    leading_eigenvalue,
    logits_cka,
    mode_connectivity,
    phases,
    phases_cost,
    walked,
)
from wsexplore.landscape.picked import picked_samples
from wsexplore.nets import architecture
from wsexplore.population import evaluate, train_zoo
from wsexplore.zoo import Recipe, Zoo, concat

QUICK = {"samples": 64, "pairs": 1, "epochs": 1}
RATES = [0.01, 0.3]


def trained(width, *, seeds=2, **options):
    options = {"vary": {"lr": RATES}, "design": "grid", "batch_size": 64, "optimizer": "sgd", **options}
    config = {"widths": [64, width, 10], "activation": "tanh"}
    return train_zoo("mlp", "digits", models=seeds * len(RATES), seeds=seeds, epochs=2, config=config, **options)


@pytest.fixture(scope="module")
def zoos():
    return [trained(width) for width in (2, 16)]


@pytest.fixture(scope="module")
def grid(zoos):
    return phases(zoos, "lr", "width", "digits", **QUICK)


def cell(x, y, *, loss=0.01, connectivities=(0.0, 0.0), cka=0.99, runs=2):
    names = tuple(f"r{run}" for run in range(runs))
    return PhaseCell(float(x), float(y), names, loss, 1.0, loss, 2.0, 0.5, 1.5, cka, tuple(connectivities))


def grid_of(*cells, thresholds=None):
    """Cells in one row."""
    return PhaseGrid(
        x="lr",
        y="width",
        x_values=np.arange(float(len(cells))),
        y_values=np.array([4.0]),
        cells=tuple(replace(one, x=float(place), y=4.0) for place, one in enumerate(cells)),
        of=len(cells),
        thresholds=thresholds or Thresholds(),
        data="digits",
        split="train",
        samples=64,
        differing=(),
        recipe=Recipe.of("phases"),
    )


def test_every_pair_of_values_with_runs_is_a_cell(grid):
    assert grid.done
    assert (grid.x_values.tolist(), grid.y_values.tolist()) == (RATES, [2.0, 16.0])
    assert [(one.y, one.x) for one in grid.cells] == [(2.0, 0.01), (2.0, 0.3), (16.0, 0.01), (16.0, 0.3)]
    assert (grid.map("runs") == 2).all()
    frame = grid.frame()
    assert list(frame.columns[:3]) == ["lr", "width", "runs"]
    assert len(frame) == 4
    assert set(frame["phase"]) <= set(PHASES)
    assert grid.differing == ()


def test_a_cell_holds_the_means_over_its_runs(zoos, grid):
    rows = np.flatnonzero(zoos[1].table["lr"] == 0.3)
    found = next(one for one in grid.cells if (one.x, one.y) == (0.3, 16.0))
    some = zoos[1].select(rows)
    assert found.networks == tuple(some.table["id"])
    for split, loss, error in (
        ("train", found.train_loss, found.train_error),
        ("test", found.test_loss, found.test_error),
    ):
        scores = evaluate(some, "digits", split=split)
        assert loss == pytest.approx(scores[f"{split}_loss"].mean(), rel=1e-5)
        assert error == pytest.approx(100 * (1 - scores[f"{split}_accuracy"].mean()), rel=1e-5)
    sharp = [leading_eigenvalue(zoos[1], int(row), "digits", split="train", samples=64) for row in rows]
    assert found.eigenvalue == pytest.approx(np.log10(sharp).mean(), rel=1e-5)
    test = dataset("digits").test
    inputs = test.inputs[torch.from_numpy(picked_samples(test, 64, seed=0))].flatten(1)
    assert found.cka == pytest.approx(logits_cka(some.architecture_of(0), some.weights, inputs))
    curve = fit_curve(zoos[1], int(rows[0]), int(rows[1]), "digits", epochs=1)
    barrier = walked(curve_route(zoos[1], curve, "digits", steps=5, split="train"))
    assert found.connectivities == pytest.approx([mode_connectivity(100 * (1 - barrier.accuracies))], abs=1e-4)


def test_the_activation_of_a_row_is_the_one_that_is_measured(zoos, grid):
    config = {"widths": [64, 16, 10]}
    own = train_zoo(
        "mlp",
        "digits",
        models=4,
        seeds=2,
        epochs=2,
        config=config,
        vary={"lr": RATES},
        design="grid",
        batch_size=64,
        optimizer="sgd",
        activation="tanh",
    )
    assert own.architecture != zoos[1].architecture
    again = phases([zoos[0], own], "lr", "width", "digits", **QUICK)
    for metric in PHASE_METRICS:
        np.testing.assert_array_equal(again.map(metric), grid.map(metric))


def test_a_path_as_good_as_its_ends_is_connected():
    assert mode_connectivity(np.full(5, 3.0)) == 0
    assert mode_connectivity(np.array([1.0, 2.0, 9.0, 2.0, 1.0])) == -8
    assert mode_connectivity(np.array([9.0, 3.0, 2.0, 3.0, 9.0])) == 7
    assert np.isnan(mode_connectivity(np.array([9.0, 3.0, np.nan, 3.0, 9.0])))


@given(st.lists(st.floats(0, 100), min_size=3, max_size=9))
def test_connectivity_does_not_depend_on_the_order_of_the_ends(errors):
    there = np.array(errors)
    assert mode_connectivity(there) == mode_connectivity(there[::-1])


def test_a_fitted_network_is_connected_to_its_copy():
    one = Zoo.open("digits-phases-w48").select("lr > 0.2 and lr < 0.4").select([0])
    twice = concat([one, one])
    curve = fit_curve(twice, 0, 1, "digits", epochs=2)
    barrier = walked(curve_route(twice, curve, "digits", steps=5, split="train"))
    assert mode_connectivity(100 * (1 - barrier.accuracies)) == 0


@pytest.mark.parametrize(
    ("facts", "phase"),
    [
        ({"loss": 1.0, "connectivities": (-9.0, -8.0), "cka": 0.5}, "I"),
        ({"loss": np.inf, "connectivities": (-9.0, -8.0), "cka": 0.5}, "I"),
        ({"loss": 1.0, "connectivities": (9.0, 8.0), "cka": 0.5}, "II"),
        ({"loss": 1.0, "connectivities": (0.0, 0.0)}, "II"),
        ({"connectivities": (-9.0, -8.0)}, "III"),
        ({"cka": 0.5}, "IV-A"),
        ({"cka": 0.99}, "IV-B"),
        ({"connectivities": (-0.5, -0.5)}, "IV-B"),
        ({"connectivities": (np.nan, -9.0)}, "III"),
        ({"connectivities": (), "cka": np.nan, "runs": 1}, ""),
        ({"connectivities": (np.nan,)}, ""),
        ({"cka": np.nan}, ""),
        ({"loss": np.nan}, ""),
    ],
)
def test_a_phase_follows_from_loss_connectivity_and_similarity(facts, phase):
    assert classify(grid_of(cell(0, 0, **facts)))[0, 0] == phase


def test_thresholds_can_be_moved():
    held = grid_of(cell(0, 0, loss=0.2, connectivities=(-2.0, -2.0), cka=0.9))
    assert classify(held)[0, 0] == "I"
    assert classify(held, loss=0.3)[0, 0] == "III"
    assert classify(held, loss=0.3, connectivity=3.0)[0, 0] == "IV-A"
    assert classify(held, loss=0.3, connectivity=3.0, cka=0.8)[0, 0] == "IV-B"
    assert classify(held, connectivity=3.0)[0, 0] == "II"
    wide = grid_of(*held.cells, thresholds=Thresholds(loss=0.3, connectivity=3.0))
    assert classify(wide)[0, 0] == "IV-A"


def test_cells_whose_pairs_disagree_are_disputed():
    told = disputed(grid_of(cell(0, 0, connectivities=(-9.0, 0.0)), cell(0, 0, connectivities=(-9.0, -8.0))))
    assert told.tolist() == [[True, False]]


def test_cells_that_are_not_measured_have_no_phase(grid):
    part = replace(grid, cells=grid.cells[:1])
    assert not part.done
    assert (classify(part) == "").sum() == 3
    assert np.isnan(part.map("cka")).sum() == 3


def test_a_cell_with_one_run_has_neither_similarity_nor_connectivity(zoos):
    single = zoos[0].select([0, 1, 2])
    found = phases([single, zoos[1]], "lr", "width", "digits", **QUICK)
    assert found.alone == 1
    lonely = next(one for one in found.cells if one.runs == 1)
    assert np.isnan([lonely.cka, lonely.connectivity, lonely.connectivity_error]).all()
    assert np.isfinite([lonely.train_loss, lonely.eigenvalue, lonely.trace]).all()
    assert (classify(found) == "").sum() == 1


def test_a_grid_goes_on_where_it_was_stopped(zoos, grid):
    class Stop(Exception):
        pass

    kept, said = [], []

    def keep(part):
        kept.append(part)
        if len(kept) == 2:
            raise Stop

    with pytest.raises(Stop):
        phases(zoos, "lr", "width", "digits", on_partial=keep, **QUICK)
    assert [len(part.cells) for part in kept] == [1, 2]

    def tell(fraction, message):
        said.append((fraction, message))

    whole = phases(zoos, "lr", "width", "digits", earlier=kept[-1], on_step=tell, **QUICK)
    assert whole.cells == grid.cells
    assert all("width 16" in message for _, message in said)
    shares = [fraction for fraction, _ in said]
    assert shares == sorted(shares)
    assert 0.5 <= shares[0] < shares[-1] <= 1
    assert {f"network {run} of 2" for run in (1, 2)} <= {message.split(": ")[1] for _, message in said}


def test_other_thresholds_keep_what_was_measured_and_another_seed_does_not(zoos, grid):
    def refuse(fraction, message):
        raise AssertionError("measured again")

    moved = phases(zoos, "lr", "width", "digits", loss=3.0, earlier=grid, on_step=refuse, **QUICK)
    assert moved.cells == grid.cells
    assert moved.thresholds.loss == 3.0
    assert "--loss 3.0" in moved.recipe.cli
    with pytest.raises(AssertionError, match="measured again"):
        phases(zoos, "lr", "width", "digits", seed=1, earlier=grid, on_step=refuse, **QUICK)


def test_a_grid_is_kept_by_a_job(grid):
    again = decode(encode(grid))
    assert again.cells == grid.cells
    assert (classify(again) == classify(grid)).all()


def test_the_recipe_says_how(grid):
    expected = (
        "wsexplore landscape phases ZOO1 ZOO2 --x lr --y width --dataset digits --split train --samples 64 --runs 10 "
        "--pairs 1 --epochs 1 --loss 0.1 --connectivity 1.0 --cka 0.95 --seed 0"
    )
    assert grid.recipe.cli == expected
    assert grid.recipe.python.startswith("wx.phases(zoos, 'lr', 'width', 'digits', split='train', samples=64,")
    assert len(grid.recipe.inputs) == 2


def test_runs_of_two_zoos_of_one_architecture_share_a_cell(zoos, grid):
    more = trained(2, seed=1)
    found = phases([zoos[0], more, zoos[1]], "lr", "width", "digits", **QUICK)
    assert found.map("runs").tolist() == [[4, 4], [2, 2]]
    assert len(set(found.cells[0].networks)) == 4
    few = phases([zoos[0], more, zoos[1]], "lr", "width", "digits", runs=2, **QUICK)
    assert [replace(one, networks=()) for one in few.cells] == [replace(one, networks=()) for one in grid.cells]


def test_the_epoch_as_a_control_takes_every_checkpoint():
    zoo = trained(4, checkpoints=[0, 1, 2])
    found = phases(zoo, "lr", "epoch", "digits", **QUICK)
    assert found.y_values.tolist() == [0, 1, 2]
    assert (np.diff(found.map("train_loss"), axis=0) < 0).all()
    last = zoo.select("epoch = 2")
    assert found.cells[-1].networks == tuple(last.table["id"][last.table["lr"] == 0.3])


def test_the_width_of_a_convolutional_network_is_that_of_its_channels():
    made = []
    for width in (2, 3):
        kind = architecture("cnn", input=[1, 8, 8], channels=[width], hidden=[], padding=1, norm="batch")
        weights = torch.stack([kind.initial_weights(seed=seed) for seed in range(4)])
        made.append(Zoo.from_weights(kind, weights, pd.DataFrame({"run": range(4), "lr": [0.1, 0.1, 0.2, 0.2]})))
    few = dataset("digits")
    few = replace(few, train=Split(few.train.inputs[:200], few.train.targets[:200]))
    found = phases(made, "lr", "width", few, **QUICK)
    assert found.y_values.tolist() == [2, 3]
    assert np.isfinite(found.map("connectivity")).all()


def test_hyper_parameters_that_differ_within_cells_are_named(zoos):
    mixed = [zoo.with_table(zoo.table.assign(weight_decay=[0.0, 0.0, 0.1, 0.1])) for zoo in zoos]
    found = phases(mixed, "lr", "width", "digits", **QUICK)
    assert found.differing == ("weight_decay",)


def test_what_a_grid_will_take_is_told(zoos):
    assert 0 < phases_cost(zoos, "lr", "width", "digits", **QUICK) < 600


def test_the_shipped_zoos_show_all_phases():
    zoos = [Zoo.open(f"digits-phases-w{width:02d}") for width in (3, 6, 12, 24, 48)]
    assert [len(zoo) for zoo in zoos] == [35] * 5
    some = [zoo.select("lr > 0.2 and lr < 0.4 or lr > 2") for zoo in (zoos[0], *zoos[2:])]
    found = phases(some, "lr", "width", "digits", samples=360, runs=3, pairs=2)
    assert set(classify(found).ravel()) == set(PHASES)
    scores = evaluate(zoos[2], "digits", split="train")
    assert scores["train_loss"].to_numpy() == pytest.approx(zoos[2].table["train_loss"].to_numpy(), rel=1e-4)


def change(zoo, **columns):
    return zoo.with_table(zoo.table.assign(**columns))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda zoos: phases([], "lr", "width", "digits"), "needs a zoo"),
        (lambda zoos: phases([zoos[0], zoos[0]], "lr", "width", "digits"), "given twice"),
        (lambda zoos: phases(zoos, "lr", "lr", "digits"), "the two controls of a grid differ"),
        (lambda zoos: phases(zoos, "lr", "heat", "digits"), "no control 'heat' that is a number; choose one of width"),
        (lambda zoos: phases(zoos, "lr", "optimizer", "digits"), "optimizer holds no numbers"),
        (lambda zoos: phases(zoos, "lr", "test_loss", "digits"), "not set before a training"),
        (lambda zoos: phases(zoos, "lr", "seed", "digits"), "not set before a training"),
        (lambda zoos: phases(zoos[0], "lr", "width", "digits"), "width has one value only, 2"),
        (lambda zoos: phases(zoos, "lr", "batch_size", "digits"), "batch_size has one value only"),
        (lambda zoos: phases([zoos[0].select([]), zoos[1]], "lr", "width", "digits"), "zoo 1 of 2 holds no networks"),
        (
            lambda zoos: phases([zoos[0], change(zoos[1], dataset="mnist")], "lr", "width", "digits"),
            "different data, digits and mnist",
        ),
        (lambda zoos: phases(zoos, "lr", "width", "mnist"), "were trained on digits"),
        (
            lambda zoos: phases([change(zoo, depth=[1, 2, 1, 2]) for zoo in zoos], "lr", "depth", "digits"),
            "two architectures, which differ in widths",
        ),
        (
            lambda zoos: phases([change(zoos[0], lr=[0.1, np.nan, 0.1, 0.2]), zoos[1]], "lr", "width", "digits"),
            "1 networks have no lr",
        ),
        (lambda zoos: phases(zoos, "lr", "width", "digits", split="dev"), "choose train or test"),
        (lambda zoos: phases(zoos, "lr", "width", "digits", samples=1), "samples of a grid of phases must be"),
        (lambda zoos: phases(zoos, "lr", "width", "digits", runs=1), "runs of a grid of phases must be"),
        (lambda zoos: phases(zoos, "lr", "width", "digits", pairs=0), "pairs of a grid of phases must be"),
        (lambda zoos: phases(zoos, "lr", "width", "digits", epochs=0), "epochs of a grid of phases must be"),
        (lambda zoos: phases(zoos, "lr", "width", "digits", device="tpu"), "choose auto, cpu or cuda"),
        (lambda zoos: phases(zoos, "lr", "width", "digits", cka=2.0), "threshold of cka is a number from 0 to 1"),
        (lambda zoos: phases(zoos, "lr", "width", "digits", loss=-1.0), "threshold of loss"),
        (lambda zoos: phases(Zoo.open("digit-fields"), "lr", "epoch", "digits"), "are pictures"),
        (lambda zoos: phases_cost(zoos, "lr", "batch_size", "digits"), "batch_size has one value only"),
    ],
)
def test_bad_input_gets_one_sentence(zoos, call, message):
    with pytest.raises(ValueError, match=message):
        call(zoos)


def test_a_control_with_very_many_values_is_refused():
    zoo = Zoo.open("digits-mlp").select("design = 'varied' and epoch = 30")
    with pytest.raises(ValueError, match=r"lr has \d+ values, and a grid shows 64 at most"):
        phases(zoo, "lr", "weight_decay", "digits")


def test_an_empty_split_is_refused(zoos):
    whole = dataset("digits")
    bare = Dataset(whole.name, whole.train, Split(whole.test.inputs[:0], whole.test.targets[:0]), *facts_of(whole))
    with pytest.raises(ValueError, match="the test split of digits is empty"):
        phases(zoos, "lr", "width", bare, split="test")
    found = phases([zoo.select([0, 1]) for zoo in zoos], "lr", "width", bare, **QUICK)
    assert np.isnan(found.map("test_error")).all()
    assert pd.notna(found.frame()["train_loss"]).all()


def facts_of(data):
    return data.classes, data.mean, data.std
