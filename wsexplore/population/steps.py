"""What long work shares: where it runs, and how it says how far it is."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch

CORES = torch.get_num_threads()
"""Threads that torch may use, read before any work changes the number."""

OnStep = Callable[[float, str], None]
"""Called with the share done, 0 to 1, and one line of text; it may raise to cancel the work."""


def device_of(name: str) -> torch.device:
    """The device of a name: "cpu", "cuda", or "auto" for CUDA where there is one.

    Raises:
        ValueError: the name is unknown, or there is no CUDA device.
    """
    if name not in ("auto", "cpu", "cuda"):
        raise ValueError(f"device {name!r} is unknown; choose auto, cpu or cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("no CUDA device was found; choose device cpu or auto")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread of torch while the block runs.

    For small networks two were measured to be no faster, and they stall where other work shares the cores.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


SMALL = 100_000
"""Weights of a network up to which one thread is enough."""


def threads_for(parameters: int) -> AbstractContextManager[None]:
    """One thread of torch for small networks, as many as there are for others; see `one_thread`."""
    return one_thread() if parameters <= SMALL else nullcontext()
