"""The server's package in its own environment, without a package index, and without compiling modules again."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from importlib.util import cache_from_source
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
INSTALL_S = 300.0


def install(environment: Path, wheel: Path) -> Path:
    """Install a wheel without its dependencies. Returns the folder of the environment's packages.

    The package's bytecode is copied from the checkout: to compile 470 modules takes four seconds.
    """
    subprocess.run(  # noqa: S603 - our own interpreter
        [
            *(sys.executable, "-m", "pip", "--python", str(environment / "bin" / "python"), "install"),
            *("--quiet", "--no-compile", "--no-deps", "--no-index", str(wheel)),
        ],
        check=True,
        timeout=INSTALL_S,
    )
    (site,) = environment.glob("lib/python*/site-packages")
    for module in site.rglob("*.py"):
        _copy_bytecode(ROOT / module.relative_to(site), module)
    return site


def _copy_bytecode(original: Path, module: Path) -> None:
    bytecode = Path(cache_from_source(str(original)))
    if not bytecode.exists() or original.read_bytes() != module.read_bytes():
        return
    # Bytecode belongs to the time at which its module was changed.
    shutil.copystat(original, module)
    copied = Path(cache_from_source(str(module)))
    copied.parent.mkdir(exist_ok=True)
    shutil.copy(bytecode, copied)


def link_dependencies(site: Path, package: str) -> None:
    """Link the packages that `package` needs without its extras, and no others, from the environment of the tests."""
    for needed in _needed(distribution(package), frozenset(), set()):
        assert needed.files is not None
        for top in {file.parts[0] for file in needed.files if ".." not in file.parts}:
            if not (site / top).exists():
                (site / top).symlink_to(Path(str(needed.locate_file(top))))


def _needed(
    package: Distribution, extras: frozenset[str], seen: set[tuple[str, frozenset[str]]]
) -> Iterator[Distribution]:
    for line in package.requires or []:
        requirement = Requirement(line)
        markers = requirement.marker
        if markers is not None and not any(markers.evaluate({"extra": extra}) for extra in ("", *extras)):
            continue
        found = distribution(requirement.name)
        assert requirement.specifier.contains(found.version, prereleases=True), f"{line}: {found.version} is installed"
        asked = (canonicalize_name(requirement.name), frozenset(requirement.extras))
        if asked not in seen:
            seen.add(asked)
            yield found
            yield from _needed(found, asked[1], seen)
