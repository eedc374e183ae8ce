"""Running a shard: here, or as the main loop of a worker process.

A worker ends when its standard input closes, so that nothing goes on after its parent was killed.
"""

import importlib
import json
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Tell = Callable[[Mapping[str, Any]], None]
Work = Callable[[Mapping[str, Any], Path, Tell], None]


def run_here(function: str, arguments: Mapping[str, Any], file: Path, tell: Tell) -> None:
    """Call a shard function of this package; its file appears whole or not at all.

    Raises:
        ValueError: the function is none of this package, or fails over its input.
    """
    module, _, name = function.partition(":")
    if module.partition(".")[0] != "wsexplore":
        raise ValueError(f"{function} is no shard function of wsexplore")
    work: Work = getattr(importlib.import_module(module), name)
    beside = file.with_name(f"{file.name}.writing")
    work(arguments, beside, tell)
    beside.replace(file)


def main() -> None:
    """Run the shards described on standard input, each answered by lines of JSON on standard output."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent is interrupted too, and ends this process
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever a library prints goes to the errors
    tasks: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(tasks,), daemon=True).start()

    import torch

    torch.set_num_threads(1)
    while True:
        task = json.loads(tasks.get())
        try:
            run_here(
                task["function"],
                task["arguments"],
                Path(task["file"]),
                lambda words: print(json.dumps({"tell": words}), file=answers),
            )
            print(json.dumps({"done": True}), file=answers)
        except ValueError as error:
            print(json.dumps({"refused": str(error)}), file=answers)
        except Exception as error:  # the parent says it; a worker must not end in a traceback
            print(json.dumps({"failed": f"{type(error).__name__}: {error}"}), file=answers)


def _listen(tasks: "queue.SimpleQueue[str]") -> None:
    for line in sys.stdin:
        tasks.put(line)
    os._exit(0)
