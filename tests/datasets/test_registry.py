import gzip
import subprocess
import sys

import numpy as np
import pytest
import torch
from canonical import cifar_batches, write_cifar, write_mnist, write_usps

from wsexplore.datasets import DATASET_HELP, DATASETS, dataset, is_registered, known
from wsexplore.datasets.names import parse_name
from wsexplore.datasets.registry import READERS

MADE_HERE = [entry.name for entry in known() if not entry.download]


def test_the_catalogue_lists_what_can_be_read():
    assert set(DATASETS) == set(READERS) | {"brackets"}
    assert list(DATASETS)[:3] == ["digits", "mnist", "fashion-mnist"]
    for entry in known():
        assert entry.about.endswith(".")
        assert len(entry.about) < 110
        assert entry.licence
        assert entry.origin
        assert entry.name in DATASET_HELP


@pytest.mark.parametrize("name", MADE_HERE)
def test_what_the_catalogue_says_is_true(name):
    entry, data = DATASETS[name], dataset(name)
    assert (len(data.train), len(data.test), data.input_shape) == (entry.train, entry.test, entry.shape)
    assert (len(data.classes), data.kind, data.name) == (entry.classes, entry.kind, name)
    for split in (data.train, data.test):
        assert torch.bincount(split.targets, minlength=entry.classes).min() > 0.8 * len(split) / entry.classes


def test_the_command_line_names_data_sets_without_loading_torch():
    code = "import sys; from wsexplore.datasets import DATASET_HELP; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_only_images_have_an_image_shape():
    assert dataset("digits").image_shape == (1, 8, 8)
    assert all(dataset(name).image_shape is None for name in ("mnist1d", "two-moons", "brackets"))


@pytest.mark.parametrize("name", ["digits", "digits@28", "mnist1d", "two-moons", "spirals"])
def test_training_inputs_are_standardised(name):
    inputs = dataset(name).train.inputs
    assert inputs.mean().item() == pytest.approx(0, abs=1e-4)
    assert inputs.std(correction=0).item() == pytest.approx(1, abs=1e-4)


def test_images_undo_the_normalisation():
    digits = dataset("digits")
    pixels = digits.images(digits.train.inputs)
    assert pixels.min().item() == pytest.approx(0, abs=1e-5)
    assert pixels.max().item() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("side", [4, 14, 28])
def test_resized_images_keep_their_brightness(side):
    small, large = dataset("digits"), dataset(f"digits@{side}")
    assert (large.input_shape, large.name, large.image_shape) == ((side, side), f"digits@{side}", (1, side, side))
    before, after = small.images(small.test.inputs).mean((1, 2)), large.images(large.test.inputs).mean((1, 2))
    assert torch.corrcoef(torch.stack([before, after]))[0, 1] > 0.95
    assert torch.equal(small.test.targets, large.test.targets)


def test_halving_the_side_smooths_as_a_mean_of_neighbours_would():
    digits, half = dataset("digits"), dataset("digits@4")
    pooled = torch.nn.functional.avg_pool2d(digits.images(digits.test.inputs).unsqueeze(1), 2).squeeze(1)
    assert (half.images(half.test.inputs) - pooled).abs().mean() < 0.1


def test_resizing_to_the_size_that_images_have_changes_nothing():
    assert torch.equal(dataset("digits@8").train.inputs, dataset("digits").train.inputs)


def test_usps_is_resized_to_the_side_of_mnist(data_folder):
    write_usps(data_folder / "usps")
    assert dataset("usps@28").input_shape == (28, 28)


def test_colour_can_be_left_out_and_images_resized_after_it(data_folder):
    batches = cifar_batches()
    write_cifar(data_folder / "cifar-10-batches-bin", batches)
    colour, grey = dataset("cifar10"), dataset("cifar10:gray")
    assert (colour.input_shape, grey.input_shape) == ((3, 32, 32), (32, 32))
    weights = torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)
    luma = (colour.images(colour.test.inputs) * weights).sum(1)
    assert (grey.images(grey.test.inputs) - luma).abs().max() < 0.6 / 255
    assert dataset("cifar10:gray@28").image_shape == (1, 28, 28)
    assert dataset("cifar10@28").image_shape == (3, 28, 28)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("imagenet", "choose one of digits, mnist, fashion-mnist"),
        ("", "choose one of digits"),
        ("folder:", "choose one of digits"),
        ("mnist@", "is not understood; write mnist, mnist@28"),
        ("mnist@-3", "is not understood"),
        ("mnist@28@28", "is not understood"),
        ("mnist@28:gray", "write mnist, mnist@28 or mnist:gray@28"),
        ("mnist:blue", "is not understood"),
        ("mnist#0123456789abcdef", "is not understood"),
        ("mnist@3", "a side of 4 to 256 pixels, not 3"),
        ("mnist@999999999", "a side of 4 to 256 pixels"),
        ("mnist:gray", "mnist has no colour to leave out"),
        ("brackets:gray", "brackets has no colour"),
        ("mnist1d@28", "only images can be resized"),
        ("two-moons@28", "only images can be resized"),
        ("brackets@13", "an even length of 12 to 128, got 13"),
        ("folder:pictures@2", "a side of 4 to 256 pixels, not 2"),
    ],
)
def test_a_name_that_makes_no_sense_is_refused_with_what_would(name, sentence):
    with pytest.raises(ValueError, match=sentence):
        dataset(name)


def test_images_that_would_not_fit_in_memory_are_refused(data_folder, monkeypatch):
    write_mnist(data_folder / "mnist")
    monkeypatch.setattr("wsexplore.datasets.pixels.LARGEST", 20 * 28 * 28)
    with pytest.raises(ValueError, match="more than 15,680; choose a smaller size"):
        dataset("mnist@29")


def test_paths_of_own_data_may_hold_what_names_are_made_of():
    own = parse_name("folder:/a b/c:d@x#y@28#0123456789abcdef")
    assert (own.path, own.size, own.digest) == ("/a b/c:d@x#y", 28, "0123456789abcdef")
    assert parse_name("folder:/photos@28/").path == "/photos@28/"
    assert parse_name("folder:/photos:gray@28").gray


def test_names_tell_whether_they_open_files_of_their_choice():
    assert all(is_registered(name) for name in ("digits", "usps@28", "cifar10:gray@28"))
    assert not any(is_registered(name) for name in ("folder:/etc", "text:/etc/passwd", "", "nothing"))


def test_a_data_set_is_read_once():
    assert dataset("digits") is dataset("digits")


def test_a_split_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="choose train or test"):
        dataset("digits").split("validation")


def test_images_that_are_all_alike_are_refused(data_folder):
    (data_folder / "usps").mkdir()
    for part in ("train", "test"):
        text = ("3 " + " ".join(["0.5"] * 256) + "\n") * 4
        (data_folder / "usps" / f"zip.{part}.gz").write_bytes(gzip.compress(text.encode()))
    with pytest.raises(ValueError, match="all values of usps are the same"):
        dataset("usps")


def test_bytes_are_normalised_as_their_fractions_of_one_would_be(data_folder):
    batches = cifar_batches(images=400)
    write_cifar(data_folder / "cifar-10-batches-bin", batches)
    pixels = np.concatenate([rows[:, 1:] for file, rows in batches.items() if file.startswith("data")]) / 255.0
    data = dataset("cifar10")
    assert data.mean == pytest.approx(pixels.mean(), abs=1e-7)
    assert data.std == pytest.approx(pixels.std(), abs=1e-7)
    expected = torch.from_numpy((pixels - pixels.mean()) / pixels.std()).float()
    torch.testing.assert_close(data.train.inputs.flatten(1), expected)
