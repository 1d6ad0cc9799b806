import type { Entity } from "@tessera/client";
import { useEffect, useId, useRef, useSyncExternalStore } from "react";
import { type Item, nameOf } from "../device/items.js";
import type { Session } from "../session/session.js";
import { Composer } from "./Composer.js";
import { RequestCard } from "./RequestCard.js";

export interface PopupProps {
  readonly session: Session;
  readonly entity: Entity;
  readonly item: Item;
  readonly onClose: () => void;
}

/** A popup for questions about one item, answered as plain text. Escape closes it. */
export function Popup({ session, entity, item, onClose }: PopupProps) {
  const title = useId();
  const asked = useSyncExternalStore(session.asked.subscribe, () => session.asked.snapshot);
  const opener = useRef(document.activeElement);
  useEffect(() => {
    const before = opener.current;
    // Return the focus here when the popup closes.
    return () => (before instanceof HTMLElement ? before.focus() : undefined);
  }, []);
  const own = asked.filter(({ on }) => on?.entity === entity && on.item.id === item.id);
  return (
    <div
      className="popup"
      role="dialog"
      aria-labelledby={title}
      onKeyDown={(event) => {
        if (event.key === "Escape") onClose();
      }}
    >
      <div className="request-head">
        <h2 id={title}>
          <span className="muted">{entity}</span> {nameOf(entity, item)}
        </h2>
        <button type="button" aria-label="Close popup" onClick={onClose}>
          ✕
        </button>
      </div>
      <Composer
        label={`Ask about ${nameOf(entity, item)}`}
        placeholder={`Ask about this ${entity}…`}
        autoFocus
        onAsk={(message) => session.popup(message, entity, item)}
      />
      {own.map((entry) => (
        <RequestCard key={entry.id} entry={entry} session={session} onRemove={() => session.remove(entry.id)} />
      ))}
    </div>
  );
}
