"""What one network of a zoo answers, sample by sample; every argument is a name, a number or a time stamp."""

from dataclasses import dataclass

import numpy as np
import streamlit as st
import torch
from safetensors.torch import save

from app_pages.handles import open_zoo, version_of
from wsexplore.datasets import dataset
from wsexplore.zoo import Zoo

BATCH = 500
CROWD = 200
"""Networks of the zoo that one is compared with."""


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """A network's answers on the test split.

    Attributes:
        confusion: counts, true class by row and given class by column.
        mistakes: numbers of the samples it gets wrong, the most confident first.
        given: class number that it gives to each of these.
        confidence: probability that it gives to that class, 0 to 1.
        samples: size of the split.
    """

    confusion: np.ndarray
    mistakes: np.ndarray
    given: np.ndarray
    confidence: np.ndarray
    samples: int

    @property
    def accuracy(self) -> float:
        """Share of samples that it gets right."""
        return float(np.trace(self.confusion)) / max(1, self.samples)


@st.cache_data(max_entries=128, show_spinner="Asking the network…")
@torch.no_grad()
def _answers(zoo: str, version: float, row: int, data: str) -> Answers:
    opened, test, classes = open_zoo(zoo), dataset(data).test, len(dataset(data).classes)
    module, shape = opened.module(row), opened.architecture.input_shape
    if test.inputs[0].numel() != int(np.prod(shape)):
        raise ValueError(
            f"the samples of {data} have shape {tuple(test.inputs.shape[1:])}, these networks take {tuple(shape)}"
        )
    parts = [module(part.reshape(-1, *shape)).softmax(-1) for part in torch.split(test.inputs, BATCH)]
    shares = torch.cat(parts).numpy()
    if shares.shape[1] < classes:
        raise ValueError(f"these networks tell {shares.shape[1]} classes apart, {data} has {classes}")
    truth, given = test.targets.numpy(), shares.argmax(1)
    confidence = shares.max(1)
    places = max(classes, int(given.max()) + 1)
    confusion = np.bincount(truth * places + given, minlength=places * places).reshape(places, places)
    wrong = np.flatnonzero(given != truth)
    wrong = wrong[np.argsort(-confidence[wrong], kind="stable")]
    return Answers(confusion, wrong, given[wrong], confidence[wrong], len(truth))


def answers(zoo: str, row: int, data: str) -> Answers:
    """What a network says to every test sample.

    Raises:
        ValueError: the data set does not fit the network.
    """
    return _answers(zoo, version_of("zoos", zoo), row, data)


def data_name(zoo: Zoo, row: int) -> str:
    """The data set that a network was trained on; empty where the table does not tell."""
    name = zoo.table["dataset"].iloc[row] if "dataset" in zoo.table else ""
    return name if isinstance(name, str) else ""


@st.cache_data(max_entries=16, show_spinner=False)
def _crowd(zoo: str, version: float) -> np.ndarray:
    opened = open_zoo(zoo)
    count = max(1, min(CROWD, 20_000_000 // opened.architecture.layout.size))
    some = np.arange(len(opened))
    if len(some) > count:
        some = np.sort(np.random.default_rng(0).choice(some, count, replace=False))
    return opened.rows(some).numpy()


def crowd(zoo: str) -> np.ndarray:
    """Weights of some networks of a zoo, drawn evenly with a fixed seed, one per row."""
    return _crowd(zoo, version_of("zoos", zoo))


def state_dict_bytes(zoo: Zoo, row: int) -> bytes:
    """The bytes of a safetensors file with one network's state dict."""
    state = {name: value.contiguous() for name, value in zoo.module(row).state_dict().items()}
    return save(state, metadata={"format": "pt", "id": str(zoo.table["id"].iloc[row])})
