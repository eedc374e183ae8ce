"""`wsexplore serve`: new networks over HTTP."""

import sys
from typing import Annotated

import typer

from wsexplore.cli.frame import AsJson, Device, OnDevice, answer, work


def serve(
    host: Annotated[str, typer.Option(help="Address to serve; without a token 127.0.0.1 only.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="0 takes any that is free.")] = 8000,
    max_networks: Annotated[int, typer.Option(min=1, help="Most networks of one request.")] = 10_000,
    max_steps: Annotated[int, typer.Option(min=1, help="Most steps of the solver.")] = 1_000,
    queue: Annotated[int, typer.Option(min=1, help="Most requests that wait or run; others are told when.")] = 512,
    memory: Annotated[int, typer.Option(min=1, help="MiB of weights promised or not handed over.")] = 1024,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds that a direct answer may take.")] = 300.0,
    workers: Annotated[int, typer.Option(min=0, help="Threads that sample; 0 for one per core or GPU.")] = 0,
    block: Annotated[
        int, typer.Option(min=0, help="Most networks run together; 0 for what suits. A small one gives its own bytes.")
    ] = 0,
    warm: Annotated[int, typer.Option(min=1, help="Flows held in memory.")] = 4,
    device: OnDevice = Device.auto,
    as_json: AsJson = False,
) -> None:
    """Serve the flows of the shelf over HTTP until Ctrl-C; what was accepted is finished.

    Callers send the token of WSEXPLORE_SERVE_TOKEN, if it is set. The API is described at /v1/openapi.json.
    """
    with work():
        from wsexplore.settings import settings

        try:
            from wsexplore.serve.server import address_of, bind, run
        except ImportError as error:
            raise ValueError(f"serving needs {error.name}; install wsexplore[serve]") from None
        from wsexplore.serve import Host, Limits

        secret = settings().serve_token
        token = None if secret is None else secret.get_secret_value()
        limits = Limits(
            networks=max_networks,
            direct=min(max_networks, Limits().direct),
            steps=max_steps,
            queue=queue,
            memory=memory << 20,
            patience=timeout,
        )
        bound = bind(host, port, token=token)
        seat = Host(device=device, warm=warm, limits=limits, workers=workers or None, block=block or None)
        names = seat.sampler.shelf.names()
        facts = {"url": address_of(bound), "device": seat.sampler.shelf.device.type, "flows": names}

        def on_ready() -> None:
            answer(facts, as_json=as_json)
            sys.stdout.flush()

        with bound:
            run(bound, seat, token=token, on_ready=on_ready)
