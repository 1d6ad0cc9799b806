"""What models write as text and what a person must see: escapes, quotes, wrappers, samples."""

from __future__ import annotations

from typing import Any

import pytest

from tests.parser.shown import CHART, CHART_HEAD, TABLE, TABLE_CELLS, N, seen, text

CASES: dict[str, tuple[str, list[Any]]] = {
    # raw control characters
    "raw tab": (text("a\tb"), ["a\tb"]),
    "raw carriage return": (text("one\r\ntwo"), ["one\r\ntwo"]),
    "raw line break next to an escaped one": (text("one\n\\ntwo"), ["one\n\ntwo"]),
    "raw line break in a cell": (
        TABLE_CELLS + '[["x\ny","z"]]}',
        [{**TABLE, "headers": ["a", "b"], "rows": [["x\ny", "z"]]}],
    ),
    # unknown escapes
    "latex": (text(r"\(x\) is \alpha"), ["(x) is alpha"]),
    "markdown": (text(r"a \* b \_ c \# d"), ["a * b _ c # d"]),
    "half an escape": (text(r"\u00g0 and \u12"), ["u00g0 and u12"]),
    "windows path": (text(r"C:\Xdir"), ["C:Xdir"]),
    # quotes in the text
    "a quotation at the end": (text('He said "yes"'), ['He said "yes"']),
    "a quotation before a comma": (text('the "big", red one'), ['the "big", red one']),
    "a quotation in brackets": (text('see {"a"} and ["b"] here'), ['see {"a"} and ["b"] here']),
    "a quotation in braces, outside an array": (
        '{"type":"text","content":"the set {"a"} is fine"}',
        ['the set {"a"} is fine'],
    ),
    "a list of quotations": (text('"a", "b" and "c"'), ['"a", "b" and "c"']),
    "an inch": (text('a 5" nail, then'), ['a 5" nail, then']),
    "a quotation with a colon": (text('he wrote "note": read it'), ['he wrote "note": read it']),
    "a quotation, then a member": (
        '{"type":"text","content":"the "x" one","id":3}',
        ['the "x" one'],
    ),
    "a type and a wrong bracket in a wrapper": (
        '{"answer":"Use {"type":"text"] for it, please"}',
        ['{"answer":"Use {"type":"text"] for it, please"}'],
    ),
    "a type that the text goes on after": (
        '{"type":"text"] for it, please"}',
        ['{"type":"text"] for it, please"}'],
    ),
    "an id that takes the text": (
        '{"type":"text","id":"7] for it","content":{"text":"a"},}',
        ['{"type":"text","id":"7] for it","content":{"text":"a"},}'],
    ),
    "a number in a text that needs a repair": ('{"type":"text","content":1,}', ["1"]),
    "text in the head of a wrapper": (
        '{"message": {so{"blocks":[{"id":1,"type":"text","content":"a"}]}}}',
        ['{"message": {so{"blocks":[', "a"],
    ),
    "text between a title and the blocks": (
        '{"title":" {so", it{"blocks":[{"id":1,"type":"text","content":"a"}]}}',
        ['{"title":" {so", it{"blocks":[', "a"],
    ),
    "a text that a repair makes a type": (
        'So {"type":"text"] it" is [{"type":"text","content":"a',
        ["So ", '{"type":"text"] it" is [{"type":"text","content":"\n\na'],
    ),
    "words and blocks in one list": (
        '{"type":"list","items":["one",{"text":"two"},{"type":"text","content":"three"}]}',
        ["one", "two", "three"],
    ),
    "a word before the block of a wrapper": (
        'So {"message":\nit{"type":"text","content":"a"}}',
        ['So {"message":\nit', "a"],
    ),
    # before the type, and the type itself
    "a comment before the type": ('{/* t */"type":"table","headers":["a"],"rows":[["x"]]}', [TABLE]),
    "a comment line before the type": ('[{\n// t\n"type":"table","headers":["a"],"rows":[["x"]]}]', [TABLE]),
    "a comment before a text": ('[{/* a * b */"type":"text","content":"a"}]', ["a"]),
    "a slash in braces": ("{/path} is it", ["{/path} is it"]),
    "a type without quotes": ('{type:table,headers:["a"],rows:[["x"]]}', [TABLE]),
    "a text without quotes around its type": ('[{type: text, content: "a"}]', ["a"]),
    # no closing quote
    "the next block begins": (
        '[{"type":"text","content":"Hello},{"type":"table","headers":["a"],"rows":[["x"]]}]',
        ["Hello", TABLE],
    ),
    "the next block begins, and nothing closed": (
        '[{"type":"text","content":"Hello {"type":"text","content":"you"}]',
        ["Hello ", "you"],
    ),
    "the answer ends": ('[{"type":"text","content":"Hello}]', ["Hello"]),
    "the answer is cut": ('[{"type":"text","content":"Hello, wor', ["Hello, wor"]),
    "the answer is cut in braces": ('[{"type":"text","content":"use {x}', ["use {x}"]),
    "the answer is cut after a quote": ('[{"type":"text","content":"say "hi"', ['say "hi']),
    # an example in the text
    "a type alone": (text('He wrote {"type":"text"} in code'), ['He wrote {"type":"text"} in code']),
    "types alone, outside an array": (
        '{"type":"text","content":"Use {"type":"table"} or {"type": "chart"}, then"}',
        ['Use {"type":"table"} or {"type": "chart"}, then'],
    ),
    "a type with another member": (text('see {"type":"text", "x":1} there'), ['see {"type":"text", "x":1} there']),
    "a type with other members": (
        text('see {"type":"chart","id":3,"x":"y","z":null,"w":2,"data":4} there'),
        ['see {"type":"chart","id":3,"x":"y","z":null,"w":2,"data":4} there'],
    ),
    "a type with a container": (text('see {"type":"text", "x":[1]} there'), ['see {"type":"text", "x":[1]} there']),
    "a type with half a member": (text('see {"type":"table","rows"} there'), ['see {"type":"table","rows"} there']),
    "a type at the end": (text('He wrote {"type":"text"}'), ['He wrote {"type":"text"}']),
    "a type in prose": ('He wrote {"type":"text"} in code', ['He wrote {"type":"text"} in code']),
    "a type and other members, then the next block": (
        '[{"type":"text","content":"Hello {"type":"text","id":1,"x":"y","content":"you"}]',
        ["Hello ", "x: y\n\nyou"],
    ),
    "a type alone, then the next block": (
        '[{"type":"text","content":"see {"type":"text"} there {"type":"table","headers":["a"],"rows":[["x"]]}]',
        ['see {"type":"text"} there ', TABLE],
    ),
    "a quotation that looks like a member": (text('say "a", "b": 1} now'), ['say "a", "b": 1} now']),
    # no closing brace
    "no brace after the text": ('[{"type":"text","content":"a",{"type":"text","content":"b"}]', ["a", "b"]),
    "no brace at the end": ('[{"type":"text","content":"a"]', ["a"]),
    # text that turns out not to be a member
    "a quote, a comma and prose": (text('Hello", "world": it\'s me'), ['Hello", "world": it\'s me']),
    # names of types
    "shouted type": ('[{"type":"TEXT","content":"Hi"},{"type":"Table","headers":["a"],"rows":[["x"]]}]', ["Hi", TABLE]),
    "heading": ('[{"type":"heading","level":2,"content":"Plan"}]', ["Plan"]),
    "paragraph": ('[{"type":"paragraph","text":"Hi"}]', ["Hi"]),
    "list": ('[{"type":"list","items":["one","two"]}]', ["- one\n- two"]),
    "list of objects": ('[{"type":"list","items":[{"text":"c"}]}]', ["c"]),
    "list of objects of every key": (
        '[{"type":"list","items":[{"text":"a"},{"title":"b"},{"label":"c"},{"content":"d"},{"value":2.50},{"name":"e"}]}]',
        ["- a\n- b\n- c\n- d\n- 2.50\n- e"],
    ),
    "list of objects with two texts": (
        '[{"type":"list","items":[{"title":"Rent","description":"pay it","id":"x"},{"name":"Tax","due":"Friday"}]}]',
        ["- Rent: pay it\n- Tax (due: Friday)"],
    ),
    "list of objects without a text": (
        '[{"type":"list","items":[{"day":"Mon","hours":1.0},{"day":"Tue","hours":null}]}]',
        ["- day: Mon, hours: 1.0\n- day: Tue"],
    ),
    "list of numbers, truth values and nothing": (
        '{"type":"list","items":["a",1.10,true,null,12345678901234567890]}',
        ["- a\n- 1.10\n- true\n- 12345678901234567890"],
    ),
    "nested lists": (
        '[{"type":"bullet_list","items":["a",["b",["c"]],{"text":"d","items":["e",{"label":"f"}]}]}]',
        ["- a\n  - b\n    - c\n- d\n  - e\n  - f"],
    ),
    "a list under content": ('[{"type":"list","content":[{"text":"a"},{"text":"b"}]}]', ["- a\n- b"]),
    "tasks that are ticked off": (
        '[{"type":"list","items":[{"text":"a","checked":true},{"text":"b","done":false}]}]',
        ["- [x] a\n- [ ] b"],
    ),
    "items of several lines": ('{"type":"list","items":["a\\nb","c"]}', ["- a\n  b\n- c"]),
    "items with a trailing comma": ('[{"type":"list","items":[{"text":"a"},{"text":"b"},]}]', ["- a\n- b"]),
    "final answer of an agent": ('{"thought": "I know.", "action": "Final Answer", "action_input": "Hi"}', ["Hi"]),
    "another action": (
        '{"action": "launch", "action_input": "x"}',
        ['{"action": "launch", "action_input": "x"}'],
    ),
    "reasoning is no answer": ('{"thought":"I must look at it.","answer":"a"}', ["a"]),
    "a schema is no text": (
        '{"type":"string","description":"the name"}',
        ['{"type":"string","description":"the name"}'],
    ),
    # typographic quotes
    "typographic quotes": ("[{“type”:“text”,“content”:“Hi”}]", ["Hi"]),
    "typographic quotes in a table": ("[{“type”: “table”, “headers”: [“a”], “rows”: [[“x”]]}]", [TABLE]),
    "typographic quotes in a chart": (
        "{“type”:“chart”,“chartType”:“bar”,“title”:“T”,“data”:[{“s”:“a”,“n”:3}],“config”:{“n”:{“label”:“N”,“color”:“c”}}}",
        [CHART],
    ),
    "typographic quotes around values alone": ('[{"type": “table”,"headers":[“a”],"rows":[[“x”]]}]', [TABLE]),
    "typographic quotes around content alone": ('[{"type":"text","content":“Hi, you”}]', ["Hi, you"]),
    "German quotes": ("[{„type“:„text“,„content“:„Hallo“}]", ["Hallo"]),
    "single typographic quotes": ("[{‘type’:‘text’,‘content’:‘It’s Ann’s’}]", ["It’s Ann’s"]),
    "quotations in typographic quotes": (
        '[{“type”:“text”,“content”:“the “big”, red one is "5" {x}”},{“type”:“text”,“content”:“b”}]',
        ['the “big”, red one is "5" {x}', "b"],
    ),
    "a block quoted in typographic quotes": (
        '[{“type”:“text”,“content”:“write "},{"type":"text","content":"b" there”}]',
        ['write "},{"type":"text","content":"b" there'],
    ),
    "straight quotes in a typographic header": (
        '{“type”:“table”,“headers”:[“say "a", "b" x”],“rows”:[[“x”]]}',
        [{**TABLE, "headers": ['say "a", "b" x']}],
    ),
    "straight quotes in typographic ones": (
        '{“type”:“text”,“content”:“say "a", "id": 1 now”}',
        ['say "a", "id": 1 now'],
    ),
    "typographic quotes, then others": (
        '[{“type”:“text”,“content”:“a”},{"type":"text","content":"say “b”"}] and “c”',
        ["a", "say “b”", "and “c”"],
    ),
    "typographic quotes in a fence": ("```json\n[{“type”:“text”,“content”:“Hi”}]\n```", ["Hi"]),
    "typographic quotes in a wrapper": ("{“answer”:“Hi”}", ["Hi"]),
    "typographic quotes, cut": ("[{“type”:“text”,“content”:“Hi the", ["Hi the"]),
    "typographic quotes, an escape": ("[{“type”:“text”,“content”:“a\\nb\\”c”}]", ["a\nb”c"]),
    "typographic quotes in prose": (
        "He said {“x”: “y”} and {“title”: “z”}.",
        ["He said {“x”: “y”} and {“title”: “z”}."],
    ),
    # nothing
    "an empty fence": ("```json\n```", []),
    "an empty fence with a line": ("```json\n\n```\n", []),
    "an empty fence, then a text": ("```json\n```\n" + '[{"type":"text","content":"a"}]', ["a"]),
    "an empty fence in prose": ("So:\n```json\n```\n", ["So:\n```json\n```\n"]),
    "null under a wrapper": ('{"answer":null}', []),
    "an empty text under a wrapper": ('{"role":"assistant","content":null}', []),
    "code": ('[{"type":"code","language":"python","code":"print(1)"}]', ["print(1)"]),
    "type last": ('[{"value":"Hi","type":"markdown"}]', ["Hi"]),
    "bar chart as a type": ('[{"type":"bar_chart","title":"T","data":[{"s":"a","n":3}],' + N + "}]", [CHART]),
    "column": ('[{"type":"column","title":"T","data":[{"s":"a","n":3}],' + N + "}]", [CHART]),
    "donut": (
        CHART_HEAD.replace("bar", "donut") + '"data":[{"s":"a","n":3}],' + N + "}",
        [{**CHART, "chartType": "pie"}],
    ),
    "chart_type": (CHART_HEAD.replace("chartType", "chart_type") + '"data":[{"s":"a","n":3}],' + N + "}", [CHART]),
    # wrappers
    "response": ('{"response":"Hi"}', ["Hi"]),
    "message, pretty": ('{\n  "message": "Hi \\"you\\""\n}', ['Hi "you"']),
    "quotes in a wrapper": ('{"answer":"He said "hi" there"}', ['He said "hi" there']),
    "quotes and braces in a wrapper": ('{"answer":"He said "a}" there"}', ['He said "a}" there']),
    "single quotes in a wrapper": ("{'answer': 'Hi'}", ["Hi"]),
    "assistant": ('{"role":"assistant","content":"Hi"}', ["Hi"]),
    "content parts": ('{"role":"assistant","content":[{"type":"text","text":"Hi"}]}', ["Hi"]),
    "chat completion": ('{"choices":[{"message":{"role":"assistant","content":"Hi"}}]}', ["Hi"]),
    "text and blocks": (
        '{"message":"Here:","blocks":[' + '{"type":"table","headers":["a"],"rows":[["x"]]}]}',
        ["Here:", TABLE],
    ),
    "blocks and text": (
        '{"blocks":[{"type":"table","headers":["a"],"rows":[["x"]]}],"message":"Done"}',
        [TABLE, "Done"],
    ),
    "blocks and text with a trailing comma": (
        '{"blocks":[{"type":"text","content":"a"}],"message":"Done",}',
        ["a", "Done"],
    ),
    "blocks under any key": ('{"sections":[{"type":"text","content":"a"},{"type":"text","content":"b"}]}', ["a", "b"]),
    "a block under each key": (
        '{"intro":{"type":"text","content":"a"},"main":{"type":"table","headers":["a"],"rows":[["x"]]}}',
        ["a", TABLE],
    ),
    "deep": ('{"data":{"answer":{"blocks":[[{"content":"a","type":"text"}]]}}}', ["a"]),
    "blocks as a string": (r'{"response":"[{\"type\":\"text\",\"content\":\"Hi\"}]"}', ["Hi"]),
    "two texts": ('{"answer":["Hello","World"]}', ["Hello", "World"]),
    "two texts as blocks": ('{"blocks": ["Hello", "World"]}', ["Hello", "World"]),
    "a text and an object": ('{"response":["Hello",{"text":"World"}]}', ["Hello", "World"]),
    "texts in messages": ('{"choices":[{"text":"a"},{"message":{"content":["b","c"]}}]}', ["a", "b", "c"]),
    "numbers are no texts": ('{"answer":["Hello",1]}', ['{"answer":["Hello",1]}']),
    "no blocks": ('{"blocks":[]}', []),
    "a wrapper in a fence": ('```json\n{"answer":"Hi"}\n```', ["Hi"]),
    "a wrapper that is cut": ('{"answer":"Hi the', ["Hi the"]),
    # the answer as a string
    "encoded wrapper": (r'"{\"blocks\":[{\"type\":\"text\",\"content\":\"a \\\"b\\\"\"}]}"', ['a "b"']),
    "encoded with line breaks": (r'"[\n  {\"type\": \"text\", \"content\": \"a\"}\n]"', ["a"]),
    "encoded prose": (r'"Rent is due.\nPay \"now\"."', ['Rent is due.\nPay "now".']),
    "encoded prose with an escape first": (r'"Caf\u00e9 \"One\""', ['Caf\u00e9 "One"']),
    "a path in quotes is not an encoded answer": (r'"C:\new" is it', [r'"C:\new" is it']),
    "a short quotation": ('"Hello"', ['"Hello"']),
    "a block on the line of its fence": ('```json [{"type":"text","content":"Rent is 900."}]\n```', ["Rent is 900."]),
    "a fence and a block on one line": ('```json [{"type":"text","content":"Rent is 900."}]```', ["Rent is 900."]),
    "a fence without a space": ('```json{"type":"text","content":"Rent."}```', ["Rent."]),
    "a fence with attributes": ('```{.json .x}\n{"type":"text","content":"Rent."}\n```', ["Rent."]),
    "encoded, cut": (r'"[{\"type\":\"text\",\"content\":\"so f', ["so f"]),
    "a quotation is not an encoded answer": ('"Groceries" is open', ['"Groceries" is open']),
    # what is not for us
    "foreign object": ('{"city":"Paris","zip":75001}', ['{"city":"Paris","zip":75001}']),
    "foreign object without a bracket, then a block": (
        '{"a":[1}\n{"type":"text","content":"b"}',
        ['{"a":[1}\n', "b"],
    ),
    "foreign array": ('[{"id":1},{"id":2}]', ['[{"id":1},{"id":2}]']),
    "error object": ('{"message":"not found","code":404}', ['{"message":"not found","code":404}']),
    "tool call with blocks in it": (
        '{"name":"show","arguments":{"blocks":[{"type":"text","content":"x"}]}}',
        ['{"name":"show","arguments":{"blocks":[{"type":"text","content":"x"}]}}'],
    ),
    "function call": (
        '{"type":"function","function":{"name":"f","parameters":{"type":"table"}}}',
        ['{"type":"function","function":{"name":"f","parameters":{"type":"table"}}}'],
    ),
    "schema": (
        '{"properties":{"a":{"type":"text","value":"x"}}}',
        ['{"properties":{"a":{"type":"text","value":"x"}}}'],
    ),
    "foreign object in prose": ('Send {"title": "x", "n": [1]} now.', ['Send {"title": "x", "n": [1]} now.']),
    "foreign first key in prose": (
        'Send {"city":"x","type":"table","headers":["a"],"rows":[["x"]]} now.',
        ['Send {"city":"x","type":"table","headers":["a"],"rows":[["x"]]} now.'],
    ),
    "members in an array": (
        '[{"a":{"type":"text","content":"x"},"b":{"type":"text","content":"y"}}, "note": "hi"]',
        ["x", "y", '"note": "hi"]'],
    ),
    "wrapper in prose is prose": ('It sends {"message": "x"} back.', ['It sends {"message": "x"} back.']),
    "foreign object, then a block": ('{"a":1}\n{"type":"text","content":"b"}', ['{"a":1}\n', "b"]),
    # samples in code
    "javascript": ('```js\nconst a = [{"type":"text"}];\n```', ['```js\nconst a = [{"type":"text"}];\n```']),
    "code, then a block": (
        '```sh\necho {"type":"text"}\n```\n{"type":"text","content":"b"}',
        ['```sh\necho {"type":"text"}\n```\n', "b"],
    ),
    "code span": ('Write `{"type":"text","content":"x"}` there.', ['Write `{"type":"text","content":"x"}` there.']),
    "sample in a json fence, then a block": (
        'So:\n```json\n{"a": 1}\n```\n[{"type":"text","content":"b"}]',
        ['So:\n```json\n{"a": 1}\n```\n', "b"],
    ),
    # any letter case, and an answer that is only strings
    "a type in capitals": ('{"TYPE":"TEXT"}', []),
    "a text in capitals": ('[{"TYPE":"TEXT","CONTENT":"hello"}]', ["hello"]),
    "members in title case": ('{"Type":"Text","Title":"T","Content":"x"}', ["## T\n\nx"]),
    "a table in capitals": ('{"TYPE":"TABLE","HEADERS":["a"],"ROWS":[["x"]]}', [TABLE]),
    "a wrapper in capitals": ('{"ANSWER":"hi"}', ["hi"]),
    "a key in two letter cases": ('{"type":"text","content":"a","Content":"b"}', ["a", "Content: b"]),
    "a path as a JSON string": (r'"C:\new"', [r"C:\new"]),
    "a JSON string with a broken escape": (r'"bad \q"', [r"bad \q"]),
    "a JSON string with an escape": (r'"caf\u00e9"', ["café"]),
    "an array of strings": (r'["a b", "C:\new"]', ["- a b\n- C:\\new"]),
    "an array of numbers": ("[1, 2]", ["[1, 2]"]),
    "an array of strings in prose": ('["a"] is a list', ['["a"] is a list']),
    "an empty object": ("{}", []),
}


@pytest.mark.parametrize("name", CASES)
def test_case(name: str) -> None:
    source, expected = CASES[name]
    assert seen(source) == expected
