"""The steps that show items: each becomes a value-bound block, which fetches its own data. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from agents.binding import FIELDS

CHART_KINDS: Final = ("bar", "line", "pie", "area", "radar", "radial")


def view_block(name: str, args: Mapping[str, Any]) -> str | None:
    """The block of a `show_...` step as JSON; None for other steps."""
    entity = args.get("of")
    if not isinstance(entity, str) or entity not in FIELDS:
        return None
    source: dict[str, Any] = {"entity": entity}
    if entity != "project" and (project := _project(args.get("project"))) is not None:
        source["filter"] = {"projectId": project}
    match name:
        case "show_chart":
            by = _field(entity, args.get("by"))
            source |= {"agg": "count", **({"groupBy": by} if by else {})}
            kind = args.get("type") if args.get("type") in CHART_KINDS else "bar"
            title = args.get("title")
            block = {
                "type": "chart",
                "chartType": kind,
                "title": title if isinstance(title, str) else "",
                "from": source,
            }
        case "show_table":
            columns = [known for one in _list(args.get("columns")) if (known := _field(entity, one))]
            sort = _field(entity, args.get("sort"))
            if columns:
                source["columns"] = list(dict.fromkeys(columns))
            if sort:
                source["sort"] = sort
            block = {"type": "table", "from": source}
        case "show_timeline":
            block = {"type": "timeline", "from": source}
        case _:
            return None
    return json.dumps(block, ensure_ascii=False)


# Names that small models write for a field.
_OTHER_NAMES: Final[Mapping[str, str]] = {
    "due": "dueDate",
    "due_date": "dueDate",
    "project": "projectId",
    "client": "clientId",
    "approved": "isApproved",
    "created": "createdAt",
}


def _field(entity: str, written: Any) -> str | None:
    """The field that `written` names; None if the entity has none."""
    if not isinstance(written, str):
        return None
    meant = _OTHER_NAMES.get(written, written)
    if meant == "title" and entity == "project":
        meant = "name"
    return meant if meant in FIELDS[entity] and meant != "id" else None


def _project(written: Any) -> str | None:
    """The project that the block is about, as the model named it; None for all."""
    if not isinstance(written, str) or not written.strip() or written.strip().casefold() in ("any", "all", "none", "*"):
        return None
    return written.strip()


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
