"""Calls of a server in tests."""

import httpx
from prometheus_client.parser import text_string_to_metric_families


def ask(url, path="/v1/samples", **fields):
    return httpx.post(f"{url}{path}", json={"flow": "wide", **fields}, timeout=30)


def measured(url, **headers):
    text = httpx.get(f"{url}/metrics", headers=headers).text
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def said(response):
    """The one sentence of an error."""
    assert list(response.json()) == ["detail"]
    sentence = response.json()["detail"]
    assert isinstance(sentence, str)
    assert "\n" not in sentence
    assert len(sentence) < 300
    return sentence
