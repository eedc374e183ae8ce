"""Small flows on a shelf, and a real server around a host."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import torch
import uvicorn

from wsexplore.generate import FlowConfig, fit_flow
from wsexplore.nets import architecture
from wsexplore.serve import Host
from wsexplore.serve.api import create_app
from wsexplore.serve.server import address_of, bind
from wsexplore.zoo import Zoo

SMALL = FlowConfig(width=16, layers=1, heads=2, steps=12, batch=8)


def shelved(home: Path) -> dict[str, Path]:
    """Two fitted flows: one equivariant, one with learned positions."""
    shelf = {}
    for name, widths in (("wide", [64, 6, 10]), ("deep", [8, 5, 6, 10])):
        arch = architecture("mlp", widths=widths)
        weights = torch.randn(40, arch.layout.size, generator=torch.Generator().manual_seed(0)) * 0.3 + 0.1
        table = pd.DataFrame({"dataset": ["digits"] * 40}) if name == "wide" else None
        shelf[name] = fit_flow(Zoo.from_weights(arch, weights, table), seed=3, config=SMALL).save(home / name)
    return shelf


@contextmanager
def served(host: Host, *, token: str | None = None, jobs: bool = True) -> Iterator[str]:
    """The URL of a server on this machine, which ends with the block."""
    bound = bind("127.0.0.1", 0, token=token)
    config = uvicorn.Config(create_app(host, token=token, jobs=jobs), log_level="critical", ws="none", http="h11")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: server.run(sockets=[bound]))
    thread.start()
    try:
        until(lambda: server.started)
        yield address_of(bound)
    finally:
        server.should_exit = True
        thread.join(20)
        bound.close()
        assert not thread.is_alive()


def until(true, seconds: float = 15.0) -> None:
    """Wait until something is true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.005)


class Gate:
    """Holds the blocks of a host until it is opened, and counts them."""

    def __init__(self, host: Host):
        self.open, self.blocks = threading.Event(), []
        run = host.sampler.run

        def held(pieces, on_step=None):
            self.blocks.append([(piece.wanted.request, piece.rows) for piece in pieces])
            assert self.open.wait(30)
            run(pieces, on_step)

        host.sampler.run = held
