import pytest

from wsexplore.settings import settings


@pytest.fixture(autouse=True, scope="session")
def kept_elsewhere(tmp_path_factory):
    """What pages keep, jobs among it, stays out of the folder of the project."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WSEXPLORE_USER", str(tmp_path_factory.mktemp("user")))
        settings.cache_clear()
        yield
    settings.cache_clear()
