"""How far the map can be believed, and how well the embedding predicts: worked out beside the page."""

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic, sleep

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app_pages.handles import jobs, open_alignment, open_encoder, open_zoo, version_of
from app_pages.maps import data_for
from app_pages.plain import plain
from app_pages.work import result_of
from wsexplore.embed import LARGE, Projection, content_hash, embedded, held_out_error, neighbours_kept, residuals
from wsexplore.jobs import Progress

Read = Callable[[np.ndarray], np.ndarray]
"""Reads rows of an embedding."""

QUICK = 3e9
"""Products of numbers that are worked out while the page waits, about a third of a second."""

MOMENT = 0.8
"""Seconds that the page waits for a quick answer."""

LONGEST = 30
"""Seconds that the finished page waits for the numbers."""

TARGETS = ("test_accuracy", "psnr", "test_loss", "val_accuracy")


@dataclass(frozen=True, slots=True, eq=False)
class Trust:
    """What is known of the drawn points.

    Attributes:
        kept: share of each point's nearest neighbours that the map keeps.
        left: share of each network's distance from the mean that a PCA map does not show.
    """

    kept: np.ndarray
    left: np.ndarray | None

    def notes(self) -> dict[str, np.ndarray]:
        """Shares for the hover cards."""
        return {"neighbours kept": self.kept, **({} if self.left is None else {"not shown": self.left})}


def trust_of(name: str, projection: Projection, embedding: str, rows: np.ndarray, encoder: str = "") -> Trust | None:
    """Trust in the drawn points; `None` while it is worked out."""
    if len(rows) < 3:
        return None
    told = f"trust {_of(name, projection, rows)}"
    if jobs().status(job := jobs().id_of(told)) is None:
        read = _reader(name, embedding, encoder)
        jobs().start("Neighbours", lambda progress: _trust(projection, read, rows), name=told, quiet=True)
    quick = len(rows) ** 2 * len(projection.mean) < QUICK
    until = monotonic() + (MOMENT if quick else 0)
    while (status := jobs().status(job)) is not None and not status.ended and monotonic() < until:
        sleep(0.02)
    return status.result if status is not None and status.state == "done" else None


def await_trust(slot: DeltaGenerator, name: str, projection: Projection, rows: np.ndarray) -> None:
    """Fill in the numbers at the end of the page, once they are there.

    The map is not drawn anew for them, as that would end a lasso that is being drawn; its cards tell them from the next
    change on. A change interrupts the wait within a tenth of a second.
    """
    job, until = jobs().id_of(f"trust {_of(name, projection, rows)}"), monotonic() + LONGEST
    while (status := jobs().status(job)) is not None and not status.ended and monotonic() < until:
        slot.caption("Looking for each network's neighbours…")
        sleep(0.1)
    if status is not None and status.state == "done":
        with slot.container(horizontal=True):
            trust_numbers(status.result, len(rows))
    elif status is not None:
        slot.caption("The neighbours are told with the next change." if not status.ended else plain(status.error))


def trust_numbers(trust: Trust, count: int) -> None:
    """The means, beside the map."""
    chance = min(10, count - 2) / (count - 1)
    st.metric(
        "Neighbours kept",
        f"{trust.kept.mean():.0%}",
        help=f"Of the 10 nearest networks in the embedding, the share that is among the 10 nearest on the map, on "
        f"average over the {count:,} points drawn. {chance:.1%} would be chance. Each point's card tells its own.",
    )
    if trust.left is not None:
        st.metric(
            "Distance not shown",
            f"{trust.left.mean():.0%}",
            help="Share of a network's distance from the mean that lies outside the directions drawn (the residual of "
            "PCA), on average. At 100 % the map says nothing of where the network is.",
        )


def errors_of(
    name: str, projection: Projection, embedding: str, rows: np.ndarray, target: str, encoder: str = ""
) -> np.ndarray:
    """Held-out error of a linear prediction of a column for each drawn network."""
    values, read = open_zoo(name).entries.part([target, "run"]).iloc[rows], _reader(name, embedding, encoder)

    def work(progress: Progress) -> np.ndarray:
        progress(0.1, f"predicting {target}")
        codes = projection.codes(read(rows))
        return held_out_error(codes, values[target].to_numpy(float), values["run"].to_numpy())

    found: np.ndarray = result_of(f"error {target} {_of(name, projection, rows)}", f"Predicting {target}", work)
    return found


def target_of(columns: list[str]) -> str | None:
    """The metric that is predicted."""
    return next((column for column in TARGETS if column in columns), None)


def _of(name: str, projection: Projection, rows: np.ndarray) -> str:
    """Names all that the answer depends on."""
    drawn = content_hash(rows[:, None].astype(np.float32)) if len(rows) < 1 << 24 else str(len(rows))
    part = f"{projection.embedding} {projection.method} {projection.dims} {projection.fitted_on}"
    return f"{name} {version_of('zoos', name)} {part} {drawn}"


def _trust(projection: Projection, read: Read, rows: np.ndarray) -> Trust:
    places = read(rows)
    left = residuals(projection, places) if projection.method == "pca" else None
    return Trust(neighbours_kept(places, projection.points[rows]), left)


def _reader(name: str, embedding: str, encoder: str) -> Read:
    """Reads rows of the embedding that a map shows; all handles are opened here, as jobs cannot."""
    zoo = open_zoo(name)
    if embedding == "raw":
        return lambda rows: zoo.rows(rows).numpy()
    if embedding == "aligned":
        moved = open_alignment(name).view(zoo)
        return lambda rows: moved.rows(rows).numpy()
    if embedding == "encoder":
        seen, reads = open_alignment(name).view(zoo), open_encoder(encoder)
        return lambda rows: reads.embed(seen.select(rows))
    data = data_for(zoo, embedding)
    if len(zoo) <= LARGE:
        return lambda rows: np.asarray(embedded(zoo, embedding, data=data))[rows]
    return lambda rows: np.asarray(embedded(zoo.select(rows), embedding, data=data))
