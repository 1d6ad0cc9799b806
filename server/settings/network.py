"""The settings of connections: TLS, and proxies in front of the server."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, field_validator

from server.net import ProxyHeader, parse_network


class NetworkSettings(BaseModel):
    """The part of the configuration that is about connections; see `server.settings.Settings`."""

    tls_cert: Path | None = Field(
        None, description="PEM file with the certificate chain for both listeners; unset: no TLS"
    )
    tls_key: Path | None = Field(None, description="PEM file with the private key of TESSERA_TLS_CERT")
    trusted_proxies: list[str] = Field(
        default_factory=list,
        description="addresses or networks of proxies, comma separated, that may say who the client is; unset: none",
    )
    proxy_header: ProxyHeader = Field(
        "x-forwarded-for",
        description="how TESSERA_TRUSTED_PROXIES name the client: x-forwarded-for, forwarded or proxy-protocol",
    )
    http2: bool = Field(
        False,
        description="accept HTTP/2 from REST clients; without TLS, they must use it from the first byte (prior"
        " knowledge); false: only HTTP/1.1",
    )
    public_url: str | None = Field(
        None,
        description="URL of the proxy, such as https://tessera.example.com, if it serves both listeners on one port;"
        " the playground then opens its socket there",
    )

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _split_proxies(cls, value: Any) -> Any:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("trusted_proxies")
    @classmethod
    def _proxies_are_networks(cls, value: list[str]) -> list[str]:
        return [str(parse_network(part)) for part in value]

    @field_validator("tls_cert", "tls_key")
    @classmethod
    def _file_exists(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_file():
            raise ValueError("the file does not exist")
        return value

    @field_validator("public_url")
    @classmethod
    def _is_an_origin(cls, value: str | None) -> str | None:
        if value is None:
            return None
        address = urlsplit(value)
        if address.scheme not in ("http", "https") or not address.hostname or address.path not in ("", "/"):
            raise ValueError("must be http:// or https:// with a host, and without a path")
        return f"{address.scheme}://{address.netloc}"
