"use client";

import { memo } from "react";
import { dateTime, formatDay, startOfDay } from "../data/dates.js";
import { type EntityItem, type EntityName, readEntities } from "../data/entities.js";
import { useBlockOptions, useDirection } from "../options.js";
import { counted, fill, valueName, type Wording } from "../wording/wording.js";
import { RawBlock } from "./RawBlock.js";

export type EntityLayout = "rows" | "cards";

export interface EntityBlockProps {
  readonly data: unknown;
  /** How the items are shown. Default: tasks and checkpoints as rows, projects and notes as cards. */
  readonly layout?: EntityLayout | undefined;
}

/** The items of an `entity_ref` block. */
export const EntityBlock = memo(function EntityBlock({ data, layout }: EntityBlockProps) {
  const { dates, locale, timeZone, wording } = useBlockOptions();
  const direction = useDirection();
  const list = readEntities(data, { dates, timeZone });
  if (list === undefined) return <RawBlock blockType="entity_ref" data={data} />;
  const { entity, items } = list;
  if (items.length === 0)
    return (
      <p className="tsr-muted" dir={direction}>
        {wording.noItems[entity]}
      </p>
    );
  const shown = layout ?? LAYOUTS[entity];
  return (
    <ul
      className={`tsr-entities tsr-${shown}`}
      dir={direction}
      aria-label={counted(wording, wording.items[entity], items.length, locale)}
    >
      {items.map((item, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: two items may have the same id
        <li key={index} className="tsr-entity" data-entity={entity}>
          {entity === "task" ? (
            <span
              className="tsr-check"
              role="img"
              data-done={item.done}
              aria-label={item.done ? wording.done : wording.notDone}
            />
          ) : null}
          <span className="tsr-entity-body">
            <Title entity={entity} item={item} />
            {shown === "cards" && item.excerpt ? (
              <span className="tsr-excerpt" dir="auto">
                {item.excerpt}
              </span>
            ) : null}
            <Facts entity={entity} item={item} />
          </span>
        </li>
      ))}
    </ul>
  );
});

const LAYOUTS: Readonly<Record<EntityName, EntityLayout>> = {
  task: "rows",
  checkpoint: "rows",
  project: "cards",
  note: "cards",
};

interface ItemProps {
  readonly entity: EntityName;
  readonly item: EntityItem;
}

function Title({ entity, item }: ItemProps) {
  const { onOpenItem, wording } = useBlockOptions();
  const title = <bdi>{item.title || wording.untitled}</bdi>;
  const className = item.done ? "tsr-entity-title tsr-done" : "tsr-entity-title";
  if (onOpenItem === undefined) return <span className={className}>{title}</span>;
  return (
    <button type="button" className={`${className} tsr-open`} onClick={() => onOpenItem(entity, item)}>
      {title}
    </button>
  );
}

function Facts({ entity, item }: ItemProps) {
  const { locale, now, projectName, timeZone, wording } = useBlockOptions();
  const project = item.projectId ? projectName?.(item.projectId) : undefined;
  // A task that is due today is late from tomorrow on. The agents count in the same way.
  const late = entity === "task" && !item.done && item.date !== undefined && item.date < startOfDay(now, timeZone);
  return (
    <span className="tsr-facts">
      {item.date === undefined ? null : (
        <time className={late ? "tsr-late" : undefined} dateTime={dateTime(item.date, item.day)}>
          {dateNote(wording, entity, formatDay(item.date, locale, now, timeZone), late)}
        </time>
      )}
      {entity !== "task" || item.done || item.status === "todo" || !item.status ? null : (
        <bdi>{valueName(wording, item.status)}</bdi>
      )}
      {entity === "project" && item.status ? <bdi className="tsr-badge">{valueName(wording, item.status)}</bdi> : null}
      {item.priority ? (
        <bdi className="tsr-badge" data-priority={item.priority}>
          {valueName(wording, item.priority)}
        </bdi>
      ) : null}
      {item.assignee ? <bdi>{item.assignee}</bdi> : null}
      {project ? <bdi>{project}</bdi> : null}
      {item.suggested && item.approved === false ? <span className="tsr-badge">{wording.suggested}</span> : null}
    </span>
  );
}

function dateNote(wording: Wording, entity: EntityName, date: string, late: boolean): string {
  const note = entity === "task" || entity === "project" ? fill(wording.due, { date }) : date;
  return late ? fill(wording.late, { date: note }) : note;
}
