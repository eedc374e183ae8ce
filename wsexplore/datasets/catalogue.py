"""What is known of every data set before it is read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["image", "sequence", "point", "text"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A data set of the registry in a few facts.

    Attributes:
        name: what `dataset` takes.
        kind: images, sequences of numbers, points, or texts as sequences of token numbers.
        about: one line for whoever chooses.
        train: number of training samples.
        test: number of test samples.
        shape: of one sample; (height, width) of grey images, (channels, height, width) of colour images.
        classes: number of classes.
        licence: under which terms it may be used.
        origin: where it comes from.
        download: size of what is fetched where it is not on disk, in MB; 0 where nothing is fetched.
    """

    name: str
    kind: Kind
    about: str
    train: int
    test: int
    shape: tuple[int, ...]
    classes: int
    licence: str
    origin: str
    download: float


_OURS = "made by this project"

DATASETS: Mapping[str, Entry] = {
    entry.name: entry
    for entry in (
        Entry(
            name="digits",
            kind="image",
            about="Small handwritten digits; they come with scikit-learn.",
            train=1_437,
            test=360,
            shape=(8, 8),
            classes=10,
            licence="CC BY 4.0",
            origin="UCI, Optical Recognition of Handwritten Digits (its test set)",
            download=0.0,
        ),
        Entry(
            name="mnist",
            kind="image",
            about="Handwritten digits.",
            train=60_000,
            test=10_000,
            shape=(28, 28),
            classes=10,
            licence="none stated by its authors; commonly given as CC BY-SA 3.0",
            origin="LeCun, Bottou, Bengio and Haffner, 1998",
            download=11.6,
        ),
        Entry(
            name="fashion-mnist",
            kind="image",
            about="Clothes in the format of MNIST.",
            train=60_000,
            test=10_000,
            shape=(28, 28),
            classes=10,
            licence="MIT",
            origin="Xiao, Rasul and Vollgraf, 2017, arXiv:1708.07747",
            download=30.9,
        ),
        Entry(
            name="kmnist",
            kind="image",
            about="Cursive Japanese characters in the format of MNIST.",
            train=60_000,
            test=10_000,
            shape=(28, 28),
            classes=10,
            licence="CC BY-SA 4.0",
            origin="Clanuwat et al., 2018, arXiv:1812.01718 (ROIS-DS Center for Open Data in the Humanities)",
            download=21.2,
        ),
        Entry(
            name="usps",
            kind="image",
            about="Handwritten digits of postal codes, as published with The Elements of Statistical Learning.",
            train=7_291,
            test=2_007,
            shape=(16, 16),
            classes=10,
            licence="none stated; for research",
            origin="Le Cun et al., 1989; Hull, 1994; Hastie, Tibshirani and Friedman, 2009",
            download=2.3,
        ),
        Entry(
            name="cifar10",
            kind="image",
            about="Colour photographs of animals and vehicles; cifar10:gray is the same without colour.",
            train=50_000,
            test=10_000,
            shape=(3, 32, 32),
            classes=10,
            licence="none stated; cite the report",
            origin="Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009",
            download=170.1,
        ),
        Entry(
            name="mnist1d",
            kind="sequence",
            about="Ten curves, moved, stretched, sheared and noisy, 40 numbers each; after MNIST-1D, not its files.",
            train=4_000,
            test=1_000,
            shape=(40,),
            classes=10,
            licence=_OURS,
            origin="generator after Greydanus and Kobak, 2020, arXiv:2011.14439",
            download=0.0,
        ),
        Entry(
            name="two-moons",
            kind="point",
            about="Points of two interleaved half circles in the plane.",
            train=1_000,
            test=1_000,
            shape=(2,),
            classes=2,
            licence=_OURS,
            origin="scikit-learn's make_moons, noise 0.2",
            download=0.0,
        ),
        Entry(
            name="spirals",
            kind="point",
            about="Points of three noisy spiral arms in the plane.",
            train=1_500,
            test=1_500,
            shape=(2,),
            classes=3,
            licence=_OURS,
            origin="generator",
            download=0.0,
        ),
        Entry(
            name="brackets",
            kind="text",
            about="Sequences of two kinds of brackets: do they close in the right order? Counting does not tell.",
            train=4_000,
            test=1_000,
            shape=(24,),
            classes=2,
            licence=_OURS,
            origin="generator",
            download=0.0,
        ),
    )
}
"""Every registered data set by name; `dataset(name)` reads it."""


def known() -> tuple[Entry, ...]:
    """The registered data sets, in the order in which they are listed."""
    return tuple(DATASETS.values())


DATASET_HELP = (
    f"{', '.join(DATASETS)}; NAME@28 resizes images, cifar10:gray is without colour; "
    "your own: folder:PATH of images, text:PATH.csv."
)
"""What the command line says about the names of data sets."""
