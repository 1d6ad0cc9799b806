"""`make audit`: searches requirements.lock and client/package-lock.json for packages with known vulnerabilities.

Exit status: 0 nothing found, 1 a vulnerability was found, 3 a lock could not be audited, for example without network.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
_FOUND: Final = 1
_NOT_AUDITED: Final = 3


def audit_python() -> int:
    """Print the vulnerabilities of the locked Python packages. Returns the exit status for them.

    Asks the index of the packages, and the database OSV if the index has no data about vulnerabilities.
    """
    status = _NOT_AUDITED
    for service in ("pypi", "osv"):
        command = [sys.executable, "-m", "pip_audit", "--requirement", "requirements.lock", "--require-hashes"]
        options = ["--disable-pip", "--format", "json", "--progress-spinner", "off", "--vulnerability-service", service]
        status = python_status(_output([*command, *options], ROOT), service)
        if status != _NOT_AUDITED:
            break
    return status


def python_status(output: str, service: str = "pypi") -> int:
    """The exit status for the JSON report of pip-audit, which asked `service`; prints what it found."""
    try:
        packages = json.loads(output)["dependencies"]
    except (ValueError, LookupError, TypeError):
        return _not_audited("requirements.lock", f"{service}: {output.strip() or 'no answer'}")
    skipped = [package for package in packages if "skip_reason" in package]
    found = [(package, fault) for package in packages for fault in package.get("vulns", ())]
    for package, fault in found:
        print(
            f"{package['name']} {package['version']}: {fault['id']}, fixed in {', '.join(fault['fix_versions']) or '-'}"
        )
    if found:
        return _FOUND
    # Without the index's database of vulnerabilities, pip-audit skips the packages and reports success.
    if skipped or not packages:
        example = f", {skipped[0]['name']}: {skipped[0]['skip_reason']}" if skipped else ""
        reason = f"{service} has no data about {len(skipped)} of {len(packages)} packages{example}"
        return _not_audited("requirements.lock", reason)
    print(f"requirements.lock: no known vulnerability in {len(packages)} packages")
    return 0


def audit_npm() -> int:
    """Print the vulnerabilities of the locked npm packages. Returns the exit status for them."""
    npm = shutil.which("npm")
    if npm is None:
        return _not_audited("client/package-lock.json", "npm is missing")
    return npm_status(_output([npm, "audit", "--json", "--package-lock-only"], ROOT / "client"))


def npm_status(output: str) -> int:
    """The exit status for the JSON report of npm; prints what it found."""
    try:
        report = json.loads(output)
        found = report["vulnerabilities"]
        total = report["metadata"]["dependencies"]["total"]
    except (ValueError, LookupError, TypeError):
        return _not_audited("client/package-lock.json", output)
    for name, package in found.items():
        print(f"{name} {package['range']}: {package['severity']}")
    if found:
        return _FOUND
    print(f"client/package-lock.json: no known vulnerability in {total} packages")
    return 0


def _not_audited(lock: str, reason: str) -> int:
    print(f"{lock} was NOT audited: {' '.join(reason.split())[:300] or 'the tool printed nothing'}", file=sys.stderr)
    return _NOT_AUDITED


def _output(command: list[str], folder: Path) -> str:
    # The tools also write "No known vulnerabilities found" to stderr if they have audited nothing.
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False).stdout  # noqa: S603


def main() -> int:
    """Audit both locks; returns the exit status."""
    statuses = {audit_python(), audit_npm()}
    status = _FOUND if _FOUND in statuses else max(statuses)
    if _NOT_AUDITED in statuses:
        print(f"The audit is INCOMPLETE (exit status {status}).", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
