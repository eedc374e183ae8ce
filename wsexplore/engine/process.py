"""A worker process as its parent sees it."""

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Mapping
from io import TextIOWrapper
from pathlib import Path
from typing import Any, cast

from wsexplore.engine.worker import Tell

TICK = 0.1
"""Seconds between two looks at whether to stop."""


class Process:
    """An interpreter of its own that runs one shard after the other, killed within a tick once `stop` is set."""

    def __init__(self, stop: threading.Event):
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", "from wsexplore.engine.worker import main; main()"],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(str(Path(place).absolute()) for place in sys.path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._tasks = cast(TextIOWrapper, self._process.stdin)
        self._answers = cast(TextIOWrapper, self._process.stdout)
        self._said: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._stop = stop
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._end_when_stopped, self._listen)]
        for thread in self._threads:
            thread.start()

    def run(self, function: str, arguments: Mapping[str, Any], file: Path, tell: Tell) -> None:
        """One shard, to its end.

        Raises:
            ValueError: the shard failed over its input.
            RuntimeError: the shard failed otherwise, or the process ended before it was done.
        """
        task = {"function": function, "arguments": dict(arguments), "file": str(file)}
        try:
            self._tasks.write(f"{json.dumps(task)}\n")
            self._tasks.flush()
        except BrokenPipeError:
            self._said.put(None)
        while (line := self._said.get()) is not None:
            words = json.loads(line)
            if "refused" in words:
                raise ValueError(words["refused"])
            if "failed" in words:
                raise RuntimeError(words["failed"])
            if "done" in words:
                return
            tell(words["tell"])
        tell({})  # raises where the caller gave up
        raise RuntimeError(f"a worker process ended with status {self._process.wait()} before its part was done")

    def close(self) -> None:
        """Wait until the process has ended, after `stop` was set."""
        for thread in self._threads:
            thread.join()

    def _listen(self) -> None:
        with self._answers:
            for line in self._answers:
                self._said.put(line)
        self._said.put(None)

    def _end_when_stopped(self) -> None:
        while self._process.poll() is None and not self._stop.wait(TICK):
            pass
        self._process.kill()
        self._process.wait()
        with contextlib.suppress(BrokenPipeError):
            self._tasks.close()
