"""Requests of several callers run as one batch."""

import os
import threading
import time
from collections.abc import Sequence

from wsexplore.serve.line import Line, Piece, Wanted
from wsexplore.serve.refusals import BrokenFlow, Closing, Refused, SamplerFailed
from wsexplore.serve.request import SampleRequest
from wsexplore.serve.sampler import FlowSampler
from wsexplore.serve.tally import Speeds, Tally, seconds_of
from wsexplore.serve.ticket import Ticket

LINGER = 0.002
"""Seconds that a block waits for company."""

MOST_WORKERS = 4


class MicroBatcher:
    """Collects requests, runs those that share a setting as one block, and gives each caller its part.

    Worker threads take blocks; each runs with one thread of torch. Flows that are not in memory are read by a thread of
    its own, one after the other, while the others are served. A block that fails is run again request by request,
    so that one that cannot be answered fails alone. A worker that dies fails the requests of its block and is started
    again. Requests that nobody waits for leave the line before they cost anything, and stop a block
    between two steps of the solver where they are alone in it.

    Args:
        sampler: what runs.
        workers: threads; by default one on a GPU, else one for each core, `MOST_WORKERS` at most.
        linger: seconds that a block that is not full waits for company.
    """

    def __init__(self, sampler: FlowSampler, *, workers: int | None = None, linger: float = LINGER):
        self.sampler, self.tally, self.speeds = sampler, Tally(), Speeds()
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        usual = 1 if sampler.shelf.device.type == "cuda" else min(cores, MOST_WORKERS)
        self.workers, self._linger = usual if workers is None else workers, linger
        self._line, self._open, self._held, self._sum = Line(), dict[Wanted, Ticket](), set[Ticket](), 0
        self._turn, self._closing, self._busy = threading.Condition(), False, 0
        self._threads: dict[int, threading.Thread] = {}
        self._loader: threading.Thread | None = None
        for place in range(self.workers):
            self._start(place)

    @property
    def queue(self) -> int:
        """Requests that wait or run."""
        return len(self._open)

    @property
    def waiting(self) -> int:
        """Networks that no block has taken."""
        with self._turn:
            return self._line.networks

    @property
    def held(self) -> int:
        """Bytes of weights promised or not yet handed over."""
        return self._sum

    @property
    def closing(self) -> bool:
        """Whether nothing new is taken."""
        return self._closing

    @property
    def alive(self) -> int:
        """Workers that run."""
        return sum(thread.is_alive() for thread in self._threads.values())

    @property
    def idle(self) -> int:
        """Workers that run no block."""
        return self.workers - self._busy

    def submit(self, request: SampleRequest) -> Ticket:
        """Accept a request, which will then be finished unless its caller cancels.

        Raises:
            UnknownFlow: there is no such flow.
            BrokenFlow: it cannot be read.
            ValueError: the request asks for too much.
            Refused: the queue or the memory is full, or the batcher closes; it says when to come again.
        """
        wanted = self.sampler.want(request)
        limits = self.sampler.limits
        size = limits.check(wanted.request, wanted.facts.parameters)
        ticket = Ticket(wanted, size, self._ended)
        with self._turn:
            if self._closing:
                raise Closing("the sampler is shutting down; send the request to another or try again later", 10.0)
            if len(self._open) >= limits.queue or self._sum + size > limits.memory:
                self.tally.add("refused")
                raise Refused(f"{len(self._open):,} requests wait already; try again later", self._wait())
            self._open[wanted] = ticket
            self._held.add(ticket)
            self._sum += size
            self._line.add(wanted)
            self.tally.add("accepted")
            self._turn.notify()
        return ticket

    def seconds_left(self, ticket: Ticket) -> float | None:
        """Seconds until a request is done if nobody else comes; `None` before anything was measured."""
        asked = ticket.wanted.request
        left = asked.n - ticket.wanted.done + self.waiting
        return seconds_of(left, asked.evaluations, self.speeds.blocks(asked.flow), self.workers)

    def seconds_waiting(self) -> float:
        """Seconds until those who wait now have been taken, about."""
        return self.speeds.usual() * self.waiting / self.workers

    def close(self, *, finish: bool = True, timeout: float | None = None) -> bool:
        """Take nothing new; finish what was accepted, or fail it; end the workers.

        Returns:
            Whether all workers ended in time.
        """
        with self._turn:
            self._closing = True
            left = [] if finish else list(self._open.values())
            self._turn.notify_all()
        for ticket in left:
            ticket.fail(Closing("the sampler was shut down before it came to the request", 10.0))
        end = None if timeout is None else time.monotonic() + timeout
        while (running := self._running()) and (end is None or time.monotonic() < end):
            running[0].join(0.05)
        return not self._running()

    def stop_taking(self) -> None:
        """Take nothing new, and go on with what was accepted."""
        with self._turn:
            self._closing = True
            self._turn.notify_all()

    def _running(self) -> list[threading.Thread]:
        threads = [*self._threads.values(), self._loader]
        return [thread for thread in threads if thread is not None and thread.is_alive()]

    def _wait(self) -> float:
        """Seconds until there is room, about."""
        each = self.speeds.usual()
        return max(1.0, min(600.0, each * self._line.networks / self.workers))

    def _ended(self, ticket: Ticket) -> None:
        """A ticket was settled or released."""
        with self._turn:
            if ticket.released and ticket in self._held:
                self._held.remove(ticket)
                self._sum -= ticket.size
            if ticket.future.done() and self._open.pop(ticket.wanted, None) is not None:
                self._line.drop(ticket.wanted)
                self.tally.add(_outcome(ticket))
                self._turn.notify_all()

    def _start(self, place: int) -> None:
        thread = threading.Thread(target=self._work, args=(place,), name=f"sampler-{place}", daemon=True)
        self._threads[place] = thread
        thread.start()

    def _work(self, place: int) -> None:
        pieces: list[Piece] = []
        try:
            while pieces := self._next():
                try:
                    self._run(pieces)
                finally:
                    with self._turn:
                        self._busy -= 1
                pieces = []
        except BaseException as error:
            self._failed(pieces, SamplerFailed(f"the worker of the sampler died ({_said(error)}); send it again"))
            self.tally.add("died")
            with self._turn:
                if self._line or not self._closing:
                    self._start(place)

    def _next(self) -> list[Piece]:
        """The next block, a few ms later where it is not full yet; nothing when there is no more to do."""
        with self._turn:
            while self._line or not self._closing:
                heads = self._line.heads()
                # In reverse, so that of the flows in memory the one whose turn is next was used last and stays.
                blocks = {head: self.sampler.shelf.block(head.facts) for head in reversed(heads)}
                first = next((head for head in heads if blocks[head]), None)
                cold = next((head for head in heads if not blocks[head]), None)
                if cold is not None and self._loader is None:
                    loader = threading.Thread(target=self._load, args=(cold,), name="sampler-loader", daemon=True)
                    loader.start()
                    self._loader = loader
                if first is None:
                    self._turn.wait()
                    continue
                short = self._open[first].since + self._linger - time.monotonic()
                if self._closing or short <= 0 or self._line.networks_beside(first) >= blocks[first]:
                    return self._taken(first, blocks[first])
                self._turn.wait(short)
            return []

    def _taken(self, first: Wanted, block: int) -> list[Piece]:
        """The next block: a fair share of those who wait, for idle workers take the rest."""
        pieces = self._line.take(min(block, -(-self._line.networks_beside(first) // self.idle)), first)
        self._busy += 1
        self.tally.add("blocks")
        self.tally.add("networks", sum(len(piece.rows) for piece in pieces))
        if self._line:
            self._turn.notify()
        return pieces

    def _load(self, first: Wanted) -> None:
        """Bring a cold flow into memory; where that fails, so does the request."""
        try:
            loaded = self.sampler.shelf.load(first.facts)
            self.speeds.known(first.request.flow, loaded.sizes)
        except BaseException as error:
            self._failed([Piece(first, range(0))], _failure(error))
        finally:
            with self._turn:
                self._loader = None
                self._turn.notify_all()

    def _run(self, pieces: Sequence[Piece]) -> None:
        with self._turn:
            tickets = [self._open.get(piece.wanted) for piece in pieces]
        asked, start = pieces[0].wanted.request, time.monotonic()

        def told(step: int) -> None:
            if all(piece.wanted.dropped for piece in pieces):
                raise _Nobody
            for ticket, piece in zip(tickets, pieces, strict=True):
                if ticket is not None:
                    ticket.share = len(piece.rows) * step / asked.steps_taken / piece.wanted.request.n

        try:
            size = self.sampler.run(pieces, told)
        except _Nobody:
            return
        except Exception as error:
            if len(pieces) == 1:
                self._failed(pieces, _failure(error))
            else:
                for piece in pieces:
                    self._run([piece])
            return
        self.tally.add("places", size)
        self.speeds.measured(asked, time.monotonic() - start, size)
        for ticket, piece in zip(tickets, pieces, strict=True):
            if ticket is not None:
                ticket.share = 0.0
                if piece.wanted.done == piece.wanted.request.n:
                    ticket.finish()

    def _failed(self, pieces: Sequence[Piece], error: Exception) -> None:
        with self._turn:
            tickets = [self._open.get(piece.wanted) for piece in pieces]
        for ticket in tickets:
            if ticket is not None:
                ticket.fail(error)
                ticket.release()


class _Nobody(Exception):
    """Nobody waits for the block."""


def _failure(error: BaseException) -> Exception:
    return error if isinstance(error, BrokenFlow) else SamplerFailed(f"the sampling broke: {_said(error)}")


def _said(error: BaseException) -> str:
    said = str(error).splitlines()
    return said[0] if said else type(error).__name__


def _outcome(ticket: Ticket) -> str:
    error = ticket.future.exception()
    if error is None:
        return "answered"
    return "failed" if isinstance(error, SamplerFailed | BrokenFlow) else "cancelled"
