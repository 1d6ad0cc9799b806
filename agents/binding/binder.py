"""Computes the frame data of a value-bound block."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from agents.binding.chart import chart_data
from agents.binding.labels import Labels
from agents.binding.project_names import with_project_ids
from agents.binding.table import table_data
from agents.binding.timeline import timeline_data
from agents.binding.unbindable import Unbindable
from agents.tool_results import ToolResults
from parser.blocks import BindReason, BoundBlock, BoundChartBlock, BoundTableBlock, BoundTimelineBlock
from person import ENGLISH, UTC_CALENDAR, Calendar, Sentences
from streaming.answer import Unbound


class Binder:
    """Computes the blocks of one request from the tool results that are there when a block is complete.

    `calendar` and `sentences` return those of the person. They are asked for each block, because memory may state the
    zone or the language later.
    """

    def __init__(
        self,
        results: ToolResults,
        calendar: Callable[[], Calendar] = lambda: UTC_CALENDAR,
        sentences: Callable[[], Sentences] = lambda: ENGLISH,
    ) -> None:
        self._results = results
        self._calendar = calendar
        self._sentences = sentences

    def bind(self, block: BoundBlock) -> dict[str, Any] | Unbound:
        """The `data` of the block's frame, or the reason why it cannot be computed."""
        entity = block.source.entity
        items = self._results.resolve(entity)
        if not items:
            return Unbound(BindReason.NOT_FETCHED.value, f"No tool of this conversation returned a {entity}.")
        block = with_project_ids(block, self._results.resolve("project"))
        calendar = self._calendar()
        labels = Labels(self._project_names(), self._sentences())
        try:
            match block:
                case BoundChartBlock():
                    return chart_data(block, items, labels, calendar)
                case BoundTableBlock():
                    return table_data(block, items, labels, calendar)
                case BoundTimelineBlock():
                    return timeline_data(block, items, calendar)
        except Unbindable as fault:
            return Unbound(fault.reason.value, fault.detail)

    def _project_names(self) -> dict[str, str]:
        return {
            str(project["id"]): str(project.get("name") or project["id"])
            for project in self._results.resolve("project")
        }
