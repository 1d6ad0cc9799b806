"""Value-bound blocks: charts, tables and timelines whose data the server computes from a request's tool results.

Other packages use `Binder`. `FIELDS` are the fields of each entity.
`device_lists` and `needs_all_items` say what a block asks of the device. All is pure.
"""

from agents.binding.binder import Binder
from agents.binding.device_lists import MAX_LISTED, device_lists, names_projects, needs_all_items
from agents.binding.project_names import names_unknown_project, with_project_ids
from agents.binding.selection import matches_none
from agents.binding.values import FIELDS

__all__ = [
    "FIELDS",
    "MAX_LISTED",
    "Binder",
    "device_lists",
    "matches_none",
    "names_projects",
    "names_unknown_project",
    "needs_all_items",
    "with_project_ids",
]
