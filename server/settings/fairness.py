"""The settings that keep one user from taking what all users share."""

from __future__ import annotations

from pydantic import BaseModel, Field


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
        description="sustained bytes per second that the device sockets of one user may send together, per process;"
        " over it, they are read more slowly",
    )
    max_bytes_burst_per_user: int = Field(
        4_194_304,
        ge=65_536,
        description="bytes that the device sockets of one user may send together in one burst, per process",
    )
    max_requests_per_user: int = Field(
        16, ge=1, description="maximum number of running requests per user and process, over sockets and REST"
    )
    database_connections_per_user: int = Field(
        3, ge=1, description="maximum number of pooled database connections that work for one user holds at a time"
    )
    database_connections_reserved: int = Field(
        2,
        ge=0,
        description="pooled database connections that only logins, health checks, handshakes and answers may take; at"
        " most TESSERA_DATABASE_POOL_SIZE - 1 take effect",
    )
