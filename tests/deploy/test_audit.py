"""`make audit` reports what the tools found, and never success for packages that were not audited."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

FILE = Path(__file__).resolve().parents[2] / "deploy" / "audit.py"

SAFE = json.dumps({"dependencies": [{"name": "trio", "version": "0.35.0", "vulns": []}]})
VULNERABLE = json.dumps(
    {"dependencies": [{"name": "old", "version": "1", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2"]}]}]}
)
NPM_SAFE = json.dumps({"vulnerabilities": {}, "metadata": {"dependencies": {"total": 5}}})


@pytest.fixture(scope="module")
def audit() -> ModuleType:
    spec = importlib.util.spec_from_file_location("deploy_audit", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_packages_without_vulnerabilities(audit: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    report = {"dependencies": [{"name": "trio", "version": "0.35.0", "vulns": []}]}
    assert audit.python_status(json.dumps(report)) == 0
    assert "no known vulnerability in 1 packages" in capsys.readouterr().out


def test_a_vulnerable_python_package_is_named(audit: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    fault = {"id": "PYSEC-1", "fix_versions": ["2"]}
    report = {"dependencies": [{"name": "old", "version": "1", "vulns": [fault]}, {"name": "x", "skip_reason": "?"}]}
    assert audit.python_status(json.dumps(report)) == 1
    assert capsys.readouterr().out == "old 1: PYSEC-1, fixed in 2\n"


@pytest.mark.parametrize(
    "output",
    ["", "no JSON", "[]", '{"dependencies": []}', '{"dependencies": [{"name": "x", "skip_reason": "not found"}]}'],
)
def test_python_packages_that_were_skipped_are_no_success(
    audit: ModuleType, capsys: pytest.CaptureFixture[str], output: str
) -> None:
    assert audit.python_status(output) == 3
    assert "requirements.lock was NOT audited: pypi" in capsys.readouterr().err


def test_a_vulnerable_npm_package_is_named(audit: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    metadata = {"dependencies": {"total": 5}}
    report = {"vulnerabilities": {"old": {"range": "<2", "severity": "high"}}, "metadata": metadata}
    assert audit.npm_status(json.dumps(report)) == 1
    assert capsys.readouterr().out == "old <2: high\n"
    assert audit.npm_status(json.dumps({"vulnerabilities": {}, "metadata": metadata})) == 0


@pytest.mark.parametrize("output", ["", '{"error": {"code": "ENOAUDIT"}}', '{"message": "405 Method Not Allowed"}'])
def test_an_npm_registry_without_audit_is_no_success(
    audit: ModuleType, capsys: pytest.CaptureFixture[str], output: str
) -> None:
    assert audit.npm_status(output) == 3
    assert "client/package-lock.json was NOT audited" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("python", "npm", "status"), [("", "", 3), (VULNERABLE, "", 1), (SAFE, "", 3), (SAFE, NPM_SAFE, 0)]
)
def test_an_incomplete_audit_says_so(
    audit: ModuleType,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    python: str,
    npm: str,
    status: int,
) -> None:
    asked: list[str] = []

    def output(command: list[str], _: Path) -> str:
        asked.append(command[-1])
        return npm if "audit" in command else python

    monkeypatch.setattr(audit, "_output", output)
    monkeypatch.setattr("shutil.which", lambda _: "npm")
    assert audit.main() == status
    said = capsys.readouterr().err
    assert ("The audit is INCOMPLETE" in said) == (python == "" or npm == "")
    # The second database is asked if the first one gave no answer.
    assert asked[:-1] == (["pypi", "osv"] if python == "" else ["pypi"])
