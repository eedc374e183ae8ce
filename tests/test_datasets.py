import gzip
import hashlib
import struct

import numpy as np
import pytest
import torch

from wsexplore import datasets
from wsexplore.datasets import DATASETS, dataset, read_idx
from wsexplore.settings import settings


def write_idx(path, array):
    header = b"\0\0\x08" + bytes([array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    path.write_bytes(gzip.compress(header + array.astype(np.uint8).tobytes()))


@pytest.fixture
def data_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("WSEXPLORE_DATA", str(tmp_path))
    monkeypatch.setenv("WSEXPLORE_CACHE", str(tmp_path / "cache"))
    settings.cache_clear()
    datasets._load.cache_clear()
    yield tmp_path
    settings.cache_clear()
    datasets._load.cache_clear()


def test_digits_have_a_fixed_split_of_every_class():
    digits = dataset("digits")
    assert (len(digits.train), len(digits.test), digits.input_shape) == (1437, 360, (8, 8))
    assert torch.bincount(digits.test.targets).min() >= 34
    digest = hashlib.sha256(digits.test.targets.numpy().tobytes()).hexdigest()
    assert digest.startswith("4493b2052e7b4258")


def test_digits_train_and_test_share_no_sample():
    digits = dataset("digits")
    train = {row.numpy().tobytes() for row in digits.train.inputs.flatten(1)}
    assert sum(row.numpy().tobytes() in train for row in digits.test.inputs.flatten(1)) == 0


def test_training_inputs_are_standardised_and_images_undo_it():
    digits = dataset("digits")
    assert digits.train.inputs.mean().item() == pytest.approx(0, abs=1e-5)
    assert digits.train.inputs.std(correction=0).item() == pytest.approx(1, abs=1e-4)
    pixels = digits.images(digits.train.inputs)
    assert pixels.min().item() == pytest.approx(0, abs=1e-5)
    assert pixels.max().item() == pytest.approx(1, abs=1e-5)


def test_idx_files_are_read_back_as_written(tmp_path):
    array = np.random.default_rng(0).integers(0, 256, (7, 5, 4))
    write_idx(tmp_path / "x.gz", array)
    assert np.array_equal(read_idx(tmp_path / "x.gz"), array)


def test_mnist_is_read_from_the_data_folder(data_folder):
    draw = np.random.default_rng(0)
    (data_folder / "mnist").mkdir()
    for part, count in (("train", 20), ("t10k", 5)):
        write_idx(data_folder / "mnist" / f"{part}-images-idx3-ubyte.gz", draw.integers(0, 256, (count, 28, 28)))
        write_idx(data_folder / "mnist" / f"{part}-labels-idx1-ubyte.gz", draw.integers(0, 10, (count,)))
    mnist = dataset("mnist")
    assert (len(mnist.train), len(mnist.test), mnist.input_shape) == (20, 5, (28, 28))


def test_images_and_labels_of_different_length_are_refused(data_folder):
    (data_folder / "mnist").mkdir()
    write_idx(data_folder / "mnist" / "train-images-idx3-ubyte.gz", np.zeros((3, 28, 28)))
    write_idx(data_folder / "mnist" / "train-labels-idx1-ubyte.gz", np.zeros(4))
    with pytest.raises(ValueError, match="do not belong together"):
        dataset("mnist")


def test_a_truncated_file_is_refused_with_a_sentence(tmp_path):
    write_idx(tmp_path / "x.gz", np.zeros((100, 28, 28)))
    (tmp_path / "x.gz").write_bytes((tmp_path / "x.gz").read_bytes()[:40])
    with pytest.raises(ValueError, match="fetch it again"):
        read_idx(tmp_path / "x.gz")


def test_a_file_shorter_than_its_header_is_refused(tmp_path):
    (tmp_path / "x.gz").write_bytes(gzip.compress(b"\0\0\x08\x01" + struct.pack(">I", 9) + b"123"))
    with pytest.raises(ValueError, match="holds 3 values, its header says 9"):
        read_idx(tmp_path / "x.gz")


def test_a_file_that_is_no_idx_is_refused(tmp_path):
    (tmp_path / "x.gz").write_bytes(gzip.compress(b"hello world"))
    with pytest.raises(ValueError, match="not an idx file"):
        read_idx(tmp_path / "x.gz")


def test_a_data_set_neither_on_disk_nor_to_be_downloaded_says_where_to_put_it(data_folder, monkeypatch):
    def refuse(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr("wsexplore.datasets.pooch.retrieve", refuse)
    with pytest.raises(ValueError, match="set WSEXPLORE_DATA to a folder that holds fashion-mnist/"):
        dataset("fashion-mnist")


def test_an_unknown_data_set_or_split_is_refused_with_the_known_names():
    with pytest.raises(ValueError, match="choose one of digits, mnist, fashion-mnist"):
        dataset("imagenet")
    with pytest.raises(ValueError, match="choose train or test"):
        dataset("digits").split("validation")
    assert set(DATASETS) == {"digits", "mnist", "fashion-mnist"}


@pytest.mark.parametrize(
    "body",
    [
        gzip.compress(b"\0\0\x08\x04" + b"\xff" * 16),
        gzip.compress(b"\0\0\x08\x01" + struct.pack(">I", 3) + b"abc")[:12] + b"\0" * 20,
    ],
)
def test_a_file_that_claims_too_much_or_is_damaged_gives_one_sentence(tmp_path, body):
    (tmp_path / "x.gz").write_bytes(body)
    with pytest.raises(ValueError, match=r"x\.gz"):
        read_idx(tmp_path / "x.gz")


def test_labels_beyond_the_classes_are_refused(data_folder):
    (data_folder / "mnist").mkdir()
    for part in ("train", "t10k"):
        write_idx(data_folder / "mnist" / f"{part}-images-idx3-ubyte.gz", np.zeros((3, 28, 28)))
        write_idx(data_folder / "mnist" / f"{part}-labels-idx1-ubyte.gz", np.array([1, 2, 11]))
    with pytest.raises(ValueError, match="labels go to 11, there are 10 classes"):
        dataset("mnist")
