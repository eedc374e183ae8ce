"""What Prometheus reads."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from wsexplore.serve.host import Host

SECONDS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)


class Measures(Collector):
    """Counters and gauges of one host, with a registry of its own."""

    def __init__(self, host: Host):
        self._host, self._registry = host, CollectorRegistry()
        self._answers = Counter(
            "wsexplore_http_requests", "HTTP requests.", ["route", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "wsexplore_http_seconds", "Seconds of an HTTP request.", ["route"], buckets=SECONDS, registry=self._registry
        )
        self._registry.register(self)

    def on_request(self, route: str, status: int, seconds: float) -> None:
        """Count an answer."""
        self._answers.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def collect(self) -> Iterator[Metric]:
        """What the batcher counts, as Prometheus wants it."""
        batcher = self._host.batcher
        outcomes = CounterMetricFamily("wsexplore_samples", "Requests by outcome.", labels=["outcome"])
        for kind in ("accepted", "refused", "answered", "cancelled", "failed"):
            outcomes.add_metric([kind], batcher.tally[kind])
        yield outcomes
        for name, words, kind in (
            ("wsexplore_networks", "Networks sampled.", "networks"),
            ("wsexplore_blocks", "Blocks run.", "blocks"),
            ("wsexplore_block_places", "Places in blocks, full or empty.", "places"),
            ("wsexplore_worker_deaths", "Workers that died and were started again.", "died"),
        ):
            yield CounterMetricFamily(name, words, value=batcher.tally[kind])
        for name, words, value in (
            ("wsexplore_queue_requests", "Requests that wait or run.", batcher.queue),
            ("wsexplore_queue_networks", "Networks that no block has taken.", batcher.waiting),
            ("wsexplore_held_bytes", "Bytes of weights promised or not handed over.", batcher.held),
            ("wsexplore_workers", "Workers that run.", batcher.alive),
            ("wsexplore_jobs", "Jobs held.", len(self._host.jobs)),
            ("wsexplore_seconds_per_network", "Of one worker, of late.", batcher.speeds.usual()),
        ):
            yield GaugeMetricFamily(name, words, value=value)

    def text(self) -> bytes:
        """Everything in the Prometheus text format."""
        return generate_latest(self._registry)
