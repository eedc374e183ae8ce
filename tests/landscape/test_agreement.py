import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon

from wsexplore import landscape
from wsexplore.datasets import Dataset, dataset
from wsexplore.datasets.samples import Split
from wsexplore.landscape import OUTCOMES, agreement
from wsexplore.landscape.agreement import jensen_shannon
from wsexplore.nets import architecture
from wsexplore.population import evaluate, predict, train_zoo
from wsexplore.zoo import Zoo


@pytest.fixture(scope="module")
def zoo():
    return train_zoo("mlp", "digits", models=3, epochs=4, seed=0)


@pytest.mark.parametrize("split", ["train", "test"])
def test_shares_add_up_and_give_back_the_accuracies(zoo, split):
    found, scores = agreement(zoo, 0, 2, "digits", split=split), evaluate(zoo, "digits", split=split)
    assert found.shares.sum() == pytest.approx(1)
    assert found.accuracies == pytest.approx(scores[f"{split}_accuracy"][[0, 2]].tolist())
    assert found.said.sum() == found.outcomes.sum() == found.samples == len(dataset("digits").split(split))
    differ = found.shares[[1, 2, 4]].sum()
    assert found.disagreement == pytest.approx(differ)


def test_it_counts_what_the_networks_say(zoo):
    test = dataset("digits").test
    found = agreement(zoo, 0, 1, "digits", shown=5)
    probabilities = predict(zoo.architecture, zoo.weights[:2], test.inputs)
    one, other = probabilities.argmax(2).numpy()
    expected = np.zeros((10, 10), int)
    np.add.at(expected, (one, other), 1)
    np.testing.assert_array_equal(found.said, expected)
    truth = test.targets.numpy()
    right = [one == truth, other == truth]
    assert found.outcomes[3, 0] == (right[0] & right[1] & (truth == 3)).sum()
    assert found.outcomes[:, 3].sum() == (~right[0] & (one == other)).sum()
    apart = jensenshannon(*probabilities.double().numpy(), axis=1) ** 2
    assert found.divergence == pytest.approx(apart.mean(), rel=1e-5)
    np.testing.assert_array_equal(found.most, np.argsort(-apart, kind="stable")[:5])
    np.testing.assert_allclose(found.most_divergences, np.sort(apart)[::-1][:5], rtol=1e-4)
    np.testing.assert_array_equal(found.most_said, np.stack([one, other], axis=1)[found.most])
    np.testing.assert_array_equal(found.most_targets, truth[found.most])


def test_the_other_way_round_exchanges_first_and_second(zoo):
    there, back = agreement(zoo, 0, 1, "digits"), agreement(zoo, 1, 0, "digits")
    np.testing.assert_array_equal(there.said, back.said.T)
    np.testing.assert_array_equal(there.outcomes, back.outcomes[:, [0, 2, 1, 3, 4]])
    assert there.divergence == pytest.approx(back.divergence)
    assert there.expected_disagreement == pytest.approx(back.expected_disagreement)
    assert there.error_consistency == pytest.approx(back.error_consistency)


def test_errors_that_are_independent_disagree_as_expected():
    """Two networks whose answers are drawn: right with chances 0.8 and 0.6, else any other class."""
    draw, classes, samples = np.random.default_rng(0), 5, 40_000
    targets = draw.integers(0, classes, samples)
    said = np.stack(
        [
            np.where(draw.random(samples) < accuracy, targets, (targets + draw.integers(1, classes, samples)) % classes)
            for accuracy in (0.8, 0.6)
        ],
        axis=1,
    )
    # a network that reads its answer off the input: the first from one half, the second from the other
    inputs = torch.from_numpy(np.concatenate([np.eye(classes)[column] for column in said.T], axis=1)).float()
    arch = architecture("mlp", widths=[2 * classes, classes])
    rows = [torch.cat([eye.flatten(), torch.zeros(classes)]) for eye in _readers(classes)]
    split = Split(inputs, torch.from_numpy(targets))
    data = Dataset("drawn", split, split, tuple("abcde"), 0.0, 1.0)
    found = agreement(Zoo.from_weights(arch, torch.stack(rows)), 0, 1, data)
    assert found.disagreement == pytest.approx(found.expected_disagreement, abs=4 * found.disagreement_error)
    assert found.error_consistency == pytest.approx(0, abs=0.02)


def _readers(classes):
    eye, none = 9 * torch.eye(classes), torch.zeros(classes, classes)
    return [torch.cat([eye, none], dim=1), torch.cat([none, eye], dim=1)]


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000), classes=st.integers(2, 8))
def test_the_divergence_is_symmetric_and_lies_between_0_and_the_logarithm_of_2(seed, classes):
    draw = torch.Generator().manual_seed(seed)
    p, q = (torch.softmax(10 * torch.randn(20, classes, generator=draw), 1) for _ in range(2))
    found = jensen_shannon(p, q)
    torch.testing.assert_close(found, jensen_shannon(q, p))
    assert float(found.min()) >= 0
    assert float(found.max()) <= np.log(2) + 1e-6
    assert float(jensen_shannon(p, p).max()) == pytest.approx(0, abs=1e-12)


def test_samples_are_drawn_by_the_seed_and_the_recipe_does_it_again(zoo):
    found = agreement(zoo, 0, 1, "digits", samples=100, seed=4)
    again = eval(found.recipe.python, {"wx": landscape, "zoo": zoo})
    assert found.samples == 100
    np.testing.assert_array_equal(found.most, again.most)
    assert "--samples 100" in found.recipe.cli
    assert len(found.frame()) == 11
    assert found.frame().columns.tolist() == ["class", *OUTCOMES]


def test_networks_of_two_activations_may_be_compared(zoo):
    table = zoo.table.copy()
    table["activation"] = ["relu", "tanh", "relu"]
    mixed = zoo.with_table(table)
    assert agreement(mixed, 0, 1, "digits").accuracies[0] == agreement(zoo, 0, 1, "digits").accuracies[0]
    assert agreement(mixed, 0, 1, "digits").divergence != agreement(zoo, 0, 1, "digits").divergence


def test_it_can_be_stopped(zoo):
    def stop(fraction, message):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        agreement(zoo, 0, 1, "digits", on_step=stop)


def test_data_of_more_classes_than_the_networks_tell_apart_are_refused(zoo):
    test = dataset("digits").test
    split = Split(test.inputs, test.targets + 5)
    with pytest.raises(ValueError, match="tell 10 classes apart, the data have at least 15"):
        agreement(zoo, 0, 1, Dataset("more", split, split, tuple("abcdefghijklmno"), 0.0, 1.0))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda zoo: agreement(zoo, 1, 1, "digits"), "is chosen twice"),
        (lambda zoo: agreement(zoo, 0, 3, "digits"), "rows run from 0 to 2, got 3"),
        (lambda zoo: agreement(zoo, -1, 0, "digits"), "rows run from 0 to 2, got -1"),
        (lambda zoo: agreement(zoo, 0, 1, "digits", samples=0), "at least 1 sample, got 0"),
        (lambda zoo: agreement(zoo, 0, 1, "digits", split="dev"), "choose train or test"),
        (lambda zoo: agreement(zoo, 0, 1, "digits", shown=-1), "shown must be at least 0"),
    ],
)
def test_wrong_arguments_are_refused_with_a_sentence(zoo, call, message):
    with pytest.raises(ValueError, match=message):
        call(zoo)


def test_a_network_that_diverged_has_no_answers(zoo):
    weights = zoo.weights.clone()
    weights[1] *= 1e30
    with pytest.raises(ValueError, match="outputs that are not finite"):
        agreement(Zoo.from_weights(zoo.architecture, weights), 0, 1, "digits")
