from __future__ import annotations

import math
import time
from typing import get_args

import pytest

from agents.intent import likeliest, score
from agents.intent.features import BUCKETS, features
from agents.intent.lexicon import OTHER_WORDS, PARTS, PHRASES, WORDS, folded, points
from agents.intent.scorer import shipped_model
from agents.registry import AGENTS, BY_ENTITY
from agents.turn import Need


@pytest.mark.parametrize(
    ("message", "agent"),
    [
        ("what should I do today?", "task_agent"),
        ("Which of my tasks are overdue?", "task_agent"),
        ("remind me to call Ada tomorrow", "task_agent"),
        ("add a to-do: buy stamps", "task_agent"),
        ("what's due this week", "task_agent"),
        ("TASKS!", "task_agent"),
        ("chart of my tasks by status", "task_agent"),
        ("how are my projects going?", "project_agent"),
        ("create a project for the client Acme", "project_agent"),
        ("find my notes about the rent", "note_agent"),
        ("Write down that the door code is 4711", "note_agent"),
        ("add milk to my shopping list", "note_agent"),
        ("show the milestones of the website project", "checkpoint_agent"),
        ("approve the beta checkpoint", "checkpoint_agent"),
        ("draw me a timeline", "checkpoint_agent"),
        ("who is working on the landing page copy?", "task_agent"),
        ("reassign the QA review to Sam", "task_agent"),
        ("add buy milk to my todos", "task_agent"),
        ("make a task for the Orion project: write the tests", "task_agent"),
        ("how is the website relaunch going", "project_agent"),
        ("jot down an idea: a solar backpack", "note_agent"),
        ("note to self: parking spot B12", "note_agent"),
        ("hello", "general_agent"),
        ("", "general_agent"),
        ("🙂", "general_agent"),
        ("¿qué tal?", "general_agent"),
        ("tell me a joke", "general_agent"),
        ("what is the capital of France?", "general_agent"),
    ],
)
def test_messages(message: str, agent: str) -> None:
    assert likeliest(message)[0] == agent


def test_scores_are_probabilities_of_every_agent() -> None:
    scores = score("show my notes and tasks")
    assert list(scores) == list(AGENTS)
    assert sum(scores.values()) == pytest.approx(1)
    assert min(scores.values()) > 0


def test_the_weights_are_for_these_agents_and_features() -> None:
    classifier = shipped_model()
    assert list(classifier.agents.labels) == list(AGENTS)
    assert list(classifier.needs.labels) == list(get_args(Need))
    for model in (classifier.agents, classifier.needs):
        assert model.weights.shape == (BUCKETS, len(model.labels))
        assert all(0.5 < model.certain[label] < 1 for label in model.labels)


def test_features_are_bounded_and_ignore_case_and_numbers() -> None:
    assert sorted(features("Call 42 people!")) == sorted(features("call 7 PEOPLE"))
    assert len(features("word " * 100_000)) < 20
    assert len(features(" ".join(f"{number:x}word" for number in range(10_000)))) < 1_000
    assert set(features("show my notes")) <= set(range(BUCKETS))


def test_a_long_message_is_scored_quickly() -> None:
    shipped_model()
    began = time.process_time()
    score("please show all of my open tasks " * 10_000)
    assert time.process_time() - began < 0.1


def test_the_lexicon_has_the_agents_with_an_entity_and_singular_words() -> None:
    assert set(WORDS) == set(PHRASES) == {spec.name for spec in BY_ENTITY.values()}
    assert all(agent in points([word]) for agent, table in WORDS.items() for word in table)
    assert all(agent in points(phrase.split()) for agent, table in PHRASES.items() for phrase in table)


def test_every_word_and_part_of_another_language_has_its_points() -> None:
    for agent, words in OTHER_WORDS.items():
        for word, weight in words.items():
            assert points([word]).get(agent, 0) >= weight, word
    for agent, parts in PARTS.items():
        for part, weight in parts.items():
            assert points([f"x{folded(part)}x"]).get(agent, 0) >= weight, part


@pytest.mark.parametrize("message", ["", "What is due today?", "Verschiebe den Zeitplan", "明日のタスクは？"])
def test_the_logits_are_the_sums_of_the_weights(message: str) -> None:
    model, found = shipped_model().agents, features(message)
    count = len(model.labels)
    totals = [sum(int(model.weights[bucket, label]) for bucket in found) for label in range(count)]
    norm = model.scale / max(1, len(found)) ** 0.5
    raised = [math.exp(bias + total * norm) for bias, total in zip(model.biases, totals, strict=True)]
    expected = {label: value / sum(raised) for label, value in zip(model.labels, raised, strict=True)}
    assert model.of_features(found) == pytest.approx(expected)
