"""The kit notices wrong clients: each change of the terminal client's behaviour fails the case that is about it."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import pytest

from client.conformance import load_cases
from client.terminal import persistent_device, reconnection, requests
from client.terminal.journal import DeviceJournal
from client.terminal.persistent_device import PersistentDevice
from client.terminal.reconnection import Patience, Reconnection
from client.terminal.replay import Replay
from client.terminal.requests import Requests
from streaming.wire import WsDeviceHello, WsResume, WsStreamText
from tests.client.conformance import terminal
from tests.client.conformance.test_terminal import played

Patch = Callable[[pytest.MonkeyPatch], None]


def wrapped(owner: object, name: str, change: Callable[..., Any]) -> Patch:
    """Replace a method by `change(the method, its arguments)`."""

    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        original = getattr(owner, name)
        monkeypatch.setattr(owner, name, lambda *args, **fields: change(original, *args, **fields))

    return patch


def value(owner: object, name: str, new: object) -> Patch:
    return lambda monkeypatch: monkeypatch.setattr(owner, name, new)


async def nothing(*_: object) -> None:
    return


def appended(original: Callable[..., Any], replay: Replay, frame: WsStreamText) -> Any:
    return original(replay, frame.model_copy(update={"replace": None}))


def hello_with(**changes: object) -> Callable[..., WsDeviceHello]:
    return lambda original, *args: original(*args).model_copy(update=changes)


def skipped_frame(original: Callable[..., Any], device: PersistentDevice, token: str, resume: WsResume | None) -> Any:
    return original(device, token, resume and resume.model_copy(update={"seq": resume.seq + 1}))


def not_accepted(original: Callable[..., Any], device: PersistentDevice, call: Any) -> Any:
    return original(device, call.model_copy(update={"accepted": None}))


def answered_while_running(original: Callable[..., Any], device: PersistentDevice, frame: Any) -> Any:
    if frame.type == "tool_call" and frame.call_id in device._calls:
        assert device._nursery is not None
        device._nursery.start_soon(device._answer_call, frame)
    return original(device, frame)


def without_cancel(original: Callable[..., Any], device: PersistentDevice, frame: Any) -> Any:
    return None if frame.type == "tool_cancel" else original(device, frame)


def asked_again(_original: object, requests: Requests, asked: Any, *_: object, **__: object) -> Any:
    return [asked.frame]


def new_id(original: Callable[..., Any], device: PersistentDevice) -> Any:
    changes = device._journal.changes
    changes[:] = [change.model_copy(update={"mutation_id": uuid4()}) for change in changes]
    return original(device)


def unremembered(original: Callable[..., Any], requests: Requests, request_id: Any) -> Any:
    frames = original(requests, request_id)
    requests._asked[request_id].cancelled = False
    return frames


def fatal_unknown(original: Callable[..., Any], requests: Requests, frame: Any) -> Any:
    requests._asked[frame.request_id].watching = True
    return original(requests, frame)


def final_without_socket(original: Callable[..., Any], connection: Reconnection, failures: int, code: Any) -> Any:
    return original(connection, failures, code) if code is not None else math.inf


NO_CHANGE = hello_with(changes_after=None)

MUTANTS: Final[list[tuple[str, str, Patch]]] = [
    ("a replay is appended", "cut-all-blocks-02", wrapped(Replay, "_text", appended)),
    ("the session is not resumed", "resume-first-frame", wrapped(PersistentDevice, "_hello", hello_with(resume=None))),
    ("the cursor is one too far", "resume-cursor", wrapped(PersistentDevice, "_hello", skipped_frame)),
    ("a lost session is not watched", "lost-session", value(Requests, "connected", lambda *_: [])),
    ("a lost request is asked again", "lost-answer-unlisted", wrapped(Requests, "_reconcile", asked_again)),
    ("a request that never arrived counts as lost", "never-arrived", value(requests, "SEND_AGAIN_S", 0)),
    ("a cancel without a connection is forgotten", "cancel-while-away", wrapped(Requests, "cancel", unremembered)),
    ("a late cancel fails the answer", "cancel-too-late", wrapped(Requests, "refused", fatal_unknown)),
    ("a call is not written before it runs", "call-restart-not-accepted", value(DeviceJournal, "start", nothing)),
    ("a result is not kept", "call-result-lost", value(DeviceJournal, "finish", nothing)),
    ("a journaled call runs again", "call-restart-not-accepted", value(DeviceJournal, "knows", lambda *_: False)),
    ("an accepted call runs again", "call-journal-lost", wrapped(PersistentDevice, "_answer_call", not_accepted)),
    ("a running call is answered", "call-running", wrapped(PersistentDevice, "_dispatch", answered_while_running)),
    ("an acknowledged call stays", "call-acknowledged", value(DeviceJournal, "acknowledged", nothing)),
    ("a withdrawn question stays", "approval-withdrawn", wrapped(PersistentDevice, "_dispatch", without_cancel)),
    ("a change gets a new id", "change-cut", wrapped(PersistentDevice, "_send_changes", new_id)),
    ("a change overtakes another", "change-order", value(persistent_device, "_CHANGE_AGAIN_S", 0)),
    ("a change is applied twice", "change-twice", value(persistent_device, "_REMEMBERED_CHANGES", 0)),
    (
        "the last change is not named",
        "missed-sent",
        wrapped(PersistentDevice, "_hello", hello_with(changes_after=None)),
    ),
    ("a refused upgrade is final", "busy", wrapped(Reconnection, "_delay", final_without_socket)),
    ("the drain time is ignored", "draining", value(Reconnection, "_delay", lambda *_: 0)),
    ("a final close is retried", "close-4510", value(reconnection, "_FINAL", frozenset())),
    ("a refused token is sent again", "token-expired", value(reconnection, "_NEW_TOKEN", frozenset())),
    (
        "silence does not make the client leave",
        "half-open",
        value(terminal, "SOON_SILENT", Patience(silent_s=math.inf)),
    ),
]


@pytest.mark.parametrize(("case", "patch"), [mutant[1:] for mutant in MUTANTS], ids=[mutant[0] for mutant in MUTANTS])
async def test_a_wrong_client_fails(case: str, patch: Patch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    patch(monkeypatch)
    [about] = load_cases(names=[case])
    outcome, problem = await played(about, tmp_path, patience_s=1)
    assert outcome == "failed"
    assert problem.startswith("step ")
