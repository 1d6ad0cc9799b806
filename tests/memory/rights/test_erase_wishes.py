"""Messages that ask to erase all of memory, and the ones that confirm it."""

from __future__ import annotations

import pytest

from memory.rights.erase_wishes import confirms_erasure
from memory.rights.wishes import wish_of
from person import LANGUAGES, Sentences

ERASE = (
    "Remove all my personal data from your memory",
    "Start fresh: forget everything you know about me",
    "purge everything you know about me",
    "Vide ta mémoire",
    "Supprime toutes mes données de ta mémoire",
    "Borra todo lo que tienes guardado sobre mí",
    "Borra la memoria",
    "全部忘れて",
    "覚えていることを全部忘れて",
    "احذف جميع بياناتي من ذاكرتك",
    "Lösche alle meine Daten aus deinem Gedächtnis",
    "Forget everything you know about me",
    "Forget everything you know about me.",
    "Please forget everything about me",
    "delete all my memories",
    "Delete my memory",
    "Wipe your memory of me",
    "wipe your memory",
    "Erase all your memories of me, please",
    "Can you delete all my memories?",
    "Could you please forget everything I've told you about myself?",
    "How do I delete everything you know about me?",
    "I want you to forget me",
    "Forget me.",
    "Forget everything.",
    "Clear all the data you have stored about me",
    "Delete all data you have about me",
    "Remove everything you have about me from your memory",
    "Reset your memory",
    "Erase what you know about me",
    "Delete everything you remember about me!",
    "Vergiss alles, was du über mich weißt",
    "Vergiss alles über mich.",
    "Lösche alle meine Erinnerungen",
    "Lösch dein Gedächtnis über mich",
    "Bitte lösche mein Gedächtnis",
    "Kannst du bitte alle meine Erinnerungen löschen?",
    "Bitte alles löschen, was du über mich weißt",
    "Vergiss mich",
    "Oublie tout ce que tu sais sur moi",
    "Oublie tout ce que tu sais de moi.",
    "Efface toute ta mémoire",
    "Supprime tous mes souvenirs",
    "Efface ma mémoire",
    "Oublie-moi",
    "Peux-tu effacer ta mémoire ?",
    "Olvida todo lo que sabes de mí",
    "Borra toda tu memoria sobre mí",
    "Borra todos mis recuerdos",
    "Elimina mi memoria",
    "Olvídate de mí",
    "¿Puedes borrar mi memoria?",
    "私について知っていることをすべて忘れてください",
    "私のことを全部忘れて",
    "私の記憶をすべて削除してください",
    "メモリを全部消して",
    "انس كل ما تعرفه عني",
    "احذف كل ذكرياتي",
    "امسح ذاكرتك عني",
    "امسح ذاكرتي من فضلك",
    "هل يمكنك حذف كل ما تعرفه عني؟",
    "Yes, erase my memory",
    "I'm leaving. Delete all my memories, please.",
    "Lösche alles über mich",
    "Vergiss alles",
    "Kannst du alles vergessen?",
    "Oublie tout",
    "Supprime tout ce que tu sais de moi",
    "Olvida todo",
    "Borra todo sobre mí",
)
OTHERS = (
    "Delete all my data",
    "Empty the bin",
    "Vide la poubelle",
    "Borra la nota",
    "Forget all about it",
    "Löschen, bitte",
    "タスクのことを全部忘れて",
    "Remove my data from the report",
    "Delete everything about Piet.",
    "Forget everything about Piet.",
    "Forget everything you know about my divorce!",
    "Delete all my tasks",
    "Forget my landlord's number.",
    "Delete my memory card order",
    "Clear my inbox",
    "Delete all",
    "Remove my memories album",
    "Forget me not",
    "Don't forget me",
    "Remind me to wipe the memory stick",
    "Delete my memory stick task",
    "Wipe your shoes",
    "I want to forget everything about Tom",
    "Vergiss meine PIN",
    "Vergiss alles über Piet",
    "Lösche alle Aufgaben",
    "Oublie mon numéro",
    "Oublie tout sur Piet",
    "Efface tous mes rendez-vous",
    "Olvida mi dirección",
    "Borra todas mis tareas",
    "Piet のことを全部忘れて",
    "タスクを全部削除して",
    "احذف كل مهامي",
    "My memory is bad",
    "What do you know about me?",
    "Forget it",
    "Delete everything",
    "Delete me",
    "Lösche alles",
    "Kannst du alles löschen?",
    "Lösche mich",
    "Ja, lösche alles",
    "Supprime tout",
    "Efface-moi",
    "Vide tout",
    "Borra todo",
    "Elimina todo, por favor",
    "Borra de mí",
    "Yes, erase everything",
    "What can you remember?",
    'She said: "forget everything you know about me". What now?',
    "What happens if I delete all my memories?",
)
CONFIRM = (
    "yes erase everything",
    "Yes, delete all my memories.",
    "YES, ERASE MY MEMORY!",
    "Ja, vergiss alles",
    "Oui, efface tout.",
    "Sí, borra todo",
    "はい、すべて消去して",
    "نعم، احذف كل شيء",
)
NO_CONFIRMATIONS = (
    "yes",
    "Yes, everything",
    "Yes, delete the task",
    "erase my memory",
    "Yes, erase my memory card",
    "No, don't erase my memory",
    "Yes, erase my memory? What does that do?",
    "Ja, lösche die Aufgabe",
    "Ja, lösche alle Erinnerungen",  # these may be reminders
    "",
)


@pytest.mark.parametrize("message", ERASE)
def test_messages_that_ask_to_erase_all(message: str) -> None:
    wish = wish_of(message)
    assert wish is not None
    assert wish.erase
    assert (wish.subjects, wish.previous, wish.not_stored) == ((), False, False)


@pytest.mark.parametrize("message", OTHERS)
def test_messages_that_do_not(message: str) -> None:
    wish = wish_of(message)
    assert wish is None or not wish.erase


@pytest.mark.parametrize("message", [*CONFIRM, *(Sentences(one).say("memory.erase_yes") for one in LANGUAGES)])
def test_messages_that_confirm_it(message: str) -> None:
    assert confirms_erasure(message)


@pytest.mark.parametrize("message", NO_CONFIRMATIONS)
def test_messages_that_confirm_nothing(message: str) -> None:
    assert not confirms_erasure(message)
