"""MNIST and the data sets in its format: gzipped idx files of unsigned bytes."""

import gzip
import math
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wsexplore.datasets.fetch import fetch, on_disk
from wsexplore.datasets.samples import Raw

LARGEST = 1 << 27
"""Most values that an idx file may hold; MNIST's have 47,040,000."""


@dataclass(frozen=True, slots=True)
class IdxSource:
    """Four idx files of 28x28 images and their labels.

    Attributes:
        name: of the data set and its folder.
        url: of the folder they are published in.
        sha256: of each file.
        classes: a name per class number.
    """

    name: str
    url: str
    sha256: Mapping[str, str]
    classes: tuple[str, ...]

    def __call__(self) -> Raw:
        """The images as fractions of 1."""
        return Raw(self._part("train"), self._part("t10k"), self.classes)

    def _part(self, part: str) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        images = read_idx(self._file(f"{part}-images-idx3-ubyte.gz"))
        labels = read_idx(self._file(f"{part}-labels-idx1-ubyte.gz"))
        if images.ndim != 3 or labels.ndim != 1 or len(images) != len(labels):
            raise ValueError(
                f"{self.name}: {part} images {images.shape} and labels {labels.shape} do not belong together; "
                "fetch the canonical files again"
            )
        if images.shape[1:] != (28, 28):
            raise ValueError(f"{self.name}: {part} images are {images.shape[1:]}, not (28, 28); fetch the files again")
        if len(labels) and labels.max() >= len(self.classes):
            raise ValueError(f"{self.name}: {part} labels go to {labels.max()}, there are {len(self.classes)} classes")
        return images / 255.0, labels.astype(np.int64)

    def _file(self, file: str) -> Path:
        return on_disk(f"{self.name}/{file}") or fetch(
            self.name, file, url=self.url, checksum=f"sha256:{self.sha256[file]}"
        )


def read_idx(path: Path) -> NDArray[np.uint8]:
    """The array in a gzipped idx file of unsigned bytes.

    Raises:
        ValueError: the file is not gzip, not idx of unsigned bytes, or shorter than its header says.
    """
    try:
        with gzip.open(path, "rb") as stream:
            header = stream.read(4)
            if len(header) < 4 or header[:3] != b"\0\0\x08" or not 1 <= header[3] <= 4:
                raise ValueError(f"{path.name} is not an idx file of unsigned bytes")
            shape = struct.unpack(f">{header[3]}I", stream.read(4 * header[3]))
            if math.prod(shape) > LARGEST:
                raise ValueError(
                    f"{path.name} claims {math.prod(shape):,} values, more than {LARGEST:,}; fetch it again"
                )
            body = stream.read(math.prod(shape) + 1)
    except (OSError, EOFError, struct.error, zlib.error) as error:
        raise ValueError(f"{path.name} is broken ({error}); fetch it again") from None
    if len(body) != math.prod(shape):
        raise ValueError(
            f"{path.name} holds {len(body):,} values, its header says {math.prod(shape):,}; fetch it again"
        )
    return np.frombuffer(body, np.uint8).reshape(shape)


MNIST = IdxSource(
    "mnist",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    {
        "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    },
    tuple(str(digit) for digit in range(10)),
)
FASHION = IdxSource(
    "fashion-mnist",
    "https://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    {
        "train-images-idx3-ubyte.gz": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        "train-labels-idx1-ubyte.gz": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        "t10k-images-idx3-ubyte.gz": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        "t10k-labels-idx1-ubyte.gz": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    },
    ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"),
)
KMNIST = IdxSource(
    "kmnist",
    "https://codh.rois.ac.jp/kmnist/dataset/kmnist/",
    {
        "train-images-idx3-ubyte.gz": "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
        "train-labels-idx1-ubyte.gz": "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
        "t10k-images-idx3-ubyte.gz": "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
        "t10k-labels-idx1-ubyte.gz": "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",
    },
    ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
)
