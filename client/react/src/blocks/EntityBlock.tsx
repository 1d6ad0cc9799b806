import { memo } from "react";
import { dateTime, formatDay, startOfDay } from "../data/dates.js";
import { type EntityItem, type EntityName, readEntities } from "../data/entities.js";
import { useBlockOptions } from "../options.js";
import { RawBlock } from "./RawBlock.js";

export type EntityLayout = "rows" | "cards";

export interface EntityBlockProps {
  readonly data: unknown;
  /** How the items are shown. Default: tasks and checkpoints as rows, projects and notes as cards. */
  readonly layout?: EntityLayout | undefined;
}

/** The items of an `entity_ref` block. */
export const EntityBlock = memo(function EntityBlock({ data, layout }: EntityBlockProps) {
  const { dates } = useBlockOptions();
  const list = readEntities(data, dates);
  if (list === undefined) return <RawBlock blockType="entity_ref" data={data} />;
  const { entity, items } = list;
  if (items.length === 0) return <p className="tsr-muted">No {entity}s.</p>;
  const shown = layout ?? LAYOUTS[entity];
  return (
    <ul
      className={`tsr-entities tsr-${shown}`}
      aria-label={`${items.length} ${entity}${items.length === 1 ? "" : "s"}`}
    >
      {items.map((item, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: two items may have the same id
        <li key={index} className="tsr-entity" data-entity={entity}>
          {entity === "task" ? (
            <span className="tsr-check" role="img" aria-label={item.done ? "done" : "not done"} />
          ) : null}
          <span className="tsr-entity-body">
            <Title entity={entity} item={item} />
            {shown === "cards" && item.excerpt ? <span className="tsr-excerpt">{item.excerpt}</span> : null}
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
  const { onOpenItem } = useBlockOptions();
  const className = item.done ? "tsr-entity-title tsr-done" : "tsr-entity-title";
  if (onOpenItem === undefined) return <span className={className}>{item.title}</span>;
  return (
    <button type="button" className={`${className} tsr-open`} onClick={() => onOpenItem(entity, item)}>
      {item.title}
    </button>
  );
}

function Facts({ entity, item }: ItemProps) {
  const { locale, now, projectName } = useBlockOptions();
  const project = item.projectId ? projectName?.(item.projectId) : undefined;
  // A task that is due today is late from tomorrow on. The agents count in the same way.
  const late = entity === "task" && !item.done && item.date !== undefined && item.date < startOfDay(now);
  return (
    <span className="tsr-facts">
      {item.date === undefined ? null : (
        <time className={late ? "tsr-late" : undefined} dateTime={dateTime(item.date, item.day)}>
          {DATE_WORDS[entity]}
          {formatDay(item.date, locale, now)}
          {late ? ", late" : ""}
        </time>
      )}
      {entity !== "task" || item.done || item.status === "todo" || !item.status ? null : <span>{item.status}</span>}
      {entity === "project" && item.status ? <span className="tsr-badge">{item.status}</span> : null}
      {item.priority ? (
        <span className="tsr-badge" data-priority={item.priority}>
          {item.priority}
        </span>
      ) : null}
      {item.assignee ? <span>{item.assignee}</span> : null}
      {project ? <span>{project}</span> : null}
      {item.suggested && item.approved === false ? <span className="tsr-badge">suggested</span> : null}
    </span>
  );
}

const DATE_WORDS: Readonly<Record<EntityName, string>> = { task: "due ", project: "due ", note: "", checkpoint: "" };
