"""The catalogues: complete, with equal placeholders and plural forms, and the choice of a language."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest

from person.sentences import ENGLISH, LANGUAGES, Sentences, catalogue, catalogue_language
from server.rest.errors import STATUS_OF
from streaming.wire import ErrorCode

# CLDR's categories of whole numbers.
FORMS = {
    "en": {"one", "other"},
    "de": {"one", "other"},
    "fr": {"one", "other"},
    "es": {"one", "other"},
    "ja": {"other"},
    "ar": {"zero", "one", "two", "few", "many", "other"},
}
REST_CODES = (
    *("bad_credentials", "bad_request", "body_timeout", "body_too_large", "cancelled", "database_unavailable"),
    *("email_taken", "invalid_body", "invalid_preference", "invalid_query", "method_not_allowed", "not_found"),
    *("preference_changed", "token_expired", "too_many_preferences", "unknown_conversation", "unknown_preference"),
    "unsupported_media_type",
)


def placeholders(sentence: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", sentence))


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_catalogue_has_the_keys_placeholders_and_plural_forms(language: str) -> None:
    english, found = catalogue("en"), catalogue(language)
    assert list(found) == list(english)
    for key, sentence in found.items():
        original = english[key]
        assert isinstance(sentence, str) == isinstance(original, str), key
        if isinstance(sentence, str):
            assert placeholders(sentence) == placeholders(str(original)), key
            assert sentence.strip(), key
        else:
            assert isinstance(original, Mapping)
            assert set(sentence) == FORMS[language], key
            every = placeholders(original["other"])
            assert placeholders(sentence["other"]) == every, key
            # A form of one number may leave the number out.
            assert all(every - {"count"} <= placeholders(form) <= every for form in sentence.values()), key


@pytest.mark.parametrize("language", [other for other in LANGUAGES if other != "en"])
def test_every_sentence_is_translated(language: str) -> None:
    english = catalogue("en")
    same = {key for key, sentence in catalogue(language).items() if sentence == english[key]}
    assert same <= {
        "items.notes",
        "items.note",
        "field.clientId",
        "field.date",
        "terminal.note",
        "terminal.agent_note_agent",
        "terminal.agent_general_agent",
        "terminal.no",
        "used.no",
        "terminal.day",
        "terminal.day_and_year",
    }  # French: notes, Assistant, Client, Date, the order in a day; Spanish: no


@pytest.mark.parametrize("code", [*ErrorCode, *REST_CODES])
def test_every_error_code_has_its_sentence(code: str) -> None:
    if code != "internal":
        assert ENGLISH.error(code) != ENGLISH.error("internal")
    assert set(STATUS_OF) == set(ErrorCode)


def test_an_unknown_code_has_the_general_sentence() -> None:
    assert Sentences.of("fr").error("something_new") == Sentences.of("fr").error("internal")


@pytest.mark.parametrize(
    ("tag", "language"),
    [
        (None, None),
        ("", None),
        ("*", None),
        ("de", "de"),
        ("de-AT", "de"),
        ("DE_ch", "de"),
        ("ja-Jpan-JP-u-ca-japanese", "ja"),
        ("ar-x-private", "ar"),
        ("en-GB", "en"),
        ("nl-BE", None),
        ("des", None),
    ],
)
def test_the_language_is_looked_up_by_its_prefixes(tag: str | None, language: str | None) -> None:
    assert catalogue_language(tag) == language
    assert Sentences.of("x", tag, "ja").language == (language or "ja")
    assert Sentences.of(tag).language == (language or "en")


@pytest.mark.parametrize(
    ("language", "forms"),
    [
        ("ar", {0: "zero", 1: "one", 2: "two", 3: "few", 10: "few", 11: "many", 99: "many", 100: "other", 103: "few"}),
        ("fr", {0: "one", 1: "one", 2: "other"}),
        ("ja", {0: "other", 1: "other"}),
        ("en", {0: "other", 1: "one", 2: "other", 21: "other"}),
    ],
)
def test_the_number_chooses_the_plural_form(language: str, forms: dict[int, str]) -> None:
    sentence = catalogue(language)["unshown.more"]
    assert isinstance(sentence, Mapping)
    for count, form in forms.items():
        assert Sentences(language).say("unshown.more", count=count) == sentence[form].format(count=count)
