"""Which devices are connected. Devices are only looked up by their user's id, so no call crosses users."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

import structlog

from person import StatedLocale
from server.devices.approvals import OpenApprovals
from server.devices.replies import PendingReplies
from server.telemetry import LiveSocket
from streaming.wire import (
    CloseCode,
    ServerFrame,
    WsDataResponse,
    WsMutationRecord,
    WsServerMutation,
    WsToolResult,
)

log = structlog.get_logger(__name__)


class DeviceSide(Protocol):
    """A connected device as a request sees it, at this server or another one."""

    @property
    def user_id(self) -> UUID: ...

    @property
    def device_id(self) -> UUID: ...

    @property
    def tool_replies(self) -> PendingReplies[WsToolResult]: ...

    @property
    def data_replies(self) -> PendingReplies[WsDataResponse]: ...

    def send_control(self, frame: ServerFrame) -> None:
        """Queue a frame that is sent before text. Never blocks, never raises."""
        ...


class DeviceLink(DeviceSide, Protocol):
    """A device with a session at this server, as the registry sees it. `server.sessions.Session` implements it."""

    @property
    def attached(self) -> bool:
        """Whether the device has a socket now. Without one, calls wait until it is back."""
        ...

    @property
    def answers_approvals(self) -> bool:
        """Whether its client answers approvals of other devices."""
        ...

    @property
    def locale(self) -> StatedLocale | None:
        """What the device says about the person's locale."""
        ...

    def close(self, code: CloseCode, reason: str) -> None:
        """Close the device's socket, if it has one. Its requests run on."""
        ...

    def drain(self) -> None:
        """The server is stopping: finish the running requests, then close the socket."""
        ...

    @property
    def queued_bytes(self) -> int:
        """Bytes that are queued for the device."""
        ...

    def live(self) -> LiveSocket:
        """What the session does now, for an operator."""
        ...


class OtherServers(Protocol):
    """The devices of the other servers of this database; `server.relay.relay.Relay` is one."""

    async def locate(self, user_id: UUID, device_id: UUID | None) -> DeviceSide | None:
        """The named device of this user, or the one that connected last, at any server. Raises nothing."""
        ...

    async def connected(self, user_id: UUID) -> set[UUID]:
        """The devices of this user with a socket at any server; none if the database can't be read. Raises nothing."""
        ...

    def announce(self, user_id: UUID, frame: WsServerMutation) -> None:
        """Send `frame` to the user's devices at other servers. Never blocks, never raises."""
        ...

    async def joined(self, user_id: UUID, device_id: UUID, session_id: UUID, *, take: bool = False) -> UUID | None:
        """This server is about to serve a device's socket. Raises what the database raises.

        Returns the other running server that has the device's session, if there is one: then nothing was recorded. With
        `take`, the session is this server's from now on, and an older socket is closed.
        """
        ...

    def away(self, user_id: UUID, device_id: UUID, session_id: UUID) -> None:
        """The socket of this session is closed, and the session waits for the device. Never blocks, never raises."""
        ...

    def parted(self, user_id: UUID, device_id: UUID, session_id: UUID) -> None:
        """This session has ended. Never blocks, never raises."""
        ...


class NumberedChanges(Protocol):
    """Sends numbered changes to devices in their order; `server.changes.ChangeDelivery` is one."""

    def announced(self, user_id: UUID, number: int) -> None:
        """A change of this user exists. Never blocks, never raises."""
        ...

    def deliver(self, link: DeviceLink, frame: WsServerMutation) -> None:
        """Send a change to a device, unless the device made it. Never blocks, never raises."""
        ...


class DeviceRegistry:
    """The devices by user and device, the one that connected last at the end. `others`: set if there are other servers.

    A device stays here after its socket is lost, as long as its session waits for it to come back.
    """

    def __init__(self) -> None:
        self._links: dict[UUID, dict[UUID, DeviceLink]] = {}
        self.others: OtherServers | None = None
        self.changes: NumberedChanges | None = None
        self.approvals = OpenApprovals(lambda user_id: self._links.get(user_id, {}).values())

    def __len__(self) -> int:
        return sum(len(links) for links in self._links.values())

    def add(self, link: DeviceLink) -> None:
        """Register a device that has connected. The socket of an older session of it is closed as replaced."""
        links = self._links.setdefault(link.user_id, {})
        older = links.pop(link.device_id, None)
        links[link.device_id] = link
        if older is not None and older is not link:
            older.close(CloseCode.REPLACED, "this device connected again")

    def remove(self, link: DeviceLink) -> None:
        """Remove a device, unless a newer session of it is registered already."""
        links = self._links.get(link.user_id, {})
        if links.get(link.device_id) is link:
            del links[link.device_id]
            if not links:
                del self._links[link.user_id]

    def find(self, user_id: UUID, device_id: UUID | None = None) -> DeviceLink | None:
        """The named device of this user, also if it is away; or the connected one that connected last. None if none."""
        links = self._links.get(user_id)
        if not links:
            return None
        if device_id is not None:
            return links.get(device_id)
        return next((link for link in reversed(links.values()) if link.attached), None)

    async def locate(self, user_id: UUID, device_id: UUID | None = None) -> DeviceSide | None:
        """Like `find`, among the devices of all servers."""
        here = self.find(user_id, device_id)
        if self.others is None or (device_id is not None and here is not None and here.attached):
            return here
        return await self.others.locate(user_id, device_id)

    def all(self) -> list[DeviceLink]:
        return [link for links in self._links.values() for link in links.values()]

    def announce(
        self,
        user_id: UUID,
        mutation: WsMutationRecord,
        *,
        origin: UUID | None,
        request_id: UUID | None = None,
        change: int | None = None,
    ) -> None:
        """Send a change to all devices of this user but `origin`. `change` is its number in the user's change log."""
        frame = WsServerMutation(
            **mutation.model_dump(exclude_none=True), origin_device_id=origin, request_id=request_id, change=change
        )
        self.deliver(user_id, frame)
        if self.others is not None:
            self.others.announce(user_id, frame)

    def deliver(self, user_id: UUID, frame: WsServerMutation) -> None:
        """Send `frame` to the user's devices at this server, except its origin."""
        changes = self.changes
        if changes is not None and frame.change is not None:
            changes.announced(user_id, frame.change)
        for device_id, link in self._links.get(user_id, {}).items():
            if changes is not None:
                changes.deliver(link, frame)
            elif device_id != frame.origin_device_id:
                link.send_control(frame)
