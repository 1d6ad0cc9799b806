"""Drops the special tokens of chat templates, such as `</s>`, from the end of an answer."""

from __future__ import annotations

import re
from typing import Final

_NAMES: Final = ("</s>", "<eos>", "<end_of_turn>", "<end_of_text>", "<|endoftext|>", "[/INST]", "[EOS]")
_TOKEN: Final = "|".join((*map(re.escape, _NAMES), r"<[|｜][\w▁]{1,40}[|｜]>"))
_END: Final = re.compile(rf"(?:\s{{0,64}}(?:{_TOKEN}))+\s*\Z")
_BEGUN: Final = re.compile(
    rf"(?:\s{{0,64}}(?:{_TOKEN}))*\s{{0,64}}"
    rf"(?:{'|'.join(re.escape(name[:size]) for name in _NAMES for size in range(len(name) - 1, 0, -1))}"
    r"|<[|｜][\w▁]{0,40}[|｜]?)?\Z"
)
_MOST_HELD: Final = 256


class EndTokens:
    """Text in, the same text out without special tokens at its end. `feed` in order, then `close`."""

    def __init__(self) -> None:
        self.held = ""
        """What may be special tokens at the end."""

    def feed(self, text: str) -> str:
        """The text that can be shown now. Text without `<` and `[` need not be given while nothing is held."""
        if not self.held and "<" not in text and text[-1:] != "[" and "[/" not in text and "[E" not in text:
            return text
        text = self.held + text
        at = _held_from(text)
        self.held = text[at:]
        return text[:at]

    def close(self) -> str:
        """The rest of the text at its end."""
        held, self.held = self.held, ""
        return _END.sub("", held)


def _held_from(text: str) -> int:
    """Where special tokens, the last of them perhaps incomplete, begin at the end of `text`."""
    begin = max(0, len(text) - _MOST_HELD)
    for sign in re.finditer(r"[<\[]", text[begin:]):
        if _BEGUN.match(text, begin + sign.start()):
            return begin + sign.start()
    return len(text)
