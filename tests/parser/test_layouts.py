"""Cards, lists of keys and values, paragraphs, and answers with sources: a person reads all of them, and no JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parser import TextDelta
from parser.vocabulary import HEADING_KEYS, LIST_KEYS, MACHINE_KEYS, PART_KEYS, SOURCE_KEYS, TEXT_KEYS
from tests.parser.feeds import parse
from tests.parser.shown import TABLE_CELLS, seen

HI = '{"type":"text","content":"Hi"}'

CASES: dict[str, tuple[str, list[Any] | None]] = {
    # paragraphs and sections
    "paragraphs": ('{"paragraphs":["First.","Second."]}', ["First.", "Second."]),
    "paragraphs as objects": (
        '{"paragraphs":[{"text":"First."},{"type":"note","text":"Second."}]}',
        ["First.", "Second."],
    ),
    "paragraphs with a title": ('{"title":"Plan","paragraphs":["Go."]}', ["## Plan", "Go."]),
    "paragraphs in an array": ('[{"paragraphs":["First."]},{"paragraphs":["Second."]}]', ["First.", "Second."]),
    "paragraphs that are blocks": (
        f'{{"paragraphs":[{HI},{TABLE_CELLS}[["1","2"]]}}]}}',
        ["Hi", {"headers": ["a", "b"], "rows": [["1", "2"]], "type": "table"}],
    ),
    "sections": (
        '{"sections":[{"heading":"A","paragraphs":["One."]},{"title":"B","content":"Two."}]}',
        ["## A", "One.", "## B", "Two."],
    ),
    "no paragraphs": ('{"paragraphs":[]}', []),
    "paragraphs of numbers": ('{"paragraphs":[1,2]}', ['{"paragraphs":[1,2]}']),
    # cards
    "card": (
        '{"type":"card","title":"Rent","body":"Due Friday","amount":900.50}',
        ["## Rent\n\nDue Friday\n\namount: 900.50"],
    ),
    "card with content": ('[{"type":"Card","title":"Rent","content":"Due Friday."}]', ["## Rent\n\nDue Friday."]),
    "card with fields": (
        '{"type":"card","title":"Rent","fields":[{"label":"Due","value":"Friday"},{"name":"Sum","value":900}],"paid":true}',
        ["## Rent\n\n- Due: Friday\n- Sum: 900\n\npaid: true"],
    ),
    "card with objects": (
        '{"type":"card","title":"Rent","data":{"Due":"Friday","Sum":900},"owner":{"name":"Ann","floor":2}}',
        ["## Rent\n\n- Due: Friday\n- Sum: 900\n\nowner:\n- Ann\n- floor: 2"],
    ),
    "card with lists": (
        '{"type":"card","heading":"Rent","items":["Pay","Ask"],"tags":["home","money"],"style":"wide","id":"c1"}',
        ["## Rent\n\n- Pay\n- Ask\n\ntags:\n- home\n- money"],
    ),
    "cards in a wrapper": (
        '{"blocks":[{"type":"card","title":"A","fields":[{"label":"x","value":1}]},'
        + HI
        + ',{"type":"card","title":"B","n":2}]}',
        ["## A\n\nx: 1", "Hi", "## B\n\nn: 2"],
    ),
    "two cards": (
        '[{"type":"card","title":"A","n":1},{"type":"card","title":"B","n":2}]',
        ["## A\n\nn: 1", "## B\n\nn: 2"],
    ),
    "cards in a list": (
        '{"type":"cards","items":[{"title":"A","n":1},{"title":"B","n":2}]}',
        ["- A (n: 1)\n- B (n: 2)"],
    ),
    "card after prose": ('So:\n{"type":"card","title":"Rent","n":1}\nBye.', ["So:\n", "## Rent\n\nn: 1", "Bye."]),
    "card that is cut": ('{"type":"card","title":"Rent","body":"Due Fri', ["## Rent\n\nDue Fri"]),
    "card with a trailing comma": ('{"type":"card","title":"Rent","n":1,}', ["## Rent\n\nn: 1"]),
    "card in a fence": ('```json\n{"type":"card","title":"Rent","n":1}\n```', ["## Rent\n\nn: 1"]),
    "card of a bank": (
        'It takes {"type":"card","number":"4242"} here.',
        ['It takes {"type":"card","number":"4242"} here.'],
    ),
    "card of items": (
        '{"type":"card","title":"Rent","entity":"task","ids":["t1"]}',
        [{"type": "entity_ref", "entity": "task", "ids": ["t1"]}, "Rent"],
    ),
    # keys and values
    "key and value": ('{"type":"key_value","key":"Due","value":"Friday"}', ["Due: Friday"]),
    "key and value, more": ('{"type":"key_value","key":"Sum","value":900,"note":"Pay it."}', ["Sum: 900\n\nPay it."]),
    "keys and values": (
        '{"type":"key_value","items":[{"key":"Due","value":"Friday"},{"key":"Sum","value":900.10}]}',
        ["- Due: Friday\n- Sum: 900.10"],
    ),
    "keys and values in an object": (
        '{"type":"key-value","data":{"Due":"Friday","Sum":900}}',
        ["- Due: Friday\n- Sum: 900"],
    ),
    "keys and values in rows": (
        '{"type":"key_value","rows":[["Due","Friday"],["Sum",900]]}',
        ["- Due: Friday\n- Sum: 900"],
    ),
    "keys and values with a title": (
        '[{"type":"key_value","title":"Rent","pairs":[{"key":"Due","value":"Friday"}]}]',
        ["## Rent\n\nDue: Friday"],
    ),
    "keys and values in a list": ('{"type":"list","items":[{"key":"Due","value":"Friday"}]}', ["Due: Friday"]),
    "a number with its label": ('{"type":"stat","label":"Open tasks","value":5}', ["## Open tasks\n\n5"]),
    # a text under another key
    "another key": ('{"type":"text","msg":"Hello there"}', ["Hello there"]),
    "another key, one word": ('[{"type":"text","txt":"Hello","id":"x"}]', ["Hello"]),
    "other keys": ('{"type":"text","data":"Hello there.","due":"Friday"}', ["Hello there.\n\ndue: Friday"]),
    "another key with a list": (
        '{"type":"text","contents":["Buy the milk.","Walk."]}',
        ["contents:\n- Buy the milk.\n- Walk."],
    ),
    "a field of a form": (
        '{"type":"text","name":"user","size":20,"rows":1}',
        ['{"type":"text","name":"user","size":20,"rows":1}'],
    ),
    "a field of a form in prose": ('Send {"type":"text","label2":"Your name"} then.', None),
    # objects and lists next to a text
    "a list of objects with prose": (
        '{"type":"text","content":"Do this:","steps":[{"step":1,"do":"Boil the water."},{"step":2,"do":"Add salt."}]}',
        ["Do this:", "steps:\n- step: 1, do: Boil the water.\n- step: 2, do: Add salt."],
    ),
    "an object with prose": (
        '[{"type":"callout","text":"Look:","owner":{"name":"Ann","says":"I pay it."}},{"type":"text","content":"b"}]',
        ["Look:", "owner:\n- Ann\n- says: I pay it.", "b"],
    ),
    "an object with prose before the text": (
        '{"type":"text","facts":{"due":"on Friday","box":{"top":1}},"content":"Pay."}',
        ["- due: on Friday\n- box: top: 1\n\nPay."],
    ),
    "objects without prose": ('{"type":"text","content":"a","box":{"top":3},"y":[1,[2]],"z":{"id":"a b c"}}', ["a"]),
    "a list with prose next to blocks": (
        '{"blocks":[["Read this first."],{"type":"text","content":"Hi"}],"rest":[{"say":"Then that one."}]}',
        ["Read this first.", "Hi", "rest:\n- say: Then that one."],
    ),
    "a heading that is a list": (
        '{"header":[["a b"]],"title":"T","body":"c"}',
        ['{"header":[["a b"]],"title":"T","body":"c"}'],
    ),
    # an answer with other members
    "sources": (
        '{"answer":"You have two.","sources":["Note A","Note B"]}',
        ["You have two.", "sources:\n- Note A\n- Note B"],
    ),
    "sources as objects": (
        '{"answer":"You have two.","sources":[{"title":"A","url":"https://a.b"},{"title":"B"}]}',
        ["You have two.", "sources:\n- A: https://a.b\n- B"],
    ),
    "one source, before": ('{"sources":["n1"],"response":"You have two."}', ["sources:\n- n1", "You have two."]),
    "no sources": ('{"answer":"You have two.","sources":[],"confidence":0.9}', ["You have two."]),
    "sources without an answer": ('{"answer":null,"sources":[]}', []),
    "sources after a text": (
        '[{"type":"text","content":"You have two.","sources":[{"title":"A"},{"title":"B"}]}]',
        ["You have two.", "sources:\n- A\n- B"],
    ),
    "sources after blocks": (f'{{"answer":[{HI}],"sources":[{{"title":"A"}}]}}', ["Hi", "sources:\n- A"]),
    "sources that are cut": (
        '{"answer":"You have two.","sources":["Note A","No',
        ["You have two.", "sources:\n- Note A\n- No"],
    ),
    "suggestions": (
        '{"message":"You have two.","follow_ups":["Show them?"]}',
        ["You have two.", "follow_ups:\n- Show them?"],
    ),
    "a question and members": (
        '{"question":"How many?","answer":"You have two.","ok":true,"steps":[{"n":1}],"sum":4.50}',
        ["How many?", "You have two.", "ok: true", "steps:\n- n: 1", "sum: 4.50"],
    ),
    "an error of a server": ('{"message":"Not found","code":404}', ['{"message":"Not found","code":404}']),
    "a word is no answer": ('{"answer":"B","options":["A","B"]}', ['{"answer":"B","options":["A","B"]}']),
    "an answer in prose": ('It sends {"answer":"Not found","sources":[]} then.', None),
}


@pytest.mark.parametrize("name", CASES)
def test_case(name: str) -> None:
    source, expected = CASES[name]
    assert seen(source) == ([source] if expected is None else expected)


KEYS = sorted(
    {*TEXT_KEYS, *SOURCE_KEYS, *PART_KEYS, *HEADING_KEYS, *LIST_KEYS, "amount", "steps", "name"} - MACHINE_KEYS
)
TYPES = ("text", "card", "key_value", "list", "callout", "stat", "section", "paragraph", "info", "foreign")


def values(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    members = st.dictionaries(st.sampled_from(KEYS), inner, min_size=1, max_size=3)
    typed = st.tuples(st.sampled_from(TYPES), members).map(lambda made: {"type": made[0], **made[1]})
    return st.lists(inner, min_size=1, max_size=3) | members | typed


LEAVES = st.integers(1, 10**6).map("It says {}.".format) | st.integers(1, 10**6)
OBJECTS = st.recursive(LEAVES, values, max_leaves=12).filter(lambda value: isinstance(value, dict))


def prose_in(value: Any) -> Iterator[str]:
    """The sentences in a value, without the names of types."""
    if isinstance(value, dict):
        for item in value.values():
            yield from prose_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from prose_in(item)
    elif isinstance(value, str) and value.startswith("It says"):
        yield value


@given(OBJECTS, OBJECTS, st.sampled_from(["%s", "[%s,%s]", '{"blocks":[%s,%s]}', '{"answer":"It says 0.","x":%s}']))
def test_no_prose_in_an_object_is_lost(first: Any, second: Any, form: str) -> None:
    source = form.replace("%s", json.dumps(first), 1).replace("%s", json.dumps(second))
    shown = "".join(event.text for event in parse(source) if isinstance(event, TextDelta))
    assert [text for text in prose_in(json.loads(source)) if text not in shown] == []
