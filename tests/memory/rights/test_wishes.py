"""What a message asks of memory."""

from __future__ import annotations

import time

import pytest

from memory.rights.forget_wishes import Subject
from memory.rights.wishes import wish_of


@pytest.mark.parametrize(
    ("message", "previous"),
    [
        ("My PIN is 1234. Don't remember this.", False),
        ("My PIN is 1234. Please do not store this message!", False),
        ("Off the record: I am looking for a new job.", False),
        ("This is off the record. I am looking for a new job.", False),
        ("Off the record, what would you do?", False),
        ("Keep this between us. I quit.", False),
        ("Can you please not save this? My boss is leaving.", False),
        ("Meine PIN ist 1234. Merk dir das nicht.", False),
        ("Mon code est 1234. Ne retiens pas ça.", False),
        ("Mi PIN es 1234. No recuerdes esto.", False),
        ("Don't remember this: my pin is 4711", False),
        ("my pin is 4713, don't remember this", False),
        ("Please don't remember this, my pin is 4711.", False),
        ("Don't save this - my pin is 4711", False),
        ("My pin is 4711 (please don't store this)", False),
        ("My pin is 4711 — keep this between us.", False),
        ("My pin is 4711 please don't remember it", False),
        ("my pin is 4711, but please don't remember this, ok?", False),
        ("What is the weather? My pin is 4711, do not save that!", False),
        ("Merk dir das nicht: meine PIN ist 4711", False),
        ("Meine PIN ist 4711, bitte merk dir das nicht", False),
        ("Mon code est 4711, ne retiens pas ça", False),
        ("No recuerdes esto: mi PIN es 4711", False),
        ("これは覚えないで：暗証番号は4711", False),
        ("暗証番号は4711、これは覚えないでください。", False),
        ("dont remember this my pin is 4711", False),
        ("Do not remember what I'm about to say. My pin is 4711.", False),
        ("You don't need to remember this, but I am 40.", False),
        ("Keep this private: my pin is 4711", False),
        ("don't rember this: my pin is 4711", False),
        ("Bitte nicht speichern: meine PIN ist 4711", False),
        ("Meine PIN ist 4711, aber merk dir das bitte nicht.", False),
        ("Merken Sie sich das nicht: meine PIN ist 4711", False),
        ("Entre nous, mon code est 4711", False),
        ("N'enregistre pas ça : mon code est 4711", False),
        ("Mon code est 4711, mais ne le retiens pas.", False),
        ("Entre nosotros: mi PIN es 4711", False),
        ("Mi PIN es 4711, pero no lo guardes.", False),
        ("暗証番号は4711です。これは記録しないでください。", False),
        ("ここだけの話ですが、暗証番号は4711です", False),
        ("これはオフレコで。暗証番号は4711です", False),
        ("لا تتذكر هذا: رقمي السري 4711", False),
        ("لا تحفظ هذه الرسالة. رقمي السري 4711", False),
        ("رقمي السري 4711، لا تحفظ هذا من فضلك", False),
        ("هذا سر بيننا: رقمي السري 4711", False),
        ("لا تحفظ هذا", True),
        ("N'enregistre pas ça.", True),
        ("Don't remember that.", True),
        ("Please, don't remember that.", True),
        ("Don't remember this, please", True),
    ],
)
def test_messages_that_must_not_be_stored(message: str, previous: bool) -> None:
    wish = wish_of(message)
    assert wish is not None
    assert wish.not_stored
    assert wish.previous is previous


@pytest.mark.parametrize(
    ("message", "subject", "everything", "rest"),
    [
        ("Forget my landlord's number.", "my landlord's number", False, ""),
        ("please forget my landlord's number", "my landlord's number", False, ""),
        ("Could you forget my landlord's number, please?", "my landlord's number", False, ""),
        ("Forget that I live in Berlin.", "I live in Berlin", False, ""),
        ("Forget everything about Piet.", "Piet", True, ""),
        ("Forget everything you know about my divorce!", "my divorce", True, ""),
        ("Forget what I told you about Clara.", "Clara", False, ""),
        ("Remove my phone number from memory", "my phone number", False, ""),
        ("Could you delete my landlord's number from your memory, please?", "my landlord's number", False, ""),
        ("Delete what you know about my ex.", "my ex", False, ""),
        ("Please erase everything you remember about Piet from your memory.", "Piet", True, ""),
        ("Forget my PIN. My dentist is Dr. Smith.", "my PIN", False, "My dentist is Dr. Smith."),
        ("Vergiss meine PIN.", "meine PIN", False, ""),
        ("Oublie mon numéro.", "mon numéro", False, ""),
        ("Olvida mi dirección.", "mi dirección", False, ""),
    ],
)
def test_messages_that_ask_to_forget_something(message: str, subject: str, everything: bool, rest: str) -> None:
    wish = wish_of(message)
    assert wish is not None
    assert (wish.subjects, wish.rest) == ((Subject(subject, everything),), rest)
    assert wish.not_stored is (rest == "")


# A line per message: what it asks to forget, " + " between several, then the rest of the message, then the message.
OTHER_FORMS = """
my landlord's number | | can u forget my landlord's number
my bank details | | Pls forget my bank details
my salary | | You should forget my salary
I live in Berlin | | Forget that I live in Berlin
i live in berlin | | forget i live in berlin
where I live | | Forget where I live.
Piet's number | | Forget Piet's number
the landlord's number | | forget the landlord's number, please
my address | | Don't remember my address
my address | | forgt my address plz
my number | Create a task called Milk | Create a task called Milk, and forget my number
my number | create a task called Milk | Forget my number and create a task called Milk
my salary | what is due today? | Forget my salary, what is due today?
my old number | my new one is 555 | Forget my old number, my new one is 555
my number | What should I do today? | What should I do today? And forget my number.
my PIN + my address | | Forget my PIN. Forget my address.
my sister's name + my brother's name | | Forget my sister's name and my brother's name
meine Adresse | | Vergiss bitte meine Adresse.
die Nummer meines Vermieters | | Bitte vergiss die Nummer meines Vermieters
meine Adresse | | Kannst du meine Adresse vergessen?
meine Adresse | | Vergessen Sie meine Adresse
ich in Berlin wohne | | Vergiss, dass ich in Berlin wohne
Piet | | Vergiss, was ich dir über Piet gesagt habe
meine Adresse | | Lösche meine Adresse aus deinem Gedächtnis
meine PIN | | Merk dir meine PIN nicht
Piets Nummer | | Vergiss Piets Nummer
meine Adresse | Was steht heute an? | Was steht heute an? Und vergiss bitte meine Adresse.
meine Adresse | zeige meine Aufgaben | Vergiss meine Adresse und zeige meine Aufgaben
meine Adresse + meine PIN | | Vergiss meine Adresse und meine PIN
mon adresse | | Peux-tu oublier mon adresse ?
mon adresse | | Oubliez mon adresse, s'il vous plaît
j'habite à Lyon | | Oublie que j'habite à Lyon
Piet | | Oublie ce que je t'ai dit sur Piet
mon adresse | | Supprime mon adresse de ta mémoire
l'adresse de ma sœur | | Oublie l'adresse de ma sœur
mon adresse | montre mes tâches | Oublie mon adresse et montre mes tâches
mi dirección | | ¿Puedes olvidar mi dirección?
mi dirección | | Olvídate de mi dirección, por favor
vivo en Lima | | Olvida que vivo en Lima
Piet | | Olvida lo que te dije sobre Piet
mi dirección | | Borra mi dirección de tu memoria
mi dirección | muestra mis tareas | Olvida mi dirección y muestra mis tareas
電話番号 | | 私の電話番号を忘れて
住所 | | 住所を忘れてください。
大阪に住んで | | 大阪に住んでいることを忘れて
ピート | | ピートのことを忘れてください
電話番号 | | 電話番号をメモリから削除してください
住所 | 今日の予定は？ | 今日の予定は？私の住所を忘れてください。
رقم هاتفي | | انسَ رقم هاتفي
عنواني | | انس عنواني من فضلك
عنواني | | هل يمكنك أن تنسى عنواني؟
أعيش في برلين | | انس أنني أعيش في برلين
عنواني | | احذف عنواني من ذاكرتك
رقم هاتفي | أضف مهمة جديدة | انس رقم هاتفي وأضف مهمة جديدة
رقم هاتفي + عنواني | | انس رقم هاتفي وعنواني
"""


@pytest.mark.parametrize("line", OTHER_FORMS.strip().splitlines())
def test_other_forms_of_a_request_to_forget(line: str) -> None:
    subjects, rest, message = (part.strip() for part in line.split("|"))
    wish = wish_of(message)
    assert wish is not None
    assert [subject.words for subject in wish.subjects] == subjects.split(" + ")
    assert wish.rest == rest
    assert not any(subject.everything for subject in wish.subjects)


@pytest.mark.parametrize(
    "message",
    [
        "Vergiss alles über Piet",
        "Oublie tout sur Piet",
        "Olvida todo sobre Piet",
        "Piet のことを全部忘れて",
        "انس كل ما تعرفه عن Piet",
    ],
)
def test_everything_about_something_in_other_languages(message: str) -> None:
    wish = wish_of(message)
    assert wish is not None
    assert wish.subjects == (Subject("Piet", everything=True),)


def test_the_message_before_is_forgotten() -> None:
    for message in (
        "Forget what I just said.",
        "Please forget I said that.",
        "Delete my last message",
        "Please delete that from your memory.",
        "今言ったことは忘れてください。",
    ):
        wish = wish_of(message)
        assert wish is not None
        assert wish.previous


@pytest.mark.parametrize(
    "message",
    [
        "Don't forget the milk.",
        "Don't forget my birthday!",
        "Delete my phone number.",
        "Remove my dentist task, please",
        "Delete everything about Piet.",
        "I forgot my keys.",
        "I don't remember this movie.",
        "Do you remember this?",
        "Never forget my anniversary.",
        "What does 'off the record' mean?",
        'She said: "forget my number". What should I do?',
        "Forget it, let's do something else.",
        "Forget my last point and summarise the rest.",
        "The minister spoke off the record about taxes.",
        "Don't store the milk outside.",
        "Don't store it, eat it.",
        "I saw the film, but I don't remember this.",
        "Explain between us and them, the minister said off the record things",
        "Who said, 'don't remember this: my pin'?",
        "Remind me not to forget my passport.",
        "Will they forget my name?",
        "I always forget my password.",
        "Help me forget my ex",
        "Remind me to call Bob, and forget my ex",
        "Write a song: come home and forget my name",
        "Forget today's meeting",
        "Forget about dinner",
        "Vergiss meinen Geburtstag nicht!",
        "Vergiss bitte meine Adresse nicht.",
        "Vergiss nicht meine Adresse",
        "Ich vergesse meine Schlüssel immer",
        "Vergiss die Milch",
        "N'oublie pas mon anniversaire",
        "Oublie pas mon anniversaire",
        "J'oublie mon mot de passe",
        "No olvides mi cumpleaños",
        "Se me olvida mi clave",
        "誕生日を忘れないで",
        "昨日学校に傘を忘れて",
        "その件は忘れてください",
        "لا تنس عيد ميلادي",
        "أنسى رقمي دائما",
        "",
    ],
)
def test_messages_without_a_wish(message: str) -> None:
    assert wish_of(message) is None


def test_a_wish_in_a_long_message_is_found_at_its_ends() -> None:
    pasted = "Keep the milk cold.\n" * 900
    for message in (f"Off the record: I quit.\n{pasted}", f"{pasted}My PIN is 1234. Don't remember this."):
        wish = wish_of(message)
        assert wish is not None
        assert wish.not_stored


@pytest.mark.parametrize(
    "unit", [",", "( ", "- ", "please, ", "and but ", "forget my x, please ", "„", "` „", " \t", "? "]
)
@pytest.mark.parametrize("begun", ["", "forget my x", "don't remember this"])
def test_a_long_message_does_not_hold_up_the_server(begun: str, unit: str) -> None:
    message = f"{begun} {unit * 20_000}"[:20_000] + "x"
    began = time.process_time()
    wish_of(message)
    assert time.process_time() - began < 0.5  # two minutes for commas while the work was quadratic


def test_quotes_that_do_not_end_quote_nothing() -> None:
    assert wish_of('The shelf is 6" wide. Forget my PIN.') is not None
    assert wish_of('The shelf is 6" wide. She said: "forget my PIN"') is None
