"""What a token of a running answer costs in the server: the calls of its functions, from the model to the device."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final

import trio

import server
from tests.model_server import Step, Wait, text, text_stream
from tests.server.conversation import first_text
from tests.server.tessera import open_tessera

_ROOT: Final = Path(server.__file__).parents[1]
# The device, which reads the frames in the same process, uses the other modules of streaming.wire.
_SERVER: Final = tuple(
    f"{_ROOT}/{place}" for place in ("server/", "streaming/", "agents/", "parser/", "streaming/wire/stream_text.py")
)
_DEVICE: Final = f"{_ROOT}/streaming/wire/"
_BEFORE: Final = 16
"""Tokens before the measured ones: then the answer is in its middle, and no token has the work of its beginning."""
_MEASURED: Final = 16
_AFTER: Final = 4


async def test_a_token_takes_few_calls(database: str) -> None:
    calls: Counter[CodeType] = Counter()

    def profile(frame: FrameType, event: str, _: Any) -> None:
        if event == "call":
            calls[frame.f_code] += 1

    turns = [trio.Event() for _ in range(_BEFORE + _MEASURED + _AFTER)]
    async with open_tessera(database) as tessera, tessera.device() as device:
        steps: list[Step] = [*text('[{"type":"text","content":"Good')]
        for turn in turns:
            steps += [Wait(turn), *text(" day")]
        tessera.script(lambda _: [*steps, *text_stream('"}]')])
        answer = await device.home("hello")
        await first_text(answer)
        for turn in turns[:_BEFORE]:
            turn.set()
            await first_text(answer)
        sys.setprofile(profile)
        try:
            for turn in turns[_BEFORE:-_AFTER]:
                turn.set()
                await first_text(answer)
        finally:
            sys.setprofile(None)
        for turn in turns[-_AFTER:]:
            turn.set()
        assert (await answer.finish()).status == "completed"
    per_token = {
        f"{code.co_filename.removeprefix(f'{_ROOT}/')} {code.co_qualname}": count / _MEASURED
        for code, count in calls.items()
        if code.co_filename.startswith(_SERVER)
        and (not code.co_filename.startswith(_DEVICE) or code.co_filename == _SERVER[-1])
    }
    assert per_token["server/sessions/request_log.py RequestLog.append"] == 1, per_token
    # A coroutine that goes on after a wait counts as called: ten of these are the request's, around its model call.
    assert sum(per_token.values()) < 46, per_token
