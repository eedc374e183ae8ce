"""A user's own texts: a table with the columns text and label."""

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wsexplore.datasets.samples import Raw, stratified

MOST_BYTES = 64 << 20
MOST_ROWS = 200_000
MOST_CHARACTERS = 1_024
"""Longest text that is read whole."""
MOST_KINDS = 1_000
"""Most different characters, and most classes."""


def read_text(path: str, longest: int | None = None) -> Raw:
    """Texts as token numbers, one per character; a fifth of each class is for testing.

    Args:
        path: of a CSV file in UTF-8 with the columns `text` and `label`.
        longest: characters of each text that are read; by default all.

    Raises:
        ValueError: the file is missing, is no such table, or is too large.
    """
    if longest is not None and not 1 <= longest <= MOST_CHARACTERS:
        raise ValueError(f"texts are cut to 1 to {MOST_CHARACTERS:,} characters, not {longest}")
    body, rows = read_table(Path(path), ("text", "label"))
    texts = [row[0] if longest is None else row[0][:longest] for row in rows]
    for number, text in enumerate(texts):
        if not 1 <= len(text) <= MOST_CHARACTERS:
            raise ValueError(
                f"{path}: text {number + 1} has {len(text):,} characters, they have 1 to {MOST_CHARACTERS:,}; "
                "write @ and a number behind the name to cut longer ones"
            )
    classes, targets = class_numbers(path, [row[1] for row in rows], "texts")
    vocabulary = ("", *sorted(set().union(*texts)))
    if len(vocabulary) > MOST_KINDS:
        raise ValueError(f"{path}: {len(vocabulary) - 1:,} different characters are more than {MOST_KINDS - 1:,}")
    number_of = {character: number for number, character in enumerate(vocabulary)}
    tokens = np.zeros((len(texts), max(map(len, texts))), np.float32)
    for row, text in enumerate(texts):
        tokens[row, : len(text)] = [number_of[character] for character in text]
    train, test = stratified(targets)
    digest = hashlib.sha256(body).hexdigest()[:16]
    return Raw((tokens[train], targets[train]), (tokens[test], targets[test]), classes, "text", vocabulary, digest)


def read_table(path: Path, columns: Sequence[str]) -> tuple[bytes, list[list[str]]]:
    """The bytes of a CSV file, and of each row the values of these columns.

    Raises:
        ValueError: it is missing, too large, not UTF-8, no CSV, or lacks a column or a value.
    """
    try:
        if not path.is_file():
            raise ValueError(f"{path} is no file; give a CSV file with the columns {' and '.join(columns)}")
        with path.open("rb") as stream:
            body = stream.read(MOST_BYTES + 1)
        if len(body) > MOST_BYTES:
            raise ValueError(f"{path} is larger than {MOST_BYTES >> 20} MiB; use a part of it")
        reader = csv.DictReader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True)
        if missing := [column for column in columns if column not in (reader.fieldnames or [])]:
            raise ValueError(
                f"{path} has no column {' and no column '.join(missing)}; its first line names the columns"
            )
        rows: list[list[str]] = []
        for row in reader:
            if len(rows) == MOST_ROWS:
                raise ValueError(f"{path} has more than {MOST_ROWS:,} rows; use a part of it")
            if any(row[column] is None for column in columns):
                raise ValueError(f"{path}: line {reader.line_num} is too short")
            rows.append([row[column] for column in columns])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path} cannot be read as CSV in UTF-8 ({error})") from None
    return body, rows


def class_numbers(path: str, labels: Sequence[str], what: str) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """The classes in alphabetical order, and the number of each label.

    Raises:
        ValueError: there are fewer than two classes or too many, one has no name, or fewer than two samples.
    """
    if not labels:
        raise ValueError(f"{path} holds no {what}")
    counts = Counter(labels)
    names = sorted(counts)
    if len(names) < 2:
        raise ValueError(f"{path}: all {what} are of class {names[0][:60]!r}; at least two classes are needed")
    if len(names) > MOST_KINDS:
        raise ValueError(f"{path}: {len(names):,} classes are more than {MOST_KINDS:,}")
    if not all(name.strip() for name in names):
        raise ValueError(f"{path}: some {what} have an empty label; name their class")
    if rare := [name for name in names if counts[name] < 2]:
        raise ValueError(
            f"{path}: class {rare[0][:60]!r} has 1 of the {what}; each class takes 2, one to train on and one to test"
        )
    number_of = {name: number for number, name in enumerate(names)}
    return tuple(names), np.array([number_of[label] for label in labels], np.int64)
