"""Words that point to an agent. They are features of the classifier, in addition to the learned ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

# Singular words and their weights. 3: a name of the entity; 2: closely related to it; 1: a hint. "Project" weighs less,
# because people also use it to say which tasks or milestones they mean.
WORDS: Mapping[str, Mapping[str, int]] = {
    "task_agent": {
        "task": 3, "todo": 3, "reminder": 3, "errand": 3, "chore": 3, "remind": 2, "overdue": 2, "priority": 2,
        "assign": 2, "assigned": 2, "assignee": 2, "due": 2, "urgent": 2, "finish": 1, "finished": 1, "complete": 1,
        "completed": 1, "done": 1, "reopen": 2, "today": 1, "tomorrow": 1, "tonight": 1, "week": 1, "plan": 1,
        "next": 1, "calendar": 1, "meeting": 1, "appointment": 1, "schedule": 1, "agenda": 1, "busy": 1, "workload": 2,
        "backlog": 2,
    },
    "project_agent": {
        "project": 2, "client": 3, "customer": 2, "portfolio": 2, "progress": 1, "engagement": 1, "budget": 1,
        "stakeholder": 1,
    },
    "note_agent": {
        "note": 3, "notebook": 3, "memo": 3, "journal": 2, "jot": 2, "write": 1, "wrote": 1, "written": 1, "list": 1,
        "shopping": 2, "grocery": 2, "minutes": 2, "transcript": 2, "idea": 1, "append": 1, "draft": 1,
        "summarise": 1, "summarize": 1,
    },
    "checkpoint_agent": {
        "checkpoint": 3, "milestone": 3, "gantt": 3, "timeline": 2, "roadmap": 2, "deadline": 1, "deliverable": 2,
        "phase": 1, "approve": 2, "approved": 1, "approval": 1, "launch": 1, "reschedule": 1, "slip": 1, "slipped": 1,
    },
}  # fmt: skip

PHRASES: Mapping[str, Mapping[str, int]] = {
    "task_agent": {"to do": 3, "should i do": 3, "work on": 1, "have to": 1, "need to": 1},
    "project_agent": {},
    "note_agent": {"write down": 3, "take down": 2, "written about": 2},
    "checkpoint_agent": {"ai suggest": 2, "push back": 1},
}  # fmt: skip


def points(words: Sequence[str]) -> dict[str, int]:
    """Points per agent for the lower-case words of a message; agents without points are left out."""
    singular = [_singular(word) for word in words]
    text = f" {' '.join(singular)} "
    found = {
        agent: sum(table.get(word, 0) for word in singular)
        + sum(weight for phrase, weight in PHRASES[agent].items() if f" {phrase} " in text)
        for agent, table in WORDS.items()
    }
    return {agent: number for agent, number in found.items() if number}


def _singular(word: str) -> str:
    """`word` without its plural ending; it has to be correct only for the words in the tables."""
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith("s") and not word.endswith("ss") and len(word) > 3 and word != "minutes":
        return word[:-1]
    return word
