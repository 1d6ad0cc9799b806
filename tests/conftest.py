"""Fixtures that more than one folder of tests uses."""

from __future__ import annotations

import gc
import os
import shutil
import ssl
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NoReturn

import certifi
import pytest
from _pytest.assertion import rewrite
from hypothesis import HealthCheck, settings
from trio.testing import MockClock
from werkzeug.routing import Rule

from sql.pool import Pool, open_pool
from sql.tenant import configure_server
from tests.database import LentDatabases, new_database, running_server

# How long an example takes says more about the machine's load than about the code.
# The suite tries the same examples each time, so that a test fails by a change only. `make properties` tries new ones.
_TESSERA = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.register_profile("random", _TESSERA)
settings.register_profile("tessera", _TESSERA, derandomize=True)
settings.load_profile("tessera")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Keep `tmp_path` in a folder of this run, removed at its end, unless `--basetemp` names one.

    pytest's own folder belongs to all runs of one account. Each run takes the access of other accounts to it away
    when it starts, and a PostgreSQL that another run has started there can then no longer reach its files.
    """
    if config.option.basetemp is None and not hasattr(config, "workerinput"):
        folder = Path(tempfile.mkdtemp(prefix="tessera-tests-"))
        folder.chmod(0o711)
        config.option.basetemp = folder / "tmp"
        config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    rewrite_share(config)


def rewrite_share(config: pytest.Config) -> None:
    """Rewrite the assertions of this worker's share of the test files.

    pytest does it when it first imports a file, and caches the result. The workers import the same files at the same
    time, so in a new checkout each of them would rewrite all files, which takes it seven seconds.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw").removeprefix("gw")
    if not worker or sys.dont_write_bytecode:
        return
    state = config.stash[rewrite.assertstate_key]
    files = sorted(Path(__file__).parent.rglob("test_*.py"))
    for path in files[int(worker) :: int(os.environ["PYTEST_XDIST_WORKER_COUNT"])]:
        folder = rewrite.get_cache_dir(path)
        cached = folder / f"{path.stem}{rewrite.PYC_TAIL}"
        if rewrite._read_pyc(path, cached) is None and rewrite.try_makedirs(folder):
            digest, code = rewrite._rewrite_test(path, config)
            rewrite._write_pyc(state, code, digest, cached)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Keep the garbage collector away from modules and collected tests: they stay until the end of the run."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin the share of each worker with tests that take seconds, so that none of them runs alone at the end.

    pytest-xdist first gives each worker an equal part of the list, and each runs its part from the start. The tests of
    one file stay together, because they may share a fixture.
    """
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    slow = [item for item in items if item.get_closest_marker("slow")]
    if workers > 1 and slow:
        quick = [item for item in items if not item.get_closest_marker("slow")]
        items[:] = _shares(slow, quick, workers)


def _shares(slow: list[pytest.Item], quick: list[pytest.Item], workers: int) -> list[pytest.Item]:
    files = dict.fromkeys(item.path for item in slow)
    worker_of = {path: number % workers for number, path in enumerate(files)}
    shares: list[pytest.Item] = []
    left = len(slow) + len(quick)
    rest = iter(quick)
    for worker in range(workers):
        first = [item for item in slow if worker_of[item.path] == worker]
        size = left // (workers - worker)
        shares += [*first, *islice(rest, max(0, size - len(first)))]
        left -= size
    return [*shares, *rest]


_PROFILER = pytest.StashKey[Any]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    """Remember the profiler, for `pytest_runtest_teardown`, also before a mark skips the test."""
    item.stash[_PROFILER] = sys.getprofile()
    yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """Fail a test that leaves another profiler than it found: every later test of the process would be slower."""
    found, left = item.stash[_PROFILER], sys.getprofile()
    sys.setprofile(found)
    yield
    if left is not found:
        pytest.fail(f"the test has left a profiler on: {left!r}")


@pytest.fixture(scope="session", autouse=True)
def certificates_read_once() -> Iterator[None]:
    """All HTTP clients share the TLS context of the public authorities: to read their certificates takes 20 ms."""
    made: dict[str, ssl.SSLContext] = {}
    create = ssl.create_default_context
    usual = {certifi.where(), os.environ.get("SSL_CERT_FILE")}

    def shared(purpose: ssl.Purpose = ssl.Purpose.SERVER_AUTH, **options: Any) -> ssl.SSLContext:
        file = options.get("cafile")
        if purpose != ssl.Purpose.SERVER_AUTH or len(options) > 1 or file is None or file not in usual:
            return create(purpose, **options)
        if file not in made:
            made[file] = create(purpose, cafile=file)
        return made[file]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl, "create_default_context", shared)
        yield


@pytest.fixture(scope="session", autouse=True)
def routes_without_url_builders() -> Iterator[None]:
    """No test builds a URL from a route. Werkzeug compiles functions for that, 30 ms for each server that starts."""

    def builder(*_: object) -> NoReturn:
        raise NotImplementedError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Rule, "_compile_builder", lambda *_: builder, raising=False)
        yield


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The session's PostgreSQL server: a superuser's conninfo. Not for `autojump_clock`, which outruns I/O."""
    with running_server() as conninfo:
        yield conninfo


@pytest.fixture
def jump_clock() -> MockClock:
    """Runs as fast as a real clock, so that `fail_after` still guards a test, and jumps when the test says so."""
    return MockClock(rate=1)


@pytest.fixture(scope="session")
def lent_databases(postgres: str) -> Iterator[LentDatabases]:
    databases = LentDatabases(postgres)
    yield databases
    databases.close()


@pytest.fixture
def database(lent_databases: LentDatabases) -> Iterator[str]:
    """The conninfo of a database with all migrations applied and no other rows, emptied afterwards."""
    with lent_databases.lend() as conninfo:
        yield conninfo


@pytest.fixture
def empty_database(postgres: str) -> Iterator[str]:
    """The conninfo of a fresh database with nothing in it."""
    with new_database(postgres, template="template1") as conninfo:
        yield conninfo


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    """A pool of at most four connections to a fresh migrated database, working as the server's role."""
    async with open_pool(database, max_size=4, configure=configure_server) as pool:
        yield pool
