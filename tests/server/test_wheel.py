"""The wheel, installed into an empty environment outside of the checkout, and its command `tessera`."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from server.processes import program
from tests.database import login_settings
from tests.server.installation import install

ROOT = Path(__file__).resolve().parents[2]
COMMAND_S = 60.0
PAGE = "<!doctype html><title>the playground of this wheel</title>"
# Folders of a checkout that are not built from, and large ones that no wheel has.
LEFT_OUT = shutil.ignore_patterns(
    ".*_cache", ".git", ".hypothesis", ".state", ".venv*", "__pycache__", "bench", "dist", "node_modules", "tests"
)


def build_wheel(folder: Path, *, page: bool, path: str | None = None) -> tuple[Path, str]:
    """Build the wheel of a copy of the checkout. Returns its file and the output.

    With a page, `PAGE`, the source distribution is built too, and the wheel from it, as by `make dist`.
    """
    checkout = folder / "checkout"
    shutil.copytree(ROOT, checkout, ignore=LEFT_OUT, symlinks=True)
    # npm links the packages of a workspace.
    links = checkout / "client" / "node_modules"
    links.mkdir()
    for name in ("playground", "react", "sdk"):
        (links / name).symlink_to(Path("..") / name)
    if page:
        dist = checkout / "client" / "playground" / "dist"
        dist.mkdir()
        (dist / "index.html").write_text(PAGE)
    built = subprocess.run(  # noqa: S603 - our own interpreter
        [
            sys.executable,
            "-m",
            "build",
            *([] if page else ["--wheel"]),
            "--no-isolation",
            "--outdir",
            str(folder),
            str(checkout),
        ],
        env=os.environ | ({"PATH": path} if path is not None else {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=COMMAND_S,
        check=False,
    )
    assert built.returncode == 0, built.stdout
    for archive in folder.glob("*.tar.gz"):
        with tarfile.open(archive) as sources:
            names = {name.partition("/")[2] for name in sources.getnames()}
        assert {"client/playground/index.html", "client/react/src/index.ts", "client/sdk/src/index.ts"} <= names
    shutil.rmtree(checkout)
    (wheel,) = folder.glob("*.whl")
    return wheel, built.stdout


class Installed:
    """The wheel in its own environment, run in a folder that has other packages of the same names."""

    def __init__(self, folder: Path) -> None:
        wheel, _ = build_wheel(folder, page=True)
        self.folder = folder / "elsewhere"
        for name in ("server", "client", "evals"):
            (self.folder / name).mkdir(parents=True)
            (self.folder / name / "__init__.py").write_text("raise ImportError('this is another package')")
        environment = folder / "venv"
        venv.create(environment, with_pip=False, symlinks=True)
        # The messages to the service manager arrive here.
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.manager.bind(str(folder / "notify"))
        self.manager.settimeout(COMMAND_S)
        self.tessera = environment / "bin" / "tessera"
        site = install(environment, wheel)
        # The dependencies come from the environment of the tests, without its link to the checkout: Python does not
        # read the `.pth` files of a folder that a `.pth` file names.
        (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")

    def environment(self, **settings: str) -> dict[str, str]:
        left_out = {"PYTHONPATH", "VIRTUAL_ENV"}
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("TESSERA_") and k not in left_out}
        return inherited | {
            "TESSERA_STATE_DIR": str(self.folder / "state"),
            "TESSERA_HTTP_BIND": "127.0.0.1:0",
            "TESSERA_WS_BIND": "127.0.0.1:0",
            "TESSERA_DEMO_PACE_S": "0",
            **settings,
        }

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 - our own command
            [self.tessera, *arguments],
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=COMMAND_S,
            check=False,
        )


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    package = Installed(tmp_path_factory.mktemp("wheel"))
    yield package
    package.manager.close()


@pytest.fixture
def banner(installed: Installed, database: str) -> Iterator[str]:
    """The banner of `tessera run` with two workers, which must import the same package."""
    errors = installed.folder / "stderr"
    with errors.open("w") as stderr:
        process = subprocess.Popen(  # noqa: S603 - our own command
            [installed.tessera, "run"],
            cwd=installed.folder,
            env=installed.environment(
                **login_settings(database),
                TESSERA_WORKERS="2",
                NOTIFY_SOCKET=installed.manager.getsockname(),
                WATCHDOG_USEC="60000000",
            ),
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
    assert process.stdout is not None
    try:
        text = ""
        while "try it" not in text:
            line = process.stdout.readline()
            assert line, f"no banner:\n{errors.read_text()}"
            text += line
        yield text
    finally:
        process.terminate()
        status = process.wait(COMMAND_S)
        process.stdout.close()
    assert status == 0, errors.read_text()
    assert installed.manager.recv(1000) == b"STOPPING=1\nSTATUS=draining"


@pytest.mark.slow
def test_the_installed_command_serves_the_page_and_answers_in_the_terminal(installed: Installed, banner: str) -> None:
    rest = re.search(r"http://[0-9.:]+", banner)
    device_socket = re.search(r"ws://\S+", banner)
    assert rest is not None
    assert device_socket is not None
    told = {installed.manager.recv(1000) for _ in range(2)}
    assert told == {f"READY=1\nSTATUS=device socket {device_socket[0]}, REST {rest[0]}".encode(), b"WATCHDOG=1"}
    page = httpx.get(rest[0])
    assert (page.status_code, page.text) == (200, PAGE)
    assert f"tessera chat --url {device_socket[0]} --rest {rest[0]}" in banner
    answer = installed.run("chat", "--url", device_socket[0], "--rest", rest[0], "hello, who are you?")
    assert answer.returncode == 0, answer.stderr
    assert "demo model" in answer.stdout


@pytest.mark.slow
def test_the_installed_command_has_the_help_of_the_module(installed: Installed) -> None:
    ours = subprocess.run([sys.executable, "-m", "server", "--help"], capture_output=True, text=True, check=True)
    helped = installed.run("--help")
    assert helped.returncode == 0, helped.stderr
    assert helped.stdout == ours.stdout.replace("usage: python -m server", "usage: tessera")
    assert "eval" in helped.stdout
    evals = installed.run("eval", "run", "--help")
    assert evals.returncode == 0, evals.stderr
    assert "--trials" in evals.stdout


def test_without_npm_and_a_built_page_the_wheel_has_no_page_and_the_build_says_so(tmp_path: Path) -> None:
    wheel, output = build_wheel(tmp_path, page=False, path="/nonexistent")
    assert "npm is missing, so this package has no playground" in output
    assert not [name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("client/playground")]


def test_a_process_that_does_not_import_from_its_working_directory_starts_others_that_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", ["/somewhere/else"])
    assert program("server", "worker") == (sys.executable, "-P", "-m", "server", "worker")


def test_a_checkout_starts_its_own_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(Path.cwd())])
    assert program("server", "worker") == (sys.executable, "-m", "server", "worker")
