"""`wsexplore app`: open the pages in a browser."""

import subprocess
import sys
from typing import Annotated

import typer

from wsexplore.cli.frame import fail


def app(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on this machine.")] = 8501,
    headless: Annotated[bool, typer.Option(help="Do not open a browser.")] = False,
) -> None:
    """Open the app. It listens on 127.0.0.1 only; stop it with Ctrl-C."""
    from wsexplore.settings import settings

    script = settings().home / "app.py"
    if not script.is_file():
        fail(f"{script} is missing; run this command from a clone of the repository", 1)
    command = [sys.executable, "-m", "streamlit", "run", str(script), "--server.address", "127.0.0.1"]
    command += ["--server.port", str(port), "--server.headless", str(headless).lower()]
    process = subprocess.Popen(command, cwd=settings().home)
    try:
        status = process.wait()
    except KeyboardInterrupt:
        status = process.wait()
    raise typer.Exit(1 if status else 0)
