"""The messages to systemd: real datagrams to a real Unix socket, on a clock that jumps."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
from structlog.testing import capture_logs
from trio.testing import MockClock

from server.processes import ServiceManager


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "notify"))
        receiver.setblocking(False)
        yield receiver


def environment(manager: socket.socket, **more: str) -> dict[str, str]:
    return {"NOTIFY_SOCKET": manager.getsockname(), "PATH": "/bin", **more}


async def test_it_says_ready_and_stopping(manager: socket.socket) -> None:
    service_manager = ServiceManager.take(environment(manager))
    await service_manager.ready("REST http://127.0.0.1:8000")
    await service_manager.stopping()
    assert manager.recv(1000) == b"READY=1\nSTATUS=REST http://127.0.0.1:8000"
    assert manager.recv(1000) == b"STOPPING=1\nSTATUS=draining"


async def test_it_reaches_an_abstract_socket() -> None:
    name = f"tessera-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind("\0" + name)
        await ServiceManager.take({"NOTIFY_SOCKET": "@" + name}).stopping()
        assert receiver.recv(1000).startswith(b"STOPPING=1")


def test_it_removes_its_variables_so_that_started_programs_do_not_speak_for_the_server(manager: socket.socket) -> None:
    environ = environment(manager, WATCHDOG_USEC="1000", WATCHDOG_PID=str(os.getpid()))
    ServiceManager.take(environ)
    assert environ == {"PATH": "/bin"}


async def test_the_watchdog_gets_two_messages_in_each_interval(
    manager: socket.socket, autojump_clock: MockClock
) -> None:
    service_manager = ServiceManager.take(environment(manager, WATCHDOG_USEC="30000000"))
    with trio.move_on_after(59):
        await service_manager.keep_watchdog_quiet()
    assert [manager.recv(1000) for _ in range(4)] == [b"WATCHDOG=1"] * 4
    with pytest.raises(BlockingIOError):
        manager.recv(1000)


@pytest.mark.parametrize(
    "watchdog",
    [
        {},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "many"},
        {"WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"},
    ],
)
async def test_without_a_watchdog_for_this_process_nothing_is_sent(
    manager: socket.socket, watchdog: dict[str, str]
) -> None:
    await ServiceManager.take(environment(manager, **watchdog)).keep_watchdog_quiet()
    with pytest.raises(BlockingIOError):
        manager.recv(1000)


async def test_without_a_service_manager_nothing_happens() -> None:
    service_manager = ServiceManager.take({})
    await service_manager.ready("")
    await service_manager.keep_watchdog_quiet()


async def test_a_service_manager_that_is_gone_is_logged_and_does_not_stop_the_server(tmp_path: Path) -> None:
    address = str(tmp_path / "gone")
    with capture_logs() as logs:
        await ServiceManager.take({"NOTIFY_SOCKET": address}).ready("")
    assert [(entry["event"], entry["address"]) for entry in logs] == [("service_manager_unreachable", address)]
