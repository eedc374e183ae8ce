"""Small files in the published formats, written here so that no test needs the real ones."""

import gzip
import io
import struct
import tarfile

import numpy as np


def write_idx(path, array):
    header = b"\0\0\x08" + bytes([array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    path.write_bytes(gzip.compress(header + array.astype(np.uint8).tobytes()))


def write_mnist(folder, *, train=20, test=5, side=28, top=10):
    draw = np.random.default_rng(0)
    folder.mkdir()
    images = {"train": draw.integers(0, 256, (train, side, side)), "t10k": draw.integers(0, 256, (test, side, side))}
    for part, pixels in images.items():
        write_idx(folder / f"{part}-images-idx3-ubyte.gz", pixels)
        write_idx(folder / f"{part}-labels-idx1-ubyte.gz", draw.integers(0, top, len(pixels)))
    return images


def write_usps(folder, *, train=12, test=4):
    """As the published text: rows end in a space and a new line."""
    draw = np.random.default_rng(0)
    folder.mkdir(exist_ok=True)
    rows = {}
    for part, count in (("train", train), ("test", test)):
        thousandths = draw.integers(-1000, 1001, (count, 256)) / 1000
        rows[part] = np.column_stack([np.arange(count) % 10, thousandths])
        text = "".join(" ".join(f"{value:.4f}" for value in row) + " \n" for row in rows[part])
        (folder / f"zip.{part}.gz").write_bytes(gzip.compress(text.encode()))
    return rows


def cifar_batches(images=6):
    draw = np.random.default_rng(0)
    files = [*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin"]
    return {
        file: np.column_stack([draw.integers(0, 10, images), draw.integers(0, 256, (images, 3072))]).astype(np.uint8)
        for file in files
    }


def write_cifar(folder, batches):
    folder.mkdir()
    for file, rows in batches.items():
        (folder / file).write_bytes(rows.tobytes())


def cifar_archive(batches, *, prefix="cifar-10-batches-bin/"):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for file, rows in batches.items():
            member = tarfile.TarInfo(prefix + file)
            member.size = rows.size
            archive.addfile(member, io.BytesIO(rows.tobytes()))
    return packed.getvalue()
