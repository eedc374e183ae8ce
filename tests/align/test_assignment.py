"""Which unit takes which place."""

import sys

import numpy as np
import pytest
import torch

from wsexplore.align.assignment import FAST, assign


def value(gains, columns):
    return float(gains.gather(2, columns.unsqueeze(2)).double().sum())


@pytest.mark.parametrize("units", [2, 17, FAST, 3 * FAST])
def test_the_accelerator_finds_assignments_as_good_as_those_of_scipy(units, monkeypatch):
    pytest.importorskip("lap")
    module = sys.modules["wsexplore.align.assignment"]
    gains = torch.randn(2, units, units, generator=torch.Generator().manual_seed(units))
    monkeypatch.setattr(module, "HAS_LAPX", False)
    plain = assign(gains)
    monkeypatch.setattr(module, "HAS_LAPX", True)
    fast = assign(gains)
    for columns in (plain, fast):
        assert torch.equal(columns.sort(1).values, torch.arange(units).expand(2, -1))
    np.testing.assert_allclose(value(gains, fast), value(gains, plain), rtol=1e-6)


def test_gains_that_are_not_numbers_are_refused():
    gains = torch.zeros(1, 3, 3)
    gains[0, 1, 2] = float("nan")
    with pytest.raises(ValueError, match="not finite"):
        assign(gains)
