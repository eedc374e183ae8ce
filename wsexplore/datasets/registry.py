"""From the name of a data set to the data set."""

from collections.abc import Callable, Mapping
from functools import lru_cache

from wsexplore.datasets.brackets import LONGEST, read_brackets
from wsexplore.datasets.cifar import read_cifar10
from wsexplore.datasets.curves import read_mnist1d
from wsexplore.datasets.digits import read_digits
from wsexplore.datasets.folder import read_folder
from wsexplore.datasets.idx import FASHION, KMNIST, MNIST
from wsexplore.datasets.names import Name, parse_name
from wsexplore.datasets.pixels import grey, resized
from wsexplore.datasets.points import read_spirals, read_two_moons
from wsexplore.datasets.samples import Dataset, Raw, normalised
from wsexplore.datasets.text import read_text
from wsexplore.datasets.usps import read_usps

READERS: Mapping[str, Callable[[], Raw]] = {
    "digits": read_digits,
    "mnist": MNIST,
    "fashion-mnist": FASHION,
    "kmnist": KMNIST,
    "usps": read_usps,
    "cifar10": read_cifar10,
    "mnist1d": read_mnist1d,
    "two-moons": read_two_moons,
    "spirals": read_spirals,
}
"""Readers by the names of the catalogue, but for brackets, whose length is part of the name."""


def dataset(name: str) -> Dataset:
    """The data set of this name; it is read once per process.

    The names of the registry are the keys of `DATASETS`. `name@28` resizes images to 28x28 pixels, `cifar10:gray`
    leaves out the colour, `cifar10:gray@28` does both; `brackets@48` has sequences of up to 48. What is not made here
    is read from the folder that `WSEXPLORE_DATA` names, or downloaded and checked by hash.

    A user's own data are `folder:PATH` (images; see `read_folder`) and `text:PATH.csv` (texts; see `read_text`), both
    with `@size` if wanted. The name of the result ends in `#` and a hash of the content: asked for with the hash, other
    content is refused.

    Raises:
        ValueError: the name is unknown or not understood, a file is broken, or it is neither on disk nor to be
            downloaded.
    """
    asked = parse_name(name)
    if asked.path and not asked.digest:
        return _read(name, asked)
    return _once(name)


@lru_cache(maxsize=4)
def _once(name: str) -> Dataset:
    return _read(name, parse_name(name))


def _read(name: str, asked: Name) -> Dataset:
    raw = _raw(asked)
    if asked.path and asked.digest and raw.digest != asked.digest:
        raise ValueError(
            f"{asked.path} is no longer what {name!r} was made of: its content now has the hash {raw.digest}; "
            "put the old files back, or leave out # and the hash"
        )
    if asked.gray:
        raw = grey(raw)
    if asked.size is not None and raw.kind == "image":
        raw = resized(raw, asked.size)
    return normalised(name if asked.digest or not asked.path else f"{name}#{raw.digest}", raw)


def _raw(asked: Name) -> Raw:
    if asked.base == "folder":
        return read_folder(asked.path, asked.size)
    if asked.base == "text":
        return read_text(asked.path, asked.size)
    if asked.base == "brackets":
        return read_brackets(LONGEST if asked.size is None else asked.size)
    return READERS[asked.base]()
