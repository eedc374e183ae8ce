"""Run shards on this machine: in threads of this process, or in processes of their own.

A shard function is `function(arguments, file, tell)`: it writes its whole result to `file` and says on the way how far
it is by `tell({...})`, JSON values, which may raise to stop it. Its result depends on its arguments alone, so that it
may run anywhere, in any order, twice.
"""

import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any, Literal

from wsexplore.engine.ledger import Ledger, Receipt, Shard
from wsexplore.engine.process import Process
from wsexplore.engine.worker import run_here

Mode = Literal["threads", "processes"]
MODES: tuple[Mode, ...] = ("threads", "processes")
TICK = 0.2
"""Seconds between two looks at what is done."""


class Stopped(Exception):
    """Raised inside a shard when the caller gave up."""


def run_shards(
    function: str,
    shards: Sequence[Shard],
    ledger: Ledger,
    *,
    workers: int,
    mode: Mode = "threads",
    on_tell: Callable[[Shard, Mapping[str, Any]], None] = lambda shard, words: None,
    on_tick: Callable[[], None] = lambda: None,
) -> list[Receipt]:
    """Run every shard that has no receipt yet; the files are the same in both modes.

    Args:
        function: "wsexplore.module:function" of a shard function.
        shards: in any order.
        ledger: where files and receipts lie.
        workers: shards at work at once.
        mode: "threads", or "processes" where the work holds the interpreter or draws from global generators.
        on_tell: what shards say, one call at a time; of a shard that was done before it is `{"found": true}`.
        on_tick: called about five times a second by the caller's thread; it may raise to cancel.

    Raises:
        ValueError: a shard failed over its input.
        RuntimeError: a process ended before its shard was done.
    """
    stop, lock = threading.Event(), threading.Lock()
    processes: list[Process] = []
    idle: queue.SimpleQueue[Process] = queue.SimpleQueue()

    def tell(shard: Shard, words: Mapping[str, Any]) -> None:
        if stop.is_set():
            raise Stopped
        with lock:
            on_tell(shard, words)

    def one(shard: Shard) -> Receipt:
        if (known := ledger.receipt(shard)) is not None:
            tell(shard, {"found": True})
            return known
        if stop.is_set():
            raise Stopped
        task = (function, shard.arguments, ledger.file(shard), lambda words: tell(shard, words))
        if mode == "threads":
            run_here(*task)
        else:
            try:
                process = idle.get_nowait()
            except queue.Empty:
                process = Process(stop)
                processes.append(process)
            process.run(*task)
            idle.put(process)
        return ledger.sign(shard)

    with ThreadPoolExecutor(max(1, workers), thread_name_prefix="shard") as pool:
        futures: list[Future[Receipt]] = [pool.submit(one, shard) for shard in shards]
        try:
            pending = set(futures)
            while pending:
                finished, pending = wait(pending, timeout=TICK, return_when=FIRST_COMPLETED)
                for future in finished:
                    future.result()
                on_tick()
        finally:
            stop.set()
            for future in futures:
                future.cancel()
            for process in processes:
                process.close()
    return [future.result() for future in futures]
