"""Downloads a file over HTTP. The received part is kept, so that an interrupted download resumes."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

import httpx

from model_files.files import ModelFile, has_content

Progress = Callable[[int, int], None]
"""Called with the bytes that have arrived and the size of the file, 0 if the server does not say it."""

_READ_TIMEOUT_S: Final = 30.0
_ATTEMPTS: Final = 5
_WHOLE: Final = re.compile(r"bytes \d+-\d+/(\d+)")


def download(
    url: str,
    file: ModelFile,
    path: Path,
    *,
    connect_s: float,
    on_progress: Progress | None = None,
    attempts: int = _ATTEMPTS,
) -> bool:
    """Download `file` from `url` to `path`. Returns False if the server does not have exactly this content.

    The bytes arrive in `path` with the suffix `.part`, which is renamed when its digest is right. If the connection
    breaks, the next attempt asks only for the rest, also in a later call. Raises httpx's errors if `attempts` in a row
    bring nothing new, and `OSError`.
    """
    part = path.with_name(f"{path.name}.part")
    part.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    timeout = httpx.Timeout(_READ_TIMEOUT_S, connect=connect_s)
    failed = 0
    with httpx.Client(timeout=timeout, follow_redirects=True) as client:
        while True:
            had = _size(part)
            try:
                has_it = _receive(client, url, file, part, on_progress)
                break
            except httpx.HTTPError:
                failed = 1 if _size(part) > had else failed + 1
                if failed >= attempts:
                    raise
    if has_it and has_content(file, part):
        part.replace(path)
        return True
    # Other content, or an older one that was continued: nothing of it can be used.
    part.unlink(missing_ok=True)
    return False


def _receive(client: httpx.Client, url: str, file: ModelFile, part: Path, on_progress: Progress | None) -> bool:
    """Append to `part` what the server sends, to its end. Returns False if the server refuses or sends too much."""
    done = _size(part)
    if done and done == file.size:
        return True
    # Compressed bytes could not be continued.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={done}-"} if done else {})
    with client.stream("GET", url, headers=headers) as response:
        match response.status_code:
            case httpx.codes.OK:
                done, size = 0, int(response.headers.get("content-length", 0))  # the server sends all of it
            case httpx.codes.PARTIAL_CONTENT:
                found = _WHOLE.match(response.headers.get("content-range", ""))
                size = int(found[1]) if found is not None else 0
            case httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                return True  # all of it had arrived, or something else, which the digest tells
            case _:
                return False
        with part.open("ab" if done else "wb") as out:
            for chunk in response.iter_bytes():
                done += len(chunk)
                if file.size is not None and done > file.size:
                    return False
                out.write(chunk)
                if on_progress is not None:
                    on_progress(done, size)
    return True


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
