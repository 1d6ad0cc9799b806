"""The demo model understands what the playground suggests, in each language of the page."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from demo.suggestions import ENGLISH, in_english

WORDS = Path("client/playground/src/words")


def suggested(language: str) -> list[str]:
    """The suggestions of the page in a language, in their order."""
    source = (WORDS / f"{language}.ts").read_text(encoding="utf-8")
    lists = [re.search(rf"{name}: \[(.*?)\]", source, re.DOTALL) for name in ("popupIdeas", "suggestionList")]
    return [json.loads(text) for found in lists if found for text in re.findall(r'"(?:[^"\\]|\\.)*"', found[1])]


@pytest.mark.parametrize("language", ["de", "fr", "es", "ja", "ar"])
def test_each_suggestion_stands_for_the_english_one(language: str) -> None:
    english, translated = suggested("en"), suggested(language)
    assert len(english) == len(translated) == 9
    assert [ENGLISH[text] for text in translated] == english
    assert [in_english(f" {text}\n") for text in translated] == english


def test_other_messages_stay_as_they_are() -> None:
    assert in_english("Was kostet das?") == "Was kostet das?"
