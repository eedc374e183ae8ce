"""One thread of torch per worker, although the number is a setting of the whole process."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_lock = threading.Lock()
_inside = 0
_before = 1


@contextmanager
def single_threaded() -> Iterator[None]:
    """One thread of torch while any block of this kind runs in the process.

    `torch.set_num_threads` sets the matrix library's number for all threads, so workers that each restored it at the
    end of a block would disturb the others: kernels would start threads that stall each other, and might round
    otherwise. The first that enters remembers the number, the last that leaves restores it.
    """
    global _inside, _before
    with _lock:
        if not _inside:
            _before = torch.get_num_threads()
        _inside += 1
        torch.set_num_threads(1)
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside:
                torch.set_num_threads(_before)
