"""Reasoning inside a model's text: open models write `<think>...</think>` before the answer."""

from __future__ import annotations

_OPEN = "<think>"
_CLOSE = "</think>"


class ThinkTags:
    """Separates reasoning from answer in the text of one response, which may be cut anywhere.

    Only a tag that begins the text counts: later ones are part of the answer. White space around the tags is dropped.
    """

    def __init__(self) -> None:
        self._state = "start"
        self._held = ""

    @property
    def over(self) -> bool:
        """Whether all further text is the answer."""
        return self._state == "answer"

    def feed(self, text: str) -> tuple[str, str]:
        """The reasoning and the answer that `text` adds."""
        if self._state == "answer":
            return "", text
        text = self._held + text
        self._held = ""
        if self._state == "start":
            begun = text.lstrip()
            if begun.startswith(_OPEN):
                self._state, text = "reasoning", begun.removeprefix(_OPEN)
            elif _OPEN.startswith(begun):  # also when there is only white space so far
                self._held = text
                return "", ""
            else:
                self._state = "answer"
                return "", text
        return self._reason(text) if self._state == "reasoning" else self._after(text)

    def close(self) -> tuple[str, str]:
        """The text that was held back, as reasoning and answer, after the text ended."""
        held, self._held = self._held, ""
        if self._state == "reasoning":
            return held, ""
        return "", held if self._state == "start" else ""

    def _reason(self, text: str) -> tuple[str, str]:
        reasoning, tag, rest = text.partition(_CLOSE)
        if tag:
            self._state = "after"
            return reasoning, self._after(rest)[1]
        # A possible beginning of the closing tag is held back until the rest arrives.
        kept = next((n for n in range(min(len(_CLOSE) - 1, len(text)), 0, -1) if text.endswith(_CLOSE[:n])), 0)
        if kept:
            text, self._held = text[:-kept], text[-kept:]
        return text, ""

    def _after(self, text: str) -> tuple[str, str]:
        text = text.lstrip()
        if text:
            self._state = "answer"
        return "", text
