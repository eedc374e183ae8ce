import pytest
from small_zoos import SMALL, made_zoo

from wsexplore.generate import WeightFlow, fit_flow
from wsexplore.zoo import Zoo


@pytest.fixture(scope="session")
def zoo() -> Zoo:
    return made_zoo([64, 6, 10])


@pytest.fixture(scope="session")
def deep_zoo() -> Zoo:
    return made_zoo([64, 5, 12, 10], seed=1)


@pytest.fixture(scope="session")
def flow(zoo: Zoo) -> WeightFlow:
    return fit_flow(zoo, seed=3, config=SMALL)


@pytest.fixture(scope="session")
def deep_flow(deep_zoo: Zoo) -> WeightFlow:
    return fit_flow(deep_zoo, seed=3, config=SMALL)
