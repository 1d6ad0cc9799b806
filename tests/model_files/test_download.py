"""Downloads from a real HTTP server that breaks connections, knows ranges or not, and has other content."""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from model_files import ModelFile, cause_of, download, has_content, progress_bar

CONTENT = bytes(range(256)) * 400
FILE = ModelFile("model.gguf", hashlib.sha256(CONTENT).hexdigest())
SIZED = ModelFile("model.gguf", FILE.sha256, len(CONTENT))


class Hub:
    """Serves `content`. The first `breaks` responses end after `broken_at` bytes. `asked` are the Range headers.

    The first `failures` responses have the status `fails`, if it is given, whatever is asked for.
    """

    def __init__(
        self,
        content: bytes = CONTENT,
        *,
        breaks: int = 0,
        ranges: bool = True,
        status: int = 200,
        fails: int | None = None,
        failures: int = 99,
    ) -> None:
        self.content, self.breaks, self.ranges, self.status = content, breaks, ranges, status
        self.fails, self.failures = fails, failures
        self.broken_at = len(content) // 3
        self.asked: list[str | None] = []
        self.url = ""


@contextmanager
def running(hub: Hub) -> Iterator[Hub]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            hub.asked.append(wanted)
            if hub.fails is not None and len(hub.asked) <= hub.failures:
                self.send_response(hub.fails)
                self.end_headers()
                return
            start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and hub.ranges else 0
            if start >= len(hub.content):
                self.send_response(416)
                self.end_headers()
                return
            self.send_response(206 if start else hub.status)
            self.send_header("Content-Length", str(len(hub.content) - start))
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(hub.content) - 1}/{len(hub.content)}")
            self.end_headers()
            rest = hub.content[start:]
            if hub.breaks:
                hub.breaks -= 1
                rest = rest[: hub.broken_at]
            self.wfile.write(rest)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the base class
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_address[1]}/model.gguf"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("file", [FILE, SIZED], ids=["digest", "digest and size"])
@pytest.mark.parametrize("breaks", [0, 2])
def test_a_broken_download_goes_on_where_it_broke(tmp_path: Path, file: ModelFile, breaks: int) -> None:
    seen: list[tuple[int, int]] = []
    with running(Hub(breaks=breaks)) as hub:
        done = download(hub.url, file, tmp_path / "m", connect_s=5, on_progress=lambda *progress: seen.append(progress))
        assert done
    third = len(CONTENT) // 3
    assert hub.asked == [None, f"bytes={third}-", f"bytes={2 * third}-"][: breaks + 1]
    assert (tmp_path / "m").read_bytes() == CONTENT
    assert files(tmp_path) == ["m"]
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_a_later_call_goes_on_too(tmp_path: Path) -> None:
    with running(Hub(breaks=1)) as hub:
        with pytest.raises(httpx.HTTPError):
            download(hub.url, FILE, tmp_path / "m", connect_s=5, attempts=1)
        assert files(tmp_path) == ["m.part"]
        assert download(hub.url, FILE, tmp_path / "m", connect_s=5)
    assert hub.asked[1] == f"bytes={len(CONTENT) // 3}-"
    assert has_content(FILE, tmp_path / "m")


def test_a_server_without_ranges_sends_all_again(tmp_path: Path) -> None:
    with running(Hub(breaks=1, ranges=False)) as hub:
        assert download(hub.url, FILE, tmp_path / "m", connect_s=5)
    assert has_content(FILE, tmp_path / "m")


def test_a_whole_part_is_only_checked(tmp_path: Path) -> None:
    (tmp_path / "m.part").write_bytes(CONTENT)
    with running(Hub()) as hub:
        assert download(hub.url, FILE, tmp_path / "m", connect_s=5)
    assert files(tmp_path) == ["m"]


@pytest.mark.parametrize(
    ("hub", "part"),
    [
        (Hub(CONTENT[:-1] + b"!"), b""),
        (Hub(CONTENT + b"!"), b""),
        (Hub(status=404), b""),
        (Hub(b"short"), CONTENT[:1000]),
    ],
    ids=["other content", "too long", "not there", "a range beyond the end"],
)
@pytest.mark.parametrize("file", [FILE, SIZED], ids=["digest", "digest and size"])
def test_other_content_is_refused_and_not_kept(tmp_path: Path, hub: Hub, part: bytes, file: ModelFile) -> None:
    if part:
        (tmp_path / "m.part").write_bytes(part)
    with running(hub):
        assert not download(hub.url, file, tmp_path / "m", connect_s=5)
    assert files(tmp_path) == []


@pytest.mark.parametrize("file", [FILE, SIZED], ids=["digest", "digest and size"])
def test_a_part_that_the_rest_does_not_fit_is_downloaded_again(tmp_path: Path, file: ModelFile) -> None:
    (tmp_path / "m.part").write_bytes(b"another file")
    with running(Hub()) as hub:
        assert download(hub.url, file, tmp_path / "m", connect_s=5)
    assert hub.asked == ["bytes=12-", None]
    assert files(tmp_path) == ["m"]


@pytest.mark.parametrize("status", [403, 404, 429, 500, 503])
def test_a_part_survives_a_hub_that_refuses_or_fails(tmp_path: Path, status: int) -> None:
    (tmp_path / "m.part").write_bytes(CONTENT[:1000])
    with running(Hub(fails=status)) as hub:
        if status in (403, 404):
            assert not download(hub.url, FILE, tmp_path / "m", connect_s=5)
        else:
            with pytest.raises(httpx.HTTPStatusError) as caught:
                download(hub.url, FILE, tmp_path / "m", connect_s=5, attempts=2)
            assert cause_of(caught.value) == f"HTTP {status}"
            assert len(hub.asked) == 2
    assert (tmp_path / "m.part").read_bytes() == CONTENT[:1000]


def test_a_hub_that_fails_once_is_asked_again(tmp_path: Path) -> None:
    (tmp_path / "m.part").write_bytes(CONTENT[:1000])
    with running(Hub(fails=503, failures=1)) as hub:
        assert download(hub.url, FILE, tmp_path / "m", connect_s=5)
    assert hub.asked == ["bytes=1000-", "bytes=1000-"]


def test_a_hub_out_of_reach_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(httpx.HTTPError):
        download("http://127.0.0.1:9/m", FILE, tmp_path / "m", connect_s=1, attempts=2)


def test_a_log_gets_a_line_for_each_tenth() -> None:
    out = io.StringIO()
    show = progress_bar("m", out)
    for done in range(0, 101, 5):
        show(done * 10_000, 1_000_000)
    assert out.getvalue().splitlines() == [f"m: {tenth * 10}% of 1 MB" for tenth in range(11)]


def test_a_terminal_gets_a_bar() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    out = Terminal()
    show = progress_bar("m", out)
    show(1_000_000, 1_000_000)
    show(1, 0)
    assert out.getvalue() == f"\rm [{'#' * 30}] 100% of 1 MB\n"
