"""What happens when networks are drawn: sampled where the page says, tested, placed on the map, and compared."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from app_pages.draw import DrawSettings
from app_pages.handles import open_alignment, open_projection
from app_pages.inside import MAPS, Asked, Within, sampled, share_of
from app_pages.offer import Offer
from app_pages.seat import Seat
from app_pages.travelled import MOST, placed_ways, watched
from wsexplore.align import spec_of
from wsexplore.generate.nearest import nearest
from wsexplore.population import OnStep
from wsexplore.population.fields import render
from wsexplore.serve import SampleRequest
from wsexplore.zoo import Zoo, select_rows

SIDE = 28
"""Pixels along each side of a picture."""

WALL = 72
"""Pictures of a wall, at most."""

COMPARING = 0.006
"""Seconds that comparing a sample of 2,410 weights with a zoo of 1,000 takes, about."""

COMPARED = 50
"""Samples that are compared with the zoo at once."""


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """Samples with everything the page shows of them before they are judged.

    Attributes:
        zoo: the samples; metrics, nearest network of those the flow was fitted on, and its distance in the table.
        fitted: places of the networks that the flow was fitted on, on the map that was asked for.
        points: places of the samples on the same map.
        nearest: for each sample the row of its nearest network in `fitted`.
        outside: places of samples that fell outside of the region, and were left.
        ways: places of some samples on their way, point by point, on the map by PCA of aligned weights.
        scores: test accuracies of the same, where the networks classify.
        film: pictures of the same, point by point, where they are fields.
        crowd: places of the fitted networks on that map.
        seconds: to sample them; their tests are in it where the networks classify.
    """

    zoo: Zoo
    fitted: np.ndarray
    points: np.ndarray
    nearest: np.ndarray
    outside: np.ndarray
    ways: np.ndarray
    scores: np.ndarray | None
    film: np.ndarray | None
    crowd: np.ndarray
    seconds: float

    @property
    def share(self) -> float:
        """Of all samples that were drawn, those inside the region."""
        return len(self.zoo) / max(1, len(self.zoo) + len(self.outside))


def draw_networks(
    seat: Seat,
    offer: Offer,
    home: str,
    source: Zoo,
    settings: DrawSettings,
    within: Within,
    on_step: OnStep,
    on_film: Callable[[np.ndarray], None] = lambda film: None,
) -> Drawn:
    """Sample, test, place and compare.

    Args:
        seat: where networks are made.
        offer: the flow.
        home: name of the zoo that it was fitted on.
        source: that zoo.
        settings: what is drawn.
        within: where samples must fall.
        on_step: told the share done; it may raise to cancel.
        on_film: given the pictures of some fields on their way, whenever there are more.

    Raises:
        ValueError: nothing that was drawn fell inside the region, or the request asks for too much.
        OSError: the host does not answer.
        RuntimeError: the sampling broke.
    """
    asked = Asked(seat, offer.name, settings, judged=source.architecture.task != "field" and bool(offer.dataset))
    rows, alignment = fitted_rows(source, offer), open_alignment(home)
    ways, scores, film = _ways(asked, offer, home, source, share_of(on_step, 0.0, 0.2), on_film)
    fresh, places, outside, seconds = sampled(asked, home, source, within, share_of(on_step, 0.2, 0.4))
    part = alignment.view(source).select(rows)
    aligned, every = alignment.place(fresh.weights, fresh.architecture), part.weights
    found = []
    for start in range(0, len(aligned), COMPARED):
        some = aligned[start : start + COMPARED]
        found.append(nearest(some, every, spec_of(fresh.architecture), fresh.architecture.layout))
        done = start + len(some)
        on_step(0.6 + 0.4 * done / len(aligned), f"compared {done:,} of {len(aligned):,} with the zoo")
    near = np.concatenate([one.row for one in found])
    facts = {
        "nearest": part.table["id"].to_numpy()[near],
        "nearest_distance": np.concatenate([one.distance for one in found]).astype(float),
    }
    return Drawn(
        zoo=fresh.with_table(fresh.table.assign(**facts)),
        fitted=open_projection(home, *MAPS[within.map]).points[rows],
        points=places,
        nearest=near,
        outside=outside,
        ways=ways,
        scores=scores,
        film=film,
        crowd=open_projection(home, "pca", "aligned").points[rows],
        seconds=seconds,
    )


def fitted_rows(source: Zoo, offer: Offer) -> np.ndarray:
    """Rows of the zoo that the flow was fitted on, those that were kept out of the fit among them."""
    return select_rows(source.table, offer.where) if offer.where else np.arange(len(source))


def _ways(
    asked: Asked, offer: Offer, home: str, source: Zoo, on_step: OnStep, on_film: Callable[[np.ndarray], None]
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
    """Places, accuracies and pictures of some samples on their way from noise to network."""
    settings, field = asked.settings, source.architecture.task == "field"
    points, size = settings.steps + 1, source.architecture.layout.size
    most = watched(settings.count, settings.steps, size, most=WALL if field else MOST, judged=asked.judged)
    film: np.ndarray | None = None
    for count in _growing(most) if field else [most]:
        zoo = asked.networks(count, settings.seed, on_step, trajectory=True)
        if field:
            pictures = render(zoo.architecture, zoo.weights, height=SIDE, width=SIDE).numpy()
            film = pictures.reshape(count, points, SIDE, SIDE).transpose(1, 0, 2, 3)
            on_film(film)
    weights = zoo.weights.view(most, points, size)
    places = placed_ways(weights, open_alignment(home), open_projection(home, "pca", "aligned"), zoo.architecture)
    scores = zoo.table["test_accuracy"].to_numpy(float).reshape(most, points).T if asked.judged else None
    return places, scores, film


def _growing(most: int) -> list[int]:
    """Numbers of networks, each twice the one before: the first ones of more networks are the same networks."""
    counts = [most]
    while counts[0] > 12:
        counts.insert(0, -(-counts[0] // 2))
    return counts


def drawing_cost(seat: Seat, offer: Offer, source: Zoo, settings: DrawSettings) -> float | None:
    """Seconds that a draw takes, about; `None` where the host cannot tell yet."""
    size = source.architecture.layout.size
    field = source.architecture.task == "field"
    some = watched(settings.count, settings.steps, size, most=WALL if field else MOST, judged=not field)
    some = sum(_growing(some)) if field else some
    try:
        words = min(settings.count, len(settings.turn)) or 1
        wanted = SampleRequest(offer.name, -(-settings.count // words), **settings.request())
        sampling = seat.ask(lambda client: client.cost(wanted))
    except (OSError, ValueError, RuntimeError):
        return None
    if sampling is None:
        return None
    scale = size / 2410
    return float(sampling) * words * (1 + some / settings.count) + scale * (COMPARING * settings.count + 0.2)
