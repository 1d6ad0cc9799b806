"""Events of one stream that differ in their text alone, read without parsing their JSON again. Sans-IO.

A provider sends the same few hundred bytes around each token. Once one event was parsed in full, another that has the
very same bytes around a JSON string in the same place means the same but for that string. Whatever does not fit is
parsed in full.
"""

from __future__ import annotations

import json
from typing import Any, Final

TextPath = tuple[str | int, ...]
"""Where in a payload the text is: keys and indexes from the outside in."""

# Padding of random length, which some providers send with each token so that its size tells nothing of the token.
_PADDING: Final[TextPath] = ("obfuscation",)
_PROBE: Final = "probe"
_DECODER: Final = json.JSONDecoder()


class Envelope:
    """What is around the text: up to its opening quote, and from its closing quote to the end of the event.

    With `padding` a second string may differ too, after which `padding` follows.
    """

    def __init__(self, before: str, after: str, padding: str | None) -> None:
        self._before = before
        self._skip = len(before)
        self._after = after
        self._padding = padding

    def __repr__(self) -> str:
        return f"<Envelope of {len(self._before) + len(self._after) + len(self._padding or '')} characters>"

    def read(self, events: str, at: int) -> tuple[str, int]:
        """The text of the event that begins at `at`, and where the next one begins; "" when it does not fit."""
        if not events.startswith(self._before, at):
            return "", at
        text, end = _string(events, at + self._skip)
        if not events.startswith(self._after, end):
            return "", at
        end += len(self._after)
        if self._padding is not None:
            _, end = _string(events, end)
            if not events.startswith(self._padding, end):
                return "", at
            end += len(self._padding)
        return text, end


def _string(source: str, at: int) -> tuple[str, int]:
    """The JSON string whose first character is at `at`, and the place of its closing quote; -1 when there is none."""
    end = source.find('"', at)
    text = source[at:end]
    if "\\" not in text and text.isprintable():
        return text, end
    try:
        decoded, after = _DECODER.raw_decode(source, at - 1)
    except ValueError:
        return "", -1
    return decoded, after - 1


def learn(event: str, payload: str, text: str, path: TextPath) -> Envelope | None:
    """The envelope of a whole `event` whose data is `payload`, in which `text` is at `path`.

    None when it is not exactly there, or more than text may be in the event.
    """
    # Counts of tokens say something new with each event, even when they are the same again.
    if event.count(payload) != 1 or not event.endswith("\n") or "_tokens" in payload:
        return None
    if _value(json.loads(payload), path) != text:
        return None
    start = event.find(payload)
    hole = _place(payload, text, path)
    if hole is None:
        return None
    first, last = hole
    after = event[start + last :]
    padded = _value(json.loads(payload), _PADDING)
    place = _place(payload, padded, _PADDING) if isinstance(padded, str) else None
    if place is None or place[0] < last:
        return Envelope(event[: start + first], after, None)
    return Envelope(event[: start + first], event[start + last : start + place[0]], event[start + place[1] :])


def _place(payload: str, value: str, path: TextPath) -> tuple[int, int] | None:
    """Where between its quotes the string at `path` is, which is `value`."""
    at = payload.find('"')
    while at >= 0:
        found, end = _DECODER.raw_decode(payload, at)
        if found == value:
            # One string of a document stands for one key or value: if another in its place is at the path, it is it.
            probed = json.loads(f"{payload[: at + 1]}{_PROBE}{payload[end - 1 :]}")
            if _value(probed, path) == _PROBE and value != _PROBE:
                return at + 1, end - 1
        at = payload.find('"', end)
    return None


def _value(document: Any, path: TextPath) -> Any:
    for step in path:
        try:
            document = document[step]
        except (LookupError, TypeError):
            return None
    return document
