"""Reads tool calls that a model writes with tags or special tokens instead of JSON around them.

DeepSeek's and Kimi's tokens, `<function=NAME>` with JSON (Llama) or with parameters (Qwen), `<invoke name="NAME">`, and
`<tool_call>NAME` with `<arg_key>` (GLM).
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from agents.written_calls.head import Verdict
from agents.written_calls.json_text import whole_arguments
from agents.written_calls.names import ToolNames
from agents.written_calls.values import Call

_TOKEN: Final = re.compile(r"</?[｜|][^<>\n]{1,120}>")
_PLAIN: Final = str.maketrans("｜▁", "|_")
_TOOL_CALL: Final = "<tool_call>"
_CONTAINERS: Final = (
    "<|tool_calls_begin|>",
    "<|tool_calls_section_begin|>",
    "<function_calls>",
    "<tool_calls>",
    "<|DSML|function_calls>",
    "<|DSML|tool_calls>",
    _TOOL_CALL,
)
_BEGIN_MARK: Final = "<|tool_call_begin|>"
_NAME_MARK: Final = "<|tool_sep|>"
_NAMED: Final = (_BEGIN_MARK, "<function=", "<function name=", "<invoke name=", "<|DSML|invoke name=")
_NAME: Final = re.compile(r"[\"']?([\w.-]*)(?::\d+)?[\"']?")
_AFTER_NAME: Final = re.compile(r"[^<>\n]{0,40}>\s*")
_MAX_HEAD: Final = 400

_CALL: Final = re.compile(
    r"<\|tool_call_begin\|>\s*(?:function<\|tool_sep\|>)?(?P<token>[\w.-]+)(?::\d+)?\s*(?:<\|\w+\|>)?"
    r"(?P<token_body>.*?)(?P<token_end><\|tool_call_end\|>|\Z)"
    r"|<function(?:=|\s+name=)[\"']?(?P<function>[\w.-]+)[\"']?[^<>\n]{0,40}>"
    r"(?P<function_body>.*?)(?P<function_end></function>|(?=<function)|\Z)"
    r"|<(?:\|DSML\|)?invoke\s+name=[\"']?(?P<invoke>[\w.-]+)[\"']?[^<>\n]{0,40}>"
    r"(?P<invoke_body>.*?)(?P<invoke_end></(?:\|DSML\|)?invoke>|\Z)"
    r"|<tool_call>\s*(?P<pairs>[\w.-]+)\s*(?P<pairs_body>.*?)(?P<pairs_end></tool_call>|\Z)",
    re.DOTALL,
)
_PARAMETER: Final = re.compile(
    r"<(?:\|DSML\|)?parameter(?:=|\s+name=)[\"']?(?P<key>[\w.-]+)[\"']?(?P<more>[^<>\n]{0,40})>"
    r"(?P<value>.*?)(?P<end></(?:\|DSML\|)?parameter>|(?=<parameter)|\Z)"
    r"|<arg_key>(?P<arg>.*?)</arg_key>\s*<arg_value>(?P<arg_value>.*?)(?P<arg_end></arg_value>|\Z)",
    re.DOTALL,
)
_FENCE: Final = re.compile(r"\s*```\w*\s*(.*?)\s*(?:```\s*)?\Z", re.DOTALL)
_KINDS: Final = ("token", "function", "invoke", "pairs")


def judge_markup(text: str, names: ToolNames, *, last: bool) -> Verdict:
    """Whether `text`, which begins with `<`, begins a call of an offered tool. `last`: no more text follows."""
    text = _plain(text, cut=True)
    more = Verdict.NO if last or len(text) > _MAX_HEAD else Verdict.MORE
    at, container = 0, ""
    while at < len(text):
        found = next((opener for opener in (*_CONTAINERS, *_NAMED) if text.startswith(opener, at)), None)
        if found in _CONTAINERS:
            container = found or ""
            at += len(container)
            at += len(text[at:]) - len(text[at:].lstrip())
        elif found is not None:
            return _judge_name(text, at + len(found), names, more, token=found == _BEGIN_MARK, last=last)
        elif any(opener.startswith(text[at:]) for opener in (*_CONTAINERS, *_NAMED)):
            return more
        elif container == _TOOL_CALL and text[at] not in "<{[":
            return _judge_bare(text, at, names, last=last)
        else:
            return Verdict.NO
    return more


def _judge_name(text: str, at: int, names: ToolNames, more: Verdict, *, token: bool, last: bool) -> Verdict:
    """The verdict on the name at `at`, and on what follows it."""
    named = _NAME.match(text, at)
    name, end = (named[1], named.end()) if named else ("", at)
    if token and name == "function":
        rest = text[end:]
        if rest.startswith(_NAME_MARK):
            return _judge_name(text, end + len(_NAME_MARK), names, more, token=False, last=last)
        return more if _NAME_MARK.startswith(rest) else Verdict.NO
    complete = names.find(name) is not None
    if end == len(text) and not (last and complete):
        # Also at the end of the reply: nothing is shown of a call that is cut in the name of its tool.
        return Verdict.MORE if names.may_begin(name) or (token and "function".startswith(name)) else Verdict.NO
    if not complete:
        return Verdict.NO
    if token or text[at - 1] == ">":
        return Verdict.CALL
    after = _AFTER_NAME.match(text, end)
    if after is None:
        # Also at the end of the reply: nothing is shown of a call that is cut after the name of its tool.
        return Verdict.MORE if len(text) <= _MAX_HEAD and not re.search(r"[>\n]", text[end:]) else Verdict.NO
    if after.end() == len(text):
        return Verdict.CALL if last else more
    return Verdict.CALL if text[after.end()] in "{<`" else Verdict.NO


def _judge_bare(text: str, at: int, names: ToolNames, *, last: bool) -> Verdict:
    """The verdict on a name right after `<tool_call>`."""
    named = _NAME.match(text, at)
    name, end = (named[1], named.end()) if named else ("", at)
    rest = text[end:].lstrip()
    complete = names.find(name) is not None
    if not rest and not (last and complete):
        return Verdict.MORE if names.may_begin(name) else Verdict.NO
    if not complete:
        return Verdict.NO
    tags = ("<arg_key>", "</tool_call>")
    if not rest or rest.startswith(tags):
        return Verdict.CALL
    return Verdict.MORE if any(tag.startswith(rest) for tag in tags) else Verdict.NO


def markup_calls(text: str, names: ToolNames) -> tuple[list[Call], bool]:
    """The calls of offered tools in `text`, and whether the last one is cut.

    Arguments that are broken or cut are text that is not JSON, so that the call is not run.
    """
    calls: list[Call] = []
    cut = False
    for found in _CALL.finditer(_plain(text)):
        kind = next(kind for kind in _KINDS if found[kind] is not None)
        name = names.find(found[kind])
        if name is not None:
            ended = bool(found[f"{kind}_end"])
            calls.append((name, _arguments(found[f"{kind}_body"], ended=ended)))
            cut = not ended and found.end() == len(text)
    return calls, cut


def without_markup(text: str) -> str:
    """`text` without its calls."""
    return _CALL.sub("", _plain(text))


def _arguments(body: str, *, ended: bool) -> str:
    fenced = _FENCE.fullmatch(body)
    body = (fenced[1] if fenced else body).strip()
    if body.startswith("{"):
        return whole_arguments(body) if ended else body
    given: dict[str, Any] = {}
    for found in _PARAMETER.finditer(body):
        key, value, end = found["key"], found["value"], found["end"]
        if key is None:
            key, value, end = found["arg"].strip(), found["arg_value"], found["arg_end"]
        as_text = found["more"] is not None and 'string="true"' in found["more"]
        given[key] = value.strip("\n") if as_text else _value(value)
        if not end and not ended and found.end() == len(body):
            return json.dumps(given, ensure_ascii=False)[:-2]  # the value is cut
    if given or (ended and not body):
        return json.dumps(given, ensure_ascii=False)
    return body  # also if there is nothing yet: that is no arguments, or cut ones if the token limit was reached


def _value(written: str) -> Any:
    """A parameter's value: JSON if it is a number, a literal, a list or an object, else the text itself."""
    text = written.strip("\n")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return text if isinstance(value, str) else value


def _plain(text: str, *, cut: bool = False) -> str:
    """`text` with ASCII characters in its special tokens. `cut`: the last token may be incomplete."""
    text = _TOKEN.sub(lambda token: token[0].translate(_PLAIN), text)
    if cut and (start := text.rfind("<")) >= 0 and ">" not in text[start:]:
        text = text[:start] + text[start:].translate(_PLAIN)
    return text
