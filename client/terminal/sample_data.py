"""The sample data of a new device: the week of a small studio, with dates relative to today."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from person import UTC_CALENDAR, Calendar

_NINE_HOURS_MS: Final = 9 * 3_600_000

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


def sample_items(now_ms: int, calendar: Calendar = UTC_CALENDAR) -> dict[str, list[dict[str, Any]]]:
    """Return the items by entity. Tasks are due on days, notes were written at 9:00. The ids are always the same."""
    today = calendar.day_of(now_ms)

    def day(days: int) -> str:
        return (today + timedelta(days=days)).isoformat()

    def morning(days: int) -> int:
        return calendar.start_of(today + timedelta(days=days)) + _NINE_HOURS_MS

    return {
        "task": [
            {
                "id": f"t-{number}",
                "title": title,
                "status": status,
                "priority": priority,
                "assignee": assignee,
                "dueDate": None if due is None else day(due),
                "projectId": project,
            }
            for number, (title, status, priority, assignee, due, project) in enumerate(_TASKS, 1)
        ],
        "project": [
            {"id": item_id, "name": name, "clientId": client, "status": status}
            for item_id, name, client, status in _PROJECTS
        ],
        "note": [
            {"id": f"n-{number}", "title": title, "createdAt": morning(-ago), "projectId": project, "content": content}
            for number, (title, ago, project, content) in enumerate(_NOTES, 1)
        ],
        "checkpoint": [
            {
                "id": f"k-{number}",
                "title": title,
                "date": day(days),
                "projectId": project,
                "isAiSuggested": suggested,
                "isApproved": approved,
            }
            for number, (title, days, project, suggested, approved) in enumerate(_CHECKPOINTS, 1)
        ],
    }
