"""One process that serves HTTP until it is told to stop, and finishes what it accepted."""

import asyncio
import gc
import ipaddress
import socket
import time
from collections.abc import Callable
from types import FrameType

import uvicorn

from wsexplore.serve.api import create_app
from wsexplore.serve.host import Host

FETCH_SECONDS = 10.0
"""Seconds after the last network is made in which the results of jobs can still be fetched."""


def bind(host: str, port: int, *, token: str | None) -> socket.socket:
    """A socket that listens; port 0 takes any that is free.

    Raises:
        ValueError: the address is not this machine's, its port is taken, or it is open to others without a token.
    """
    if token is None and not _is_own(host):
        raise ValueError(
            f"without a token only 127.0.0.1 is served, got {host}; set WSEXPLORE_SERVE_TOKEN to serve other machines"
        )
    if not 0 <= port <= 65_535:
        raise ValueError(f"a port is a number from 0 to 65535, got {port}")
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family, kind, proto)
    except OSError as error:
        raise ValueError(f"{host} is no address of this machine: {error.strerror or error}") from None
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(1024)
    except OSError as error:
        bound.close()
        reason = error.strerror or str(error)
        raise ValueError(f"{host} port {port} cannot be served ({reason}); choose another --port") from None
    return bound


def address_of(bound: socket.socket) -> str:
    """The URL of a socket."""
    name, port = bound.getsockname()[:2]
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


def run(bound: socket.socket, host: Host, *, token: str | None, on_ready: Callable[[], None] = lambda: None) -> None:
    """Serve until SIGINT or SIGTERM; then take nothing new, finish what was accepted, and return.

    Finished jobs can be fetched for `FETCH_SECONDS` more. A second signal stops at once. What the libraries hold is
    taken out of the garbage collection meanwhile: to walk it again and again costs a quarter of a small answer.
    """
    config = uvicorn.Config(
        create_app(host, token=token),
        log_level="warning",
        access_log=False,
        lifespan="on",
        http="h11",
        loop="asyncio",
        ws="none",
        server_header=False,
        timeout_keep_alive=15,
    )
    gc.collect()
    gc.freeze()
    try:
        _Server(config, host, on_ready).run(sockets=[bound])
    finally:
        gc.unfreeze()


class _Server(uvicorn.Server):
    """Ends in two steps: first nothing new is taken, then, when all is done, the port is closed."""

    def __init__(self, config: uvicorn.Config, host: Host, on_ready: Callable[[], None]):
        super().__init__(config)
        self._host, self._on_ready = host, on_ready
        self._ending: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._loop = asyncio.get_running_loop()
        self._on_ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal lets the work end, the second does not."""
        if self._host.batcher.closing:
            self._host.batcher.close(finish=False, timeout=0.0)
            self.force_exit = self.should_exit = True
            return
        self._host.batcher.stop_taking()
        self._loop.call_soon_threadsafe(self._end)

    def _end(self) -> None:
        self._ending = asyncio.ensure_future(self._finish())

    async def _finish(self) -> None:
        while self._host.batcher.queue:
            await asyncio.sleep(0.02)
        end = time.monotonic() + FETCH_SECONDS
        while self._host.jobs.unfetched() and time.monotonic() < end:
            await asyncio.sleep(0.02)
        self.should_exit = True


def _is_own(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
