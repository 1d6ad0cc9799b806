"""The image, built without a registry and run read-only as a user without rights: `make test-image`, as root.

mmdebstrap makes the base, and buildah builds and runs without a daemon. The image has the extra `embedded`, so that its
server needs no other process.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from client.terminal.account import register
from client.terminal.device import open_device
from streaming.wire import WsStreamText

pytestmark = pytest.mark.image

ROOT = Path(__file__).resolve().parents[2]
CERTIFICATES = Path("/usr/local/share/ca-certificates")
USER = 10001
BUILD_S = 1500.0
# Runs the command with a read-only root. buildah makes this mount point itself and fails if it can't.
RUN = """
root=$(buildah mount "$CONTAINER") && touch "$root/run/.containerenv"
mount --bind "$root" "$root" && mount -o remount,bind,ro "$root"
exec buildah run --isolation chroot --volume "$STATE:/var/lib/tessera:rw" --volume "$TMP:/tmp:rw" \\
    --env "TESSERA_HTTP_BIND=$HTTP" --env TESSERA_WS_BIND=127.0.0.1:0 --env TESSERA_DEMO_PACE_S=0 "$CONTAINER" -- "$@"
"""


@dataclass(frozen=True)
class Image:
    """The built image, and one container of it. Each run has its own mount namespace."""

    storage: dict[str, str]
    container: str
    inspected: dict[str, Any]

    def command(self, *arguments: str) -> list[str]:
        return ["unshare", "--mount", "--propagation", "private", "sh", "-c", RUN, "run", *arguments]


def output(command: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(  # noqa: S603 - our own commands
        command, env=environment, capture_output=True, text=True, timeout=BUILD_S, check=False
    )
    assert done.returncode == 0, f"{command}:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout.strip()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    folder = tmp_path_factory.mktemp("image")
    storage = folder / "storage.conf"
    storage.write_text(f'[storage]\ndriver = "vfs"\ngraphroot = "{folder}/root"\nrunroot = "{folder}/run"\n')
    state, temporary = folder / "state", folder / "tmp"
    for path in (state, temporary):
        path.mkdir()
        os.chown(path, USER, USER)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TESSERA_")}
    environment = inherited | {
        "STORAGE_DRIVER": "vfs",
        "CONTAINERS_STORAGE_CONF": str(storage),
        "STATE": str(state),
        "TMP": str(temporary),
        "HTTP": f"127.0.0.1:{free_port()}",
    }
    # The certificates that this machine trusts besides Debian's, for its way to the package indexes.
    trusted = (
        f"--customize-hook=copy-in {CERTIFICATES} /usr/local/share",
        '--customize-hook=chroot "$1" update-ca-certificates',
    )
    base = folder / "base.tar"
    output(
        [
            *("mmdebstrap", "--quiet", "--variant=minbase", "--include=ca-certificates"),
            *(trusted if CERTIFICATES.is_dir() else ()),
            *("bookworm", str(base)),
        ],
        environment,
    )
    scratch = output(["buildah", "from", "scratch"], environment)
    output(["buildah", "add", "--quiet", scratch, str(base), "/"], environment)
    output(["buildah", "commit", "--quiet", scratch, "base"], environment)
    build = [
        "buildah",
        "bud",
        "--isolation",
        "chroot",
        "--format",
        "docker",
        "--file",
        str(ROOT / "deploy" / "Dockerfile"),
    ]
    arguments = ["--build-arg", "BASE=localhost/base", "--build-arg", "EXTRAS=embedded", "--tag", "tessera", str(ROOT)]
    output([*build, *arguments], environment)
    container = output(["buildah", "from", "localhost/tessera"], environment)
    inspected = json.loads(output(["buildah", "inspect", "--type", "image", "localhost/tessera"], environment))
    try:
        yield Image(environment | {"CONTAINER": container}, container, inspected["Docker"]["config"])
    finally:
        # vfs has no mounts, but its files belong to the image's users: pytest removes them as root.
        output(["buildah", "rm", "--all"], environment)


def run(image: Image, *arguments: str) -> str:
    """The output of a command in the container."""
    done = subprocess.run(  # noqa: S603 - our own commands
        image.command(*arguments), env=image.storage, capture_output=True, text=True, timeout=120, check=False
    )
    # buildah itself fails after the command, when it can't remove its mount point from the read-only root.
    return done.stdout + done.stderr.partition("panic:")[0]


def test_the_image_says_how_to_run_it(image: Image) -> None:
    assert image.inspected["User"] == "10001:10001"
    assert image.inspected["Entrypoint"] == ["tessera"]
    assert image.inspected["Cmd"] == ["run"]
    assert image.inspected["StopSignal"] == "SIGTERM"
    assert image.inspected["Healthcheck"]["Test"] == ["CMD", "python3", "-I", "/opt/tessera/healthcheck.py"]


def test_the_image_has_no_compiler_and_no_package_manager_of_a_language(image: Image) -> None:
    tools = "gcc cc c++ ld as make pip pip3 uv node npm"
    found = run(
        image, "sh", "-c", f"id -u; for tool in {tools}; do command -v $tool; done; touch /x /opt/tessera/x; echo end"
    )
    lines = found.splitlines()
    assert lines[0] == str(USER)
    assert lines[1] == "end", found
    assert found.count("Read-only file system") == 2


async def test_the_server_in_the_image_answers_a_device_and_drains(image: Image, tmp_path: Path) -> None:
    errors = tmp_path / "stderr"
    with errors.open("w") as stderr:
        process = subprocess.Popen(  # noqa: ASYNC220, S603 - our own command; the test has nothing else to do
            image.command("tessera", "run"), env=image.storage, stdout=subprocess.PIPE, stderr=stderr, text=True
        )
    assert process.stdout is not None
    try:
        banner = ""
        while "try it" not in banner:
            line = process.stdout.readline()
            assert line, f"no banner:\n{errors.read_text()}"
            banner += line
        rest, device_socket = re.search(r"http://[0-9.:]+", banner), re.search(r"ws://\S+", banner)
        assert rest is not None
        assert device_socket is not None
        async with httpx.AsyncClient() as client:
            page = await client.get(rest[0])
        assert page.status_code == 200
        assert "/assets/index-" in page.text, "the playground is not built in"
        assert run(image, "python3", "-I", "/opt/tessera/healthcheck.py") == ""
        account = await register(rest[0], "ann@example.com", "correct horse battery")
        async with open_device(device_socket[0], account.access_token) as device:
            answer = await device.home("hello, who are you?")
            text = "".join([frame.chunk async for frame in answer if isinstance(frame, WsStreamText)])
        assert "demo model" in text
        # The first of the image's Python processes: others are its children.
        server = min(
            (
                child
                for child in psutil.Process(process.pid).children(recursive=True)
                if child.uids().real == USER and "python" in Path((child.cmdline() or [""])[0]).name
            ),
            key=psutil.Process.create_time,
        )
        server.send_signal(signal.SIGTERM)
        process.wait(60)
    finally:
        for child in psutil.Process(process.pid).children(recursive=True) if process.poll() is None else ():
            child.kill()
        process.wait(60)
        process.stdout.close()
    assert '"event": "stopped"' in errors.read_text(), errors.read_text()
