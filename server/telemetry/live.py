"""The live tree for operators: open sockets, running requests, tool calls and Trio tasks, without contents."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Final, Protocol
from uuid import UUID

import trio
from pydantic import BaseModel, Field

_MAX_TASKS: Final = 20_000


class LiveCall(BaseModel):
    """A tool call that a device has not answered yet."""

    tool: str
    call_id: UUID
    age_s: float


class LiveRequest(BaseModel):
    """An accepted request that has not ended.

    `state` is scoping, recalling, routing, model (called, no token yet), streaming, tool NAME, repairing or storing.
    """

    request_id: UUID
    user_id: UUID
    mode: str
    agent: str | None
    state: str
    age_s: float
    calls: list[LiveCall]


class LiveSocket(BaseModel):
    """A device session. `outbox_bytes` are queued; the outbox has been full for `outbox_full_s` seconds.

    `attached`: the session has a socket; without one, its requests run on until the grace time ends.
    """

    session_id: UUID
    user_id: UUID
    device_id: UUID
    age_s: float
    attached: bool = True
    outbox_bytes: int
    outbox_full_s: float
    request_ids: list[UUID] = Field(exclude=True, default_factory=list)
    requests: list[LiveRequest]


class LiveTask(BaseModel):
    """A Trio task and the tasks in its nurseries, by name."""

    name: str
    children: list[LiveTask] = Field(default_factory=list)


class LiveServer(BaseModel):
    """One process. `requests` are those that did not come over a socket."""

    worker: int = 1
    pid: int = Field(default_factory=os.getpid)
    sockets: list[LiveSocket]
    requests: list[LiveRequest]
    tasks: LiveTask | None = None


def live_request(
    request_id: UUID,
    user_id: UUID,
    mode: str,
    agent: str | None,
    state: str,
    age_s: float,
    calls: Sequence[LiveCall],
) -> LiveRequest:
    """A request in `state`; if it waits for tools, the state names the oldest call."""
    return LiveRequest(
        request_id=request_id,
        user_id=user_id,
        mode=mode,
        agent=agent,
        state=f"tool {calls[0].tool}" if calls else state,
        age_s=round(age_s, 3),
        calls=list(calls),
    )


class _Outbox(Protocol):
    @property
    def queued_bytes(self) -> int: ...

    @property
    def full_since(self) -> float | None: ...


class _Session(Protocol):
    @property
    def session_id(self) -> UUID: ...

    @property
    def user_id(self) -> UUID: ...

    @property
    def device_id(self) -> UUID: ...

    @property
    def attached(self) -> bool: ...


def live_socket(session: _Session, outbox: _Outbox, opened_at: float, requests: Iterable[UUID]) -> LiveSocket:
    """A session with the ids of its requests; `live_server` adds the requests."""
    now = trio.current_time()
    return LiveSocket(
        session_id=session.session_id,
        user_id=session.user_id,
        device_id=session.device_id,
        age_s=round(now - opened_at, 3),
        attached=session.attached,
        outbox_bytes=outbox.queued_bytes,
        outbox_full_s=0.0 if outbox.full_since is None else round(now - outbox.full_since, 3),
        request_ids=list(requests),
        requests=[],
    )


def live_server(
    worker: int, sockets: Sequence[LiveSocket], requests: Sequence[LiveRequest], *, with_tasks: bool
) -> LiveServer:
    """The tree. Each request is placed under the socket that lists its id, or else directly under the process."""
    socket_of = {(socket.user_id, request_id): socket for socket in sockets for request_id in socket.request_ids}
    without: list[LiveRequest] = []
    for request in sorted(requests, key=lambda one: -one.age_s):
        socket = socket_of.get((request.user_id, request.request_id))
        (without if socket is None else socket.requests).append(request)
    return LiveServer(
        worker=worker,
        sockets=list(sockets),
        requests=without,
        tasks=trio_tasks() if with_tasks else None,
    )


def trio_tasks() -> LiveTask | None:
    """The tree of all running Trio tasks, at most 20,000. Call it from a task."""
    root = trio.lowlevel.current_root_task()
    if root is None:
        return None
    top = LiveTask(name=root.name)
    waiting = [(root, top)]
    seen = 1
    while waiting:
        task, shown = waiting.pop()
        for nursery in task.child_nurseries:
            for child in sorted(nursery.child_tasks, key=lambda one: one.name):
                if seen >= _MAX_TASKS:
                    return top
                seen += 1
                shown.children.append(LiveTask(name=child.name))
                waiting.append((child, shown.children[-1]))
    return top
