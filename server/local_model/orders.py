"""The orders that the model's process gets when it starts."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class ServerOrders(BaseModel):
    """What to serve. `port` 0 is any free port. Requests need `key` as their bearer token; "" needs none."""

    model_config = ConfigDict(frozen=True)

    file: str
    name: str
    port: int
    key: str
    threads: int
    slots: int
    context_tokens: int
    temperature: float | None = None
    seed: int | None = None
