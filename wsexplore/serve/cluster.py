"""The sampler on a cluster: Ray Serve around the same application. The only module of this room that imports ray."""

import math
from typing import Any

from wsexplore.serve.request import Limits


def application(
    *,
    device: str = "auto",
    token: str | None = None,
    replicas: tuple[int, int] = (1, 4),
    ongoing: int = 64,
    cpus: float = 1.0,
    gpus: float = 0.0,
    limits: Limits = Limits(),  # noqa: B008 (frozen)
    settings: dict[str, Any] | None = None,
) -> Any:
    """A Ray Serve application: `ray.serve.run(application())`, then `SamplerClient.http(url)`.

    Every replica has its own host and micro-batcher; Ray routes and scales. Since the next call may reach another
    replica, there are no jobs: what is asked for is answered directly.

    Args:
        device: "cpu", "cuda" or "auto", of every replica.
        token: what callers must know; without it only callers on the machine of the proxy are served.
        replicas: least and most; in between their number follows the requests under way.
        ongoing: requests under way per replica above which another is started. A replica batches what it has, so many
            are better than few; a block has `wsexplore.serve.flows.BLOCK` networks.
        cpus: cores that a replica is given; it samples on as many threads, on a GPU on one.
        gpus: share of a GPU that a replica is given; several may share one.
        limits: of each replica.
        settings: further arguments of `Host`.

    Raises:
        ImportError: ray is missing; install wsexplore[ray].
        ValueError: a number is out of range.
    """
    if not 1 <= replicas[0] <= replicas[1]:
        raise ValueError(f"replicas are at least 1 and at most as many again or more, got {replicas}")
    if not 1 <= ongoing <= limits.queue:
        raise ValueError(f"ongoing is from 1 to the {limits.queue:,} requests that a replica takes, got {ongoing}")
    if not (0 < cpus < math.inf and 0 <= gpus < math.inf):
        raise ValueError(f"a replica needs a share of a core, and of a GPU none or some, got {cpus} and {gpus}")
    from ray import serve

    workers = None if gpus else max(1, int(cpus))
    whole = {"device": device, "limits": limits, "workers": workers, **(settings or {})}
    deployment = serve.deployment(
        name="wsexplore-sampler",
        max_ongoing_requests=limits.queue,
        autoscaling_config={
            "min_replicas": replicas[0],
            "max_replicas": replicas[1],
            "target_ongoing_requests": ongoing,
        },
        ray_actor_options={"num_cpus": cpus, "num_gpus": gpus},
        health_check_period_s=10,
        graceful_shutdown_timeout_s=limits.patience,
    )
    return deployment(serve.ingress(lambda: _built(whole, token))(_Seat)).bind()


def _built(settings: dict[str, Any], token: str | None) -> Any:
    """The application of one replica, made where it runs."""
    from wsexplore.serve.api import create_app
    from wsexplore.serve.host import Host

    return create_app(Host(**settings), token=token, jobs=False)


class _Seat:
    """One replica; the application answers for it."""
