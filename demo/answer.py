"""The answer: items from the tool results, selected, counted and written as blocks, or as plain text for a popup."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from demo.blocks import (
    Block,
    broken_chart,
    count_chart,
    entity_block,
    progress_chart,
    table_block,
    text_block,
    timeline_block,
)
from demo.items import Item, Items, is_done, item_day, title, urgency
from demo.lookup import about, best, selected, unknown_place
from demo.plan import CHANGING, change_tool, creation, entity_for, nothing_to_do, targets
from demo.request import DemoRequest
from demo.sentences import (
    CANNOT,
    DISCLOSURE,
    GREETING,
    HELP,
    WELCOME,
    bullets,
    changed,
    counted,
    failed,
    item_facts,
    names,
    not_understood,
    picked,
)
from demo.wish import TALKING, Wish

_COMING_DAYS = 14


@dataclass(frozen=True, slots=True)
class _Chosen:
    """The items that the answer is about, and what describes them: `open ` before the noun, ` in “Atlas”` behind it."""

    entity: str
    items: list[Item]
    before: str
    behind: str = ""


def compose(wish: Wish, request: DemoRequest, items: Items, today: date) -> str:
    """The whole text of the answer: a JSON array of blocks, or plain text if blocks were not asked for."""
    sentences, blocks, chosen = _answer(wish, request, items, today)
    if items.cut:
        sentences.append("(The tools returned only a part of your items.)")
    # Once in a conversation, and whenever somebody asks who it is.
    introduced = bool(request.earlier) and wish.verb != "who"
    text = " ".join(sentences if introduced else [DISCLOSURE, *sentences])
    if request.repair:
        return json.dumps(_again(request.repair, blocks), ensure_ascii=False)
    if request.wants_blocks:
        return json.dumps([text_block(text), *blocks], ensure_ascii=False)
    listed = bullets(chosen.items, chosen.entity, today) if chosen is not None and len(chosen.items) > 1 else ""
    return f"{text}\n{listed}" if listed else text


def _again(types: Sequence[str | None], blocks: Sequence[Block]) -> list[Block]:
    """The blocks of the answer whose types are asked for again."""
    left = list(blocks)
    again = []
    for wanted in types:
        found = next((block for block in left if wanted in {None, block["type"]}), None)
        if found is not None:
            left.remove(found)
            again.append(found)
    return again


def _answer(
    wish: Wish, request: DemoRequest, items: Items, today: date
) -> tuple[list[str], list[Block], _Chosen | None]:
    entity = entity_for(wish, request)
    failures = [failed(result) for result in request.results if result.error is not None]
    if wish.verb in TALKING:
        return [_talk(wish, request)], [], None
    if wish.question.outside:
        return [CANNOT], [], None
    if wish.unknown:
        examples = [HELP] if nothing_to_do(wish, request) else []
        return [not_understood(wish.unknown), *examples], [], None
    if nothing_to_do(wish, request):
        return [f"I did not understand that. {HELP}"], [], None
    if wish.verb in CHANGING:
        return _changed(wish, request, items, entity, failures, today)
    opened = request.open_item
    if wish.this and opened is not None and wish.entity is None and wish.span is None:
        return [item_facts(*opened, items, today), *failures], [], None
    if wish.question.about is not None:
        return _about(wish, items, failures, today)
    if (condition := _unfit(wish, entity)) is not None:
        return [f"I can't select {entity}s by {condition}. Say “help” to see what I understand."], [], None
    if entity not in items.by_entity:
        return failures or [_cannot(request, f"list {entity}s"), HELP], [], None
    if (where := unknown_place(wish.question, items, entity)) is not None:
        return [f"I found no project and no person called “{where}”.", *failures], [], None
    chosen = _choose(wish, items, entity, today)
    return (
        [_summary(wish, chosen, items, today), *failures],
        _blocks(wish, chosen, items, today, repairing=bool(request.repair)),
        chosen,
    )


def _talk(wish: Wish, request: DemoRequest) -> str:
    if wish.verb == "thank":
        return WELCOME
    return GREETING if wish.verb == "greet" and request.earlier else HELP


def _unfit(wish: Wish, entity: str) -> str | None:
    """A condition that the question names and items of this kind do not have; None if all fit."""
    asked = wish.question
    if wish.priority is not None and entity != "task" and asked.pick is None:
        return "priority"
    if wish.status is not None and entity != "task" and asked.state is None and asked.pick is None:
        return "that status"
    if wish.span is not None and (entity == "project" or (wish.span.name == "overdue" and entity != "task")):
        return "a day" if entity == "project" else "whether they are overdue"
    if asked.person is not None and entity != "task":
        return "a person"
    if asked.approved is not None and entity != "checkpoint":
        return "approval"
    return None


def _changed(
    wish: Wish, request: DemoRequest, items: Items, entity: str, failures: list[str], today: date
) -> tuple[list[str], list[Block], _Chosen | None]:
    tool = change_tool(wish, request, entity)
    made = [result for result in request.results if result.tool == tool and result.error is None]
    if made:
        data = made[-1].data
        if wish.verb == "delete":
            item: Item = items.deleted[-1] if items.deleted else {"title": wish.name}
        else:
            item = data if isinstance(data, dict) else {"title": wish.name}
        shown = [entity_block(entity, [item])] if wish.verb != "delete" and "id" in item else []
        return [changed(wish, entity, item, today), *failures], shown, None
    if failures:
        return failures, [], None
    if tool is None:
        return [_cannot(request, f"{wish.verb} {entity}s")], [], None
    if wish.missing_day is not None:
        return [f"The calendar has no day {wish.missing_day}. I changed nothing. Which day do you mean?"], [], None
    if wish.verb == "create":
        missing = creation(wish, request, items, entity)[1] or ["title"]
        return (
            [f"To create a {entity} I need its {' and its '.join(missing)}. Please say it in one sentence."],
            [],
            None,
        )
    found = targets(wish, request, items, entity)
    if not found:
        if wish.name:
            return [f"I did not find a {entity} called “{wish.name}”."], [], None
        return [f"I do not know which {entity} you mean."], [], None
    if len(found) > 1:
        text = f"You may mean several {entity}s: {names(found, entity, today)}. Which one?"
        return [text], [entity_block(entity, found)], _Chosen(entity, found, "")
    return [f"What should I change in “{wish.name}”? I can set its day or its priority, or approve it."], [], None


def _about(wish: Wish, items: Items, failures: list[str], today: date) -> tuple[list[str], list[Block], _Chosen | None]:
    """What is known of the item that the question names."""
    name = wish.question.about or ""
    found = about(items, name, said=wish.question.said)
    if not found:
        return failures or [f"I found nothing about “{name}” in your tasks, projects, notes and checkpoints."], [], None
    entity = found[0][0]
    same = [item for kind, item in found if kind == entity]
    if len(found) > 1:
        listed = "; ".join(f"the {kind} “{title(item)}”" for kind, item in found[:5])
        return [f"You may mean {listed}.", *failures], [entity_block(entity, same)], None
    return [item_facts(entity, same[0], items, today), *failures], [entity_block(entity, same)], None


def _choose(wish: Wish, items: Items, entity: str, today: date) -> _Chosen:
    found, label = items.of(entity), ""
    if entity == "task":
        found, label = _by_status(wish, found)
        if wish.priority is not None:
            found, label = (
                [item for item in found if item.get("priority") == wish.priority],
                f"{wish.priority}-priority ",
            )
        found = sorted(found, key=urgency)
    found, before, behind = selected(wish.question, entity, found, items)
    span = wish.span
    if span is not None and entity != "project":
        # Open tasks from earlier days are also due today.
        late = entity == "task" and span.name in {"today", "this week"}
        found = [
            item
            for item in found
            if span.covers(day := item_day(entity, item)) or (late and day is not None and day < today)
        ]
    if entity == "checkpoint":
        found = sorted(found, key=lambda item: item_day(entity, item) or date.max)
    return _Chosen(entity, best(wish.question, entity, found, items, today), label + before, behind)


def _by_status(wish: Wish, tasks: list[Item]) -> tuple[list[Item], str]:
    if wish.status == "done":
        return [item for item in tasks if is_done(item)], "finished "
    if wish.status == "in_progress":
        return [item for item in tasks if item.get("status") == "in_progress"], "started "
    if wish.status == "open" or wish.span is not None:
        return [item for item in tasks if not is_done(item)], "open "
    return tasks, ""


def _summary(wish: Wish, chosen: _Chosen, items: Items, today: date) -> str:
    entity, found = chosen.entity, chosen.items
    if wish.question.pick is not None and len(found) == 1:
        return picked(wish.question.pick, entity, found[0], items, today)
    matching = f" with “{wish.search}” in {'it' if len(found) == 1 else 'them'}" if wish.search else ""
    named = wish.span.name if wish.span is not None else ""
    when = f" due {named}" if named.startswith("in ") else f" for {named}" if named else ""
    if wish.span is not None and wish.span.name == "overdue":
        when = f" that {'is' if len(found) == 1 else 'are'} overdue"
    text = "I am not sure what you mean, so I list your items; say “help” to see what I can do. " if wish.vague else ""
    text += f"You have {counted(len(found), f'{chosen.before}{entity}')}{chosen.behind}{matching}{when}"
    if entity == "task" and found and wish.span is not None and wish.span.name != "overdue":
        late = sum((day := item_day("task", item)) is not None and day < today for item in found)
        text += f", {late} of them overdue" if late else ""
    text += "." if not found else f": {names(found, entity, today)}."
    if wish.overview:
        others = [counted(len(items.of(other)), other) for other in items.by_entity if other != entity]
        text += f" There are also {', '.join(others)}." if others else ""
    if entity == "project" and wish.question.state is None:
        done = sum(is_done(task) for task in items.of("task"))
        text += f" {done} of their {len(items.of('task'))} tasks are done." if items.of("task") else ""
    return text


def _blocks(wish: Wish, chosen: _Chosen, items: Items, today: date, *, repairing: bool) -> list[Block]:
    entity, found = chosen.entity, chosen.items
    asked = wish.chart is not None or wish.table or wish.timeline
    plain = not asked and wish.search is None
    blocks: list[Block | None] = []
    if found:
        if wish.chart is not None or wish.overview or wish.group or (plain and (wish.span or entity == "project")):
            broken = wish.broken and not repairing
            blocks.append(broken_chart(entity) if broken else _chart(wish, chosen, items))
        if wish.table or wish.overview or (plain and (entity == "project" or _is_long(wish))):
            blocks.append(table_block(entity, found, items, today))
        if not asked:
            blocks.append(entity_block(entity, found))
    if wish.timeline or wish.overview or (plain and (wish.span is not None or entity == "checkpoint")):
        blocks.append(_timeline(chosen, items, today))
    return [block for block in blocks if block is not None]


def _chart(wish: Wish, chosen: _Chosen, items: Items) -> Block:
    chart = wish.chart or "bar"
    own = {str(project["id"]) for project in chosen.items}
    if chosen.entity == "project" and any(str(task.get("projectId")) in own for task in items.of("task")):
        return progress_chart(chosen.items, chart)
    group = wish.group or ("priority" if wish.span is not None and not _is_long(wish) else None)
    if wish.group is None and (_is_long(wish) or chart in {"line", "area"}):
        group = "day"
    return count_chart(chosen.entity, chosen.items, items, chart, group)


def _timeline(chosen: _Chosen, items: Items, today: date) -> Block | None:
    if chosen.entity == "checkpoint":
        return timeline_block("checkpoint", chosen.items, items)
    coming: Sequence[Item] = [
        item
        for item in items.of("checkpoint")
        if (day := item_day("checkpoint", item)) is not None and today <= day < today + timedelta(days=_COMING_DAYS)
    ]
    return timeline_block("checkpoint", coming, items) if coming else timeline_block("task", chosen.items, items)


def _is_long(wish: Wish) -> bool:
    """Whether the span has more than one day, so that its days can be compared."""
    span = wish.span
    return span is not None and span.first is not None and (span.end - span.first).days > 1


def _cannot(request: DemoRequest, what: str) -> str:
    offered = ", ".join(sorted(request.tools)) or "none"
    return f"I have no tool to {what} (my tools here: {offered})."
