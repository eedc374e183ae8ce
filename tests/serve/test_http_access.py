"""Who is served."""

import httpx
from serve_flows import served
from serve_http import said

TOKEN = "a-secret-of-the-test"


def test_without_a_token_only_this_machine_is_served_by_its_own_name(url):
    for name in ("evil.example", "10.0.0.1:80", "[::2]:80"):
        response = httpx.get(f"{url}/v1/flows", headers={"host": name})
        assert response.status_code == 403
        assert "WSEXPLORE_SERVE_TOKEN" in said(response)
    for name in ("localhost:1", "127.0.0.1", "[::1]:80"):
        assert httpx.get(f"{url}/v1/flows", headers={"host": name}).status_code == 200


def test_the_token_is_asked_for_everywhere_but_at_the_probes(host):
    with served(host, token=TOKEN) as url:
        for given in (None, "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer", TOKEN):
            headers = {} if given is None else {"authorization": given}
            for method, path in (("GET", "/v1/flows"), ("POST", "/v1/samples"), ("GET", "/metrics"), ("GET", "/x")):
                response = httpx.request(method, f"{url}{path}", headers=headers)
                assert response.status_code == 401
                assert response.headers["www-authenticate"] == "Bearer"
                said(response)
        assert httpx.get(f"{url}/healthz").status_code == 200
        assert httpx.get(f"{url}/readyz").status_code == 200
        right = {"authorization": f"bearer {TOKEN}", "host": "wsexplore.example"}
        assert httpx.get(f"{url}/v1/flows", headers=right).status_code == 200
