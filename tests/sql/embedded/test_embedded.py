"""The embedded PostgreSQL: its data stays, its processes do not."""

from __future__ import annotations

import fcntl
import os
import pwd
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
import trio
from psycopg.conninfo import conninfo_to_dict

from sql.embedded.postgres import EmbeddedPostgres, EmbeddedPostgresError, embedded_postgres
from sql.pool import PoolTimeout, open_pool
from tests.database import temporary_directory

HOLD_A_SHARE = """
import sys
from pathlib import Path
from sql.embedded.postgres import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]), durable=False)
server.start()
print("started", flush=True)
sys.stdin.read()
server.stop()
"""


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A data directory that has been used before; no server runs on it."""
    with temporary_directory() as directory:
        server = EmbeddedPostgres(directory / "state" / "postgres", durable=False)
        server.start()
        server.stop()
        yield directory / "state" / "postgres"


def postmaster(home: Path) -> int | None:
    """The process that the pid file names, if it is alive."""
    try:
        pid = int((home / "cluster" / "postmaster.pid").read_text().splitlines()[0])
        os.kill(pid, 0)
    except (FileNotFoundError, ProcessLookupError):
        return None
    return pid


def answer(conninfo: str, query: bytes = b"SELECT 1") -> object:
    with psycopg.connect(conninfo) as connection:
        row = connection.execute(query).fetchone()
        return row and row[0]


@contextmanager
def another_process(home: Path) -> Iterator[subprocess.Popen[str]]:
    """A separate process that uses the server until its standard input is closed."""
    command = [sys.executable, "-W", "error", "-c", HOLD_A_SHARE, str(home)]
    root = Path(__file__).parents[3]
    with subprocess.Popen(  # noqa: S603 - our own interpreter and script
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        yield process


async def test_data_is_found_again_and_the_server_ends_with_the_block(home: Path) -> None:
    async with embedded_postgres(home) as conninfo:
        assert conninfo_to_dict(conninfo)["dbname"] == "tessera"
        with psycopg.connect(conninfo) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        assert postmaster(home) is not None
    assert postmaster(home) is None
    async with embedded_postgres(home) as conninfo:
        assert answer(conninfo, b"SELECT answer FROM kept") == 42
        # The tables need these of the server.
        assert answer(conninfo, b"SELECT lower('\xc3\x84')") == "ä"
        assert answer(conninfo, b"SHOW fsync") == "on"
        assert answer(conninfo, b"SELECT count(*) FROM pg_available_extensions WHERE name = 'vector'") == 1
    assert postmaster(home) is None


async def test_a_cancelled_block_stops_the_server(home: Path) -> None:
    with trio.CancelScope() as scope:
        async with embedded_postgres(home):
            assert postmaster(home) is not None
            scope.cancel()
            await trio.lowlevel.checkpoint()
    assert scope.cancelled_caught
    assert postmaster(home) is None


async def test_a_start_that_is_cancelled_leaves_nothing_running(home: Path) -> None:
    with trio.CancelScope() as scope:
        scope.cancel()
        async with embedded_postgres(home):
            await trio.lowlevel.checkpoint()
    assert postmaster(home) is None


async def test_an_exception_of_the_block_stops_the_server_and_comes_out(home: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        async with embedded_postgres(home):
            raise ZeroDivisionError
    assert postmaster(home) is None


async def test_blocks_that_start_and_end_at_once_share_one_server(home: Path) -> None:
    seen: set[tuple[str, int | None]] = set()

    async def use() -> None:
        async with embedded_postgres(home) as conninfo:
            seen.add((conninfo, postmaster(home)))
            started.append(conninfo)
            while len(started) < 3:
                await trio.lowlevel.checkpoint()

    started: list[str] = []
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(use)
    assert len(seen) == 1
    assert postmaster(home) is None


def test_two_processes_share_one_server_and_the_last_one_stops_it(home: Path) -> None:
    server = EmbeddedPostgres(home, durable=False)
    conninfo = server.start()
    with another_process(home) as process:
        server.stop()
        assert answer(conninfo) == 1
        assert server.start() == conninfo
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait() == 0
        assert answer(conninfo) == 1
    server.stop()
    server.stop()
    assert postmaster(home) is None


def test_a_killed_process_does_not_keep_the_server_running(home: Path) -> None:
    with another_process(home) as process:
        process.kill()
        process.wait()
        pid = postmaster(home)
        assert pid is not None
        server = EmbeddedPostgres(home, durable=False)
        assert answer(server.start()) == 1
        assert postmaster(home) == pid
        server.stop()
    assert postmaster(home) is None


@pytest.mark.skipif(not Path("/proc/self/comm").exists(), reason="only /proc tells whose a process id is")
def test_a_stale_pid_file_that_names_a_living_process_is_no_obstacle(home: Path) -> None:
    server = EmbeddedPostgres(home, durable=False)
    server.start()
    pid_file = home / "cluster" / "postmaster.pid"
    stale = pid_file.read_text().splitlines()
    server.stop()
    pid_file.write_text("\n".join([str(os.getpid()), *stale[1:]]) + "\n")
    (home / "cluster" / ".s.PGSQL.5432.lock").write_text(f"{os.getpid()}\n")
    assert answer(server.start()) == 1
    server.stop()
    assert postmaster(home) is None


def test_a_server_that_does_not_stop_is_killed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sql.embedded.postgres.STOP_TIMEOUT_S", 1.0)
    server = EmbeddedPostgres(home, durable=False)
    server.start()
    pid = postmaster(home)
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    server.stop()
    assert not Path(f"/proc/{pid}/cwd").exists()
    assert answer(server.start()) == 1
    server.stop()


def test_an_interrupted_first_start_is_begun_anew() -> None:
    with temporary_directory() as directory:
        half_made = directory / "postgres" / "cluster.new"
        half_made.mkdir(parents=True)
        (half_made / "PG_VERSION").write_text("18")
        server = EmbeddedPostgres(directory / "postgres", durable=False)
        assert answer(server.start()) == 1
        server.stop()
        assert not half_made.exists()


def test_a_path_too_long_for_a_socket(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = home.parent / ("x" * 120)
    deep.mkdir()
    (home / "cluster").rename(deep / "cluster")
    monkeypatch.setattr("tempfile.tempdir", str(home.parent))
    server = EmbeddedPostgres(deep, durable=False)
    conninfo = server.start()
    socket_dir = Path(str(conninfo_to_dict(conninfo)["host"]))
    assert answer(conninfo) == 1
    assert socket_dir.parent == home.parent
    assert socket_dir.stat().st_mode & 0o777 == 0o700
    server.stop()
    (deep / "cluster").rename(home / "cluster")
    assert not socket_dir.exists(), "no temporary folder stays behind"


def test_the_environment_of_another_database_does_not_matter(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = {"PGPORT": "1", "PGHOST": "elsewhere", "PGDATABASE": "other", "PGDATA": "/nowhere"}
    for name, value in {
        **elsewhere,
        "PGHOSTADDR": "192.0.2.1",
        "PGSERVICE": "nowhere",
        "PGOPTIONS": "-c search_path=nowhere",
    }.items():
        monkeypatch.setenv(name, value)
    server = EmbeddedPostgres(home, durable=False)
    conninfo = server.start()
    assert answer(conninfo, b"SELECT current_database()") == "tessera"
    assert answer(conninfo, b"SHOW search_path") == '"$user", public'
    server.stop()


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")
def test_postgresql_does_not_inherit_secrets(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TESSERA_MASTER_KEYS", "TESSERA_MODEL_KEY", "AWS_SECRET_ACCESS_KEY", "PGPASSWORD"):
        monkeypatch.setenv(name, "hunter2")
    server = EmbeddedPostgres(home, durable=False)
    server.start()
    environment = Path(f"/proc/{postmaster(home)}/environ").read_bytes()
    server.stop()
    assert b"PATH=" in environment
    assert b"hunter2" not in environment


async def test_a_killed_server_is_started_again(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sql.embedded.postgres.CHECK_INTERVAL_S", 0.05)
    async with embedded_postgres(home, durable=False) as conninfo, open_pool(conninfo, acquire_timeout_s=50) as pool:
        async with pool.connection() as connection:
            await connection.execute("SET synchronous_commit = on")  # a server that is not durable has it off
            await connection.execute("CREATE TABLE IF NOT EXISTS revived (n int)")
            await connection.execute("INSERT INTO revived VALUES (1)")
        killed = postmaster(home)
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        while postmaster(home) in {None, killed}:  # noqa: ASYNC110 - no event of another process
            await trio.sleep(0.02)
        while True:
            try:
                async with pool.connection() as connection:
                    found = await (await connection.execute("SELECT count(*) FROM revived")).fetchone()
                break
            except (psycopg.OperationalError, PoolTimeout):
                await trio.sleep(0.02)
        assert found == (1,)
        assert postmaster(home) not in {None, killed}
        async with pool.connection() as connection:
            await connection.execute("DROP TABLE revived")
    assert postmaster(home) is None


def test_a_server_that_runs_or_is_not_used_is_not_started(home: Path) -> None:
    server = EmbeddedPostgres(home, durable=False)
    assert not server.revive()
    server.start()
    running = postmaster(home)
    assert not server.revive()
    assert postmaster(home) == running
    server.stop()
    assert not server.revive()
    assert postmaster(home) is None


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has file descriptors of processes")
def test_the_end_of_the_server_is_noticed_by_a_file_descriptor(home: Path) -> None:
    server = EmbeddedPostgres(home, durable=False)
    assert server.watch() is None
    server.start()
    process = server.watch()
    assert process is not None
    try:
        assert select.select([process], [], [], 0)[0] == []
        server.stop()
        assert select.select([process], [], [], 10)[0] == [process]
    finally:
        os.close(process)
    assert server.watch() is None


def test_a_directory_that_cannot_be_used_is_named_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EmbeddedPostgresError, match=r"cannot run on .*/file/postgres"):
        EmbeddedPostgres(tmp_path / "file" / "postgres").start()


def test_a_process_that_decides_for_too_long_is_not_waited_for(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sql.embedded.postgres.START_TIMEOUT_S", 0.05)
    with (home / "start.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(EmbeddedPostgresError, match="another process has been starting or stopping"):
            EmbeddedPostgres(home).start()


def test_without_the_binaries_another_way_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(EmbeddedPostgresError, match="TESSERA_DATABASE_URL"):
        EmbeddedPostgres(tmp_path).start()


def test_a_cluster_of_another_version_is_named_by_the_log(home: Path) -> None:
    version = home / "cluster" / "PG_VERSION"
    now = version.read_text()
    version.write_text("9.6\n")
    server = EmbeddedPostgres(home, durable=False)
    try:
        with pytest.raises(EmbeddedPostgresError, match=r"(?s)pg_ctl failed.*initialized by PostgreSQL version 9\.6"):
            server.start()
    finally:
        version.write_text(now)
    assert answer(server.start()) == 1
    server.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="every other test shows it when the tests do not run as root")
def test_a_user_who_is_not_root_runs_it_as_himself() -> None:
    nobody = pwd.getpwnam("nobody")
    with temporary_directory() as directory:
        home = directory / "home"
        home.mkdir()
        os.chown(home, nobody.pw_uid, nobody.pw_gid)
        server = EmbeddedPostgres(home / "postgres", durable=False)
        groups = os.getgroups()
        os.setgroups([])
        os.setresgid(nobody.pw_gid, nobody.pw_gid, 0)
        os.setresuid(nobody.pw_uid, nobody.pw_uid, 0)
        try:
            assert answer(server.start()) == 1
            server.stop()
        finally:
            os.setresuid(0, 0, 0)
            os.setresgid(0, 0, 0)
            os.setgroups(groups)
        assert (home / "postgres" / "cluster").stat().st_uid == nobody.pw_uid
        assert postmaster(home / "postgres") is None
