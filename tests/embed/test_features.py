import numpy as np
import pytest
import torch

from wsexplore.align import spec_of
from wsexplore.datasets import Dataset, Split
from wsexplore.embed import statistics, weight_statistics
from wsexplore.embed.behaviour import class_accuracies, function_features
from wsexplore.embed.features import KINDS, features_of
from wsexplore.embed.spectrum import LARGEST, spectral_statistics
from wsexplore.embed.statistics import row_blocks
from wsexplore.nets import architecture
from wsexplore.population import evaluate
from wsexplore.symmetry import permute_weights, random_permutation
from wsexplore.zoo import Zoo

MLP = architecture("mlp", widths=[5, 7, 3])
NORMED = architecture("mlp", widths=[5, 7, 3], norm="layer")


def make(arch=MLP, models=40, seed=0):
    weights = torch.randn(models, arch.layout.size, generator=torch.Generator().manual_seed(seed))
    buffers = torch.rand(models, arch.buffers.size, generator=torch.Generator().manual_seed(seed + 1)) + 0.5
    return Zoo.from_weights(arch, weights, buffers=buffers)


def make_data(samples=90):
    draw = torch.Generator().manual_seed(3)
    split = lambda: Split(torch.randn(samples, 5, generator=draw), torch.arange(samples) % 3)  # noqa: E731
    return Dataset("made", split(), split(), ("one", "two words", "two-words"), 0.0, 1.0, kind="point")


def permuted(zoo):
    arch, spec = zoo.architecture, spec_of(zoo.architecture)
    moved = permute_weights(zoo.weights, random_permutation(spec, seed=0, models=len(zoo)), spec, arch.layout)
    return zoo.with_weights(moved, zoo.recipe, zoo.buffers)


class Mean:
    def embed(self, zoo, pool="mean"):
        return zoo.weights[:, :2].numpy()


class Short:
    def embed(self, zoo, pool="mean"):
        return np.zeros((3, 2), np.float32)


@pytest.mark.parametrize("kind", ["statistics", "spectrum", "function"])
@pytest.mark.parametrize("name", ["mlp", "small-cnn"])
def test_what_does_not_know_the_order_of_units_does_not_change_when_they_are_permuted(kind, name):
    arch = MLP if name == "mlp" else architecture("small-cnn")
    zoo = make(arch, models=6)
    data = make_data()
    if name == "small-cnn":
        draw = torch.Generator().manual_seed(0)
        split = Split(torch.randn(20, *arch.input_shape, generator=draw), torch.arange(20) % 10)
        data = Dataset("made", split, split, tuple("0123456789"), 0.0, 1.0)
    before, after = (features_of(some, kind, data=data) for some in (zoo, permuted(zoo)))
    np.testing.assert_allclose(before, after, rtol=2e-3, atol=2e-4)


def test_statistics_and_spectra_are_the_same_block_by_block(monkeypatch):
    zoo = make()
    one, spectra = weight_statistics(zoo), spectral_statistics(zoo)
    monkeypatch.setattr(statistics, "BLOCK", 4 * 3 * MLP.layout.size)
    assert [start for start, _ in row_blocks(zoo)][:3] == [0, 3, 6]
    np.testing.assert_array_equal(one, weight_statistics(zoo))
    np.testing.assert_allclose(
        spectra.drop(columns="id"), spectral_statistics(zoo).drop(columns="id"), rtol=1e-5, atol=1e-5
    )


def test_a_selection_has_the_features_of_its_rows():
    zoo, rows = make(), [7, 3, 12]
    for features in (weight_statistics, spectral_statistics):
        whole, some = features(zoo), features(zoo.select(rows))
        assert some["id"].tolist() == whole["id"].iloc[rows].tolist()
        np.testing.assert_allclose(some.iloc[:, 1:], whole.iloc[rows, 1:], rtol=1e-5)


def test_spectra_are_those_of_numpy():
    zoo = make()
    frame, matrix = spectral_statistics(zoo), zoo.weights[4, :35].view(7, 5).numpy().astype(float)
    values = np.linalg.svd(matrix, compute_uv=False)
    share = values**2 / (values**2).sum()
    expected = [*values, np.linalg.norm(matrix), 1 / share[0], -(share * np.log(share)).sum()]
    columns = [name for name in frame if name.startswith("layers.0.weight.")]
    assert columns[-3:] == [f"layers.0.weight.{name}" for name in ("norm", "stable_rank", "entropy")]
    np.testing.assert_allclose(frame.loc[4, columns].astype(float), expected, rtol=1e-4)


def test_of_wide_layers_the_largest_values_are_kept_and_zeros_have_a_spectrum():
    arch = architecture("mlp", widths=[40, 30, 5])
    frame = spectral_statistics(Zoo.from_weights(arch, torch.zeros(2, arch.layout.size)))
    assert f"layers.0.weight.s{LARGEST}" in frame
    assert f"layers.0.weight.s{LARGEST + 1}" not in frame
    assert (frame.drop(columns="id").to_numpy() == 0).all()


def test_function_features_are_roots_of_the_probabilities_on_training_inputs():
    zoo, data = make(NORMED), make_data()
    found = function_features(zoo, data, samples=8, seed=5).reshape(40, 8, 3)
    np.testing.assert_allclose(np.square(found).sum(2), 1, atol=1e-5)
    chances = zoo.module(9)(data.train.inputs).softmax(1).detach().numpy()
    for sample in found[9]:
        assert np.abs(chances - np.square(sample)).max(1).min() < 1e-5


def test_function_features_use_the_running_statistics_of_each_network():
    arch = architecture("resnet", depth=8, width=2, input=[1, 4, 4])
    zoo, draw = make(arch, models=2), torch.Generator().manual_seed(0)
    split = Split(torch.randn(3, 1, 4, 4, generator=draw), torch.arange(3))
    found = function_features(zoo, Dataset("made", split, split, tuple("0123456789"), 0.0, 1.0), samples=3)
    expected = torch.stack([zoo.module(row)(split.inputs).softmax(1).flatten() for row in (0, 1)]).detach()
    np.testing.assert_allclose(np.square(found), expected, atol=1e-5)
    plain = zoo.with_weights(zoo.weights, zoo.recipe, arch.initial_buffers().expand(2, -1).clone())
    assert (
        np.abs(function_features(plain, Dataset("made", split, split, tuple("0123456789"), 0.0, 1.0)) - found).max()
        > 0.01
    )


def test_a_probe_set_of_all_samples_is_the_whole_split():
    assert function_features(make(), make_data(90), samples=500).shape == (40, 90 * 3)


def test_fields_are_asked_on_a_grid_without_data():
    arch = architecture("siren")
    found = features_of(make(arch, models=3), "function")
    assert found.shape == (3, 64)
    assert len(np.unique(found[0])) > 60


def test_accuracies_of_the_classes_average_to_the_accuracy():
    zoo, data = make(NORMED), make_data()
    frame = class_accuracies(zoo, data)
    assert list(frame)[1:] == ["test_accuracy_one", "test_accuracy_two_words_1", "test_accuracy_two_words_2"]
    np.testing.assert_allclose(frame.iloc[:, 1:].mean(axis=1), evaluate(zoo, data)["test_accuracy"], atol=1e-6)
    small = class_accuracies(zoo, data, memory=1 << 16)
    np.testing.assert_array_equal(frame, small)


def test_principal_coordinates_keep_the_distances_that_fifty_directions_hold():
    zoo = make()
    raw = features_of(zoo, "pca raw")
    assert raw.shape == (40, 40)
    apart = torch.cdist(zoo.weights, zoo.weights, compute_mode="donot_use_mm_for_euclid_dist")
    found = torch.cdist(torch.from_numpy(raw), torch.from_numpy(raw))
    np.testing.assert_allclose(found, apart, atol=1e-2)
    np.testing.assert_array_equal(features_of(zoo, "pca aligned", aligned=zoo), raw)


def test_an_encoder_is_whatever_places_networks():
    zoo = make()
    np.testing.assert_array_equal(features_of(zoo, "encoder", encoder=Mean()), zoo.weights[:, :2])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: features_of(make(), "magic"), "choose one of statistics, spectrum"),
        (lambda: features_of(make(), "function"), "give it a data set"),
        (lambda: features_of(make(), "encoder"), "fit or open it"),
        (lambda: features_of(make(), "encoder", encoder=Short()), r"shape \(3, 2\) for 40 networks"),
        (lambda: features_of(make(), "pca aligned"), "give it as aligned"),
        (lambda: features_of(make(), "pca aligned", aligned=make(models=9)), "align this very zoo"),
        (lambda: features_of(make(models=2), "pca raw"), "at least 4 networks"),
        (lambda: spectral_statistics(make(models=0)), "the zoo is empty"),
        (lambda: weight_statistics(make(models=0)), "the zoo is empty"),
        (lambda: function_features(make(models=0), make_data()), "the zoo is empty"),
        (lambda: function_features(make(), make_data(), samples=0), "at least 1 sample"),
        (lambda: class_accuracies(make(architecture("siren"), models=2), make_data()), "does not classify"),
    ],
)
def test_wrong_arguments_are_refused_with_a_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_every_kind_has_a_row_per_network():
    zoo, data = make(), make_data()
    for kind in KINDS:
        assert len(features_of(zoo, kind, data=data, aligned=permuted(zoo), encoder=Mean())) == len(zoo)
