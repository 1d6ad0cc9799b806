"""Which answers say something about the person's items."""

from __future__ import annotations

import json
import time

import pytest

from agents.item_claims import claims_items

CLAIMS = [
    "You have ninety tasks.",
    "Two.",
    "None.",
    "Nothing is due today.",
    "You have nothing due today.",
    "There are no open projects.",
    "The walk is due on Friday.",
    "It is on Friday.",
    "Your walk is done.",
    "You're free tomorrow.",
    "You are on track.",
    "Sure! You have three notes. Shall I show them?",
    "Here you go:\n- Walk\n- Read",
    "1. Walk\n2. Read",
    "Your next milestone is the launch.",
    "I found two tasks.",
    "I see three open tasks.",
    "All your tasks are completed.",
    "Hello! Your agenda is empty.",
    "Du hast zwei Aufgaben.",
    "Es ist nichts fällig.",
    "Zwei.",
    "Vous avez trois tâches.",
    "Aucune tâche n'est en retard.",
    "Tienes dos tareas pendientes.",
    "No hay tareas.",
    "タスクが3件あります。",
    "لديك ثلاث مهام.",
]
NO_CLAIMS = [
    "",
    "Hello! How can I help you today?",
    "Hi there!",
    "You're welcome!",
    "Good morning. I hope you slept well.",
    "I'm doing well, thanks for asking.",
    "I'm sorry to hear that.",
    "Which project do you mean?",
    "Do you mean your tasks or your notes?",
    "I can show your tasks, notes and projects. What do you need?",
    "I can help you with:\n- tasks\n- notes",
    "I cannot see your tasks right now.",
    "I couldn't read your tasks.",
    "I don't have access to your notes.",
    "I need the name of the project.",
    "Please tell me which task you mean.",
    "If you tell me the project, I will list its tasks.",
    "The capital of France is Paris.",
    "Why did the chicken cross the road? To get to the other side.",
    "Let me know which note you want.",
    "Welche Aufgabe meinst du?",
    "Ich kann deine Aufgaben gerade nicht lesen.",
    "Bitte nenne mir das Projekt.",
    "Quelle tâche voulez-vous dire ?",
    "Je ne peux pas lire vos tâches.",
    "¿Qué tarea quieres decir?",
    "No puedo leer tus tareas.",
    "どのタスクですか？",
    "タスクの名前を教えてください。",
    "أي مهمة تقصد؟",
]


def block(text: str) -> str:
    return json.dumps([{"type": "text", "content": text}])


@pytest.mark.parametrize("answer", CLAIMS)
def test_a_claim_about_items(answer: str) -> None:
    assert claims_items(answer)
    assert claims_items(block(answer))


@pytest.mark.parametrize("answer", NO_CLAIMS)
def test_no_claim_about_items(answer: str) -> None:
    assert not claims_items(answer)
    assert not claims_items(block(answer))


def test_a_block_with_data_is_a_claim() -> None:
    assert claims_items('[{"type": "chart", "chartType": "bar", "title": "T", "data": [{"a": 1}]}]')


def test_empty_lines_of_an_answer_take_little_time() -> None:
    # The time of the processor, not of the clock. It was more than eight seconds.
    started = time.thread_time()
    assert not claims_items("Hello." + "\n" * 20_000 + "Hello.")
    assert claims_items("Hello." + "\n" * 20_000 + "- Water the plants")
    assert time.thread_time() - started < 2.0
