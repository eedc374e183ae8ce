"""One way to ask for networks, wherever they are made."""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from wsexplore.generate import SOLVER, TOLERANCE
from wsexplore.generate.told import OPEN
from wsexplore.population import OnStep
from wsexplore.serve.host import Host
from wsexplore.serve.request import SampleRequest, Wish
from wsexplore.serve.tally import seconds_of
from wsexplore.serve.wire import decode
from wsexplore.zoo import Zoo

GLANCE = 0.1
"""Seconds between two looks at the progress."""


@runtime_checkable
class Seat(Protocol):
    """Where networks are made."""

    def told(self) -> dict[str, Any]:
        """Flows, limits and device."""

    def describe(self, name: str) -> dict[str, Any]:
        """Everything known of a flow, and what it costs there."""

    def fetch(self, request: SampleRequest, on_step: OnStep | None) -> bytes:
        """The networks as a safetensors file."""

    def close(self) -> None:
        """End it."""


class SamplerClient:
    """New networks, from this process or from a server: the same call, the same bytes on one kind of device.

    Use it as a context manager, or call `close`.
    """

    def __init__(self, seat: Seat):
        self._seat = seat

    @classmethod
    def local(cls, host: Host | None = None, **settings: Any) -> "SamplerClient":
        """Networks made in this process.

        Args:
            host: a host that others use too and that `close` leaves alone; by default one of its own.
            settings: of the own host, as `Host` takes them.
        """
        return cls(_InProcess(host or Host(**settings), own=host is None))

    @classmethod
    def http(cls, url: str, *, token: str | None = None, patience: float = 60.0) -> "SamplerClient":
        """Networks made by a server: `wsexplore serve`, or Ray Serve.

        Args:
            url: like `http://127.0.0.1:8000`.
            token: that the server asks for.
            patience: seconds for which a full server is asked again.

        Raises:
            ValueError: the URL is none, or the package httpx is missing.
        """
        from wsexplore.serve.http import OverHttp

        return cls(OverHttp(url, token=token, patience=patience))

    def flows(self) -> list[dict[str, Any]]:
        """Every flow in a few words.

        Raises:
            PermissionError: the server asks for another token.
            ConnectionError: the server does not answer.
        """
        found: list[dict[str, Any]] = self._seat.told()["flows"]
        return found

    def describe(self, name: str) -> dict[str, Any]:
        """Everything known of a flow, whether it is warm, how many requests wait, and seconds per network.

        Raises:
            UnknownFlow: there is none of this name.
            BrokenFlow: it cannot be read.
            PermissionError: the server asks for another token.
            ConnectionError: the server does not answer.
        """
        return self._seat.describe(name)

    def cost(self, request: SampleRequest) -> float | None:
        """Seconds until the networks would be there, those counted who wait now; `None` while the flow is cold.

        From the times of the last blocks; reading a cold flow, judging and the way of the bytes come on top.

        Raises:
            UnknownFlow: there is no such flow.
            BrokenFlow: it cannot be read.
            PermissionError: the server asks for another token.
            ConnectionError: the server does not answer.
        """
        told = self.describe(request.flow)
        try:
            blocks = {int(size): float(seconds) for size, seconds in told["blocks"].items()}
            asked = request.settled(int(told["steps"]))
            workers, waiting = max(1, int(told["workers"])), float(told["seconds_waiting"])
        except (KeyError, TypeError, ValueError, AttributeError):
            raise ConnectionError("the server does not say what a request costs; check its version") from None
        own = seconds_of(asked.n, asked.evaluations, blocks, workers)
        return None if own is None else own + waiting

    def sample_bytes(self, request: SampleRequest, *, on_step: OnStep | None = None) -> bytes:
        """New networks as one safetensors file, with architecture, recipe, table and metrics as metadata.

        Args:
            request: which.
            on_step: told the share done, in the thread of the caller; it may raise to cancel.

        Raises:
            UnknownFlow: there is no such flow.
            BrokenFlow: it cannot be read.
            ValueError: the request asks for too much.
            Refused: the queue is full; it says when to come again.
            SamplerFailed: the sampling broke, or the server has forgotten the job.
            PermissionError: the server asks for another token.
            ConnectionError: the server does not answer.
        """
        return self._seat.fetch(request, on_step)

    def sample(
        self,
        flow: str,
        n: int = 16,
        *,
        seed: int = 0,
        steps: int | None = None,
        solver: str = SOLVER,
        temperature: float = 1.0,
        judge: bool = False,
        condition: Mapping[str, Wish] | None = None,
        guidance: float = OPEN,
        trajectory: bool = False,
        tolerance: float = TOLERANCE,
        on_step: OnStep | None = None,
    ) -> Zoo:
        """New networks as a zoo; arguments and errors are those of `SampleRequest` and `sample_bytes`."""
        request = SampleRequest(
            flow,
            n,
            seed,
            steps,
            solver,
            temperature,
            judge,
            condition=condition or {},
            guidance=guidance,
            trajectory=trajectory,
            tolerance=tolerance,
        )
        return decode(self.sample_bytes(request, on_step=on_step))

    def close(self) -> None:
        """Let go of the seat."""
        self._seat.close()

    def __enter__(self) -> "SamplerClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _InProcess:
    """The seat in this process."""

    def __init__(self, host: Host, *, own: bool):
        self._host, self._own = host, own

    def told(self) -> dict[str, Any]:
        return {
            "flows": self._host.flows(),
            "limits": self._host.limits_told(),
            "device": self._host.sampler.shelf.device.type,
        }

    def describe(self, name: str) -> dict[str, Any]:
        return self._host.describe(name)

    def fetch(self, request: SampleRequest, on_step: OnStep | None) -> bytes:
        ticket = self._host.batcher.submit(request)
        try:
            while True:
                try:
                    sampled = ticket.result(None if on_step is None else GLANCE)
                    break
                except TimeoutError:
                    if on_step is not None:
                        on_step(ticket.progress, ticket.message)
            if on_step is not None:
                on_step(1.0, ticket.message)
            return bytes(self._host.finish(sampled))
        finally:
            ticket.cancel()

    def close(self) -> None:
        if self._own:
            self._host.close()
