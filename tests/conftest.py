"""Fixtures that more than one folder of tests uses."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from trio.testing import MockClock

from sql.pool import Pool, open_pool
from sql.tenant import configure_server
from tests.database import new_database, running_server

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


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The session's PostgreSQL server: a superuser's conninfo. Not for `autojump_clock`, which outruns I/O."""
    with running_server() as conninfo:
        yield conninfo


@pytest.fixture
def jump_clock() -> MockClock:
    """Runs as fast as a real clock, so that `fail_after` still guards a test, and jumps when the test says so."""
    return MockClock(rate=1)


@pytest.fixture
def database(postgres: str) -> Iterator[str]:
    """The conninfo of a fresh database with all migrations applied, dropped afterwards."""
    with new_database(postgres) as conninfo:
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
