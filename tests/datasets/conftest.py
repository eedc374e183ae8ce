import pytest

from wsexplore.datasets import registry
from wsexplore.settings import settings


@pytest.fixture
def data_folder(tmp_path, monkeypatch):
    """An empty `WSEXPLORE_DATA`, an empty cache, and no network."""

    def refuse(*_, **__):
        raise OSError("no network")

    monkeypatch.setenv("WSEXPLORE_DATA", str(tmp_path))
    monkeypatch.setenv("WSEXPLORE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("wsexplore.datasets.fetch.pooch.retrieve", refuse)
    settings.cache_clear()
    registry._once.cache_clear()
    yield tmp_path
    settings.cache_clear()
    registry._once.cache_clear()
