"""What every command shares: options, progress, one line for an error, and the exit status."""

import json
import math
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    import pandas as pd

OnStep = Callable[[float, str], None]


class Device(StrEnum):
    """Where to compute."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout; logs go to stderr.")]
Seed = Annotated[
    int, typer.Option(min=0, max=2**32 - 1, help="Of every random draw; the same seed gives the same result.")
]
OnDevice = Annotated[Device, typer.Option(help="auto takes CUDA where there is one.")]
Out = Annotated[str, typer.Option(help="Folder to write.")]
Factory = Annotated[
    str, typer.Option(help="package.module:function that builds the networks; its code runs, from this folder too.")
]
LONG = 60.0
"""Seconds of work that a command begins without a word."""

ZooName = Annotated[str, typer.Argument(metavar="ZOO", help="A zoo's folder, or the name of a shipped zoo.")]


@contextmanager
def work() -> Iterator[OnStep]:
    """Run the body with a progress bar on a terminal; turn its errors into one line and an exit status.

    Wrong arguments and broken input (`ValueError`) exit with 2, failed work with 1. Where what is done so far is kept,
    the `KeyboardInterrupt` says so.
    """
    console = Console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn(), console=console, transient=True
    )
    task = bar.add_task("", total=1.0)

    def on_step(fraction: float, message: str) -> None:
        bar.update(task, completed=fraction, description=message)

    try:
        if console.is_terminal:
            with bar:
                yield on_step
        else:
            yield on_step
    except ValueError as error:
        fail(str(error), 2)
    except KeyboardInterrupt as stopped:
        fail(f"interrupted; {str(stopped) or 'nothing half-written was left'}", 1)
    except (OSError, RuntimeError, MemoryError) as error:
        fail(str(error) or type(error).__name__, 1)


def trust(factory: str) -> None:
    """Let a factory of the user's build networks in this process; modules of the current folder are found.

    Raises:
        ValueError: there is no such function.
    """
    if factory:
        from wsexplore.nets import trust_factory

        sys.path.insert(0, str(Path.cwd()))
        trust_factory(factory)


def fail(sentence: str, status: int) -> None:
    """Say why on stderr and leave with an exit status."""
    print(f"wsexplore: {sentence}", file=sys.stderr)
    raise typer.Exit(status)


def answer(facts: Mapping[str, Any], *, as_json: bool) -> None:
    """Print the facts: a JSON object, or a table for people."""
    if as_json:
        print(json.dumps(_finite(facts), default=str, allow_nan=False))
        return
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts.items():
        table.add_row(f"[bold]{name.replace('_', ' ')}[/bold]", Text(_text(value)))
    Console().print(table)


def _finite(value: Any) -> Any:
    """JSON values, with `None` for every number that is not finite."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(name): _finite(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return value


def print_table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table for people."""
    table = Table(box=None, pad_edge=False, title=Text(title), title_justify="left")
    for place, head in enumerate(heads):
        table.add_column(Text(head), justify="right" if place else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)


def write_csv(frame: "pd.DataFrame", path: str) -> None:
    """Write a table as CSV, whole or not at all.

    Raises:
        ValueError: the path is a folder.
    """
    if Path(path).is_dir():
        raise ValueError(f"{path} is a folder; name a CSV file to write to")
    with beside(path) as file:
        frame.to_csv(file, index=False)


@contextmanager
def beside(path: str) -> Iterator[Path]:
    """A file beside this one, to be written; it takes its place at the end, and is gone where the writing fails."""
    file = Path(path).resolve()
    written = file.with_name(f".{file.name}.writing")
    try:
        yield written
        written.replace(file)
    finally:
        written.unlink(missing_ok=True)


def check_file(path: str, option: str) -> None:
    """Check, before long work, that a file can be written; an empty path stands for none.

    Raises:
        ValueError: it is a folder, or there is no folder that it could be written into.
    """
    file = Path(path).resolve()
    if not path:
        return
    if file.is_dir():
        raise ValueError(f"{path} is a folder; {option} takes a file to write")
    if not file.parent.is_dir() or not os.access(file.parent, os.W_OK | os.X_OK):
        raise ValueError(f"{path} cannot be written, for its folder is missing or closed; give {option} another file")


def tell_cost(seconds: float) -> None:
    """Say on stderr what long work will cost, where that is more than a minute."""
    if seconds > LONG:
        print(f"wsexplore: this takes about {_lasting(seconds)} on this machine; Ctrl-C stops it", file=sys.stderr)


def _lasting(seconds: float) -> str:
    """A duration in words: 4 min, 1 h 10 min, 3 days."""
    hours, minutes = divmod(max(1, round(seconds / 60)), 60)
    if hours >= 48:
        return f"{round(hours / 24)} days"
    parts = [*([f"{hours} h"] if hours else []), *([f"{minutes} min"] if minutes else [])]
    return " ".join(parts)


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list):
        return ", ".join(_text(part) for part in value)
    if isinstance(value, dict):
        return ", ".join(f"{name} {_text(part)}" for name, part in value.items())
    return str(value)


def parse_assignments(options: list[str], option: str) -> dict[str, str]:
    """`NAME=VALUE` options as a mapping.

    Raises:
        ValueError: one has no `=`, or a name comes twice.
    """
    found: dict[str, str] = {}
    for text in options:
        name, equals, value = text.partition("=")
        if not equals or not name or not value:
            raise ValueError(f"{option} takes NAME=VALUE, got {text!r}")
        if name in found:
            raise ValueError(f"{option} names {name} twice")
        found[name] = value
    return found


def parse_value(text: str) -> int | float | str:
    """A number where the text is one, else the text."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def parse_field(text: str) -> object:
    """A field of an architecture: JSON where it is a list or a mapping, else values by commas; true and false count.

    Raises:
        ValueError: it looks like JSON and is none.
    """
    if text[:1] in "[{":
        try:
            found: object = json.loads(text)
        except (ValueError, RecursionError):
            raise ValueError(f"--config takes values like 32, 64,32,10 or [], got {text[:60]!r}") from None
        return found
    words: dict[str, object] = {"true": True, "false": False}
    values = [words.get(part.lower(), parse_value(part)) for part in text.split(",") if part]
    return values if len(values) > 1 or text.endswith(",") else (values[0] if values else text)


def parse_vary(text: str) -> tuple[float, float] | list[int | float | str]:
    """`LOW..HIGH` is a range, `A,B,C` a list of values."""
    if ".." in text:
        low, _, high = text.partition("..")
        try:
            return float(low), float(high)
        except ValueError:
            raise ValueError(f"a range is LOW..HIGH with two numbers, got {text!r}") from None
    return [parse_value(part) for part in text.split(",")]
