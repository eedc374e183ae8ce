"""The zoos that others have published, as data: what they hold, under which licence, and how to bring them here."""

from dataclasses import dataclass
from shlex import quote

CC_BY = "CC BY 4.0"
UNKNOWN = "not stated"
UNPACKED = "UNPACKED_FOLDER"
"""Stands for the folder that comes out of the download, where its name is not known here."""


@dataclass(frozen=True, slots=True)
class PublishedZoo:
    """One published population of networks.

    Attributes:
        name: a name of ours, and the one under which it is imported.
        title: what it is, in a few words.
        architecture: of its networks.
        data: the data set they were trained on.
        runs: number of trained networks, `None` where the source does not say.
        parameters: of one network, `None` where they differ.
        licence: of the weights, or `UNKNOWN`.
        source: where it is to be had.
        folder: what is imported after unpacking; empty where it is not to be had today.
        networks: number of stored checkpoints, `None` where the source does not say.
        note: what else to know, one sentence.
    """

    name: str
    title: str
    architecture: str
    data: str
    runs: int | None
    parameters: int | None
    licence: str
    source: str
    folder: str
    networks: int | None = None
    note: str = ""

    @property
    def megabytes(self) -> float | None:
        """Size of the weights of one checkpoint of every run as float32, in MB."""
        if self.runs is None or self.parameters is None:
            return None
        return (self.networks or self.runs) * self.parameters * 4 / 1e6

    def command(self, out: str) -> str:
        """The command that imports it into the folder `out`, after download and unpacking; empty if there is none."""
        return f"wsexplore zoo import {quote(self.folder)} --out {quote(out)}" if self.folder else ""


def _zenodo(record: int) -> str:
    return f"https://doi.org/10.5281/zenodo.{record}"


_SMALL, _LARGE, _RESNET = ("small-cnn", 2464), ("small-cnn, cnn3", 10_853), "resnet, depth 18"
_COLOUR = ("small-cnn", 2864)
_GRIDS = "One population with seeds only, the others over grids of hyper-parameters; every epoch is stored."
_SQUEEZED = "The record holds a part of the epochs; the whole is about 5 TB."
_TWINS = "Each network of the zoo made sparse by variational dropout, epoch by epoch."
_PICKLES = "Preprocessed pickles; they are read without running any code."

_COLLECTION = (
    ("mnist", "MNIST", "mnist", 6120, _SMALL, 6632086, "tune_zoo_mnist_uniform", _GRIDS),
    ("fashion-mnist", "Fashion-MNIST", "fashion-mnist", 6120, _SMALL, 6632104, "tune_zoo_f_mnist_uniform", _GRIDS),
    ("svhn", "SVHN", "svhn, grey", 9640, _SMALL, 6632120, "tune_zoo_svhn_uniform", _GRIDS),
    ("usps", "USPS", "usps@28", 6120, _SMALL, 6633626, UNPACKED, _GRIDS),
    ("cifar10-small", "CIFAR-10, small", "cifar10@28", 3560, _COLOUR, 6620868, UNPACKED, _GRIDS),
    ("cifar10-large", "CIFAR-10, large", "cifar10", 3560, _LARGE, 6620868, "tune_zoo_cifar10_uniform_large", _GRIDS),
    ("stl10-small", "STL-10, small", "stl10, 28x28", 6120, _COLOUR, 6631783, "tune_zoo_stl_small_uniform", _GRIDS),
    ("stl10-large", "STL-10, large", "stl10, 32x32", 6120, _LARGE, 6631783, UNPACKED, _GRIDS),
    ("eurosat", "EuroSAT", "eurosat", None, ("small-cnn", None), 8141666, UNPACKED, "Added after the paper."),
    ("cifar10-resnet18", "ResNet-18 on CIFAR-10", "cifar10", 1000, (_RESNET, 11_173_962), 6974028, UNPACKED, _SQUEEZED),
    (
        "cifar100-resnet18",
        "ResNet-18 on CIFAR-100",
        "cifar100",
        1000,
        (_RESNET, 11_220_132),
        6977381,
        UNPACKED,
        _SQUEEZED,
    ),
    (
        "tiny-imagenet-resnet18",
        "ResNet-18 on Tiny ImageNet",
        "tiny-imagenet",
        1000,
        (_RESNET, 11_271_432),
        7023277,
        "tiny-imagenet_resnet18_kaiming_uniform_subset",
        _SQUEEZED,
    ),
    ("mnist-sparse", "sparse twins, MNIST", "mnist", None, _SMALL, 7023335, UNPACKED, _TWINS),
    ("svhn-sparse", "sparse twins, SVHN", "svhn, grey", None, _SMALL, 7027566, UNPACKED, _TWINS),
)
"""The Model Zoos collection (Schürholt et al. 2022): name, title, data, runs, architecture, record, folder, note.

The runs follow from its generator scripts and add up to the 50,360 networks of the paper.
"""

_GOOGLE = "https://github.com/google-research/google-research/tree/master/dnn_predict_accuracy"
_SMALL_CNN_ZOO = (
    ("cifar10", "CIFAR-10", "cifar10", 270_000),
    ("fashion-mnist", "Fashion-MNIST", "fashion_mnist", 270_000),
    ("mnist", "MNIST", "mnist", 269_973),
    ("svhn", "SVHN", "svhn_cropped", 269_892),
)
"""The Small CNN Zoo (Unterthiner et al. 2020): data, title, folder, stored checkpoints."""

PUBLISHED: tuple[PublishedZoo, ...] = (
    *(
        PublishedZoo(
            f"model-zoos-{name}",
            f"Model Zoos: {title}",
            kind,
            data,
            runs,
            size,
            CC_BY,
            _zenodo(record),
            folder,
            note=note,
        )
        for name, title, data, runs, (kind, size), record, folder, note in _COLLECTION
    ),
    *(
        PublishedZoo(
            f"small-cnn-zoo-{data}",
            f"Small CNN Zoo: {title}",
            "cnn, 16-16-16, stride 2",
            f"{data}, grey",
            30_000,
            4970,
            CC_BY,
            _GOOGLE,
            folder,
            networks,
            "30,000 runs over random hyper-parameters, nine checkpoints each.",
        )
        for data, title, folder, networks in _SMALL_CNN_ZOO
    ),
    PublishedZoo(
        "hyper-representations-2021",
        "Hyper-representations 2021",
        "small-cnn and mlp",
        "mnist, fashion-mnist, tetris",
        None,
        None,
        UNKNOWN,
        _zenodo(5645138),
        "dataset_21_mnist_seed.pt",
        note=_PICKLES,
    ),
    PublishedZoo(
        "hyper-representations-2022",
        "Hyper-representations 2022",
        "small-cnn",
        "mnist, svhn, cifar10, stl10",
        None,
        None,
        UNKNOWN,
        _zenodo(7529960),
        UNPACKED,
        note=_PICKLES,
    ),
    PublishedZoo(
        "sane-sample",
        "SANE: sample of a CIFAR-10 zoo",
        "small-cnn",
        "cifar10",
        None,
        None,
        UNKNOWN,
        _zenodo(13144018),
        "cifar10_cnn_sample_ep21-25",
        note="Epochs 21 to 25, the part that the released experiments need.",
    ),
    PublishedZoo(
        "phase-transitions-cifar10",
        "Phase transitions: ResNet-18 on CIFAR-10",
        "resnet, widths 2 to 256",
        "cifar10",
        192,
        None,
        CC_BY,
        "https://github.com/ModelZoos/PhaseTransitionModelZoo",
        "cifar_10-ResNet18_subset",
        note="Eight widths, eight batch sizes, three seeds; every width is an architecture of its own.",
    ),
    PublishedZoo(
        "cnn-wild-park",
        "CNN Wild Park",
        "cnn, 2 to 5 layers",
        "cifar10",
        None,
        None,
        UNKNOWN,
        _zenodo(12797219),
        "cifar10_zooV2",
        note="Depths, widths, kernels and skips all differ, so each kind becomes a zoo of its own.",
    ),
    PublishedZoo(
        "dws-inr-mnist",
        "Implicit images of MNIST",
        "siren, 2-32-32-1",
        "mnist, one network per image",
        None,
        1185,
        UNKNOWN,
        "https://github.com/AvivNavon/DWSNets",
        "mnist-inrs",
        note="Each network is one picture.",
    ),
    PublishedZoo(
        "nfn-inr",
        "Implicit images of CIFAR-10, MNIST and Fashion-MNIST",
        "siren, 2-32-32-1 or -3",
        "one network per image",
        None,
        None,
        UNKNOWN,
        "https://github.com/AllanYangZhou/nfn",
        "siren_mnist_wts",
        note="Initialised as in the original SIREN, without the output offset of 0.5.",
    ),
    PublishedZoo(
        "weightclip-cnn3",
        "WeightCLIP: CNN3 on 20 data sets",
        "small-cnn, cnn3",
        "20 image data sets",
        None,
        None,
        UNKNOWN,
        "https://github.com/HSG-AIML/WeightCLIP",
        "tune_zoo_cifar10_cnn3",
        note="One archive per data set, about 2.5 GB together; the code is MIT.",
    ),
    PublishedZoo(
        "vit-model-zoo",
        "A Model Zoo of Vision Transformers",
        "vit-small, patch 16",
        "imagenet, then fine-tuned",
        250,
        None,
        UNKNOWN,
        "https://github.com/ModelZoos/ViTModelZoo",
        "",
        note="Its authors are still looking for storage, so there is nothing to download yet.",
    ),
    PublishedZoo(
        "acas-xu",
        "ACAS Xu: collision avoidance",
        "mlp, 5-50-50-50-50-50-50-5",
        "lookup tables of the controller",
        45,
        13_305,
        CC_BY,
        "https://github.com/guykatzz/ReluplexCav2017",
        "ReluplexCav2017/nnet",
        networks=45,
        note="Five previous advisories by nine times to contact: a grid of tasks.",
    ),
    PublishedZoo(
        "estool-policies",
        "Evolved control policies",
        "mlp, 24-40-40-4",
        "BipedalWalker",
        30,
        2804,
        "MIT",
        "https://github.com/hardmaru/estool",
        "estool/zoo",
        networks=30,
        note="Flat weights in JSON files.",
    ),
)
"""Every published zoo that we know of; counts and licences as their sources state them."""
