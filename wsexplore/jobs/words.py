"""A record in words of JSON, and back."""

import math
import re
from dataclasses import asdict, dataclass
from typing import Any

from wsexplore.jobs.record import STATES, Status
from wsexplore.zoo import Recipe

FILE = re.compile(r"[0-9a-f]{12}\.safetensors")
TEXTS = ("title", "message", "error", "link")
TIMES = ("cost", "began", "over")
SAME = (*TEXTS, *TIMES, "state", "fraction", "seconds", "updates")


@dataclass(frozen=True, slots=True)
class Entry:
    """A file with a value.

    Attributes:
        file: its name.
        size: in bytes.
        sha256: of its content.
    """

    file: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Stored:
    """A record of the disk.

    Attributes:
        status: what it tells, without the values.
        partial: the file of the partial result.
        result: the file of the result.
    """

    status: Status
    partial: Entry | None
    result: Entry | None


def words_of(stored: Stored) -> dict[str, Any]:
    """What a record tells, as JSON values."""
    status = stored.status
    return {
        **{name: getattr(status, name) for name in SAME},
        "recipe": None if status.recipe is None else status.recipe.to_dict(),
        "partial": None if stored.partial is None else asdict(stored.partial),
        "result": None if stored.result is None else asdict(stored.result),
    }


def stored_of(job_id: str, words: dict[str, Any]) -> Stored:
    """The record that `words_of` told.

    Raises:
        ValueError: something is of another kind.
        KeyError: something is missing.
    """
    texts = {name: words[name] for name in TEXTS}
    if words["state"] not in STATES or not all(isinstance(text, str) for text in texts.values()):
        raise ValueError(f"the record of {job_id} has no such state, or a text is none")
    times: dict[str, Any] = {name: None if words[name] is None else _number(words[name]) for name in TIMES}
    status = Status(
        job_id,
        state=words["state"],
        fraction=min(_number(words["fraction"]), 1.0),
        recipe=None if words["recipe"] is None else Recipe.from_dict(words["recipe"]),
        **times,
        seconds=_number(words["seconds"]),
        updates=int(_number(words["updates"])),
        **texts,
    )
    return Stored(status, _entry(words["partial"]), _entry(words["result"]))


def _number(told: Any) -> float:
    if type(told) not in (int, float) or not 0 <= told < math.inf:
        raise ValueError(f"{told!r} is no time and no share")
    return float(told)


def _entry(told: Any) -> Entry | None:
    if told is None:
        return None
    if not isinstance(told, dict) or not FILE.fullmatch(str(told["file"])):
        raise ValueError(f"{told!r} is no file with a value")
    return Entry(str(told["file"]), int(told["size"]), str(told["sha256"]))
