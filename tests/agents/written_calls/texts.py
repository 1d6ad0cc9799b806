"""Texts with calls of tools, what is shown of them and the calls in them; and texts that only look like calls."""

from __future__ import annotations

import json
from typing import Any

from tests.agents.cases import CASES

NAMES = {"list_tasks", "create_task", "list_notes"}
LIST: tuple[str, Any] = ("list_tasks", {})
WALK: tuple[str, Any] = ("create_task", {"title": 'Walk "far" [now] {x}\n'})
ARGS = json.dumps(WALK[1])

Result = tuple[str, list[tuple[str, Any]]]

CALLS: dict[str, Result] = {
    (CASES / "04a_tool_call_as_text.txt").read_text("utf-8"): ("", [LIST]),
    f'{{"name": "create_task", "parameters": {ARGS}}}': ("", [WALK]),
    f'{{"name": "create_task", "arguments": {json.dumps(ARGS)}}}': ("", [WALK]),
    f'{{"arguments": {ARGS}, "name": "create_task"}}': ("", [WALK]),
    f'{{"type": "function", "name": "create_task", "parameters": {ARGS}}}': ("", [WALK]),
    f'{{"type":"function","function":{{"name":"create_task","arguments":{json.dumps(ARGS)}}}}}': ("", [WALK]),
    '{"type":"function","name":"list_tasks"}': ("", [LIST]),
    '{"tool_calls":[{"id":"a","type":"function","function":{"name":"list_tasks","arguments":"{}"}}]}': ("", [LIST]),
    '{"recipient_name":"functions.list_tasks","parameters":{}}': ("", [LIST]),
    '{"tool_uses":[{"recipient_name":"functions.list_tasks","parameters":{}}]}': ("", [LIST]),
    '[{"name":"list_tasks","arguments":{}},{"name":"list_notes","arguments":{}}]': ("", [LIST, ("list_notes", {})]),
    f'<tool_call>\n{{"name": "create_task", "arguments": {ARGS}}}\n</tool_call>': ("", [WALK]),
    '<tool_call>{"name":"list_tasks","arguments":{}}</tool_call>\n<tool_call>{"name":"list_notes","arguments":{}}': (
        "",
        [LIST, ("list_notes", {})],
    ),
    '[TOOL_CALLS] [{"name": "list_tasks", "arguments": {}}]': ("", [LIST]),
    f"[TOOL_CALLS]create_task{ARGS}": ("", [WALK]),
    f"[TOOL_CALLS]create_task[ARGS]{ARGS}": ("", [WALK]),
    f'```json\n{{"name": "create_task", "parameters": {ARGS}}}\n```': ("", [WALK]),
    '```\n<tool_call>{"name":"list_tasks","arguments":{}}</tool_call>\n```': ("", [LIST]),
    'Let me look.\n\n{"name":"list_tasks","parameters":{}}\nYou have 7 tasks.': ("Let me look.\n\n", [LIST]),
    '[{"type":"text","content":"So: {a} [b]"},{"type":"function","name":"list_tasks","parameters":{}}]': (
        '[{"type":"text","content":"So: {a} [b]"},',
        [LIST],
    ),
    '{"name": "list_tasks", "parameters": {}': ("", [LIST]),
    '{"name": "list_ta': ("", []),
    # only a name, other keys, other quotes, faults with one reading
    '{"name": "list_tasks"}': ("", [LIST]),
    '{"name": "list_tasks", "arguments": []}': ("", [LIST]),
    '[{"type":"function","name":"list_tasks"}]': ("", [LIST]),
    f'{{"tool_name": "create_task", "tool_input": {ARGS}}}': ("", [WALK]),
    f'{{"tool": "create_task", "params": {ARGS}}}': ("", [WALK]),
    "{'name': 'list_tasks', 'parameters': {}}": ("", [LIST]),
    "{'name': 'create_task', 'parameters': {'title': \"Walk's end\", 'done': False, 'due': None}}": (
        "",
        [("create_task", {"title": "Walk's end", "done": False, "due": None})],
    ),
    "[{'name': 'create_task', 'arguments': {'title': 'a}', 'n': 1.50}}, {'name': 'list_tasks', 'arguments': {}}]": (
        "",
        [("create_task", {"title": "a}", "n": 1.5}), LIST],
    ),
    '{name: "create_task", parameters: {title: "Walk"}}': ("", [("create_task", {"title": "Walk"})]),
    '{"name": "create_task", "parameters": {"title": "Walk", "done": True, "due": None,},}': (
        "",
        [("create_task", {"title": "Walk", "done": True, "due": None})],
    ),
    '{/* a call */ "name": "create_task", // the tool\n"parameters": {"title": "Walk" /* far */}}': (
        "",
        [("create_task", {"title": "Walk"})],
    ),
    '{"name": "create_task", "arguments": "{\'title\': \'Walk\'}"}': ("", [("create_task", {"title": "Walk"})]),
    '[TOOL_CALLS]create_task{"title": "Walk",}': ("", [("create_task", {"title": "Walk"})]),
    '<function=create_task>{"title": "Walk",}</function>': ("", [("create_task", {"title": "Walk"})]),
    # labels and marks, of which nothing stays
    'functools[{"name": "list_tasks", "arguments": {}}]': ("", [LIST]),
    '<tool_calls>[{"name": "list_tasks", "arguments": {}}]</tool_calls>': ("", [LIST]),
    '<tool_calls>\n{"name": "list_tasks", "arguments": {}}\n</tool_calls>': ("", [LIST]),
    'Action: {"name": "list_tasks", "arguments": {}}': ("", [LIST]),
    'Thought: I look.\nAction:\n```json\n{"action": "list_tasks", "action_input": {}}\n```': (
        "Thought: I look.",
        [LIST],
    ),
    f"Thought: I add it.\nAction: create_task\nAction Input: {ARGS}\nObservation": ("Thought: I add it.", [WALK]),
    "Action: list_tasks()": ("", [LIST]),
    'Tool call: {"name": "list_tasks", "arguments": {}}': ("", [LIST]),
    'I use `{"name": "list_tasks", "parameters": {}}`.': ("I use ", [LIST]),
    # another letter case, other separators, a namespace
    '{"name": "List_Tasks", "parameters": {}}': ("", [LIST]),
    '{"name": "listTasks", "arguments": {}}': ("", [LIST]),
    '{"name": "functions.list_tasks", "arguments": {}}': ("", [LIST]),
    "LIST_TASKS()": ("", [LIST]),
    # the action of an agent that reasons
    f'{{"action": "create_task", "action_input": {ARGS}}}': ("", [WALK]),
    f'```json\n{{"thought": "I add it.", "action": "create_task", "action_input": {ARGS}}}\n```': ("", [WALK]),
    '{"action": "list_tasks", "action_input": ""}'.replace('""', '"{}"'): ("", [LIST]),
    # the tool's name is the key of its arguments
    '{"list_tasks": {}}': ("", [LIST]),
    f'{{"create_task": {ARGS}}}': ("", [WALK]),
    "{'list_tasks': {}}": ("", [LIST]),
    f'[{{"list_tasks": {{}}}}, {{"functions.create_task": {{"arguments": {ARGS}}}}}]': ("", [LIST, WALK]),
    '```json\n{"listTasks": {}}\n```': ("", [LIST]),
    '<tool_call>{"list_tasks": {}}</tool_call>': ("", [LIST]),
    'Let me look.\n{"list_tasks": {}}': ("Let me look.\n", [LIST]),
    '[{"type":"text","content":"So."},{"list_tasks":{}}]': ('[{"type":"text","content":"So."},', [LIST]),
    '[{"type":"text","content":"{\\"list_tasks\\": {}}"}]': ('[{"type":"text","content":""}', [LIST]),
    '{"list_tasks": {': ("", [LIST]),
    '{"list_ta': ("", []),
    # the call under a key
    f'{{"tool": {{"name": "create_task", "arguments": {ARGS}}}}}': ("", [WALK]),
    f'{{"tool": {{"name": "create_task", "parameters": {ARGS}}}}}': ("", [WALK]),
    f'{{"tool": {{"name": "create_task", "args": {ARGS}}}}}': ("", [WALK]),
    f'{{"action": {{"tool": "create_task", "input": {ARGS}}}}}': ("", [WALK]),
    f'{{"tool": {{"name": "create_task"}}, "arguments": {ARGS}}}': ("", [WALK]),
    '{"tool": {"list_tasks": {}}}': ("", [LIST]),
    '{"call": {"name": "list_tasks", "arguments": {}}}': ("", [LIST]),
    '{"calls": [{"name": "list_tasks"}, {"tool": "list_notes", "args": {}}]}': ("", [LIST, ("list_notes", {})]),
    # tokens of DeepSeek and Kimi
    "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>create_task\n```json\n"
    + ARGS
    + "\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜><｜end▁of▁sentence｜>": ("", [WALK]),
    f"<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>create_task<｜tool▁sep｜>{ARGS}<｜tool▁call▁end｜>"
    "<｜tool▁call▁begin｜>list_tasks<｜tool▁sep｜>{}<｜tool▁call▁end｜><｜tool▁calls▁end｜>": ("", [WALK, LIST]),
    "Let me look.<｜tool▁call▁begin｜>list_tasks<｜tool▁sep｜>{}": ("Let me look.", [LIST]),
    "<|tool_calls_section_begin|><|tool_call_begin|>functions.create_task:0<|tool_call_argument_begin|>"
    + ARGS
    + "<|tool_call_end|><|tool_calls_section_end|>": ("", [WALK]),
    # tags
    f"<function=create_task>{ARGS}</function>": ("", [WALK]),
    "<function=list_tasks>{}</function>\n<function=list_notes>{}</function>": ("", [LIST, ("list_notes", {})]),
    "<tool_call>\n<function=create_task>\n<parameter=title>\nWalk far\n</parameter>\n<parameter=done>\nfalse\n"
    "</parameter>\n<parameter=n>\n3\n</parameter>\n</function>\n</tool_call>": (
        "",
        [("create_task", {"title": "Walk far", "done": False, "n": 3})],
    ),
    "<tool_call>\n<function=list_tasks>\n</function>\n</tool_call>": ("", [LIST]),
    '<function_calls>\n<invoke name="create_task">\n<parameter name="title">Walk</parameter>\n</invoke>': (
        "",
        [("create_task", {"title": "Walk"})],
    ),
    '<｜DSML｜function_calls>\n<｜DSML｜invoke name="create_task">\n<｜DSML｜parameter name="title" string="true">12'
    "</｜DSML｜parameter>\n</｜DSML｜invoke>\n</｜DSML｜function_calls>": ("", [("create_task", {"title": "12"})]),
    "<tool_call>create_task\n<arg_key>title</arg_key>\n<arg_value>Walk</arg_value>\n</tool_call>": (
        "",
        [("create_task", {"title": "Walk"})],
    ),
    # Python
    "list_tasks()": ("", [LIST]),
    " list_tasks( )\n": (" ", [LIST]),
    "Let me look.\n\nlist_tasks()\n": ("Let me look.\n", [LIST]),
    'create_task(title="Walk (far)", tags=["a", \'b\'], n=-1, done=True, due=None)': (
        "",
        [("create_task", {"title": "Walk (far)", "tags": ["a", "b"], "n": -1, "done": True, "due": None})],
    ),
    'create_task({"title": "Walk", "done": false})': ("", [("create_task", {"title": "Walk", "done": False})]),
    'create_task(title="""Walk\n"far" )""")': ("", [("create_task", {"title": 'Walk\n"far" )'})]),
    "list_tasks()\nlist_notes()": ("", [LIST, ("list_notes", {})]),
    "[list_tasks(), create_task(title='Walk')]": ("", [LIST, ("create_task", {"title": "Walk"})]),
    "<|tool_call_start|>[list_tasks()]<|tool_call_end|>": ("", [LIST]),
    "<|tool_call_start|>list_tasks()<|tool_call_end|>": ("", [LIST]),
    "<|python_tag|>list_tasks()": ("", [LIST]),
    "<|python_tag|>list_tasks()<|eom_id|>": ("", [LIST]),
    "<|python_tag|>create_task.call(title='Walk')": ("", [("create_task", {"title": "Walk"})]),
    "<|python_tag|> [list_tasks(), list_notes()]": ("", [LIST, ("list_notes", {})]),
    "<|python_tag|>list_tasks(); create_task(title=';')": ("", [LIST, ("create_task", {"title": ";"})]),
    "Let me look.\n<|python_tag|>list_tasks()": ("Let me look.\n", [LIST]),
    '[{"type":"text","content":"<|python_tag|>list_tasks()"}]': ('[{"type":"text","content":""}', [LIST]),
    "<tool_call>list_tasks()</tool_call>": ("", [LIST]),
    "<tool_call>\ncreate_task(title='Walk')\n</tool_call>": ("", [("create_task", {"title": "Walk"})]),
    "list_tasks(); list_notes()": ("", [LIST, ("list_notes", {})]),
    "list_tasks(); that is (": ("", [LIST]),
    "print(default_api.list_tasks())": ("", [LIST]),
    "```tool_code\nprint(default_api.create_task(title='Walk'))\n```\nDone.": (
        "",
        [("create_task", {"title": "Walk"})],
    ),
    "```tool_code\nfound = list_tasks()\nprint(found)\n```": ("", [LIST]),
    "```tool_code\nlist_tasks()": ("", [LIST]),
    # in a text block
    '[{"type":"text","content":"list_tasks()"}]': ('[{"type":"text","content":""}', [LIST]),
    '[{"type":"text","content":"{\\"name\\": \\"list_tasks\\", \\"parameters\\": {}}"}]': (
        '[{"type":"text","content":""}',
        [LIST],
    ),
    '[{"type": "text", "content": "<tool_call>\\n{\\"name\\":\\"list_tasks\\",\\"arguments\\":{}}\\n</tool_call>"}]': (
        '[{"type": "text", "content": ""}',
        [LIST],
    ),
    '[{"type":"text","content":"So."},{"type":"text","content":"```tool_code\\nlist_tasks()\\n```"}]': (
        '[{"type":"text","content":"So."},{"type":"text","content":""}',
        [LIST],
    ),
    '{"answer":"\\u005blist_tasks()]"}': ('{"answer":""}', [LIST]),
    '[{"type":"text","content":"list_ta': ('[{"type":"text","content":""}', []),
    "list_ta": ("", []),
    "<｜tool▁call▁begin｜>function<｜tool▁sep｜>create_": ("", []),
    "<function=create_": ("", []),
    "```\n<tool_call>\n<function=create_": ("", []),
    "<tool_call>create_": ("", []),
}
LOOKS_LIKE = [
    "",
    '[{"type":"text","content":"Three tasks."}]',
    '{"name": "Ann", "parameters": {}}',
    '{"name": "delete_everything", "parameters": {}}',
    '{"name": "list_tasks", "count": 3}',
    '{"name": "list_tasks", "parameters": [1]}',
    '[{"name": "list_tasks"}, {"name": "list_notes"}]',
    '{"tools": ["list_tasks"]}',
    "{name}, your tasks are {tool: hammer}.",
    '{"list_tasks": []}',
    '{"list_tasks": "all"}',
    '{"list_tasks": {}, "list_notes": {}}',
    '{"list_tasks": {}, "note": 1}',
    '{"list_tasks": {"type": "object", "properties": {}}}',
    '{"list_tasks": {"description": "lists the tasks", "parameters": {}}}',
    '{"list_everything": {}}',
    '{"List tasks": {"a": 1}}',
    '{"type":"chart","config":{"list_tasks":{}}}',
    '[{"list": {"list_tasks": {}}}]',
    '{"tool": {"name": "hammer", "arguments": {}}}',
    '{"tool": {"name": "list_tasks", "description": "d", "parameters": {}}}',
    '{"call": {"name": "Ann", "number": 3}}',
    "<|python_tag|> is a mark of list_tasks().",
    "<|python_tag|>print(1)",
    "<|python_tag|>list_everything()",
    "Action: call the bank.",
    "Action: list_everything\nAction Input: {}",
    "functools is a module of Python.",
    "Tool: hammer\nCall: later",
    "Use `{}` and `[1]`.",
    "<tool_calls> is a tag.",
    '{"type":"function","function":{"name":"list_tasks","description":"d","parameters":{"type":"object"}}}',
    '{"name":"list_tasks","parameters":{"type":"object","properties":{}}}',
    '{"type":"chart","data":[{"name":"list_tasks","parameters":{}}]}',
    '[{"type":"text","content":"Write {\\"name\\": \\"list_tasks\\", \\"parameters\\": {}}"}]',
    '```python\nprint({"name": 1})\n```',
    "Use <b>bold</b>, [1], {x} and `code`.",
    "<tool_call> is a tag.",
    "[TOOL_CALLS] is a mark.",
    "The tool is list_tasks.",
    '{"arguments": [1, 2], "winner": "Ann"}',
    "Call list_tasks() to see them.",
    "list_tasks() shows them.",
    "list_tasks(), then list_notes().",
    "List of tasks:\nCreate one.\n- list_tasks()\n",
    "I use `list_tasks()` and [list_tasks()] for this.",
    "list_everything()",
    "launch(title='x')",
    '[{"type":"text","content":"Call list_tasks() now."}]',
    '[{"type":"text","content":"list_tasks() is a tool."},{"type":"text","content":""}]',
    '[{"type":"list","items":["list_tasks()"]}]',
    '[{"type":"text","content":"create"}]',
    "```python\nfor task in list_tasks():\n    print(task)\n```",
    "```python\nlist_tasks()\nsort()\n```",
    "```python\nlist_tasks()\n```",
    '```js\n{"name": "list_tasks", "parameters": {}}\n```',
    "```tool_code\nprint(1)\n```",
    "<function=launch>{}</function>",
    "Write <function=list_tasks> before it.",
    "<tool_call>list_tasks is a tag with a name.",
    "<｜tool▁call▁begin｜>launch<｜tool▁sep｜>{}",
    '{"action": "Final Answer", "action_input": "Hi"}',
    '{"action": "list_tasks", "note": 1}',
    "<b>x</b> <function> <invoke>\n\n  \n",
]
