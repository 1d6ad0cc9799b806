"""`requirements.lock` has a version for every requirement of pyproject.toml, and names no index."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
LOCK = (ROOT / "requirements.lock").read_text("utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
REQUIREMENTS = sorted(
    {*PROJECT["dependencies"], *(line for extra in PROJECT["optional-dependencies"].values() for line in extra)}
)


def locked() -> dict[str, list[Version]]:
    """The versions by package; a package has several if they depend on Python's version."""
    versions: dict[str, list[Version]] = {}
    for name, version in re.findall(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", LOCK, re.MULTILINE):
        versions.setdefault(canonicalize_name(name), []).append(Version(version))
    return versions


@pytest.mark.parametrize("line", [line for line in REQUIREMENTS if not line.startswith("tessera-server")])
def test_the_locked_version_is_allowed(line: str) -> None:
    requirement = Requirement(line)
    versions = locked().get(canonicalize_name(requirement.name))
    assert versions, f"{requirement.name} is not locked: run make lock"
    assert all(requirement.specifier.contains(version, prereleases=True) for version in versions), "run make lock"


def test_the_other_versions_of_python_get_the_tested_packages() -> None:
    """A package with another version for a newer Python is in no test on this one. Such a Quart stopped the server."""
    several = {name for name, versions in locked().items() if len(versions) > 1}
    assert several <= {"atheris", "numpy"}, "set an upper bound in pyproject.toml, or start the server on that Python"


def test_every_package_has_a_hash_and_none_comes_from_a_named_index() -> None:
    packages = re.split(r"^(?=\S)", LOCK, flags=re.MULTILINE)[1:]
    assert len(packages) > 100
    assert not [package for package in packages if "--hash=sha256:" not in package]
    assert "://" not in LOCK
