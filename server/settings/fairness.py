"""The settings that keep one user from taking what all users share."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field, SecretStr, field_validator


class FairnessSettings(BaseModel):
    """Limits per user and per network address. `Settings` inherits them."""

    max_sockets_per_user: int = Field(
        10,
        ge=1,
        description="maximum number of devices of one user with an open socket, over all workers and servers that share"
        " the relay; the socket of another device is closed with 4511",
    )
    max_bytes_per_s_per_user: float = Field(
        262_144,
        ge=1024,
        description="sustained bytes per second that the device sockets of one user may send together, over all"
        " workers of a host; over it, they are read more slowly",
    )
    max_bytes_burst_per_user: int = Field(
        4_194_304,
        ge=65_536,
        description="bytes that the device sockets of one user may send together in one burst, over all workers of a"
        " host",
    )
    max_requests_per_user: int = Field(
        16,
        ge=1,
        description="maximum number of running requests per user, over sockets and REST, and over all workers and"
        " servers of the database",
    )
    max_memories_per_user: int = Field(
        100_000, ge=1, description="maximum number of exchanges and items that memory stores for one user"
    )
    max_stored_bytes_per_user: int = Field(
        1 << 30,
        ge=1024,
        description="maximum number of bytes that the database stores for one user: encrypted contents and vectors",
    )
    max_devices_per_user: int = Field(
        100,
        ge=1,
        description="maximum number of devices of one user that are not revoked; the socket of a new device is closed"
        " with 4512",
    )
    max_signups_per_address_hour: int = Field(
        20, ge=1, description="accounts that one network address may register per hour, over all workers of a host"
    )
    max_connections_per_address: int = Field(
        500,
        ge=1,
        description="maximum number of open connections of one network address, over device sockets and REST, per"
        " process",
    )
    database_connections_per_user: int = Field(
        3,
        ge=1,
        description="maximum number of pooled database connections that the work of one user uses at the same time",
    )
    database_connections_reserved: int = Field(
        2,
        ge=0,
        description="pooled database connections that only logins, health checks, handshakes and answers may take; at"
        " most TESSERA_DATABASE_POOL_SIZE - 1 take effect",
    )
    max_http_requests_per_s_per_user: float = Field(
        20, gt=0, description="sustained authenticated REST requests per second and user, over all workers of a host"
    )
    max_http_requests_burst_per_user: int = Field(
        200, ge=1, description="authenticated REST requests of one user in one burst, over all workers of a host"
    )
    allowed_hosts: list[str] = Field(
        default_factory=list,
        description="host names that REST requests may name in the Host header, comma separated; localhost and IP"
        " addresses are always accepted; unset: only these if TESSERA_HTTP_BIND is a loopback address, otherwise any",
    )
    metrics_token: SecretStr | None = Field(
        None, description="bearer token of GET /metrics; unset: every client that reaches the REST listener may read it"
    )

    @field_validator("allowed_hosts", mode="before")
    @classmethod
    def _split_hosts(cls, value: Any) -> Any:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value
