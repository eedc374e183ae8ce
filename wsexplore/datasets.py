"""The data that networks are trained and judged on."""

import gzip
import math
import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pooch
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor

from wsexplore.settings import settings


@dataclass(frozen=True, slots=True)
class Split:
    """Inputs and targets, one sample per row.

    Attributes:
        inputs: normalised pixel values.
        targets: class numbers.
    """

    inputs: Float[Tensor, "samples ..."]
    targets: Int[Tensor, " samples"]

    def __len__(self) -> int:
        return len(self.targets)


@dataclass(frozen=True, slots=True)
class Dataset:
    """A labelled data set with a fixed split.

    Attributes:
        name: the key in the registry.
        train: the samples that networks are trained on.
        test: the samples they are judged on.
        classes: a name per class number.
        mean: subtracted from the pixels, which lie in 0 to 1 (one number, from the training split).
        std: the pixels' spread, by which they are divided.
    """

    name: str
    train: Split
    test: Split
    classes: tuple[str, ...]
    mean: float
    std: float

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one input."""
        return tuple(self.train.inputs.shape[1:])

    def split(self, name: str) -> Split:
        """The split called "train" or "test".

        Raises:
            ValueError: there is no such split.
        """
        if name not in ("train", "test"):
            raise ValueError(f"split {name!r} is unknown; choose train or test")
        return self.train if name == "train" else self.test

    def images(self, inputs: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """Pixels in 0 to 1 from normalised inputs."""
        return inputs * self.std + self.mean


def dataset(name: str) -> Dataset:
    """The data set of this name; it is read once per process.

    "digits" comes with scikit-learn: 1,437 training and 360 test images of 8x8 pixels. "mnist" and
    "fashion-mnist" are read from the folder that `WSEXPLORE_DATA` names, or downloaded and checked by hash.

    Raises:
        ValueError: the name is unknown, a file is broken, or it is neither on disk nor to be downloaded.
    """
    if name not in DATASETS:
        raise ValueError(f"data set {name!r} is unknown; choose one of {', '.join(DATASETS)}")
    return _load(name)


@lru_cache(maxsize=8)
def _load(name: str) -> Dataset:
    return DATASETS[name](name)


def _digits(name: str) -> Dataset:
    bunch = load_digits()
    train_x, test_x, train_y, test_y = train_test_split(
        bunch.images / 16.0, bunch.target, test_size=360, random_state=0, stratify=bunch.target
    )
    return _normalised(name, (train_x, train_y), (test_x, test_y), tuple(str(digit) for digit in range(10)))


def _normalised(
    name: str,
    train: tuple[NDArray[np.float64], NDArray[np.int64]],
    test: tuple[NDArray[np.float64], NDArray[np.int64]],
    classes: tuple[str, ...],
) -> Dataset:
    mean, std = float(train[0].mean()), float(train[0].std())

    def split(x: NDArray[np.float64], y: NDArray[np.int64]) -> Split:
        return Split(torch.from_numpy(((x - mean) / std).astype(np.float32)), torch.from_numpy(y.astype(np.int64)))

    return Dataset(name, split(*train), split(*test), classes, mean, std)


@dataclass(frozen=True, slots=True)
class _IdxSource:
    url: str
    sha256: Mapping[str, str]
    classes: tuple[str, ...]

    def __call__(self, name: str) -> Dataset:
        def arrays(part: str) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
            images = read_idx(self._file(name, f"{part}-images-idx3-ubyte.gz"))
            labels = read_idx(self._file(name, f"{part}-labels-idx1-ubyte.gz"))
            if images.ndim != 3 or labels.ndim != 1 or len(images) != len(labels):
                raise ValueError(
                    f"{name}: {part} images {images.shape} and labels {labels.shape} do not belong together; "
                    "fetch the canonical files again"
                )
            if len(labels) and labels.max() >= len(self.classes):
                raise ValueError(f"{name}: {part} labels go to {labels.max()}, there are {len(self.classes)} classes")
            return images / 255.0, labels.astype(np.int64)

        return _normalised(name, arrays("train"), arrays("t10k"), self.classes)

    def _file(self, name: str, file: str) -> Path:
        folder = settings().data
        if folder is not None and (folder / name / file).is_file():
            return folder / name / file
        try:
            path = pooch.retrieve(
                f"{self.url}{file}", f"sha256:{self.sha256[file]}", fname=file, path=settings().cache / name
            )
        except (OSError, ValueError) as error:
            raise ValueError(
                f"data set {name}: {file} is neither in {folder or 'the folder WSEXPLORE_DATA (not set)'} nor to be "
                f"downloaded ({type(error).__name__}); set WSEXPLORE_DATA to a folder that holds {name}/{file}"
            ) from None
        return Path(path)


LARGEST = 1 << 30
"""Most values that an idx file may hold."""


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


_MNIST = _IdxSource(
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    {
        "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    },
    tuple(str(digit) for digit in range(10)),
)
_FASHION = _IdxSource(
    "https://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    {
        "train-images-idx3-ubyte.gz": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        "train-labels-idx1-ubyte.gz": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        "t10k-images-idx3-ubyte.gz": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        "t10k-labels-idx1-ubyte.gz": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    },
    ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"),
)

DATASETS: Mapping[str, Callable[[str], Dataset]] = {
    "digits": _digits,
    "mnist": _MNIST,
    "fashion-mnist": _FASHION,
}
