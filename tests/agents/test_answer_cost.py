"""Searching a usual answer for written calls and for claims takes few calls of Python functions."""

from __future__ import annotations

from agents.claims import claims_change
from agents.written_calls import WrittenCalls
from tests.python_calls import counted

TOOLS = ("create_task", "list_tasks", "update_task", "delete_task", "get_note")
SENTENCE = 'Compound interest is interest on the interest, \\"too\\": it grows faster each year.\\n'
BLOCK = '{"type":"text","content":"' + 9 * SENTENCE + '"}'


def test_the_search_for_written_calls() -> None:
    answer = f"[{BLOCK},{BLOCK}]"
    with counted() as calls:
        search = WrittenCalls(TOOLS, ("How does interest work?",), changing=TOOLS[:1])
        shown = search.feed(answer) + search.close()
    assert shown == answer
    assert calls[0] <= 110


def test_the_search_for_claims() -> None:
    with counted() as calls:
        assert not claims_change(f"[{BLOCK}]", ["Pay the rent"], asked=True)
    assert calls[0] <= 15
