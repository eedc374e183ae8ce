import gzip
import hashlib
import shutil
import struct

import numpy as np
import pytest
import torch
from canonical import cifar_archive, cifar_batches, write_cifar, write_idx, write_mnist, write_usps
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from wsexplore.datasets import DATASETS, dataset, read_idx
from wsexplore.datasets.cifar import RECORD


def test_digits_have_a_fixed_split_of_every_class():
    digits = dataset("digits")
    assert (len(digits.train), len(digits.test), digits.input_shape) == (1437, 360, (8, 8))
    assert torch.bincount(digits.test.targets).min() >= 34
    digest = hashlib.sha256(digits.test.targets.numpy().tobytes()).hexdigest()
    assert digest.startswith("4493b2052e7b4258")


def test_digits_are_the_same_bits_as_ever():
    bunch, digits = load_digits(), dataset("digits")
    train, test = train_test_split(bunch.images / 16.0, test_size=360, random_state=0, stratify=bunch.target)
    for pixels, split in ((train, digits.train), (test, digits.test)):
        expected = ((pixels - train.mean()) / train.std()).astype(np.float32)
        assert torch.equal(split.inputs, torch.from_numpy(expected))


def test_digits_train_and_test_share_no_sample():
    digits = dataset("digits")
    train = {row.numpy().tobytes() for row in digits.train.inputs.flatten(1)}
    assert sum(row.numpy().tobytes() in train for row in digits.test.inputs.flatten(1)) == 0


def test_idx_files_are_read_back_as_written(tmp_path):
    array = np.random.default_rng(0).integers(0, 256, (7, 5, 4))
    write_idx(tmp_path / "x.gz", array)
    assert np.array_equal(read_idx(tmp_path / "x.gz"), array)


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "kmnist"])
def test_idx_data_sets_are_read_from_the_data_folder_bit_for_bit(data_folder, name):
    images = write_mnist(data_folder / name)
    data = dataset(name)
    assert (len(data.train), len(data.test), data.input_shape) == (20, 5, (28, 28))
    pixels = images["train"] / 255.0
    expected = ((pixels - pixels.mean()) / pixels.std()).astype(np.float32)
    assert torch.equal(data.train.inputs, torch.from_numpy(expected))


def test_images_and_labels_of_different_length_are_refused(data_folder):
    (data_folder / "mnist").mkdir()
    write_idx(data_folder / "mnist" / "train-images-idx3-ubyte.gz", np.zeros((3, 28, 28)))
    write_idx(data_folder / "mnist" / "train-labels-idx1-ubyte.gz", np.zeros(4))
    with pytest.raises(ValueError, match="do not belong together"):
        dataset("mnist")


def test_images_of_another_size_and_empty_files_are_refused(data_folder):
    write_mnist(data_folder / "mnist", side=27)
    with pytest.raises(ValueError, match=r"train images are \(27, 27\), not \(28, 28\)"):
        dataset("mnist")
    write_mnist(data_folder / "kmnist", train=0)
    with pytest.raises(ValueError, match="kmnist needs samples"):
        dataset("kmnist")


def test_labels_beyond_the_classes_are_refused(data_folder):
    write_mnist(data_folder / "mnist")
    write_idx(data_folder / "mnist" / "train-labels-idx1-ubyte.gz", np.full(20, 11))
    with pytest.raises(ValueError, match="labels go to 11, there are 10 classes"):
        dataset("mnist")


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (gzip.compress(b"hello world"), "not an idx file"),
        (gzip.compress(b"\0\0\x08\x01" + struct.pack(">I", 9) + b"123"), "holds 3 values, its header says 9"),
        (gzip.compress(b"\0\0\x08\x01" + struct.pack(">I", 2) + b"123"), "holds 3 values, its header says 2"),
        (gzip.compress(b"\0\0\x08\x04" + b"\xff" * 16), "values, more than"),
        (gzip.compress(b"\0\0\x08\x03" + b"\0" * 4), "is broken"),
        (gzip.compress(b"\0\0\x08\x01" + struct.pack(">I", 3) + b"abc")[:12] + b"\0" * 20, "is broken"),
        (gzip.compress(b"\0\0\x08\x01" + struct.pack(">I", 3) + b"abc")[:-4], "is broken"),
        (b"plain", "is broken"),
    ],
)
def test_a_damaged_or_lying_idx_file_gives_one_sentence(tmp_path, body, sentence):
    (tmp_path / "x.gz").write_bytes(body)
    with pytest.raises(ValueError, match=rf"x\.gz .*{sentence}|x\.gz {sentence}"):
        read_idx(tmp_path / "x.gz")


def test_usps_values_become_ink_as_fractions_of_one(data_folder):
    rows = write_usps(data_folder / "usps")
    usps = dataset("usps")
    assert (len(usps.train), len(usps.test), usps.input_shape) == (12, 4, (16, 16))
    assert usps.test.targets.tolist() == rows["test"][:, 0].astype(int).tolist()
    ink = usps.images(usps.test.inputs).flatten(1)
    torch.testing.assert_close(ink, torch.from_numpy((rows["test"][:, 1:] + 1) / 2).float())


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "has 0 numbers in a row"),
        ("1 2 3\n", "has 3 numbers in a row"),
        ("1 2 3\n4 5\n", "is no table of numbers"),
        ("seven " + "0 " * 256 + "\n", "is no table of numbers"),
        ("10 " + "0 " * 256 + "\n", "labels other than 0 to 9"),
        ("1.5 " + "0 " * 256 + "\n", "labels other than 0 to 9"),
        ("nan " + "0 " * 256 + "\n", "labels other than 0 to 9"),
        ("1 " + "0 " * 255 + "1.001\n", "values outside of -1 to 1"),
        ("1 " + "0 " * 255 + "nan\n", "values outside of -1 to 1"),
        ("1 " + "0 " * 255 + "é\n", "is no table of numbers"),
    ],
)
def test_a_broken_usps_file_gives_one_sentence(data_folder, text, sentence):
    write_usps(data_folder / "usps")
    (data_folder / "usps" / "zip.train.gz").write_bytes(gzip.compress(text.encode()))
    with pytest.raises(ValueError, match=rf"zip\.train\.gz {sentence}|zip\.train\.gz has {sentence}"):
        dataset("usps")


def test_a_gzip_bomb_is_refused_before_it_is_unpacked_whole(data_folder, monkeypatch):
    monkeypatch.setattr("wsexplore.datasets.usps.LARGEST", 1 << 16)
    write_usps(data_folder / "usps")
    (data_folder / "usps" / "zip.train.gz").write_bytes(gzip.compress(b" " * (1 << 24)))
    with pytest.raises(ValueError, match="unpacks to more than 65,536 bytes"):
        dataset("usps")


def test_a_download_of_other_usps_values_is_refused_and_not_kept(data_folder, monkeypatch):
    write_usps(data_folder / "elsewhere")
    got = data_folder / "got.gz"

    def serve(url, *_, **__):
        shutil.copy(data_folder / "elsewhere" / url.rsplit("/", 1)[1], got)
        return str(got)

    monkeypatch.setattr("wsexplore.datasets.fetch.pooch.retrieve", serve)
    with pytest.raises(ValueError, match=r"zip\.train\.gz holds other values than were published"):
        dataset("usps")
    assert not got.exists()


def test_cifar_batches_are_read_in_their_order(data_folder):
    batches = cifar_batches()
    write_cifar(data_folder / "cifar-10-batches-bin", batches)
    cifar = dataset("cifar10")
    assert (len(cifar.train), len(cifar.test), cifar.input_shape) == (30, 6, (3, 32, 32))
    pixels = (cifar.images(cifar.train.inputs) * 255).round().to(torch.uint8)
    train = np.concatenate([batches[f"data_batch_{number}.bin"] for number in range(1, 6)])
    assert torch.equal(pixels.flatten(1), torch.from_numpy(train[:, 1:]))
    assert cifar.train.targets.tolist() == train[:, 0].tolist()


def test_the_archive_of_cifar_is_read_without_unpacking_it(data_folder, monkeypatch):
    batches, archive = cifar_batches(), data_folder / "archive"
    archive.write_bytes(cifar_archive(batches))
    monkeypatch.setattr("wsexplore.datasets.fetch.pooch.retrieve", lambda *_, **__: str(archive))
    before = sorted(data_folder.rglob("*"))
    assert dataset("cifar10").test.targets.tolist() == batches["test_batch.bin"][:, 0].tolist()
    assert sorted(data_folder.rglob("*")) == before


@pytest.mark.parametrize("prefix", ["../cifar-10-batches-bin/", "/cifar-10-batches-bin/", "elsewhere/"])
def test_an_archive_with_other_members_is_refused(data_folder, monkeypatch, prefix):
    archive = data_folder / "archive"
    archive.write_bytes(cifar_archive(cifar_batches(), prefix=prefix))
    monkeypatch.setattr("wsexplore.datasets.fetch.pooch.retrieve", lambda *_, **__: str(archive))
    with pytest.raises(ValueError, match=r"data_batch_1\.bin is missing in cifar-10-binary"):
        dataset("cifar10")


@pytest.mark.parametrize("body", [b"no archive", cifar_archive(cifar_batches())[:5000]])
def test_a_broken_archive_gives_one_sentence(data_folder, monkeypatch, body):
    (data_folder / "archive").write_bytes(body)
    monkeypatch.setattr("wsexplore.datasets.fetch.pooch.retrieve", lambda *_, **__: str(data_folder / "archive"))
    with pytest.raises(ValueError, match=r"archive is broken .*; remove it from the cache"):
        dataset("cifar10")


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "has 0 bytes, which is no whole number of images"),
        (b"\0" * (RECORD + 1), "has 3,074 bytes, which is no whole number"),
        (b"\0" * (RECORD * 10_001), "which is no whole number of images of 3,073 bytes up to 10,000"),
        (b"\x0a" * RECORD, "has labels up to 10, there are 10 classes"),
    ],
)
def test_a_broken_cifar_batch_gives_one_sentence(data_folder, body, sentence):
    write_cifar(data_folder / "cifar-10-batches-bin", cifar_batches())
    (data_folder / "cifar-10-batches-bin" / "data_batch_3.bin").write_bytes(body)
    with pytest.raises(ValueError, match=rf"data_batch_3\.bin {sentence}|data_batch_3\.bin .*{sentence}"):
        dataset("cifar10")


def test_a_missing_cifar_batch_is_named(data_folder):
    write_cifar(data_folder / "cifar-10-batches-bin", cifar_batches())
    (data_folder / "cifar-10-batches-bin" / "test_batch.bin").unlink()
    with pytest.raises(ValueError, match=r"test_batch\.bin is missing in cifar-10-batches-bin"):
        dataset("cifar10")


@pytest.mark.parametrize("name", [name for name, entry in DATASETS.items() if entry.download])
def test_a_data_set_neither_on_disk_nor_to_be_downloaded_says_where_to_put_it(data_folder, name):
    wanted = "cifar-10-batches-bin" if name == "cifar10" else name
    with pytest.raises(ValueError, match=f"set WSEXPLORE_DATA to a folder that holds {wanted}/"):
        dataset(name)


def test_every_download_but_usps_is_checked_by_a_published_hash(data_folder, monkeypatch):
    asked = {}

    def note(url, known_hash, **_):
        asked[url.rsplit("/", 1)[1]] = known_hash
        raise OSError

    monkeypatch.setattr("wsexplore.datasets.fetch.pooch.retrieve", note)
    for name in ("kmnist", "cifar10"):
        with pytest.raises(ValueError, match="nor to be downloaded"):
            dataset(name)
    assert asked["train-images-idx3-ubyte.gz"].startswith("sha256:51467d22d8cc7292")
    assert asked["cifar-10-binary.tar.gz"] == "md5:c32a1d4ab5d03f1284b67883e8d87530"
