"""Small flows on a shelf, and a real server around a host."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import torch
import uvicorn

from wsexplore.generate import FlowConfig, WeightFlow, fit_flow
from wsexplore.nets import Architecture, architecture
from wsexplore.serve import Host
from wsexplore.serve.api import create_app
from wsexplore.serve.server import address_of, bind
from wsexplore.zoo import Zoo

SMALL = FlowConfig(width=16, layers=1, heads=2, steps=12, batch=8)
LISTENING = FlowConfig(
    kind="preconditioned", source="covariance", conditions=("lr", "kind"), width=24, layers=1, steps=12, batch=8
)


def shelved(home: Path) -> dict[str, Path]:
    """Fitted flows: one equivariant, one with learned positions, one that listens, one of networks with BatchNorm."""
    digits = {"dataset": ["digits"] * 40}
    wishes = {"lr": [0.001 * (1 + i % 7) for i in range(40)], "kind": ["a", "b"] * 20}
    normed = architecture("cnn", input=[1, 8, 8], channels=[2], classes=10, norm="batch")
    return {
        "asked": _fitted(architecture("mlp", widths=[8, 5, 10]), wishes, LISTENING).save(home / "asked"),
        "deep": _fitted(architecture("mlp", widths=[8, 5, 6, 10]), {}, SMALL).save(home / "deep"),
        "normed": _fitted(normed, digits, SMALL).save(home / "normed"),
        "wide": _fitted(architecture("mlp", widths=[64, 6, 10]), digits, SMALL).save(home / "wide"),
    }


def field_flow(folder: Path) -> Path:
    """A fitted flow over small pictures, which no accuracy belongs to."""
    siren = architecture("siren", widths=[2, 4, 1])
    return _fitted(siren, {"dataset": ["digits"] * 40}, SMALL).save(folder)


def _fitted(arch: Architecture, columns: dict[str, list[Any]], config: FlowConfig) -> WeightFlow:
    weights = torch.randn(40, arch.layout.size, generator=torch.Generator().manual_seed(0)) * 0.3 + 0.1
    table = pd.DataFrame(columns) if columns else None
    return fit_flow(Zoo.from_weights(arch, weights, table), seed=3, config=config)


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


class SlowFlow:
    """While it is entered, no flow is read to its end; `begun` says that one tried.

    Args:
        monkeypatch: of the test.
    """

    def __init__(self, monkeypatch):
        self.begun, self._go, read = threading.Event(), threading.Event(), WeightFlow.open

        def slowly(folder):
            self.begun.set()
            assert self._go.wait(30)
            return read(folder)

        monkeypatch.setattr(WeightFlow, "open", slowly)

    def __enter__(self) -> "SlowFlow":
        return self

    def __exit__(self, *_: object) -> None:
        self._go.set()


class Gate:
    """Holds the blocks of a host until it is opened, and counts them."""

    def __init__(self, host: Host):
        self.open, self.blocks = threading.Event(), []
        run = host.sampler.run

        def held(pieces, on_step=None):
            self.blocks.append([(piece.wanted.request, piece.rows) for piece in pieces])
            assert self.open.wait(30)
            return run(pieces, on_step)

        host.sampler.run = held
