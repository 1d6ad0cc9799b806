"""What a person sees of the members next to a text or of a block: titles, notes, values under unknown keys."""

from __future__ import annotations

import json
from typing import Any

import pytest

from parser import BlockType
from parser.vocabulary import TYPE_SYNONYMS
from tests.parser.feeds import parse
from tests.parser.shown import CHART, CHART_HEAD, TABLE, N, seen

CASES: dict[str, tuple[str, list[Any]]] = {
    # the other members of a text
    "title before": ('[{"type":"text","title":"Plan","content":"Go."}]', ["## Plan\n\nGo."]),
    "title after": ('[{"type":"text","content":"Go.","title":"Plan"}]', ["Go.", "Plan"]),
    "title before, type last": ('[{"title":"Plan","content":"Go.","type":"text"}]', ["## Plan\n\nGo."]),
    "title as an object": ('[{"title":{"text":"Plan"},"content":"Go.","type":"text"}]', ["Go.", "Plan"]),
    "title of a list": ('[{"type":"list","title":"Plan","items":["a","b"]}]', ["## Plan\n\n- a\n- b"]),
    "title alone": ('[{"type":"text","title":"Plan"},{"type":"text","content":"Go."}]', ["## Plan", "Go."]),
    "title and a raw line break": ('[{"type":"text","title":"A\nplan","content":"Go"}]', ["## A plan\n\nGo"]),
    "title in single quotes": ("[{'type':'text','title':'Plan','content':'Go.'}]", ["## Plan\n\nGo."]),
    "title of a wrapper": ('{"title":"Plan","answer":"Go."}', ["## Plan", "Go."]),
    "title of a wrapper of blocks": (
        '{"title":"Plan","blocks":[{"type":"text","content":"Go."}]}',
        ["## Plan", "Go."],
    ),
    "title of a section of blocks": (
        '[{"type":"section","title":"Plan","blocks":[{"type":"text","content":"Go."}]}]',
        ["## Plan", "Go."],
    ),
    "title of a wrapper after its blocks": (
        '{"blocks":[{"type":"text","content":"Go."}],"title":"Plan"}',
        ["Go.", "Plan"],
    ),
    "prose before": ('[{"type":"quote","author":"Ann","text":"Hi"}]', ["Ann\n\nHi"]),
    "prose after": (
        '[{"type":"text","content":"a","note":"b","footer":"c"},{"type":"text","content":"d"}]',
        ["a", "b", "c", "d"],
    ),
    "prose under an unknown key": (
        '[{"type":"text","content":"a","aside":"Pay it today."},{"type":"text","content":"b"}]',
        ["a", "Pay it today.", "b"],
    ),
    "prose in another script": ('[{"type":"text","content":"a","x":"今天付房租"}]', ["a", "今天付房租"]),
    "a list after a text": ('[{"type":"text","content":"Do:","items":["a",{"text":"b"}]}]', ["Do:", "- a\n- b"]),
    "a list before a text": ('[{"type":"text","items":["a","b"],"content":"c"}]', ["- a\n- b\n\nc"]),
    "a number after a text": ('[{"type":"text","content":"Total:","value":42.10}]', ["Total:", "42.10"]),
    "a text in an object after a text": ('{"type":"text","content":"a","note":{"text":"b"}}', ["a", "b"]),
    "a key that occurs again": ('{"type":"text","content":"a","note":"b","note":"c"}', ["a", "- b\n- c"]),
    "a key that occurs again, cut": ('{"type":"text","content":"a","note":"b","note":"', ["a", "b"]),
    "a content that occurs again": ('{"type":"text","content":"a","content":"b","content":"c"}', ["a", "- b\n- c"]),
    "no content but a description": ('{"type":"text","description":"Hi."}', ["Hi."]),
    "machine data": (
        (
            '[{"type":"text","id":"a b c","style":"very bold","content":"a","className":"mt two","version":"1","y":[1],'
            '"finish_reason":"stop","created":123,"bold":true,"box":{"top":3}}]'
        ),
        ["a"],
    ),
    "a value under an unknown key": (
        '{"type":"text","content":"You owe","amount":"$900"}',
        ["You owe", "amount: $900"],
    ),
    "a number under an unknown key": ('{"type":"text","content":"You owe","amount":9.50}', ["You owe", "amount: 9.50"]),
    "a value before the content": ('{"when":"Friday","type":"text","content":"Due"}', ["when: Friday\n\nDue"]),
    "several values under unknown keys": (
        '{"type":"text","content":"Due","when":"Friday","to":["Ann","Bob"],"id":"7","note":"Pay."}',
        ["Due", "- when: Friday\n- to: Ann; Bob", "Pay."],
    ),
    "a value after the blocks of a wrapper": (
        '{"blocks":[{"type":"text","content":"You owe"}],"amount":"900","version":"1"}',
        ["You owe", "amount: 900"],
    ),
    "a value before the blocks of a wrapper": (
        '{"status":"ok","amount":"900","blocks":[{"type":"text","content":"You owe"}]}',
        ["amount: 900", "You owe"],
    ),
    # the other members of a structured block
    "title and note of a table": (
        '[{"type":"table","title":"Costs","headers":["a"],"rows":[["x"]],"note":"In EUR."},{"type":"text","text":"b"}]',
        [TABLE | {"title": "Costs"}, "In EUR.", "b"],
    ),
    "source of a table": (
        '{"type":"table","headers":["a"],"rows":[["x"]],"source":"Eurostat"}',
        [TABLE, "Eurostat"],
    ),
    "an object that closes over an array, before a text": ('{"type":"text","x":{"a":[1},"content":"hi"}', ["hi"]),
    "machine data of a table": (
        '{"type":"table","id":"a b","headers":["a"],"rows":[["x"]],"style":"very wide"}',
        [TABLE],
    ),
    "title of a table that needs a repair": (
        '{"type":"table","columns":["a"],"title":"Costs","rows":[["x"],]}',
        [TABLE | {"title": "Costs"}],
    ),
    "title of a table without a type": (
        '{"title":"Costs","headers":["a"],"rows":[["x"]]}',
        [TABLE | {"title": "Costs"}],
    ),
    "title of a table in Markdown": (
        '{"type":"table","headers":["a"],"rows":[["x"]],"title":" ## **Costs**\\n a day"}',
        [TABLE | {"title": "**Costs** a day"}],
    ),
    "bold title of a table": (
        '{"type":"table","headers":["a"],"rows":[["x"]],"title":"### **Costs**"}',
        [TABLE | {"title": "Costs"}],
    ),
    "caption instead of the title of a table": (
        '{"type":"table","caption":"Costs","headers":["a"],"rows":[["x"]]}',
        [TABLE | {"title": "Costs"}],
    ),
    "caption in addition to the title of a table": (
        '{"type":"table","caption":"Per day.","title":"Costs","headers":["a"],"rows":[["x"]]}',
        [TABLE | {"title": "Costs"}, "Per day."],
    ),
    "title and note of a table in other letter cases": (
        '{"type":"table","Title":"Costs","NOTE":"Estimated","headers":["a"],"rows":[["x"]]}',
        [TABLE | {"title": "Costs"}, "Estimated"],
    ),
    "a title of a table that is a number": (
        '{"type":"table","title":2026,"headers":["a"],"rows":[["x"]]}',
        [TABLE, "2026"],
    ),
    "a title of a table that is a paragraph": (
        '{"type":"table","title":"' + "word " * 50 + '","headers":["a"],"rows":[["x"]]}',
        [TABLE, "word " * 50],
    ),
    "an empty title of a table": ('{"type":"table","title":" ","headers":["a"],"rows":[["x"]]}', [TABLE]),
    "a name of a table for the machine": (
        '{"type":"table","name":"costs_1","columns":["a"],"rows":[["x"]]}',
        [TABLE],
    ),
    "a name of a table for the person": (
        '{"type":"table","name":"Costs a day","headers":["a"],"rows":[["x"]]}',
        [TABLE | {"title": "Costs a day"}],
    ),
    "title of a value-bound table": (
        '{"type":"table","title":"Open","from":{"entity":"task","columns":["title"]}}',
        [{"type": "table", "source": {"entity": "task", "columns": ["title"]}, "title": "Open"}],
    ),
    "description of a chart": (
        CHART_HEAD + '"description":"Per day.","data":[{"s":"a","n":3}],' + N + "}",
        [CHART, "Per day."],
    ),
    "prose under an unknown key of a chart": (
        CHART_HEAD + '"xKey":"s","insight":"Hours go up.","data":[{"s":"a","n":3}],' + N + "}",
        [CHART, "Hours go up."],
    ),
    "name instead of the title of a chart": (
        CHART_HEAD.replace('"title"', '"name"') + '"data":[{"s":"a","n":3}],' + N + "}",
        [CHART],
    ),
    "caption in addition to the title of a chart": (
        CHART_HEAD + '"caption":"Per day.","data":[{"s":"a","n":3}],' + N + "}",
        [CHART, "Per day."],
    ),
    "title of a timeline": (
        '{"type":"timeline","title":"Plan","checkpoints":[{"id":"1","title":"A","date":1}]}',
        [{"type": "timeline", "checkpoints": [{"id": "1", "title": "A", "date": 1}]}, "Plan"],
    ),
    "title of a reference": (
        '{"type":"entity_ref","entity":"task","ids":["1"],"title":"Yours"}',
        [{"type": "entity_ref", "entity": "task", "ids": ["1"]}, "Yours"],
    ),
    # members that the answer's end cut
    "a cut key with a bracket is text": ('[{"type":"text","content":"a"," {b', ['a"," {b']),
    "a cut key with a bracket after a member is text": (
        '[{"type":"text","content":"a","note":"b"," {c',
        ['a","note":"b"," {c'],
    ),
    "a cut key": ('[{"type":"text","content":"a","note":', ["a"]),
}


@pytest.mark.parametrize("name", CASES)
def test_case(name: str) -> None:
    source, expected = CASES[name]
    assert seen(source) == expected


@pytest.mark.parametrize("name", [*TYPE_SYNONYMS, *(kind.value.title() for kind in BlockType)])
def test_a_type_by_another_name_with_a_member_that_has_no_place(name: str) -> None:
    """The strict reading of a token of braces does not know the type."""
    block = {"type": name, "data": [{"s": "a", "n": 3}], "rows": [["a"]], "entity": "task", "checkpoints": []}
    assert parse(json.dumps({**block, "wide": True})) == parse([json.dumps({**block, "wide": True})])
