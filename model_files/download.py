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
_TEMPORARY: Final = frozenset({httpx.codes.REQUEST_TIMEOUT, httpx.codes.TOO_MANY_REQUESTS})
_SERVER_FAULT: Final = 500
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
    breaks or the server has a fault (HTTP 408, 429 and 5xx), the next attempt asks only for the rest, also in a later
    call. If the rest does not fit the part, the download begins again once. Raises httpx's errors if `attempts` in
    succession bring nothing new, and `OSError`.
    """
    part = path.with_name(f"{path.name}.part")
    part.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    timeout = httpx.Timeout(_READ_TIMEOUT_S, connect=connect_s)
    failed, had_at_first = 0, _size(part)
    with httpx.Client(timeout=timeout, follow_redirects=True) as client:
        while True:
            had = _size(part)
            try:
                has_it = _receive(client, url, file, part, on_progress)
            except httpx.HTTPError:
                failed = 1 if _size(part) > had else failed + 1
                if failed >= attempts:
                    raise
                continue
            if has_it is None:
                return False  # the part stays: it may be continued from elsewhere
            if has_it and has_content(file, part):
                part.replace(path)
                return True
            # Other content, or an older one that was continued: nothing of it can be used.
            part.unlink(missing_ok=True)
            if not had_at_first:
                return False
            had_at_first = 0


def _receive(client: httpx.Client, url: str, file: ModelFile, part: Path, on_progress: Progress | None) -> bool | None:
    """Append to `part` what the server sends, to its end. Returns False if it sends too much, None if it refuses."""
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
            case status if status in _TEMPORARY or status >= _SERVER_FAULT:
                raise httpx.HTTPStatusError(f"HTTP {status}", request=response.request, response=response)
            case _:
                return None
        with part.open("ab" if done else "wb") as out:
            for chunk in response.iter_bytes():
                done += len(chunk)
                if file.size is not None and done > file.size:
                    return False
                out.write(chunk)
                if on_progress is not None:
                    on_progress(done, size)
    return True


def cause_of(error: httpx.HTTPError) -> str:
    """The kind of a failure, without the address: `HTTP 503` or the name of httpx's error."""
    return f"HTTP {error.response.status_code}" if isinstance(error, httpx.HTTPStatusError) else type(error).__name__


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
