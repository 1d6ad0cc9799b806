"""The locked files of the servers on one machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from structlog.testing import capture_logs

from server.presence import Presence, ServerMarks

_HOLD = """
import sys, pathlib, uuid
from server.presence import ServerMarks
with ServerMarks(pathlib.Path(sys.argv[1])).hold(uuid.UUID(sys.argv[2])):
    print("held", flush=True)
    sys.stdin.read()
"""


def holding(state: Path, server_id: UUID) -> subprocess.Popen[str]:
    """A process that holds the mark of this server until it ends."""
    command = [sys.executable, "-c", _HOLD, str(state), str(server_id)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


class NoTable:
    """The database is not asked."""

    server_id = uuid4()


async def test_a_killed_process_is_dead_at_once_and_a_frozen_one_is_not(tmp_path: Path) -> None:
    server_id = uuid4()
    marks = ServerMarks(tmp_path)
    with holding(tmp_path, server_id) as process:
        assert not marks.is_dead(server_id)
        process.send_signal(signal.SIGSTOP)
        assert not marks.is_dead(server_id)
        process.kill()
        process.wait()
        assert marks.is_dead(server_id)
        assert await Presence(NoTable(), marks).is_lost(server_id)  # type: ignore[arg-type]


def test_a_server_that_ended_in_order_leaves_no_mark(tmp_path: Path) -> None:
    marks, server_id = ServerMarks(tmp_path), uuid4()
    with marks.hold(server_id):
        assert not marks.is_dead(server_id)
        (mark,) = tmp_path.glob("servers/*/*")
        assert mark.stat().st_mode & 0o777 == 0o600
        assert mark.parent.stat().st_mode & 0o777 == 0o700
    assert not marks.is_dead(server_id)
    assert not list(tmp_path.glob("servers/*/*"))


@pytest.mark.parametrize("known", [True, False])
def test_marks_of_another_machine_prove_nothing(tmp_path: Path, known: bool) -> None:
    """Several machines may share the folder."""
    boot, server_id = tmp_path / "boot_id", uuid4()
    if known:
        boot.write_text("another\n")
    other = ServerMarks(tmp_path, boot)
    with ServerMarks(tmp_path).hold(server_id), other.hold(uuid4()):
        assert not other.is_dead(server_id)
    assert len(list(tmp_path.glob("servers/*"))) == 1 + known


def test_old_marks_are_removed_and_those_of_running_servers_are_not(tmp_path: Path) -> None:
    marks, old, running = ServerMarks(tmp_path), uuid4(), uuid4()
    with marks.hold(running):
        (mark,) = tmp_path.glob("servers/*/*")
        mark.with_name(old.hex).touch()
        (tmp_path / "servers" / "earlier").mkdir()
        (tmp_path / "servers" / "earlier" / old.hex).touch()
        with marks.hold(uuid4()):
            assert marks.is_dead(old)
        for file in tmp_path.glob("servers/*/*"):
            os.utime(file, (time.time() - 90_000,) * 2)
        with marks.hold(uuid4()):
            assert not marks.is_dead(old)
            assert mark.exists()
        assert not (tmp_path / "servers" / "earlier").exists()


def test_a_mark_that_cannot_be_made_is_logged(tmp_path: Path) -> None:
    (tmp_path / "servers").write_text("not a folder")
    with capture_logs() as logs, ServerMarks(tmp_path).hold(uuid4()):
        pass
    assert [log["event"] for log in logs] == ["server_mark_failed"]
