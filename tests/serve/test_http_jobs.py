"""Jobs: progress, result, cancel."""

import httpx
from serve_flows import Gate, served, until
from serve_http import ask

from wsexplore.serve import Limits


def test_a_job_tells_its_progress_and_gives_its_networks_once(url, host):
    response = ask(url, "/v1/jobs", n=60, seed=8)
    assert response.status_code == 202
    place = f"{url}{response.headers['location']}"
    seen = []

    def done():
        seen.append(httpx.get(place).json())
        return seen[-1]["state"] == "done"

    until(done)
    assert [told["progress"] for told in seen] == sorted(told["progress"] for told in seen)
    assert seen[-1]["progress"] == 1
    assert httpx.get(f"{place}/result").content == ask(url, n=60, seed=8).content
    until(lambda: host.batcher.held == 0)
    assert httpx.get(place).status_code == 404


def test_a_job_can_be_cancelled_and_is_not_ready_before_its_time(make_host):
    host = make_host(workers=1)
    gate = Gate(host)
    with served(host) as url:
        place = f"{url}{ask(url, '/v1/jobs', n=2000).headers['location']}"
        assert httpx.get(f"{place}/result").status_code == 409
        assert httpx.delete(place).status_code == 204
        assert httpx.get(place).status_code == 404
        assert (host.batcher.queue, host.batcher.held) == (0, 0)
        gate.open.set()


def test_results_nobody_fetches_are_forgotten(make_host):
    host = make_host(limits=Limits(keep=0.3))
    with served(host) as url:
        place = f"{url}{ask(url, '/v1/jobs', n=10).headers['location']}"
        until(lambda: host.batcher.queue == 0)
        assert host.batcher.held > 0
        until(lambda: httpx.get(place).status_code == 404)
        assert host.batcher.held == 0
