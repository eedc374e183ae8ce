"""A network moved along its orbit, what that does to averages, and what undoes it; methods side by side."""

import numpy as np
import pandas as pd
import pytest

import wsexplore as wx
from wsexplore.landscape import compare_methods, merge_attack
from wsexplore.population import train_zoo


@pytest.fixture(scope="module")
def zoo():
    return train_zoo("mlp", "digits", models=3, epochs=8, seed=0, lr=3e-3, config={"widths": [64, 24, 10]})


@pytest.fixture(scope="module")
def attack(zoo):
    return merge_attack(zoo, 0, 1, "digits", spreads=(0.0, 1.0, 2.0), seed=1)


def test_the_attack_keeps_the_function_and_breaks_the_average(attack):
    assert attack.kinds == ("permuted", "rescaled")
    assert attack.output_changes.max() < 1e-3
    assert attack.attacked[-1] > attack.untouched + 0.5
    assert np.all(np.diff(attack.norms) > 0)


def test_alignment_undoes_the_order_and_the_least_norm_undoes_the_scales(attack):
    assert attack.permuted_back[0] == pytest.approx(attack.untouched, abs=1e-3)
    assert attack.permuted_back[-1] > attack.untouched + 0.1
    assert np.ptp(attack.canonical) < 1e-3
    assert attack.canonical.max() < attack.attacked[-1]
    assert list(attack.frame().columns)[:4] == ["log_sd", "attacked", "permuted_back", "canonical"]


def test_rescaling_a_twin_is_undone_to_nothing(zoo):
    alone = merge_attack(zoo, 2, 2, "digits", spreads=(1.0, 2.0), permute=False)
    assert alone.untouched < 1e-6
    assert alone.attacked[-1] > 0.1
    assert alone.canonical.max() <= 1e-4


def test_units_of_an_odd_activation_are_flipped():
    tanh = train_zoo(
        "mlp", "digits", models=2, epochs=3, seed=0, lr=3e-3, config={"widths": [64, 16, 10], "activation": "tanh"}
    )
    found = merge_attack(tanh, 0, 1, "digits", spreads=(1.0,))
    assert found.kinds == ("permuted", "flipped")
    assert found.permuted_back[0] == pytest.approx(found.untouched, abs=1e-3)


@pytest.fixture(scope="module")
def normed():
    config = {"input": [1, 8, 8], "channels": [6, 6], "pool": [2, 1], "hidden": [12], "norm": "batch"}
    return train_zoo("cnn", "digits", models=2, epochs=3, seed=0, lr=3e-3, config=config)


@pytest.mark.parametrize("repair", ["none", "reset", "repair"])
def test_networks_with_running_statistics_are_attacked_and_defended_too(normed, repair):
    options = {"spreads": (0.0, 1.5), "steps": 3, "repair": repair, "calibration": 60, "seed": 2, "device": "cpu"}
    moved = merge_attack(normed, 0, 1, "digits", **options)
    assert moved.repaired == repair
    assert moved.output_changes.max() < 1e-3
    rescaled = merge_attack(normed, 0, 1, "digits", permute=False, **options)
    assert rescaled.kinds == ("rescaled",)
    assert rescaled.attacked[0] == pytest.approx(rescaled.untouched, abs=1e-5)
    for found in (moved, rescaled):
        assert np.ptp(found.canonical) < 2e-3
    if repair == "none":
        assert moved.attacked[-1] > moved.untouched + 0.1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"spreads": (9.0,)}, "from 0 to 5"),
        ({"spreads": ()}, "from 0 to 5"),
        ({"split": "moon"}, "moon"),
        ({"steps": 1}, "2 to 1,001 steps, got 1"),
        ({"steps": 0}, "2 to 1,001 steps, got 0"),
        ({"repair": "glue"}, "repair 'glue' is unknown"),
        ({"repair": "reset"}, "no running statistics"),
        ({"second": 99}, "rows run from 0 to 2, got 99"),
        ({"first": -1}, "rows run from 0 to 2, got -1"),
    ],
)
def test_wrong_arguments_are_refused(zoo, arguments, message):
    with pytest.raises(ValueError, match=message):
        merge_attack(zoo, **{"first": 0, "second": 1, "data": "digits", **arguments})


def test_the_recipe_of_an_attack_makes_it_again(zoo):
    found = merge_attack(zoo, 0, 2, "digits", spreads=(0.3, 1.1), permute=False, align=False, steps=4, seed=3)
    again = eval(found.recipe.python, {"wx": wx, "zoo": zoo})
    pd.testing.assert_frame_equal(again.frame(), found.frame())
    assert again.recipe == found.recipe


def test_an_attack_and_a_comparison_end_when_they_are_told_to(zoo):
    told = []

    def stop(fraction, message):
        told.append(fraction)
        if len(told) > 3:
            raise KeyError("stop")

    for work in (merge_attack, compare_methods):
        told.clear()
        with pytest.raises(KeyError):
            work(zoo, 0, 1, "digits", on_step=stop)
        assert len(told) == 4
        assert 0 <= told[0] <= told[-1] < 1


def test_a_method_that_takes_long_tells_of_itself(zoo):
    told = []
    compare_methods(
        zoo, 0, 1, "digits", methods=("sinkhorn",), steps=3, on_step=lambda fraction, message: told.append(message)
    )
    assert len([message for message in told if message.startswith("matching by sinkhorn")]) > 3


def test_methods_are_compared_on_one_pair(zoo):
    found = compare_methods(zoo, 0, 1, "digits", methods=("weights", "auto", "activations"), steps=5)
    table = found.frame.set_index("method")
    assert list(table.index) == ["none", "weights", "auto", "activations"]
    assert table.loc["none", "seconds"] == 0
    assert table.loc["weights", "objective"] > table.loc["none", "objective"]
    assert table.loc["weights", "barrier"] < table.loc["none", "barrier"]
    again = eval(found.recipe.python, {"wx": wx, "zoo": zoo})
    pd.testing.assert_frame_equal(again.frame.drop(columns="seconds"), found.frame.drop(columns="seconds"))
    assert again.recipe == found.recipe
    for canonical in ("sorted", "huge"):
        with pytest.raises(ValueError, match=f"canonical form '{canonical}' is unknown; choose one of none, minimum"):
            compare_methods(zoo, 0, 1, "digits", canonical=canonical)
    with pytest.raises(ValueError, match="no method to compare"):
        compare_methods(zoo, 0, 1, "digits", methods=())
    with pytest.raises(ValueError, match="matching method 'magic' is unknown"):
        compare_methods(zoo, 0, 1, "digits", methods=("magic",))
