import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from wsexplore.datasets import dataset, read_brackets
from wsexplore.datasets.brackets import VOCABULARY, is_balanced
from wsexplore.datasets.curves import read_mnist1d
from wsexplore.datasets.points import read_spirals, read_two_moons


def accuracy(model, data):
    model.fit(data.train.inputs.numpy(), data.train.targets.numpy())
    return model.score(data.test.inputs.numpy(), data.test.targets.numpy())


@pytest.mark.parametrize("read", [read_mnist1d, read_two_moons, read_spirals, read_brackets])
def test_the_same_seed_gives_the_same_samples_and_another_seed_others(read):
    first, again, other = read(seed=3), read(seed=3), read(seed=4)
    assert np.array_equal(first.train[0], again.train[0])
    assert np.array_equal(first.test[1], again.test[1])
    assert not np.array_equal(first.train[0], other.train[0])


@pytest.mark.parametrize("name", ["mnist1d", "two-moons", "spirals", "brackets"])
def test_no_sample_is_in_both_splits(name):
    data = dataset(name)
    train = {row.numpy().tobytes() for row in data.train.inputs}
    assert not any(row.numpy().tobytes() in train for row in data.test.inputs)


def test_the_curves_defeat_a_linear_model_and_tell_their_class_all_the_same():
    data = dataset("mnist1d")
    assert 0.2 < accuracy(LogisticRegression(max_iter=500), data) < 0.5
    assert accuracy(KNeighborsClassifier(3), data) > 0.5


def test_the_points_are_no_linear_problem():
    for name, low in (("two-moons", 0.9), ("spirals", 0.6)):
        assert accuracy(LogisticRegression(), dataset(name)) < low
        assert accuracy(KNeighborsClassifier(5), dataset(name)) > 0.95


def test_the_labels_of_brackets_are_true():
    data = dataset("brackets")
    assert data.vocabulary == VOCABULARY
    for split in (data.train, data.test):
        for row, label in zip(split.inputs.int().tolist(), split.targets.tolist(), strict=True):
            tokens = [token for token in row if token]
            assert tokens == row[: len(tokens)]
            assert is_balanced(tokens) == (data.classes[label] == "balanced")


@given(st.text("()[]", max_size=14))
def test_brackets_are_balanced_when_pairs_can_be_crossed_out_to_the_end(text):
    tokens = [VOCABULARY.index(bracket) for bracket in text]
    rest = text
    while "()" in rest or "[]" in rest:
        rest = rest.replace("()", "").replace("[]", "")
    assert is_balanced(tokens) == (rest == "")


def test_counting_brackets_does_not_tell_their_class():
    data = dataset("brackets")
    counts = torch.stack([(data.train.inputs == token).sum(1) for token in range(5)], dim=1)
    both = torch.cat([counts, torch.stack([(data.test.inputs == token).sum(1) for token in range(5)], dim=1)])
    targets = torch.cat([data.train.targets, data.test.targets])
    balanced, not_balanced = (sorted(both[targets == label].tolist()) for label in (1, 0))
    assert balanced == not_balanced


@pytest.mark.parametrize("longest", [12, 24, 48])
def test_brackets_are_as_long_as_asked(longest):
    data = dataset(f"brackets@{longest}")
    lengths = (data.train.inputs > 0).sum(1)
    assert (data.input_shape, int(lengths.max())) == ((longest,), longest)
    assert int(lengths.min()) >= 4


def test_brackets_of_an_odd_length_or_without_a_swap_are_refused():
    with pytest.raises(ValueError, match="even length of 12 to 128, got 130"):
        read_brackets(130)
    with pytest.raises(ValueError, match="at least 1 swap, got 0"):
        read_brackets(swaps=0)
