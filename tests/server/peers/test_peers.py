"""Queries between workers; a worker that is down or slow is reported as silent after a second."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import trio
from structlog.testing import capture_logs

from server.peers.peers import Peers
from tests.database import temporary_directory


async def test_any_worker_answers_for_all() -> None:
    with temporary_directory() as folder:
        peers = [Peers(folder, number, 3, {"name": f"worker {number}".encode}) for number in (1, 2, 3)]
        async with trio.open_nursery() as nursery:
            for one in peers[:2]:
                await nursery.start(one.serve)
            for one in peers[:2]:
                assert await one.ask("name") == {1: b"worker 1", 2: b"worker 2", 3: None}
            nursery.cancel_scope.cancel()


async def test_a_restarted_worker_answers_again() -> None:
    with temporary_directory() as folder:
        asker = Peers(folder, 1, 2, {"name": lambda: b"asker"})
        for name in (b"first", b"second"):
            async with trio.open_nursery() as nursery:
                await nursery.start(Peers(folder, 2, 2, {"name": partial(bytes, name)}).serve)
                assert (await asker.ask("name"))[2] == name
                nursery.cancel_scope.cancel()
        assert (await asker.ask("name"))[2] is None


async def test_an_unknown_query_and_a_silent_client_affect_no_one() -> None:
    with temporary_directory() as folder:
        async with trio.open_nursery() as nursery:
            await nursery.start(Peers(folder, 1, 2, {"name": lambda: b"one"}).serve)
            async with await trio.open_unix_socket(str(Path(folder) / "worker-1.sock")) as stream:
                await stream.send_all(b"no such question\n")
                assert await stream.receive_some() == b""
            async with await trio.open_unix_socket(str(Path(folder) / "worker-1.sock")):
                other = Peers(folder, 2, 2, {"name": lambda: b"two"})
                assert await other.ask("name") == {1: b"one", 2: b"two"}
            nursery.cancel_scope.cancel()


async def test_a_fault_in_an_answer_ends_no_worker() -> None:
    def broken() -> bytes:
        raise RuntimeError("a bug in a collector")

    with temporary_directory() as folder:
        async with trio.open_nursery() as nursery:
            await nursery.start(Peers(folder, 1, 2, {"metrics": broken, "name": lambda: b"one"}).serve)
            other = Peers(folder, 2, 2, {"metrics": lambda: b"two", "name": lambda: b"two"})
            with capture_logs() as logs:
                assert await other.ask("metrics") == {1: None, 2: b"two"}
            assert [line["event"] for line in logs] == ["worker_query_failed"]
            assert await other.ask("name") == {1: b"one", 2: b"two"}
            nursery.cancel_scope.cancel()
