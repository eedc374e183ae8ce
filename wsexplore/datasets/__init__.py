"""The data that networks are trained and judged on.

The catalogue is there at once; what reads data is loaded when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from wsexplore.datasets.catalogue import DATASET_HELP, DATASETS, Entry, Kind, known

if TYPE_CHECKING:
    from wsexplore.datasets.brackets import read_brackets
    from wsexplore.datasets.folder import read_folder
    from wsexplore.datasets.idx import read_idx
    from wsexplore.datasets.names import is_registered
    from wsexplore.datasets.registry import dataset
    from wsexplore.datasets.samples import Dataset, Split
    from wsexplore.datasets.text import read_text

_HOME = {
    "Dataset": "samples",
    "Split": "samples",
    "dataset": "registry",
    "is_registered": "names",
    "read_brackets": "brackets",
    "read_folder": "folder",
    "read_idx": "idx",
    "read_text": "text",
}

__all__ = [
    "DATASETS",
    "DATASET_HELP",
    "Dataset",
    "Entry",
    "Kind",
    "Split",
    "dataset",
    "is_registered",
    "known",
    "read_brackets",
    "read_folder",
    "read_idx",
    "read_text",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'wsexplore.datasets' has no attribute {name!r}")
    return getattr(import_module(f"wsexplore.datasets.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
