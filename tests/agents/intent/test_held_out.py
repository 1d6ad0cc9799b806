"""The shipped weights, measured on held-out messages; `make bench-router` prints the whole tables."""

from __future__ import annotations

import pytest

from agents.intent import likeliest
from bench.router_data import EXAMPLES, Example, load, shared_data


@pytest.fixture(scope="module")
def held_out() -> list[Example]:
    try:
        examples = load()
    except FileNotFoundError:
        pytest.skip(f"the public data is not at {shared_data()}")
    return [example for example in examples if example.part == "held_out"]


def test_most_messages_go_to_the_right_agent(held_out: list[Example]) -> None:
    right = [likeliest(example.text)[0] == example.agent for example in held_out]
    assert sum(right) / len(right) > 0.96


@pytest.mark.parametrize("agent", ["task_agent", "project_agent", "note_agent", "checkpoint_agent", "general_agent"])
def test_no_agent_is_forgotten(held_out: list[Example], agent: str) -> None:
    meant = [example for example in held_out if example.agent == agent]
    assert len(meant) >= 15
    assert sum(likeliest(example.text)[0] == agent for example in meant) / len(meant) > 0.85


def test_the_split_does_not_depend_on_case_or_spacing() -> None:
    parts = {Example(text, "task_agent", "own").part for text in ("show my tasks", "Show  MY tasks ")}
    assert len(parts) == 1


def test_there_are_enough_examples_for_the_agents_that_the_public_data_lacks() -> None:
    text = EXAMPLES.read_text("utf-8")
    assert all(text.count(f'"{agent}"') >= 60 for agent in ("project_agent", "checkpoint_agent"))
