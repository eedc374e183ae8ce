"""A network moved along its orbit, what that does to averages, and what undoes it; methods side by side."""

import numpy as np
import pytest

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


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"spreads": (9.0,)}, "from 0 to 5"), ({"spreads": ()}, "from 0 to 5"), ({"split": "moon"}, "moon")],
)
def test_wrong_arguments_are_refused(zoo, arguments, message):
    with pytest.raises(ValueError, match=message):
        merge_attack(zoo, 0, 1, "digits", **arguments)


def test_networks_with_running_statistics_are_refused():
    config = {"input": [1, 8, 8], "channels": [4], "pool": 1, "hidden": [5], "norm": "batch"}
    normed = train_zoo("cnn", "digits", models=2, epochs=1, seed=0, lr=1e-3, config=config)
    with pytest.raises(ValueError, match="without BatchNorm"):
        merge_attack(normed, 0, 1, "digits")


def test_methods_are_compared_on_one_pair(zoo):
    found = compare_methods(zoo, 0, 1, "digits", methods=("weights", "auto", "activations"), steps=5)
    table = found.frame.set_index("method")
    assert list(table.index) == ["none", "weights", "auto", "activations"]
    assert table.loc["none", "seconds"] == 0
    assert table.loc["weights", "objective"] > table.loc["none", "objective"]
    assert table.loc["weights", "barrier"] < table.loc["none", "barrier"]
    assert "compare_methods" in found.recipe.python
    with pytest.raises(ValueError, match="matching method 'magic' is unknown"):
        compare_methods(zoo, 0, 1, "digits", methods=("magic",))
