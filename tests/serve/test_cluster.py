"""Ray Serve gives the bytes that every other seat gives."""

import socket

import pytest
from serve_flows import served

from wsexplore.serve import Limits, SamplerClient, SampleRequest
from wsexplore.serve.cluster import application

REQUESTS = [
    SampleRequest("wide", n=1, steps=2),
    SampleRequest("wide", n=9, seed=1, steps=2, judge=True),
    SampleRequest("deep", n=40, seed=2, solver="heun"),
    SampleRequest("wide", n=3, seed=3, steps=4, trajectory=True),
    SampleRequest("asked", n=5, seed=4, condition={"kind": "b", "lr": 0.002}, guidance=2.0),
    SampleRequest("normed", n=4, seed=5, solver="adaptive", tolerance=0.05),
]


@pytest.mark.ray
@pytest.mark.filterwarnings("default")
def test_all_three_seats_give_the_same_bytes(shelf, host):
    ray = pytest.importorskip("ray")
    from ray import serve

    ray.init(num_cpus=2, include_dashboard=False, logging_level="error", ignore_reinit_error=True)
    try:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        serve.start(proxy_location="HeadOnly", http_options={"host": "127.0.0.1", "port": port})
        seat = application(
            device="cpu",
            replicas=(1, 2),
            ongoing=8,
            cpus=0.5,
            limits=Limits(networks=50),
            settings={"folders": lambda: shelf},
        )
        serve.run(seat, name="wsexplore", route_prefix="/")
        with (
            SamplerClient.http(f"http://127.0.0.1:{port}") as cluster,
            served(host) as url,
            SamplerClient.http(url) as remote,
            SamplerClient.local(host) as local,
        ):
            for request in REQUESTS:
                data = local.sample_bytes(request)
                assert remote.sample_bytes(request) == data
                assert cluster.sample_bytes(request) == data
            with pytest.raises(ValueError, match="n must be at most 50"):
                cluster.sample("wide", 51)
            assert cluster.cost(REQUESTS[0]) > 0
    finally:
        serve.shutdown()
        ray.shutdown()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"replicas": (3, 1)}, "replicas"),
        ({"replicas": (0, 1)}, "replicas"),
        ({"ongoing": 0}, "ongoing"),
        ({"cpus": 0.0}, "share of a core"),
        ({"gpus": -1.0}, "share of a core"),
    ],
)
def test_a_number_out_of_range_is_one_sentence(wrong, said):
    with pytest.raises(ValueError, match=said):
        application(**wrong)
