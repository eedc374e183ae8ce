"""The seat behind an address."""

import json
import time
from contextlib import suppress
from typing import Any, NoReturn
from urllib.parse import quote

from wsexplore.population import OnStep
from wsexplore.serve.refusals import BrokenFlow, Closing, Refused, SamplerFailed, UnknownFlow
from wsexplore.serve.request import SampleRequest

LARGEST = 2 << 30
"""Bytes of an answer that are taken in."""

LARGEST_TEXT = 64 << 20

SILENCE = 330.0
"""Seconds that a server may be silent; longer than it lets a direct answer take."""

GLANCES = (0.05, 1.0)
"""Seconds between two looks at a job, at first and at most."""


class OverHttp:
    """Asks a server; its refusals are raised as the errors of the sampler itself.

    Args:
        url: of the server, `http` or `https`.
        token: that it asks for.
        patience: seconds for which a full server is asked again.

    Raises:
        ValueError: the URL is none, or httpx is missing.
    """

    def __init__(self, url: str, *, token: str | None, patience: float):
        try:
            import httpx
        except ImportError:
            raise ValueError("asking a server needs httpx; install wsexplore[serve]") from None
        try:
            parsed = httpx.URL(url)
        except (httpx.InvalidURL, TypeError):
            parsed = httpx.URL("")
        if parsed.scheme not in ("http", "https") or not parsed.host:
            raise ValueError(f"a server is named like http://127.0.0.1:8000, got {str(url)[:80]!r}")
        headers = {} if token is None else {"authorization": f"Bearer {token}"}
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=20)
        timeout = httpx.Timeout(SILENCE, connect=10.0)
        self._url, self._patience, self._error = str(url), patience, httpx.HTTPError
        self._client = httpx.Client(base_url=parsed, headers=headers, timeout=timeout, limits=limits, trust_env=False)

    def told(self) -> dict[str, Any]:
        """Flows, limits and device."""
        return self._json("GET", "/v1/flows")

    def describe(self, name: str) -> dict[str, Any]:
        """Everything known of a flow, and what it costs there."""
        return self._json("GET", f"/v1/flows/{quote(name, safe='')}")

    def fetch(self, request: SampleRequest, on_step: OnStep | None) -> bytes:
        """The networks as a safetensors file: at once, or as a job where they are many or progress is asked for."""
        told = self.told() if on_step is not None or request.networks > 100 else {}
        limits = told.get("limits", {})
        long = on_step is not None or request.networks > limits.get("direct", request.networks)
        if long and told.get("jobs"):
            return self._as_job(request, on_step)
        return self._patiently("POST", "/v1/samples", request.to_dict())

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _as_job(self, request: SampleRequest, on_step: OnStep | None) -> bytes:
        job = _parsed(self._patiently("POST", "/v1/jobs", request.to_dict()))
        path, glance = f"/v1/jobs/{quote(str(job.get('id')), safe='')}", GLANCES[0]
        try:
            while job.get("state") in ("waiting", "running"):
                if on_step is not None:
                    on_step(float(job.get("progress", 0.0)), str(job.get("message", "")))
                time.sleep(glance)
                glance = min(1.5 * glance, GLANCES[1])
                job = self._json("GET", path)
            if job.get("state") != "done":
                raise SamplerFailed(str(job.get("detail") or "the job failed"))
            if on_step is not None:
                on_step(1.0, "ended")
            return self._call("GET", f"{path}/result", None)
        except BaseException:
            with suppress(Exception):
                self._call("DELETE", path, None)
            raise

    def _patiently(self, method: str, path: str, body: dict[str, Any] | None) -> bytes:
        """Ask again while the server is full."""
        end = time.monotonic() + self._patience
        while True:
            try:
                return self._call(method, path, body)
            except Closing:
                raise
            except Refused as refused:
                if time.monotonic() + refused.retry_after > end:
                    raise
                time.sleep(refused.retry_after)

    def _json(self, method: str, path: str) -> dict[str, Any]:
        return _parsed(self._call(method, path, None))

    def _call(self, method: str, path: str, body: dict[str, Any] | None) -> bytes:
        try:
            with self._client.stream(method, path, json=body) as response:
                largest = LARGEST if response.status_code == 200 else LARGEST_TEXT
                data = bytearray()
                for piece in response.iter_raw():
                    data += piece
                    if len(data) > largest:
                        raise ValueError(
                            f"the server at {self._url} sends more than {largest >> 20:,} MiB; ask for less"
                        )
                if response.is_success:
                    return bytes(data)
                _refuse(self._url, path, response.status_code, bytes(data), response.headers.get("retry-after", ""))
        except self._error as error:
            said = (str(error) or type(error).__name__).splitlines()[0]
            raise ConnectionError(
                f"nothing answers at {self._url} ({said}); check the address, or start `wsexplore serve` there"
            ) from None


def _refuse(url: str, path: str, status: int, data: bytes, retry_after: str) -> NoReturn:
    try:
        sentence = str(_parsed(data)["detail"])[:500]
    except (ValueError, KeyError):
        raise ConnectionError(f"{url} answers {status}, but not as a sampler does; check the address") from None
    wait = min(600.0, float(retry_after)) if retry_after.isdigit() else 1.0
    if status == 429:
        raise Refused(sentence, wait)
    if status == 503:
        raise Closing(sentence, wait)
    if status in (401, 403):
        raise PermissionError(sentence)
    if status == 404 and path.startswith("/v1/jobs/"):
        raise SamplerFailed(f"the server at {url} has forgotten the job; send the request again")
    if status == 404:
        raise UnknownFlow(sentence)
    if status >= 500:
        raise BrokenFlow(sentence) if "the flow" in sentence else SamplerFailed(sentence)
    raise ValueError(sentence)


def _parsed(data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ValueError("the server answers something else than a sampler does; check the address")
    return found
