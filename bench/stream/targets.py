"""The targets: the server as an operator runs it, and the peers; each is a process tree with a socket."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import tempfile
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from typing import Final
from urllib.parse import urlsplit
from uuid import uuid4

from bench.stream.dialects import PeerSocket, SocketDialect, TesseraSocket
from bench.stream.load import Load
from bench.stream.processes import ROOT, cores, cpu_s, family, first_line, pin, resident_bytes, started

PEERS: Final = {"raw httpx": "raw_httpx", "OpenAI SDK": "openai_sdk", "LangChain": "langchain_openai_chat"}
"""The peers by name, with their modules in bench/peers."""
TESSERA: Final = "Tessera"
_PASSWORD: Final = "correct horse battery staple"  # noqa: S105 - of a made-up account
_PEERS_VENV: Final = Path(os.environ.get("BENCH_PEERS_VENV") or ROOT / ".venv-peers")


@dataclass(frozen=True, slots=True)
class Places:
    """The cores of the server under test, and those of everything else: load, model server, database."""

    server: list[int]
    others: list[int]

    @classmethod
    def of_machine(cls, servers: int = 1) -> Places:
        """The first `servers` cores for the server, the other cores for the rest; all cores if none are left."""
        all_cores = cores()
        return cls(all_cores[:servers], all_cores[servers:] or all_cores)


@dataclass(slots=True)
class Target:
    """One running target."""

    name: str
    process: Popen[str]
    host: str
    port: int
    dialect: SocketDialect
    database_pids: list[int]

    def load(self) -> Load:
        """A load without sockets."""
        return Load(self.host, self.port, self.dialect)

    def server_pids(self) -> list[int]:
        """The processes of the target, without the database's."""
        return [pid for pid in family(self.process.pid) if pid not in self.database_pids]

    def cpu_s(self) -> float:
        return cpu_s(self.server_pids())

    def database_cpu_s(self) -> float:
        return cpu_s({pid for parent in self.database_pids for pid in family(parent)})

    def resident_bytes(self) -> int:
        return resident_bytes(self.server_pids())


@contextmanager
def model_server(places: Places, folder: Path) -> Iterator[int]:
    """The port of a running model server."""
    errors = folder / "model_server.log"
    command = [sys.executable, "-m", "bench.stream.model_server"]
    with started(command, on=places.others, errors=errors, keep_input=True) as process:
        yield int(first_line(process, errors))


@contextmanager
def tessera(
    model_port: int,
    places: Places,
    *,
    settings: dict[str, str] | None = None,
    python: Iterable[str] = (sys.executable,),
) -> Iterator[Target]:
    """The server on its embedded database, or the one in `settings`, with one account. Leaving removes everything."""
    # PostgreSQL doesn't run as root, so other accounts need access. Its socket's path has at most 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="tessera-bench-"))
    folder.chmod(0o711)
    errors = folder / "server.log"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TESSERA_")} | {
        "TESSERA_STATE_DIR": str(folder / "state"),
        "TESSERA_HTTP_BIND": "127.0.0.1:0",
        "TESSERA_WS_BIND": "127.0.0.1:0",
        "TESSERA_MODEL_URL": f"http://127.0.0.1:{model_port}/v1",
        "TESSERA_MODEL_NAME": "bench",
        "TESSERA_MODEL_SHAPE": "hosted",
        "TESSERA_LOG_FORMAT": "json",
        # One account has all devices and requests here.
        "TESSERA_MAX_SOCKETS_PER_USER": "100000",
        "TESSERA_MAX_DEVICES_PER_USER": "1000000",
        "TESSERA_MAX_CONNECTIONS_PER_ADDRESS": "100000",
        "TESSERA_MAX_SIGNUPS_PER_ADDRESS_HOUR": "100000",
        "TESSERA_MAX_REQUESTS_PER_USER": "100000",
        "TESSERA_MAX_BYTES_PER_S_PER_USER": "1000000000",
        "TESSERA_MAX_BYTES_BURST_PER_USER": "1000000000",
        "TESSERA_MAX_HTTP_REQUESTS_PER_S_PER_USER": "100000",
        "TESSERA_MAX_HTTP_REQUESTS_BURST_PER_USER": "100000",
        **(settings or {}),
    }
    try:
        command = [*python, "-m", "server", "run"]
        with started(command, on=places.server, environment=environment, errors=errors, keep_input=False) as process:
            banner = ""
            while "try it" not in banner:
                banner += first_line(process, errors)
            rest, socket_url = (_url(scheme, banner) for scheme in ("http", "ws"))
            database = [int(path.read_text().split()[0]) for path in folder.rglob("postmaster.pid")]
            pin((pid for parent in database for pid in family(parent)), places.others)
            address = urlsplit(socket_url)
            assert address.hostname is not None
            assert address.port is not None
            dialect = TesseraSocket(_register(rest))
            yield Target(TESSERA, process, address.hostname, address.port, dialect, database)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _url(scheme: str, banner: str) -> str:
    found = re.search(rf"\b{scheme}://\S+", banner)
    assert found is not None, banner
    return found[0]


def _register(rest_url: str) -> str:
    """Register a new account. Returns its access token."""
    credentials = {"email": f"bench-{uuid4().hex}@example.com", "password": _PASSWORD}
    request = urllib.request.Request(  # noqa: S310 - loopback
        f"{rest_url}/api/v1/auth/register",
        json.dumps(credentials).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310 - loopback
        return str(json.load(response)["access_token"])


class PeerMissing(Exception):
    """The peers' virtual environment is missing or incomplete; the message says what is missing."""


@contextmanager
def peer(name: str, model_port: int, places: Places, folder: Path) -> Iterator[Target]:
    """One of `PEERS` under uvicorn, as its documentation recommends it. Raises `PeerMissing`."""
    python = _PEERS_VENV / "bin" / "python"
    if not python.exists():
        raise PeerMissing(f"{python} is missing: `make bench-stream` creates it if PyPI is reachable")
    errors = folder / f"{PEERS[name]}.log"
    environment = {**os.environ, "BENCH_MODEL_URL": f"http://127.0.0.1:{model_port}/v1"}
    command = [str(python), "-m", "bench.peers", PEERS[name]]
    with started(command, on=places.server, environment=environment, errors=errors, keep_input=False) as process:
        try:
            port = int(first_line(process, errors))
        except RuntimeError as error:
            raise PeerMissing(str(error)) from None
        yield Target(name, process, "127.0.0.1", port, PeerSocket(), [])
