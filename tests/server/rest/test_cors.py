"""Pages of listed origins may call the routes; other pages get no CORS headers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from server.net.origins import AllowedOrigins
from tests.server.rest.rest_server import client_of, make_services

LISTED = "https://listed.example"
PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}


async def test_a_listed_origin_may_ask_and_read() -> None:
    services = replace(make_services(), origins=AllowedOrigins([LISTED]))
    async with client_of(services) as client:
        preflight = await client.options("/api/v1/chat", headers={"Origin": LISTED, **PREFLIGHT})
        real = await client.post("/api/v1/chat", json={"message": "x"}, headers={"Origin": LISTED})
        refused = await client.post("/api/v1/chat", json={}, headers={"Origin": LISTED})
    assert preflight.status_code == 204
    assert "POST" in preflight.headers["Access-Control-Allow-Methods"]
    assert "Authorization" in preflight.headers["Access-Control-Allow-Headers"]
    assert (real.status_code, refused.status_code) == (200, 422)
    for response in (preflight, real, refused):
        assert response.headers["Access-Control-Allow-Origin"] == LISTED
        assert response.headers["Vary"] == "Origin"
        assert "Access-Control-Allow-Credentials" not in response.headers


@pytest.mark.parametrize("origin", ["https://evil.example", "null", f"{LISTED}.evil.example"])
async def test_other_origins_get_no_headers(origin: str) -> None:
    services = replace(make_services(), origins=AllowedOrigins([LISTED]))
    async with client_of(services) as client:
        preflight = await client.options("/api/v1/chat", headers={"Origin": origin, **PREFLIGHT})
        real = await client.get("/healthz", headers={"Origin": origin})
    for response in (preflight, real):
        assert not [name for name in response.headers if name.startswith("access-control-")]
