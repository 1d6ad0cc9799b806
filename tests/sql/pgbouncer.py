"""A real PgBouncer in front of a database, as Debian packages it."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

PROGRAM: Final = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")

needs_pgbouncer = pytest.mark.skipif(PROGRAM is None, reason="PgBouncer is not installed (apt-get install pgbouncer)")

_START_S: Final = 10.0


@contextmanager
def pgbouncer(conninfo: str, folder: Path, *, size: int = 2) -> Iterator[str]:
    """Run PgBouncer in transaction mode with `size` connections per role; gives a conninfo that leads through it."""
    assert PROGRAM is not None
    target = conninfo_to_dict(conninfo)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    users = folder / "users.txt"
    users.write_text('"postgres" ""\n"login_of_tests" ""\n')
    config = folder / "pgbouncer.ini"
    config.write_text(
        f"[databases]\n{target['dbname']} = host={target['host']} port={target['port']} dbname={target['dbname']}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = trust\n"
        f"auth_file = {users}\npool_mode = transaction\ndefault_pool_size = {size}\nmax_client_conn = 100\n"
    )
    # The database's socket belongs to the account of the database, and PgBouncer does not run as root.
    owner = Path(str(target["host"])).stat().st_uid
    command = [PROGRAM, *(["-u", pwd.getpwuid(owner).pw_name] if os.geteuid() == 0 else []), str(config)]
    for path in (folder, users, config):
        path.chmod(0o755)
    with (folder / "pgbouncer.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd="/")  # noqa: S603 - Debian's program
    try:
        _wait(port, process, folder / "pgbouncer.log")
        yield make_conninfo(conninfo, host="127.0.0.1", port=port)
    finally:
        process.terminate()
        process.wait()


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            assert process.poll() is None, log.read_text()
            time.sleep(0.02)
        else:
            return
    raise TimeoutError(log.read_text())
