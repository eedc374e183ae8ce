"""A file of networks, sent in pieces."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

from starlette.requests import ClientDisconnect
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from wsexplore.serve.ticket import Ticket
from wsexplore.serve.wire import MEDIA_TYPE, Encoded

GONE = 499
"""Status in the metrics of a caller who did not wait."""

SMALL = 64 << 10
"""Bytes of an answer that is made and sent in one go, without a thread and a stream."""


def headers_of(name: str, seconds: float) -> dict[str, str]:
    """Headers of a file of this name, whose networks took so many seconds."""
    safe = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "-_.") else "_" for letter in name)
    return {
        "content-disposition": f'attachment; filename="{safe}"',
        "server-timing": f"sample;dur={1000 * seconds:.1f}",
        "cache-control": "no-store",
    }


class Streamed(StreamingResponse):
    """Networks on their way to the caller; their memory is given up at the end, whichever end it is.

    Args:
        encoded: the file.
        ticket: whose memory it holds.
        headers: of the answer.
        patience: seconds that the sending may take.
        keep: whether the ticket survives a sending that failed.
        on_sent: called after the last piece.
    """

    def __init__(
        self,
        encoded: Encoded,
        ticket: Ticket,
        headers: dict[str, str],
        patience: float,
        *,
        keep: bool,
        on_sent: Callable[[], None],
    ):
        headers = headers | {"content-length": str(encoded.size)}
        super().__init__(self._pieces(encoded), media_type=MEDIA_TYPE, headers=headers)
        self._ticket, self._patience, self._keep, self._on_sent = ticket, patience, keep, on_sent
        self._all_sent = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the file, until its caller goes or takes too long."""
        try:
            with suppress(TimeoutError, ClientDisconnect):
                await asyncio.wait_for(super().__call__(scope, receive, send), self._patience)
            if self._all_sent:
                self._on_sent()
        finally:
            if not self._keep:
                self._ticket.release()

    async def _pieces(self, encoded: Encoded) -> AsyncIterator[bytes]:
        for piece in encoded.pieces():
            yield piece
            await asyncio.sleep(0)
        self._all_sent = True
