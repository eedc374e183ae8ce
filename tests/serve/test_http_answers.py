"""Networks over HTTP: the same bytes as anywhere else, and what is told about them."""

import httpx
import pytest
import torch
from serve_flows import until
from serve_http import ask, measured

from wsexplore.generate import WeightFlow
from wsexplore.serve import SampleRequest
from wsexplore.serve.wire import decode, metrics_of


def test_a_sample_is_a_file_of_networks(url, host):
    response = ask(url, n=5, seed=4)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/vnd.safetensors"
    assert response.headers["content-disposition"] == 'attachment; filename="wide-4.safetensors"'
    assert response.headers["server-timing"].startswith("sample;dur=")
    zoo = decode(response.content)
    assert torch.equal(zoo.weights, host.sampler.sample_batch([SampleRequest("wide", n=5, seed=4)])[0].weights)
    assert zoo.recipe.seed == 4
    assert metrics_of(response.content)["networks"] == 5
    until(lambda: host.batcher.held == 0)


def test_judged_samples_carry_their_accuracy(url):
    data = ask(url, n=3, judge=True).content
    table = decode(data).table
    assert table["test_accuracy"].between(0, 1).all()
    assert metrics_of(data)["best_test_accuracy"] == pytest.approx(table["test_accuracy"].max())
    assert data == ask(url, n=3, judge=True).content


def test_evaluations_are_told_where_they_are_counted(url):
    assert metrics_of(ask(url, n=2, steps=3, solver="heun").content)["evaluations"] == 6
    assert "evaluations" not in metrics_of(ask(url, n=2, solver="adaptive").content)


def test_flows_are_listed_and_described(url, shelf):
    told = httpx.get(f"{url}/v1/flows").json()
    assert [flow["name"] for flow in told["flows"]] == ["asked", "deep", "normed", "wide"]
    assert told["device"] == "cpu"
    cold = httpx.get(f"{url}/v1/flows/wide").json()
    assert (cold["warm"], cold["seconds_per_network"], cold["parameters"]) == (False, None, 460)
    assert [slot["shape"] for slot in cold["layout"]] == [[6, 64], [6], [10, 6], [10]]
    assert cold["recipe"]["action"] == "fit_flow"
    assert cold["held_out"] == list(WeightFlow.open(shelf["wide"]).held_out)
    assert len(cold["held_out"]) == 2
    assert "quality" not in cold
    ask(url)
    warm = httpx.get(f"{url}/v1/flows/wide").json()
    assert warm["warm"]
    assert warm["seconds_per_network"] > 0


def test_every_field_of_the_api_is_described(url):
    told = httpx.get(f"{url}/v1/openapi.json").json()
    body = told["components"]["schemas"]["SampleBody"]
    assert all(
        (field["description"] and "default" in field) or name in ("flow", "steps")
        for name, field in body["properties"].items()
    )
    assert all(field.get("examples") for field in body["properties"].values())
    for path, methods in told["paths"].items():
        for method, facts in methods.items():
            assert facts["summary"], (path, method)
            assert facts["responses"]
    assert set(told["paths"]["/v1/samples"]["post"]["responses"]) >= {"200", "401", "404", "413", "422", "429", "503"}


def test_metrics_add_up(url):
    ask(url, n=3)
    ask(url, n=0)
    found = measured(url)
    assert found["wsexplore_samples_total", "answered"] == 1
    assert found["wsexplore_networks_total",] == 3
    assert found["wsexplore_block_places_total",] >= 3
    assert found["wsexplore_http_requests_total", "/v1/samples", "200"] == 1
    assert found["wsexplore_http_requests_total", "/v1/samples", "422"] == 1
    assert found["wsexplore_http_seconds_sum", "/v1/samples"] > 0
    assert found["wsexplore_workers",] == 2
