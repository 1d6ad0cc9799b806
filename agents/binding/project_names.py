"""Projects that a block's filter names by their names instead of their ids. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from agents.binding.values import Item
from agents.tools import bare, plain, plain_title
from parser.blocks import BoundBlock, Condition

_PROJECT = "projectId"
_LONG_ID: Final = re.compile(r"(?=\S*\d)[\w-]{16,}")


def with_project_ids(block: BoundBlock, projects: Sequence[Item]) -> BoundBlock:
    """`block` whose filter has the ids of `projects` instead of their names. A name of several projects stays."""
    wanted = (block.source.filter or {}).get(_PROJECT)
    if wanted is None or not projects:
        return block
    ids = {str(project["id"]) for project in projects}
    named: dict[str, list[str]] = {}
    for project in projects:
        named.setdefault(plain_title(project), []).append(str(project["id"]))

    def id_of(written: Any) -> Any:
        if isinstance(written, list):
            return [id_of(one) for one in written]
        if not isinstance(written, str) or written in ids:
            return written
        found = named.get(plain(written)) or named.get(bare(written, "project"), [])
        return found[0] if len(found) == 1 else written

    meant = wanted
    if not isinstance(wanted, Condition):
        meant = id_of(wanted)
    elif wanted.unlike is not None:
        meant = wanted.model_copy(update={"unlike": id_of(wanted.unlike)})
    conditions = {**(block.source.filter or {}), _PROJECT: meant}
    return block.model_copy(update={"source": block.source.model_copy(update={"filter": conditions})})


def names_unknown_project(block: BoundBlock, projects: Sequence[Item]) -> bool:
    """Whether the filter has a project that is not among `projects` by its id, and may be a name."""
    wanted = (with_project_ids(block, projects).source.filter or {}).get(_PROJECT)
    if isinstance(wanted, Condition):
        wanted = wanted.unlike
    ids = {str(project["id"]) for project in projects}
    several = wanted if isinstance(wanted, list) else [wanted]
    return any(isinstance(one, str) and one and one not in ids and not _LONG_ID.fullmatch(one) for one in several)
