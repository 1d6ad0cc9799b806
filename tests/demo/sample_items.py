"""The playground's sample items, read from its source, around the day of `demo_conversation`."""

from __future__ import annotations

import json
import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any

TODAY = date(2025, 3, 14)
_SOURCE = Path(__file__).parents[2] / "client" / "playground" / "src" / "device" / "sample.ts"


def sample_items() -> dict[str, list[dict[str, Any]]]:
    source = _SOURCE.read_text()
    return {
        "task": [
            {"id": f"t-{place}", "title": title, "status": status, "priority": priority, "assignee": assignee}
            | {"dueDate": _day(due), "projectId": project}
            for place, (title, status, priority, assignee, due, project) in enumerate(_rows(source, "TASKS"), 1)
        ],
        "project": [
            {"id": identity, "name": name, "clientId": client, "status": status}
            for identity, name, client, status in _rows(source, "PROJECTS")
        ],
        "note": [
            {"id": f"n-{place}", "title": title, "createdAt": _day(-ago), "projectId": project, "content": content}
            for place, (title, ago, project, content) in enumerate(_rows(source, "NOTES"), 1)
        ],
        "checkpoint": [
            {"id": f"k-{place}", "title": title, "date": _day(days), "projectId": project}
            | {"isAiSuggested": suggested, "isApproved": approved}
            for place, (title, days, project, suggested, approved) in enumerate(_rows(source, "CHECKPOINTS"), 1)
        ],
    }


def _rows(source: str, name: str) -> list[list[Any]]:
    """The array of that name. Except for commas before closing brackets, it is JSON."""
    found = re.search(rf"const {name} = (\[.*?\n\]) as const", source, re.DOTALL)
    assert found is not None, name
    rows = json.loads(re.sub(r",(\s*\])", r"\1", found[1]))
    assert isinstance(rows, list)
    return rows


def _day(days: int | None) -> str | None:
    return None if days is None else (TODAY + timedelta(days=days)).isoformat()
