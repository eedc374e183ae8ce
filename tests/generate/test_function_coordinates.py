import numpy as np
import pandas as pd
import pytest
import torch

from wsexplore.generate import FlowConfig, WeightFlow, fit_flow
from wsexplore.generate.function_coordinates import FunctionCoordinates
from wsexplore.nets import architecture
from wsexplore.population import pictures_of
from wsexplore.zoo import Zoo


@pytest.fixture(scope="module")
def fields() -> Zoo:
    arch = architecture("siren", widths=[2, 4, 1])
    start = torch.randn(arch.layout.size, generator=torch.Generator().manual_seed(0))
    apart = 0.1 * torch.randn(60, arch.layout.size, generator=torch.Generator().manual_seed(1))
    return Zoo.from_weights(arch, start + apart, pd.DataFrame({"label": [0, 1, 2] * 20}))


def test_the_first_numbers_are_those_that_change_the_function_most():
    weights = torch.randn(400, 6, generator=torch.Generator().manual_seed(0))
    answers = torch.tensor([[0.0, 0, 5, 0, 0, 0], [0, 1, 0, 0, 0, 0]])
    found = FunctionCoordinates.of(weights, lambda w: answers @ w, components=2)
    states = found.encode(weights)
    assert found.change[0] / found.change[1] == pytest.approx(25, rel=0.3)
    torch.testing.assert_close(torch.cov(states.T), torch.eye(2), atol=1e-3, rtol=0)
    torch.testing.assert_close(answers @ found.decode(states).T, answers @ weights.T, atol=0.1, rtol=0)


def test_with_all_numbers_kept_nothing_is_lost(fields):
    arch = fields.architecture
    grid = torch.rand(30, 2) * 2 - 1
    whole = FunctionCoordinates.of(fields.weights, lambda w: arch.forward(w.unsqueeze(0), grid)[0])
    torch.testing.assert_close(whole.decode(whole.encode(fields.weights)), fields.weights, atol=1e-4, rtol=1e-4)
    assert whole.variance.mean().item() == pytest.approx(1)


def test_a_flow_of_fields_in_the_basis_of_the_function(fields, tmp_path):
    config = FlowConfig(
        kind="preconditioned", basis="function", components=5, coupling="independent", steps=20, conditions=("label",)
    )
    flow = fit_flow(fields, config=config)
    sample = flow.sample(4, condition={"label": 2})
    assert pictures_of(sample, np.arange(4), height=6, width=6).isfinite().all()
    assert flow.history[-1].accuracy is None
    again = WeightFlow.open(flow.save(tmp_path / "flow"))
    assert torch.equal(again.sample(4, condition={"label": 2}).weights, sample.weights)


def test_a_basis_that_does_not_fit_its_kind_is_refused():
    with pytest.raises(ValueError, match="a tokens flow has no basis 'function'"):
        FlowConfig(basis="function")


def test_classifiers_need_data_to_measure_what_changes(zoo):
    nameless = Zoo.from_weights(zoo.architecture, zoo.weights)
    with pytest.raises(ValueError, match="name a data set that is here"):
        fit_flow(nameless, config=FlowConfig(kind="preconditioned", basis="function", steps=1))
