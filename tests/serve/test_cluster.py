"""Ray Serve gives the bytes that every other seat gives."""

import socket

import pytest

from wsexplore.serve import Limits, SamplerClient, SampleRequest
from wsexplore.serve.cluster import application

REQUESTS = [SampleRequest("wide", n=n, seed=seed, steps=2) for n, seed in ((1, 0), (9, 1), (40, 2))]


@pytest.mark.ray
@pytest.mark.filterwarnings("default")
def test_a_cluster_gives_the_same_bytes(shelf, host):
    ray = pytest.importorskip("ray")
    from ray import serve

    ray.init(num_cpus=2, include_dashboard=False, logging_level="error", ignore_reinit_error=True)
    try:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        serve.start(proxy_location="HeadOnly", http_options={"host": "127.0.0.1", "port": port})
        seat = application(
            device="cpu", replicas=(1, 2), limits=Limits(networks=50), settings={"folders": lambda: shelf}
        )
        serve.run(seat, name="wsexplore", route_prefix="/")
        with SamplerClient.http(f"http://127.0.0.1:{port}") as remote, SamplerClient.local(host) as local:
            for request in REQUESTS:
                assert remote.sample_bytes(request) == local.sample_bytes(request)
            with pytest.raises(ValueError, match="n must be at most 50"):
                remote.sample("wide", 51)
    finally:
        serve.shutdown()
        ray.shutdown()


def test_replicas_are_in_order():
    pytest.importorskip("ray")
    with pytest.raises(ValueError, match="replicas"):
        application(replicas=(3, 1))
