"""The terminal client's device passes the conformance kit."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from client.conformance import Case, Endpoint, load_cases
from tests.client.conformance.terminal import CAN, run_adapter

CASES = [case for case in load_cases() if set(case.needs) <= set(CAN)]


async def played(case: Case, folder: Path, patience_s: float = 30) -> tuple[str, str]:
    """Play `case` with the terminal client's device. Returns the outcome and the problem."""
    async with trio.open_nursery() as nursery:
        url = await nursery.start(Endpoint([case], patience_s=patience_s).serve)
        [verdict] = await run_adapter(url, folder)
        nursery.cancel_scope.cancel()
    return verdict["outcome"], verdict["problem"]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
async def test_the_terminal_client_conforms(case: Case, tmp_path: Path) -> None:
    assert await played(case, tmp_path) == ("passed", "")
