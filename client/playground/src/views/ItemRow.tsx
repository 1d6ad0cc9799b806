import type { Entity } from "@tessera/client";
import { type Item, nameOf } from "../device/items.js";
import { isDone, isLate, itemDay } from "../device/view.js";
import { wordingOf } from "../session/wording.js";
import { fill, useWords } from "../words/words.js";

interface ItemRowProps {
  readonly entity: Entity;
  readonly item: Item;
  /** The present day, such as `2026-03-09`. */
  readonly today: string;
  readonly project: Item | undefined;
  readonly onAsk: () => void;
  readonly onEdit: () => void;
  readonly onDelete: () => void;
  readonly onChange: (data: Readonly<Record<string, unknown>>) => void;
}

/** An item: its name, its day, status and project, and a check box if it can be done or approved. */
export function ItemRow({ entity, item, today, project, onAsk, onEdit, onDelete, onChange }: ItemRowProps) {
  const words = useWords();
  const { values } = wordingOf(navigator.languages);
  const name = nameOf(entity, item);
  const day = itemDay(entity, item);
  const late = isLate(entity, item, today);
  const date = day === undefined ? "" : shortDay(day, today);
  const due = entity === "task" ? fill(words.due, { date }) : date;
  const value = (field: string) => {
    const written = item[field];
    return typeof written === "string" && written !== "" ? (values[written] ?? written.replace("_", " ")) : "";
  };
  const assignee = typeof item["assignee"] === "string" && item["assignee"] !== "me" ? item["assignee"] : "";
  const status = item["status"] === "todo" ? "" : value("status");
  const priority = item["priority"] === "medium" ? "" : value("priority");
  const facts = [status, priority, assignee, project && nameOf("project", project)].filter(Boolean);
  const toggle = toggleOf(entity, item);
  return (
    <div className="item-row" data-done={isDone(item)}>
      {toggle === undefined ? null : (
        <label className="item-check">
          <input
            type="checkbox"
            aria-label={fill(entity === "checkpoint" ? words.approve : words.markDone, { name })}
            checked={toggle.on}
            onChange={() => onChange(toggle.change)}
          />
        </label>
      )}
      <span className="item-body">
        <button
          type="button"
          className="item-name"
          aria-label={fill(words.askAbout, { name })}
          dir="auto"
          onClick={onAsk}
        >
          {name}
        </button>
        <span className="item-facts muted">
          {day === undefined ? null : (
            <time dateTime={day} className={late ? "late" : undefined}>
              {late ? fill(words.late, { date: due }) : due}
            </time>
          )}
          {facts.map((fact) => (
            <bdi key={fact}>{fact}</bdi>
          ))}
        </span>
      </span>
      <span className="item-actions">
        <button type="button" aria-label={fill(words.editItem, { name })} onClick={onEdit}>
          ✎
        </button>
        <button type="button" aria-label={fill(words.deleteItem, { name })} onClick={onDelete}>
          ✕
        </button>
      </span>
    </div>
  );
}

function toggleOf(entity: Entity, item: Item) {
  switch (entity) {
    case "task":
      return { on: isDone(item), change: { status: isDone(item) ? "todo" : "done" } };
    case "project":
      return { on: isDone(item), change: { status: isDone(item) ? "active" : "completed" } };
    case "checkpoint":
      return { on: item["isApproved"] === true, change: { isApproved: item["isApproved"] !== true } };
    case "note":
      return undefined;
  }
}

/** `9 Mar`, with the year if it is not the present one. */
function shortDay(day: string, today: string): string {
  const sameYear = day.slice(0, 4) === today.slice(0, 4);
  return new Intl.DateTimeFormat(undefined, {
    day: "numeric",
    month: "short",
    ...(sameYear ? {} : { year: "numeric" }),
  }).format(new Date(`${day}T12:00`));
}
