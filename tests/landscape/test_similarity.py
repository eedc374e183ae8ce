import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from wsexplore import landscape
from wsexplore.align import spec_of
from wsexplore.datasets import Dataset, dataset
from wsexplore.datasets.samples import Split
from wsexplore.landscape import layer_similarity, logits_cka, similarity
from wsexplore.landscape.cka import Answers, cka_matrix
from wsexplore.landscape.layers import answers_of, layers_of
from wsexplore.nets import FAMILIES, architecture, trust_factory
from wsexplore.population import train_zoo
from wsexplore.symmetry import permute_weights, random_permutation
from wsexplore.zoo import Zoo, concat

HERE = __name__


class Functional(nn.Module):
    """Activations that are no modules, one of them in place, and a layer that hands on what it takes."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.last = nn.Linear(6, 5), nn.Linear(5, 4), nn.Linear(4, 3)
        self.drop = nn.Dropout(0.5)

    def forward(self, x):
        x = self.drop(torch.relu(self.first(x)))
        return self.last(torch.relu_(self.second(x))) / 2


class Recurrent(nn.Module):
    """A recurrent layer that takes places first and gives a tuple."""

    def __init__(self) -> None:
        super().__init__()
        self.gru, self.head = nn.GRU(3, 4), nn.Linear(4, 2)

    def forward(self, x):
        return self.head(self.gru(x.transpose(0, 1))[0][-1])


SMALL = {
    "mlp": ("mlp", {"widths": [6, 9, 5, 3], "norm": "layer"}),
    "cnn": ("cnn", {"input": [1, 8, 8], "channels": [3, 4], "pool": [2, 1], "hidden": [5], "norm": "batch"}),
    "small-cnn": ("small-cnn", {"variant": "cnn", "dropout_modules": True}),
    "resnet": ("resnet", {"depth": 8, "width": 4, "input": [1, 8, 8], "classes": 5}),
    "vit": ("vit", {"input": [1, 8, 8], "patch": 4, "dim": 12, "heads": 3, "depth": 2}),
    "gru": ("gru", {"vocabulary": 9, "length": 6, "embedding": 5, "hidden": 7, "classes": 3}),
    "factory": ("factory", {"factory": f"{HERE}:Functional", "input": [6]}),
    "factory-recurrent": ("factory", {"factory": f"{HERE}:Recurrent", "input": [4, 3]}),
}
families = pytest.mark.parametrize("key", sorted(SMALL))


@pytest.fixture(autouse=True, scope="module")
def _trusted():
    for name in ("Functional", "Recurrent"):
        trust_factory(f"{HERE}:{name}")


@pytest.fixture(scope="module")
def zoo():
    trained = train_zoo("mlp", "digits", models=3, epochs=6, seed=0)
    spec, layout = spec_of(trained.architecture), trained.architecture.layout
    moved = permute_weights(trained.weights[:1], random_permutation(spec, seed=1, models=1), spec, layout)
    return concat([trained, Zoo.from_weights(trained.architecture, moved, trained.table[:1])])


def made(key, models=2, samples=40):
    """Fresh networks and some samples for them, with every class among these."""
    name, config = SMALL[key]
    arch = architecture(name, **config)
    weights = torch.stack([arch.initial_weights(seed=seed) for seed in range(models)])
    inputs = arch.example_input(samples)
    split = Split(inputs, torch.arange(samples) % 2)
    return Zoo.from_weights(arch, weights), Dataset("made here", split, split, ("a", "b"), 0.0, 1.0)


def hsic(k, l):  # noqa: E741
    """Equation 5 of Song et al. 2012, as it is written."""
    n = len(k)
    k, l = k - np.diag(np.diag(k)), l - np.diag(np.diag(l))  # noqa: E741
    one = np.ones(n)
    middle = (one @ k @ one) * (one @ l @ one) / ((n - 1) * (n - 2))
    return (np.trace(k @ l) + middle - 2 / (n - 2) * (one @ k @ l @ one)) / (n * (n - 3))


def published(x, y, estimator):
    if estimator == "unbiased":
        k, l = x @ x.T, y @ y.T  # noqa: E741
        return hsic(k, l) / np.sqrt(hsic(k, k) * hsic(l, l))
    x, y = x - x.mean(0), y - y.mean(0)
    return np.linalg.norm(x.T @ y) ** 2 / (np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y))


def features(samples, widths, seed):
    draw = np.random.default_rng(seed)
    common = draw.normal(size=(samples, 3))
    return [common @ draw.normal(size=(3, w)) + draw.normal(size=(samples, w)) + draw.normal(size=w) for w in widths]


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), samples=st.integers(5, 24), estimator=st.sampled_from(["unbiased", "biased"]))
def test_both_estimators_are_the_published_ones_for_few_and_for_many_features(seed, samples, estimator):
    widths = np.random.default_rng(seed).integers(1, 40, 5).tolist()
    sets = features(samples, widths, seed)
    answers = [Answers.of(torch.from_numpy(x), estimator=estimator) for x in sets]
    found = cka_matrix(answers, answers, estimator=estimator)
    expected = [[published(x, y, estimator) for y in sets] for x in sets]
    np.testing.assert_allclose(found, np.clip(expected, -1, 1), atol=2e-4)


def test_features_that_have_nothing_in_common_have_no_unbiased_similarity():
    draw = torch.Generator().manual_seed(0)
    x, y = (torch.randn(200, 500, generator=draw) for _ in range(2))
    biased, unbiased = (
        cka_matrix([Answers.of(x, estimator=e)], [Answers.of(y, estimator=e)], estimator=e)[0, 0]
        for e in ("biased", "unbiased")
    )
    assert abs(unbiased) < 0.02
    assert biased > 0.5


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), width=st.integers(2, 60), estimator=st.sampled_from(["unbiased", "biased"]))
def test_rotation_scale_and_shift_change_nothing(seed, width, estimator):
    draw = torch.Generator().manual_seed(seed)
    x, y = (torch.randn(30, size, generator=draw, dtype=torch.float64) for size in (width, 7))
    turned = 3.5 * x @ torch.linalg.qr(torch.randn(width, width, generator=draw, dtype=torch.float64))[0] + 2
    answers = [Answers.of(value, estimator=estimator) for value in (x, turned, y)]
    found = cka_matrix(answers, answers, estimator=estimator)
    assert found[0, 1] == pytest.approx(1, abs=1e-5)
    assert found[0, 2] == pytest.approx(found[1, 2], abs=1e-5)


@families
def test_layers_are_read_as_the_module_gives_them(key):
    zoo, data = made(key)
    module = zoo.module(0)
    layers = layers_of(module, data.test.inputs)
    logits = module(data.test.inputs)
    assert layers[-1].features == logits.shape[1]
    assert len({layer.name for layer in layers}) == len(layers)
    last = answers_of(module, layers, data.test.inputs, estimator="unbiased")[-1]
    torch.testing.assert_close(last.features, (logits - logits.mean(0)).double(), rtol=1e-4, atol=1e-5)


def names_of(key):
    zoo, data = made(key)
    return [layer.name for layer in layers_of(zoo.module(0), data.test.inputs)]


def test_layers_have_the_names_that_a_reader_expects():
    assert names_of("mlp") == [
        "layers.0", "norms.0", "activation #1", "layers.1", "norms.1", "activation #2", "layers.2",
    ]  # fmt: skip
    resnet = names_of("resnet")
    assert resnet[:3] == ["conv1", "bn1", "activation"]
    assert {"layer1.0.conv1", "layer1.0", "layer2.0.downsample.0", "layer3.0", "avgpool", "fc"} <= set(resnet)
    assert not {"layer1", "layer1.0.activation #2", "output", "maxpool"} & set(resnet)
    assert {"blocks.0.attn", "blocks.0.mlp", "blocks.1", "norm", "into head", "head"} <= set(names_of("vit"))
    assert names_of("gru") == ["embedding", "into head", "head"]


def test_what_lies_between_modules_is_read_where_a_layer_takes_it():
    assert names_of("factory") == ["first", "drop", "second", "into last", "last", "output"]
    assert names_of("factory-recurrent") == ["gru", "into head", "head"]


@families
def test_every_family_that_classifies_has_its_layers_compared(key):
    zoo, data = made(key)
    found = layer_similarity(zoo, 0, 1, data, samples=30)
    assert found.matrix.shape == (len(found.first_layers), len(found.second_layers))
    assert found.first_layers == found.second_layers
    assert found.samples == 30
    assert (found.matrix[np.isfinite(found.matrix)] <= 1).all()
    own = layer_similarity(zoo, 1, 1, data, samples=30)
    alive = np.isfinite(np.diag(own.matrix))
    np.testing.assert_allclose(np.diag(own.matrix)[alive], 1, atol=1e-5)
    np.testing.assert_allclose(own.matrix, own.matrix.T, atol=1e-6)


def test_every_classifying_family_is_among_those_tried():
    assert {name for name, _ in SMALL.values()} == {f.name for f in FAMILIES.values() if f.task == "classify"}


def test_permuting_hidden_units_changes_no_similarity(zoo):
    there = layer_similarity(zoo, 0, 3, "digits")
    np.testing.assert_allclose(there.counterparts, 1, atol=1e-5)
    assert there.identified == 1
    np.testing.assert_allclose(
        layer_similarity(zoo, 3, 1, "digits").matrix, layer_similarity(zoo, 0, 1, "digits").matrix, atol=1e-4
    )


def test_the_other_way_round_is_the_transpose(zoo):
    there, back = layer_similarity(zoo, 0, 1, "digits"), layer_similarity(zoo, 1, 0, "digits")
    np.testing.assert_allclose(there.matrix, back.matrix.T, atol=1e-6)
    assert (there.first, there.second) == (back.second, back.first)


@pytest.mark.parametrize("estimator", ["unbiased", "biased"])
def test_parts_of_the_samples_give_what_one_pass_gives(estimator):
    zoo, data = made("resnet", samples=23)
    module, inputs = zoo.module(0), data.test.inputs
    layers = layers_of(module, inputs)
    whole, parts = (
        answers_of(module, layers, inputs, estimator=estimator, memory=memory) for memory in (1 << 30, 1 << 16)
    )
    assert {each.gram is None for each in whole} == {True, False}
    for one, other in zip(whole, parts, strict=True):
        a, b = ((each.features if each.gram is None else each.gram) for each in (one, other))
        torch.testing.assert_close(a, b, check_dtype=False, rtol=1e-3, atol=1e-4)


def test_a_layer_that_gives_the_same_to_everything_has_no_similarity(zoo):
    weights = zoo.weights.clone()
    slots = {slot.name: slot for slot in zoo.architecture.layout.slots}
    weights[0, slots["layers.0.bias"].start : slots["layers.0.bias"].stop] = -1e6
    dead = Zoo.from_weights(zoo.architecture, weights)
    found = layer_similarity(dead, 0, 1, "digits")
    place = found.first_layers.index("activation")
    assert np.isnan(found.matrix[place]).all()
    assert np.isnan(found.matrix[-1]).all()
    assert np.isfinite(found.matrix[0]).all()


def test_samples_are_drawn_by_the_seed_and_the_recipe_does_it_again(zoo):
    found = layer_similarity(zoo, 0, 1, "digits", samples=50, seed=3, estimator="biased")
    assert not np.allclose(found.matrix, layer_similarity(zoo, 0, 1, "digits", samples=50, estimator="biased").matrix)
    again = eval(found.recipe.python, {"wx": landscape, "zoo": zoo})
    np.testing.assert_array_equal(found.matrix, again.matrix)
    assert found.recipe.cli.startswith(f"wsexplore landscape similarity ZOO {found.first} {found.second} --dataset")
    assert len(found.frame()) == 9


def test_it_says_how_far_it_is_and_can_be_stopped(zoo):
    told = []
    layer_similarity(zoo, 0, 1, "digits", on_step=lambda fraction, message: told.append(fraction))
    assert told == sorted(told)
    assert told[-1] == 1

    def stop(fraction, message):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        layer_similarity(zoo, 0, 1, "digits", on_step=stop)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda zoo: layer_similarity(zoo, 0, 9, "digits"), "rows run from 0 to 3, got 9"),
        (lambda zoo: layer_similarity(zoo, 0, 1, "digits", samples=0), "at least 1 sample, got 0"),
        (lambda zoo: layer_similarity(zoo, 0, 1, "digits", samples=3), "4 or more samples, got 3"),
        (lambda zoo: layer_similarity(zoo, 0, 1, "digits", estimator="best"), "choose one of unbiased, biased"),
        (lambda zoo: layer_similarity(zoo, 0, 1, "digits", split="dev"), "choose train or test"),
        (lambda zoo: layer_similarity(zoo, 0, 1, "digits", device="tpu"), "choose auto, cpu or cuda"),
        (lambda zoo: layer_similarity(zoo, 0, 1, made("gru")[1]), "do not fit mlp"),
    ],
)
def test_wrong_arguments_are_refused_with_a_sentence(zoo, call, message):
    with pytest.raises(ValueError, match=message):
        call(zoo)


def test_fields_and_empty_splits_are_refused(zoo):
    arch = architecture("siren", widths=[2, 4, 1])
    fields = Zoo.from_weights(arch, arch.initial_weights(seed=0).unsqueeze(0))
    with pytest.raises(ValueError, match="choose a zoo of classifiers"):
        layer_similarity(fields, 0, 0, "digits")
    digits = dataset("digits")
    none = Split(digits.test.inputs[:0], digits.test.targets[:0])
    empty = Dataset("empty", digits.train, none, digits.classes, 0.0, 1.0)
    with pytest.raises(ValueError, match="split of the data set is empty"):
        layer_similarity(zoo, 0, 1, empty)


def test_too_many_samples_for_memory_are_refused_before_anything_runs(monkeypatch):
    zoo, data = made("resnet")
    monkeypatch.setattr(similarity, "KEPT", 1 << 16)
    with pytest.raises(ValueError, match=r"MiB may be kept; take about \d+ samples"):
        layer_similarity(zoo, 0, 1, data)


def test_the_similarity_of_logits_is_the_mean_over_pairs(zoo):
    inputs = dataset("digits").test.inputs[:128]
    logits = zoo.architecture.forward(zoo.weights, inputs).double().numpy()
    for estimator in ("biased", "unbiased"):
        expected = np.mean([published(a, b, estimator) for a, b in itertools.combinations(logits, 2)])
        found = logits_cka(zoo.architecture, zoo.weights, inputs, estimator=estimator)
        assert found == pytest.approx(expected, abs=1e-5)
    twins = zoo.weights[[0, 3]]
    assert logits_cka(zoo.architecture, twins, inputs) == pytest.approx(1, abs=1e-6)


@families
def test_logits_of_every_family_are_compared(key):
    zoo, data = made(key)
    found = logits_cka(zoo.architecture, zoo.weights, data.test.inputs, zoo.buffers)
    assert 0 <= found <= 1


def test_networks_that_diverged_are_left_out_of_the_mean(zoo):
    inputs = dataset("digits").test.inputs[:64]
    weights = zoo.weights.clone()
    weights[1] = torch.nan
    left = logits_cka(zoo.architecture, weights, inputs)
    assert left == pytest.approx(logits_cka(zoo.architecture, zoo.weights[[0, 2, 3]], inputs), abs=1e-9)
    assert np.isnan(logits_cka(zoo.architecture, weights[:2], inputs))


@pytest.mark.parametrize(
    ("rows", "samples", "options", "message"),
    [
        ([0], 10, {}, "two or more networks"),
        ([0, 1], 1, {}, "2 or more samples"),
        ([0, 1], 3, {"estimator": "unbiased"}, "4 or more samples"),
        ([0, 1], 10, {"estimator": "?"}, "choose one of unbiased, biased"),
    ],
)
def test_a_mean_over_no_pairs_is_refused(zoo, rows, samples, options, message):
    with pytest.raises(ValueError, match=message):
        logits_cka(zoo.architecture, zoo.weights[rows], dataset("digits").test.inputs[:samples], **options)
    with pytest.raises(ValueError, match="networks of one architecture"):
        logits_cka(zoo.architecture, zoo.weights[:, :-1], dataset("digits").test.inputs)
