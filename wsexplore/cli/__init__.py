"""Every capability as a command; `wsexplore --help` lists them."""

import sys
from typing import Annotated

import typer

from wsexplore.cli import app as app_commands
from wsexplore.cli import between, demo, encoder, flow, landscape, serve, symmetry, weights, zoo
from wsexplore.version import VERSION

cli = typer.Typer(
    name="wsexplore",
    help="The explorer of neural-network weight space.",
    no_args_is_help=True,
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
cli.add_typer(zoo.app, name="zoo")
cli.add_typer(encoder.app, name="embed")
cli.add_typer(flow.app, name="flow")
cli.add_typer(demo.app, name="demo")
cli.add_typer(symmetry.app, name="symmetry")
cli.add_typer(landscape.app, name="landscape")
cli.command("align")(weights.align)
cli.command("barrier")(weights.barrier)
cli.command("barriers")(between.barriers)
cli.command("compare")(between.compare)
cli.command("attack")(between.attack)
cli.command("app")(app_commands.app)
cli.command("serve")(serve.serve)


@cli.callback()
def group(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    """The explorer of neural-network weight space."""
    if version:
        print(VERSION)
        raise typer.Exit


def main() -> None:
    """The console script."""
    sys.exit(cli())
