"""Tables as parts that can be kept, and back: each column as an array, or as a list of words."""

from typing import Any

import numpy as np
import pandas as pd

NUMBERS = "biufcmM"
"""Kinds of numpy's types that a column may have."""


def parts_of(frame: pd.DataFrame) -> dict[str, Any]:
    """A table as dicts, lists and arrays.

    Raises:
        ValueError: an index of several levels, or a column of a kind that is not kept.
    """
    return {
        "labels": _index(frame.columns),
        "index": _index(frame.index),
        "columns": [_column(frame.iloc[:, place].array) for place in range(frame.shape[1])],
        "attrs": dict(frame.attrs),
    }


def frame_of(parts: Any) -> pd.DataFrame:
    """The table that `parts_of` took apart.

    Raises:
        ValueError: they are other parts, or do not fit each other.
    """
    index, labels = _index_of(parts["index"]), _index_of(parts["labels"])
    columns = [_array_of(column) for column in parts["columns"]]
    if any(len(column) != len(index) for column in columns) or len(columns) != len(labels):
        raise ValueError("the columns of a table are of different lengths")
    frame = pd.DataFrame(dict(enumerate(columns)), index=index)
    frame.columns, frame.attrs = labels, dict(parts["attrs"])
    return frame


def _index(index: pd.Index) -> dict[str, Any]:
    if isinstance(index, pd.RangeIndex):
        return {"range": [index.start, index.stop, index.step], "name": index.name}
    if isinstance(index, pd.MultiIndex) or getattr(index, "freq", None) is not None:
        raise ValueError("an index of several levels or with a frequency is not kept")
    return {"labels": _column(index.array), "name": index.name}


def _index_of(parts: Any) -> pd.Index:
    if "range" in parts:
        start, stop, step = (int(part) for part in parts["range"])
        return pd.RangeIndex(start, stop, step, name=parts["name"])
    found: pd.Index = pd.Index(_array_of(parts["labels"]), name=parts["name"])
    return found


def _column(values: Any) -> dict[str, Any]:
    if isinstance(values, pd.Categorical):
        return {
            "codes": np.asarray(values.codes),
            "categories": _index(values.categories),
            "ordered": bool(values.ordered),
        }
    plain = values.to_numpy() if isinstance(values, pd.arrays.NumpyExtensionArray) else values
    if isinstance(plain.dtype, np.dtype) and plain.dtype.kind in NUMBERS:
        return {"values": np.asarray(plain)}
    if plain.dtype == object or plain.dtype == pd.StringDtype(na_value=np.nan):
        return {"items": list(plain), "kind": str(plain.dtype)}
    raise ValueError(f"a column of {values.dtype} is not kept")


def _array_of(parts: Any) -> Any:
    if "values" in parts:
        return parts["values"]
    if "codes" in parts:
        categories = _index_of(parts["categories"])
        return pd.Categorical.from_codes(parts["codes"], categories, ordered=parts["ordered"])
    if parts["kind"] == "object":
        found = np.empty(len(parts["items"]), object)
        found[:] = parts["items"]
        return found
    return pd.array(parts["items"], dtype="str")
