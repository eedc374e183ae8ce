from pathlib import Path

import pytest
from serve_flows import served, shelved

from wsexplore.serve import Host


@pytest.fixture(scope="session")
def shelf(tmp_path_factory) -> dict[str, Path]:
    return shelved(tmp_path_factory.mktemp("flows"))


@pytest.fixture
def make_host(shelf):
    """Hosts with the small flows, closed at the end."""
    hosts = []

    def make(**settings) -> Host:
        hosts.append(Host(device="cpu", folders=lambda: shelf, **settings))
        return hosts[-1]

    yield make
    for host in hosts:
        assert host.close(finish=False, timeout=20.0)


@pytest.fixture
def host(make_host) -> Host:
    return make_host(workers=2)


@pytest.fixture
def url(host):
    """Of a server around `host`."""
    with served(host) as address:
        yield address
