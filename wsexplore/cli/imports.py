"""`wsexplore zoo import`."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wsexplore.cli.frame import AsJson, Out, answer, parse_assignments, parse_field, work

if TYPE_CHECKING:
    from wsexplore.zoo.readers import Found


def import_(
    path: Annotated[
        str, typer.Argument(metavar="PATH", help="A folder or file of somebody's zoo, or hf:owner/name@revision.")
    ],
    out: Out,
    epochs: Annotated[str, typer.Option(help="Checkpoints to take, like 0,21-25, or last. Default: all.")] = "",
    dtype: Annotated[str, typer.Option(help="Of the weights on disk: float32 or float16.")] = "float32",
    architecture: Annotated[str, typer.Option(help="The family of the networks, where their files do not tell.")] = "",
    config: Annotated[
        list[str] | None, typer.Option(help="Of the architecture, where the files do not tell: activation=tanh.")
    ] = None,
    factory: Annotated[str, typer.Option(help="package.module:function that builds the network; its code runs.")] = "",
    trust: Annotated[
        bool, typer.Option("--trust", help="Unpickle state dicts that run code. Only for files of people you trust.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Read somebody else's zoo and write it as ours."""
    with work() as on_step:
        if dtype not in ("float32", "float16"):
            raise ValueError(f"--dtype is float32 or float16, got {dtype!r}")
        fields = {name: parse_field(value) for name, value in parse_assignments(config or [], "--config").items()}
        asked: dict[str, Any] = {
            "epochs": _epochs(epochs),
            "trust": trust,
            "factory": factory or None,
            "architecture": architecture or None,
            "config": fields,
        }
        from wsexplore.zoo.files import check_target
        from wsexplore.zoo.readers import import_zoo, recognise

        check_target(out)
        _tell(recognise(path, **asked))
        zoo = import_zoo(path, out=out, dtype="float16" if dtype == "float16" else "float32", on_step=on_step, **asked)
        from wsexplore.cli.zoo import facts

        kept = zoo.recipe.arguments
        said: dict[str, Any] = {name: kept[name] for name in ("format", "left_out", "noticed") if name in kept}
        answer({"written": out, **said, **facts(zoo)}, as_json=as_json)


def _tell(found: "Found") -> None:
    """Say on stderr what lies there, before it is read."""
    about = found.architecture
    lines = [f"{found.name}: {found.format}, {found.networks:,} networks, {found.bytes / (1 << 20):,.1f} MiB"]
    lines += [f"architecture: {about.name} {about.config}"] if about is not None else []
    lines += [f"{name}: {value}" for name, value in found.says.items()]
    lines += [f"note: {problem}" for problem in found.problems]
    print("\n".join(line if line.isprintable() else repr(line) for line in lines), file=sys.stderr)


def _epochs(text: str) -> list[int] | str | None:
    if not text or text == "last":
        return text or None
    try:
        found: list[int] = []
        for part in text.split(","):
            low, dash, high = part.partition("-")
            start, stop = int(low), int(high if dash else low)
            if not 0 <= start <= stop < 1_000_000:
                raise ValueError
            found += range(start, stop + 1)
    except ValueError:
        raise ValueError(f"--epochs takes epochs like 0,21-25, or last; got {text!r}") from None
    return found
