"""The end of the app: jobs are stopped before Python waits for the threads that they began."""

import atexit
import ctypes
import threading
import time
import weakref
from collections.abc import Iterable
from typing import Protocol, runtime_checkable


@runtime_checkable
class Closes(Protocol):
    """Anything that is closed."""

    def close(self) -> None:
        """Stop, and wait until it has stopped."""


_OPEN: "weakref.WeakSet[Closes]" = weakref.WeakSet()
_ENDING = threading.Event()


def close_at_exit(pool: Closes) -> None:
    """Close it when the app ends."""
    _OPEN.add(pool)


def at_exit() -> bool:
    """Whether the app is ending."""
    return _ENDING.is_set()


def _close_all() -> None:
    _ENDING.set()
    for pool in list(_OPEN):
        pool.close()


# What `atexit` holds runs only after Python has waited for the threads of all executors, those that jobs began among
# them: a training would hold the app for hours. `concurrent.futures` itself asks `threading` to be called before.
getattr(threading, "_register_atexit", atexit.register)(_close_all)


def still_alive(threads: Iterable[threading.Thread], seconds: float) -> list[threading.Thread]:
    """Those that have not ended after so many seconds."""
    until = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    return [thread for thread in threads if thread.is_alive()]


def interrupt(thread: threading.Thread, error: type[BaseException]) -> None:
    """Raise `error` in work that does not say how far it is, as soon as it is back in Python.

    Only for the end of the app: work that is stopped anywhere leaves its own locks as they are.
    """
    if thread.ident is not None:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(error))
