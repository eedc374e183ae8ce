"""What every HTTP request passes first: who asks, how much comes, and how long it takes."""

import asyncio
import hmac
import ipaddress
import json
import time
from collections.abc import Callable
from functools import lru_cache

from starlette.types import ASGIApp, Message, Receive, Scope, Send

OPEN = ("/healthz", "/readyz")
"""Paths that need no token: they say nothing but that the server runs."""

BODY_SECONDS = 20.0
"""Seconds in which the body of a request must have come."""

DRAIN = 256 << 20
"""Bytes of a refused body that are read and thrown away, so that its sender hears why."""

LOCAL_NAMES = ("localhost", "127.0.0.1", "::1", "testserver")

OnRequest = Callable[[str, int, float], None]


class Guard:
    """Refuses strangers and large bodies before the application sees them; holds `most` bytes of a body at most.

    Without a token only callers on this machine are served, and only under a name of this machine, so that a page from
    elsewhere cannot reach the server through a browser here.

    Args:
        app: what is guarded.
        token: what callers must know, `None` where only this machine is served.
        most: bytes of a body.
        on_request: told route, status and seconds of each request.
    """

    def __init__(self, app: ASGIApp, *, token: str | None, most: int, on_request: OnRequest):
        self._app, self._token, self._most, self._on_request = app, token, most, on_request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, start = 500, time.perf_counter()

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._pass(scope, receive, sent)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            self._on_request(route, status, time.perf_counter() - start)

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.lower(): value for name, value in scope["headers"]}
        refused = self._stranger(scope, headers)
        if refused is None and _length(headers) > self._most:
            refused = (413, f"the body of a request has at most {self._most:,} bytes")
        if refused is not None:
            if headers.get(b"expect") is None:
                await _drain(receive)
            await _refuse(send, *refused)
            return
        try:
            body = await asyncio.wait_for(self._body(receive), BODY_SECONDS)
        except TimeoutError:
            await _refuse(send, 408, f"the body of the request did not come within {BODY_SECONDS:.0f} s")
            return
        if body is None:
            return
        if len(body) > self._most:
            await _drain(receive)
            await _refuse(send, 413, f"the body of a request has at most {self._most:,} bytes")
            return
        given = False

        async def again() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, again, send)

    def _stranger(self, scope: Scope, headers: dict[bytes, bytes]) -> tuple[int, str] | None:
        if scope["path"] in OPEN:
            return None
        if self._token is None:
            caller = (scope.get("client") or ("127.0.0.1", 0))[0]
            if _is_local(caller) and _name_of(headers.get(b"host", b"localhost")) in LOCAL_NAMES:
                return None
            return 403, "this server has no token, so it serves only its own machine; set WSEXPLORE_SERVE_TOKEN"
        scheme, _, given = headers.get(b"authorization", b"").partition(b" ")
        if scheme.lower() == b"bearer" and hmac.compare_digest(given.strip(), self._token.encode()):
            return None
        return 401, "the token is missing or wrong; send it as `Authorization: Bearer TOKEN`"

    async def _body(self, receive: Receive) -> bytes | None:
        """The body, cut where it is too long; nothing where the caller has gone."""
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            body += message.get("body", b"")
            if len(body) > self._most or not message.get("more_body"):
                return bytes(body)


async def _drain(receive: Receive) -> None:
    async def drained() -> None:
        seen = 0
        while seen < DRAIN:
            message = await receive()
            seen += len(message.get("body", b""))
            if message["type"] == "http.disconnect" or not message.get("more_body"):
                return

    try:
        await asyncio.wait_for(drained(), BODY_SECONDS)
    except TimeoutError:
        return


async def _refuse(send: Send, status: int, sentence: str) -> None:
    body = json.dumps({"detail": sentence}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _length(headers: dict[bytes, bytes]) -> int:
    said = headers.get(b"content-length", b"0")
    return int(said) if said.isdigit() else 0


def _name_of(host: bytes) -> str:
    text = host.decode("latin-1").lower()
    return text[1:].partition("]")[0] if text.startswith("[") else text.partition(":")[0]


@lru_cache(maxsize=1024)
def _is_local(caller: str) -> bool:
    try:
        return ipaddress.ip_address(caller).is_loopback
    except ValueError:
        return caller in LOCAL_NAMES
