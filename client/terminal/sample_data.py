"""The sample data of a new device: the week of a small studio, with dates relative to today."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any

# title, status, priority, assignee, due in days (None: no date), project
_TASKS = (
    ("Send the signed contract to Marta", "todo", "high", "me", 0, "p-harbour"),
    ("Review the landing page copy", "in_progress", "high", "me", 0, "p-harbour"),
    ("Call the print shop about paper stock", "todo", "medium", "me", 0, "p-atlas"),
    ("Fix the broken image export", "todo", "high", "Noor", -2, "p-atlas"),
    ("Write the invoice for September", "todo", "high", "me", -1, None),
    ("Prepare the demo for Thursday", "in_progress", "high", "me", 2, "p-tide"),
    ("Collect feedback from the pilot users", "todo", "medium", "Noor", 3, "p-tide"),
    ("Update the accessibility checklist", "todo", "low", "Sam", 5, "p-tide"),
    ("Renew the domain", "todo", "medium", "me", 9, None),
    ("Draft the brand guidelines", "in_progress", "medium", "Sam", 12, "p-harbour"),
    ("Archive last year's projects", "todo", "low", "me", None, None),
    ("Set up the shared calendar", "done", "low", "me", -4, None),
    ("Interview two pilot users", "done", "medium", "Noor", -3, "p-tide"),
    ("Choose the typeface", "done", "high", "Sam", -6, "p-harbour"),
)
_PROJECTS = (
    ("p-harbour", "Harbour website", "c-harbour", "active"),
    ("p-atlas", "Atlas print catalogue", "c-atlas", "active"),
    ("p-tide", "Tide app pilot", "c-tide", "active"),
    ("p-archive", "Winter campaign", "c-harbour", "completed"),
)
# title, made days ago, project, content
_NOTES = (
    (
        "Kick-off with Harbour",
        21,
        "p-harbour",
        "Marta wants a calm site: few colours, large type. Launch before the fair.",
    ),
    ("Paper samples", 8, "p-atlas", "120 g uncoated feels right; the print shop holds a batch until Friday."),
    ("Pilot interviews", 3, "p-tide", "Both users missed the export button. One asked for weekly summaries."),
    ("Pricing thoughts", 12, None, "A monthly retainer suits the small clients better than a day rate."),
    ("Fair checklist", 5, "p-harbour", "Stand, cards, tablet with the demo, power strip, water."),
)
# title, in days, project, suggested by AI, approved
_CHECKPOINTS = (
    ("Contract signed", -7, "p-harbour", False, True),
    ("Design approved", 4, "p-harbour", False, True),
    ("Demo day", 2, "p-tide", False, True),
    ("Pilot ends", 16, "p-tide", True, False),
    ("Catalogue to print", 10, "p-atlas", False, True),
    ("Site launch", 23, "p-harbour", True, True),
)


def sample_items(now: datetime | None = None) -> dict[str, list[dict[str, Any]]]:
    """Return the items by entity. Tasks are due at 17:00 UTC, checkpoints at 12:00 UTC. The ids are always the same."""
    today = (now or datetime.now(UTC)).astimezone(UTC)

    def at(days: int, hour: int) -> int:
        return int(datetime.combine(today.date() + timedelta(days=days), time(hour, tzinfo=UTC)).timestamp() * 1000)

    return {
        "task": [
            {
                "id": f"t-{number}",
                "title": title,
                "status": status,
                "priority": priority,
                "assignee": assignee,
                "dueDate": None if due is None else at(due, 17),
                "projectId": project,
            }
            for number, (title, status, priority, assignee, due, project) in enumerate(_TASKS, 1)
        ],
        "project": [
            {"id": identity, "name": name, "clientId": client, "status": status}
            for identity, name, client, status in _PROJECTS
        ],
        "note": [
            {"id": f"n-{number}", "title": title, "createdAt": at(-ago, 9), "projectId": project, "content": content}
            for number, (title, ago, project, content) in enumerate(_NOTES, 1)
        ],
        "checkpoint": [
            {
                "id": f"k-{number}",
                "title": title,
                "date": at(days, 12),
                "projectId": project,
                "isAiSuggested": suggested,
                "isApproved": approved,
            }
            for number, (title, days, project, suggested, approved) in enumerate(_CHECKPOINTS, 1)
        ],
    }
