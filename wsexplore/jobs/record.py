"""What is known of a job at one moment, and what its work is handed."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from wsexplore.zoo import Recipe

State = Literal["waiting", "running", "done", "failed", "cancelled", "interrupted"]
STATES: tuple[State, ...] = ("waiting", "running", "done", "failed", "cancelled", "interrupted")


@dataclass(frozen=True, slots=True)
class Status:
    """What is known of a job at one moment.

    Attributes:
        id: tells it from all others; of a named job, a digest of the name.
        title: what the job does.
        state: "waiting", "running", "done", "failed", "cancelled", or "interrupted": the app ended before the job did.
        fraction: share of the work done, 0 to 1.
        message: the latest line from the work itself.
        error: why it failed, in one sentence; empty otherwise.
        recipe: how the result can be had again without the app.
        link: the page that shows it, with its query, like "landscape?zoo=digits-mlp".
        cost: seconds that it was said to take before it began; `None` where nobody knew.
        began: when it began, in seconds since 1970; `None` while it waits.
        over: when it ended, likewise; `None` before.
        seconds: that it has worked, all its attempts together.
        partial: what is there so far, and stays there after a cancel, a failure or a restart.
        updates: number of partial results that the work gave.
        result: what the work returned, once it is done.
        stopping: whether it was cancelled and has not come to its next step yet.
        quiet: whether it is a moment's help of a page that no list of jobs shows.
    """

    id: str
    title: str
    state: State = "waiting"
    fraction: float = 0.0
    message: str = ""
    error: str = ""
    recipe: Recipe | None = None
    link: str = ""
    cost: float | None = None
    began: float | None = None
    over: float | None = None
    seconds: float = 0.0
    partial: Any = None
    updates: int = 0
    result: Any = None
    stopping: bool = False
    quiet: bool = False

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen of itself."""
        return self.state not in ("waiting", "running")


class Cancelled(Exception):
    """Raised inside the work at its next step after a cancel."""


class Progress:
    """How work says how far it is; it passes wherever `on_step` is asked for.

    Attributes:
        earlier: the last partial result of this very job from before a cancel, a failure or a restart of the app, to
            go on from; `None` where there is none.
    """

    def __init__(self, stop: threading.Event, say: Callable[..., None], earlier: Any = None):
        self._stop, self._say, self.earlier = stop, say, earlier

    def __call__(self, fraction: float | int, message: str) -> None:
        """Say the share done, 0 to 1, and one line.

        Raises:
            Cancelled: the job was cancelled.
        """
        self._check()
        self._say(fraction=min(max(float(fraction), 0.0), 1.0), message=message)

    def partial(self, value: Any) -> None:
        """Show what is there so far; the work must not change `value` afterwards.

        Raises:
            Cancelled: the job was cancelled; `value` is kept all the same.
        """
        self._say(partial=value)
        self._check()

    def _check(self) -> None:
        if self._stop.is_set():
            raise Cancelled


Work = Callable[[Progress], Any]
"""Work takes a `Progress`, calls it at least every second, and returns its result."""
