"""The settings that keep one user from taking what all users share."""

from __future__ import annotations

from pydantic import BaseModel, Field


class FairnessSettings(BaseModel):
    """Limits per user and per network address. `Settings` inherits them."""

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
