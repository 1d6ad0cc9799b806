"""Recordings of model streams: incremental, readable by the parser's replay, private, no effect on answers."""

from __future__ import annotations

import io
import stat
from pathlib import Path

import structlog
import trio

from parser.__main__ import main as parser_main
from parser.recording import read_recording
from streaming.chat import ChatRequest, ContentDelta, Message
from streaming.model.chat_model import ChatModel, ModelConfig, open_http_client
from streaming.model.recorder import RecordedModel
from tests.model_server import open_model_server, text_stream

REQUEST = ChatRequest((Message("user", "hello"),))
TOKENS = ('[{"type":"text","content":"Good ', "mor", 'ning"}]')


async def ask(folder: Path, *, contents: bool) -> str:
    async with trio.open_nursery() as nursery, open_model_server(nursery) as server, open_http_client() as client:
        server.reply(text_stream(*TOKENS))
        model = RecordedModel(ChatModel(client, ModelConfig(name="m", url=server.url)), folder, contents=contents)
        async with model.stream(REQUEST) as batches:
            said = [delta.text async for batch in batches for delta in batch if isinstance(delta, ContentDelta)]
    return "".join(said)


def only_file(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


async def test_a_recording_replays_through_the_parser(tmp_path: Path) -> None:
    folder = tmp_path / "made" / "on demand"
    assert await ask(folder, contents=True) == "".join(TOKENS)
    path = only_file(folder)
    with path.open() as lines:
        header, chunks = read_recording(lines)
        assert header.contents
        assert "".join(chunk.text or "" for chunk in chunks) == "".join(TOKENS)
    out = io.StringIO()
    assert parser_main(["replay", str(path)], io.StringIO(), out) == 0
    assert '"BlockOpened"' in out.getvalue()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


async def test_without_the_opt_in_only_times_and_sizes_are_kept(tmp_path: Path) -> None:
    await ask(tmp_path, contents=False)
    path = only_file(tmp_path)
    assert "Good" not in path.read_text()
    with path.open() as lines:
        header, chunks = read_recording(lines)
        assert not header.contents
        assert sum(chunk.size for chunk in chunks) == len("".join(TOKENS))


async def test_a_disk_error_ends_the_recording_but_not_the_answer(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with structlog.testing.capture_logs() as logs:
        assert await ask(tmp_path / "file", contents=True) == "".join(TOKENS)
    assert [entry["event"] for entry in logs] == ["recording_failed"]
