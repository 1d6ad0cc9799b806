"""Which sentences are about what the person asks to forget."""

from __future__ import annotations

import pytest

from memory.rights.repetitions import states
from memory.rights.subject import SubjectWords
from memory.tiers import Exchange

ABOUT = """
my number | My number is 555.
my number | You can write down my phone number: 555.
my landlord's number | My landlord's number is 555.
where I live | I live in Berlin.
I live in Berlin | I live in Berlin since May.
my sisters birthday | My sister's birthday is 3 May.
the landlord's number | My landlord's number is 555.
meinen Namen | Mein Name ist Jana.
meine Nummer | Meine Nummer ist 555.
die Nummer meines Vermieters | Die Nummer meines Vermieters ist 555.
ich in Berlin wohne | Ich wohne seit Mai in Berlin.
Piets Nummer | Piets Nummer ist 555.
mon adresse | Mon adresse est 5 rue Verte.
mon adresse | J'ai une nouvelle adresse : 5 rue Verte.
mon numéro de téléphone | Mon numéro de téléphone est le 555.
l'adresse de ma sœur | Voici l'adresse de ma sœur : 5 rue Verte.
mi dirección | Mi dirección es calle Verde 5.
vivo en Lima | Vivo en Lima desde mayo.
電話番号 | 私の電話番号は555です。
大阪に住んで | 大阪に住んでいます。
رقم هاتفي | رقم هاتفي هو 555.
أعيش في برلين | أنا أعيش في برلين.
my birthday | My birthday is 3 May.
"""
NOT_ABOUT = """
my number | My landlord's number is 555.
my number | Her number is 555.
my phone number | My landlord's phone number is 555.
my number | The number of my landlord is 555.
my birthday | My daughter's birthday is 3 May.
my birthday | Anna's next birthday is a round one.
meine Nummer | Die Nummer meines Vermieters ist 555.
meine Nummer | Seine Nummer ist 555.
mon adresse | L'adresse de ma sœur est 5 rue Verte.
mi número | El número de mi casero es 555.
my landlord's number | My number is 555.
my address | I live in Berlin.
"""


def pairs(lines: str) -> list[list[str]]:
    return [[part.strip() for part in line.split("|")] for line in lines.strip().splitlines()]


@pytest.mark.parametrize(("subject", "text"), pairs(ABOUT))
def test_a_sentence_about_the_subject_in_any_form(subject: str, text: str) -> None:
    assert SubjectWords(subject).in_text(text)
    assert states(subject, Exchange(text, ""))


@pytest.mark.parametrize(("subject", "text"), pairs(NOT_ABOUT))
def test_what_is_somebody_elses_is_not_the_subject(subject: str, text: str) -> None:
    assert not SubjectWords(subject).in_text(text)
    assert not states(subject, Exchange(text, ""))


@pytest.mark.parametrize(
    ("subject", "name", "value"),
    [
        ("my name", "preferred_name", "Ana"),
        ("meinen Namen", "preferred_name", "Ana"),
        ("mon nom", "preferred_name", "Ana"),
        ("名前", "preferred_name", "Ana"),
        ("where I live", "home", "Berlin"),
        ("I live in Berlin", "home", "Berlin"),
        ("my job", "employer", "Acme"),
        ("mi cumpleaños", "birthday", "3 May"),
        ("my nut allergy", "allergy_nuts", "nuts"),
    ],
)
def test_a_preference_is_named_in_the_persons_language(subject: str, name: str, value: str) -> None:
    assert SubjectWords(subject).in_preference(name, value)
    assert not SubjectWords(subject).in_preference("currency", "EUR")
