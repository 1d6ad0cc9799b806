"""Reasoning inside a model's text: open models write it between tags, in front of the answer or between its parts.

Some chat templates put the opening tag in the prompt, so that the answer has only the closing tag. Whether text without
an opening tag is reasoning is known only when the closing tag comes. To hold back every such answer would delay all of
them, so text is held back only if its first words, or an earlier answer of the same model, suggest reasoning.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from streaming.dialects.reasoning_tags import (
    ALL_CLOSERS,
    ANY_CLOSER,
    CLOSED_BY,
    CLOSER,
    CLOSERS,
    DOUBTFUL,
    ENDS,
    HEADS,
    LONGEST_TAG,
    MESSAGE,
    OPENERS,
    RECIPIENT,
    is_border,
    next_sign,
    opening,
    possible_tag,
)
from streaming.dialects.reasoning_words import CERTAIN, FIRST_WORDS, LIKELY, LIKELY_WORDS, PERHAPS

Kind = Literal["reasoning", "answer", "call", "arguments"]
Piece = tuple[Kind, str]

_HELD_CHARS: Final = 400
_SENTENCE_CHARS: Final = 120
_WHITE_CHARS: Final = 200
_MAX_HEADER_CHARS: Final = 400
_TAIL_CHARS: Final = 64
_GOES_ON: Final = ",.;:!?)"  # after a closing tag, a sentence that mentions the tags goes on with these
_TICKS: Final = re.compile("`+|[^`]+")
_FENCE_TICKS: Final = 3
_JSON: Final = '[{"`'  # the first characters of an answer in JSON, also as a string or in a code fence
_THINKS_BY_NAME: Final = re.compile(r"thinking|qwq|(?:^|[^a-z0-9])r1(?:[^a-z0-9]|$)", re.IGNORECASE)


@dataclass(slots=True)
class ReasoningHabit:
    """What the answers of one model have shown so far. `ReasoningText` reads and updates it.

    `unopened`: its reasoning begins without an opening tag. None means that no answer has shown it yet.
    """

    unopened: bool | None = None

    @classmethod
    def of_model(cls, name: str) -> ReasoningHabit:
        """The first guess, from the name of the model, such as `Qwen3-4B-Thinking-2507`."""
        return cls(True if _THINKS_BY_NAME.search(name) else None)


class ReasoningText:
    """Separates reasoning from answer in the text of one response, which may be cut anywhere.

    An opening tag counts at the beginning of the text and later at the beginning of a line, of a text in JSON, or after
    the end of a JSON value. After earlier reasoning it also counts at the end of a sentence. Elsewhere, and in a code
    fence, it is part of the answer. White space around the tags is dropped. A closing tag without an opening one is
    dropped at the same places. Letter case does not matter between angle brackets.

    Tags such as `<analysis>` may also be words of an answer. They need their closing tag, and no sentence goes on after
    it. If there is neither an answer nor a call after them, what they enclose is the answer.
    """

    def __init__(self, habit: ReasoningHabit | None = None) -> None:
        self._habit = habit or ReasoningHabit()
        self._state: Literal["start", "unopened", "reasoning", "closed", "header", "body", "after", "answer"] = "start"
        self._held = ""
        self._close = ""
        self._kind: Kind = "reasoning"
        self._harmony = False
        self._native = False
        # The end of the answer so far, from its last visible piece on.
        self._tail = ""
        self._reasoned = False  # whether the answer had reasoning between tags
        self._fenced = False  # whether a code fence is open in the answer
        self._ticks = 0  # backticks at the end of the answer so far
        # Text without an opening tag. It was given as reasoning; without a closing tag it is the answer after all.
        self._unopened: list[str] = []
        self._bound: int | None = None
        # The same for reasoning that an opening tag inside the answer, or a doubtful one, began.
        self._later: list[str] | None = None
        self._doubtful = False  # the tag that is open is one of `DOUBTFUL`
        self._enclosed: list[str] = []  # what such tags enclosed

    @property
    def begun(self) -> bool:
        """Whether any text came."""
        return self._state != "start" or self._held != ""

    def is_answer(self, text: str) -> bool:
        """Whether `text`, the next piece, is part of the answer and no tag can begin in it."""
        if self._state != "answer" or self._held or self._ticks or "<" in text or "[" in text or "`" in text:
            return False
        self._tail = (self._tail + text)[-_TAIL_CHARS:]
        return True

    def expect_no_tags(self) -> None:
        """The provider sends the reasoning apart from the text, so text without an opening tag is the answer."""
        self._native = True

    def feed(self, text: str) -> list[Piece]:
        """The pieces of reasoning and answer that `text` adds, in order."""
        pieces: list[Piece] = []
        rest: str | None = self._held + text
        self._held = ""
        while rest:
            rest = self._step(rest, pieces)
        return pieces

    def close(self, *, cut: bool = False, calls: bool = False) -> list[Piece]:
        """The text that was held back, after the text ended; `cut` if it ended before the model finished.

        `calls`: the response has tool calls.
        """
        held, self._held = self._held, ""
        state, self._state = self._state, "answer"
        later, self._later = self._later, None
        enclosed, self._enclosed = self._enclosed, []
        answered = bool(self._tail.strip())
        if state in ("closed", "after", "answer") and not (answered or held.strip() or cut or calls):
            return [("answer", "".join((*(later or ())[1:-1], *enclosed)))]
        match state:
            case "unopened":
                if cut and self._bound is None:  # the token limit fell into the reasoning
                    return [("reasoning", held)]
                if not cut:
                    self._habit.unopened = False
                return [("answer", "".join(self._unopened) + held)]
            case "reasoning" if later is not None and (answered or not cut):
                return [("answer", "".join(later) + held)]
            case "reasoning" | "body":
                return [(self._kind, held)]
            case "after" | "closed":
                return []
        return [("answer", held)]

    def _step(self, text: str, pieces: list[Piece]) -> str | None:
        """Read a part of `text`; returns the rest, or None if all was read or held."""
        match self._state:
            case "start":
                return self._begin(text)
            case "unopened":
                return self._read_unopened(text, pieces)
            case "reasoning":
                return self._read_reasoning(text, pieces)
            case "header":
                return self._read_header(text, pieces)
            case "body":
                return self._read_body(text, pieces)
            case "closed":
                return self._decide(text, pieces)
            case "after":
                return self._go_on(text.lstrip())
            case "answer":
                return self._read_answer(text, pieces)

    def _begin(self, text: str) -> str | None:
        begun = text.lstrip()
        if not begun and len(text) > _WHITE_CHARS:  # a model that writes only white space has to be noticed
            self._state = "answer"
            return text
        tag = opening(begun, (*OPENERS, *HEADS, *ALL_CLOSERS))
        if not begun or tag is None:
            self._held = text
            return None
        if tag in ALL_CLOSERS:  # the reasoning came apart from the text, and its closing tag did not
            self._state = "after"
            return begun[len(tag) :]
        if tag:
            return self._open(tag, begun)
        held = not self._native and begun[0] not in _JSON and self._held_back(begun)
        if held is None:
            self._held = text
            return None
        self._state = "unopened" if held else "answer"
        return text

    def _go_on(self, text: str) -> str | None:
        """Read on after a closing tag: another tag may follow immediately."""
        tag = opening(text, (*OPENERS, *HEADS))
        if not text or tag is None:
            self._held = text
            return None
        if tag:
            return self._open(tag, text)
        self._state = "answer"
        return text

    def _open(self, tag: str, text: str) -> str:
        if tag in HEADS:
            self._harmony, self._state = True, "header"
        else:
            self._doubtful = tag in DOUBTFUL
            self._later = [text[: len(tag)]] if self._doubtful or self._state == "answer" else None
            self._state, self._close, self._kind = "reasoning", OPENERS[tag], "reasoning"
        return text[len(tag) :]

    def _held_back(self, begun: str) -> bool | None:
        """Whether text that begins with `begun` is held back until a closing tag; None if more text decides it."""
        if self._habit.unopened:
            return True
        words = begun[: len(max(FIRST_WORDS, key=len))].casefold()
        if words.startswith(CERTAIN):
            return True
        if self._habit.unopened is None and words.startswith((*LIKELY, *LIKELY_WORDS)):
            self._bound = _HELD_CHARS
            return True
        if self._habit.unopened is None and words.startswith(PERHAPS):
            self._bound = _SENTENCE_CHARS
            return True
        first_words = FIRST_WORDS if len(words) == 1 else (*FIRST_WORDS, *LIKELY_WORDS)
        if any(first.startswith(words) for first in first_words):
            return None
        return False

    def _read_unopened(self, text: str, pieces: list[Piece]) -> str | None:
        found = ANY_CLOSER.search(text)
        if found is not None:
            at = found.start()
            self._reasoned = True
            self._habit.unopened = True
            pieces.append(("reasoning", text[:at]))
            self._unopened.clear()
            self._state = "after"
            return text[found.end() :]
        if self._bound is not None:
            if len(text) > self._bound:
                self._state = "answer"
                return text
            self._held = text
            return None
        kept = possible_tag(text, ALL_CLOSERS)
        shown = text[: len(text) - kept]
        self._held = text[len(text) - kept :]
        if shown:
            self._unopened.append(shown)
            pieces.append(("reasoning", shown))
        return None

    def _read_reasoning(self, text: str, pieces: list[Piece]) -> str | None:
        close = CLOSER[self._close].search(text)
        reasoning, rest = (text[: close.start()], text[close.end() :]) if close else (text, "")
        if close is None:
            kept = possible_tag(text, CLOSED_BY[self._close])
            reasoning, self._held = text[: len(text) - kept], text[len(text) - kept :]
        if reasoning:
            pieces.append(("reasoning", reasoning))
            if self._later is not None:
                self._later.append(reasoning)
        if close is None:
            return None
        if self._doubtful and self._later is not None:
            self._later.append(close[0])
            self._state = "closed"
            return rest or None
        self._end_reasoning()
        return rest

    def _end_reasoning(self) -> None:
        self._reasoned = True
        self._later = None
        self._state = "after"

    def _decide(self, text: str, pieces: list[Piece]) -> str | None:
        """Read on after the closing tag of a doubtful one: it only counts if no sentence goes on."""
        begun = text.lstrip(" \t")
        if not begun:
            self._held = text
            return None
        later = self._later or []
        if begun[0].islower() or begun[0] in _GOES_ON:
            self._later = None
            self._state = "answer"
            self._add("".join(later), pieces)
        else:
            self._enclosed += later[1:-1]
            self._end_reasoning()
        return text

    def _read_header(self, text: str, pieces: list[Piece]) -> str | None:
        header, tag, rest = text.partition(MESSAGE)
        if not tag:
            if len(text) > _MAX_HEADER_CHARS:  # no header of harmony's
                self._state = "answer"
                return text
            self._held = text
            return None
        recipient = RECIPIENT.search(header)
        if recipient is not None:
            pieces.append(("call", recipient[1]))
            self._kind, self._state = "arguments", "body"
        elif header.rpartition("<|channel|>")[2].strip().startswith("final"):
            self._state = "answer"
        else:
            self._kind, self._state = "reasoning", "body"
        return rest

    def _read_body(self, text: str, pieces: list[Piece]) -> str | None:
        ends = (*ENDS, *HEADS)
        at = min((at for end in ends if (at := text.find(end)) >= 0), default=None)
        if at is None:
            kept = possible_tag(text, ends)
            at = len(text) - kept
            self._held = text[at:]
            rest = None
        else:
            rest = text[at:]
            self._state = "after"
            for end in ENDS:
                rest = rest.removeprefix(end)
        if at:
            pieces.append((self._kind, text[:at]))
        return rest

    def _read_answer(self, text: str, pieces: list[Piece]) -> str | None:
        begin = noted = 0
        while (at := next_sign(text, begin)) >= 0:
            self._note_fences(text[noted:at])
            noted = at
            tags: tuple[str, ...] = (*ENDS, *HEADS) if self._harmony else ()
            if not self._in_fence and is_border(self._tail + text[max(0, at - _TAIL_CHARS) : at], self._reasoned):
                tags += (*OPENERS, *HEADS, *CLOSERS)
            tag = opening(text[at : at + LONGEST_TAG], tags)
            if tag == "":
                begin = at + 1
                continue
            self._add(text[:at], pieces)
            text = text[at:]
            if tag is None:
                self._held = text
                return None
            if tag in CLOSERS:
                # Its reasoning was shown. The model's next answer is held back until its closing tag.
                self._habit.unopened = True
                self._reasoned = True
                self._state = "after"
                return text[len(tag) :]
            if tag in ENDS:
                self._state = "after"
                return text[len(tag) :]
            return self._open(tag, text)
        self._note_fences(text[noted:])
        self._add(text, pieces)
        return None

    @property
    def _in_fence(self) -> bool:
        return self._fenced != (self._ticks >= _FENCE_TICKS)

    def _note_fences(self, text: str) -> None:
        """Note the code fences in the next part of the answer. Each part is noted once."""
        for run in _TICKS.findall(text):
            if run[0] == "`":
                self._ticks += len(run)
            else:
                self._fenced = self._in_fence
                self._ticks = 0

    def _add(self, text: str, pieces: list[Piece]) -> None:
        if text:
            self._tail = (self._tail + text[-_TAIL_CHARS:])[-_TAIL_CHARS:]
            pieces.append(("answer", text))
