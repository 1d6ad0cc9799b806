import type { Entity } from "@tessera/client";
import { useEffect, useId, useRef, useSyncExternalStore } from "react";
import { type Item, nameOf } from "../device/items.js";
import type { Session } from "../session/session.js";
import { fill, useWords, type Words } from "../words/words.js";
import { Composer } from "./Composer.js";
import { Turn } from "./Turn.js";

export interface PopupProps {
  readonly session: Session;
  readonly entity: Entity;
  readonly item: Item;
  readonly onClose: () => void;
}

/** A popup for questions about one item, answered as plain text. Escape stops a running answer, else closes it. */
export function Popup({ session, entity, item, onClose }: PopupProps) {
  const words = useWords();
  const title = useId();
  const asked = useSyncExternalStore(session.asked.subscribe, () => session.asked.snapshot);
  const opener = useRef(document.activeElement);
  const turns = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const before = opener.current;
    // Return the focus here when the popup closes.
    return () => (before instanceof HTMLElement ? before.focus() : undefined);
  }, []);
  const own = asked.filter(({ on }) => on?.entity === entity && on.item.id === item.id);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new message is shown
  useEffect(() => {
    void turns.current?.scrollTo(0, turns.current.scrollHeight);
  }, [own.length]);
  const ask = (message: string) => session.popup(message, entity, item);
  const stop = () => {
    const running = own.filter(({ answer }) => answer.snapshot.status === "running");
    for (const { answer } of running) answer.cancel();
    return running.length > 0;
  };
  const name = nameOf(entity, item);
  return (
    <div
      className="popup"
      role="dialog"
      aria-labelledby={title}
      onKeyDown={(event) => {
        if (event.key === "Escape" && !event.defaultPrevented) onClose();
      }}
    >
      <div className="request-head">
        <h2 id={title} dir="auto">
          <span className="muted">{words.entity[entity]}</span> {name}
        </h2>
        <button type="button" className="quiet" aria-label={words.closePopup} onClick={onClose}>
          ✕
        </button>
      </div>
      {own.length === 0 ? (
        <ul className="suggestions" aria-label={words.suggestions}>
          {words.popupIdeas.map((idea) => (
            <li key={idea}>
              <button type="button" onClick={() => ask(idea)}>
                {idea}
              </button>
            </li>
          ))}
        </ul>
      ) : (
        <div className="turns popup-turns" ref={turns}>
          {own.map((entry) => (
            <Turn
              key={entry.id}
              entry={entry}
              session={session}
              actions={(answer) => <Uses session={session} entity={entity} item={item} answer={answer} words={words} />}
            />
          ))}
        </div>
      )}
      <Composer
        label={fill(words.askAbout, { name })}
        placeholder={words.askThis}
        earlier={own.map(({ message }) => message)}
        onStop={stop}
        autoFocus
        onAsk={ask}
      />
    </div>
  );
}

interface UsesProps {
  readonly session: Session;
  readonly entity: Entity;
  readonly item: Item;
  readonly answer: string;
  readonly words: Words;
}

/** What an answer can be used for. "Insert" appends to the note, or makes a note about another item; "Apply" replaces. */
function Uses({ session, entity, item, answer, words }: UsesProps) {
  const { store } = session;
  const put = (note: Item, text: string, told: string, target: Entity, field: string) => {
    const before = note[field] ?? null;
    const saved = store.update(target, note.id, { [field]: text });
    session.tell({ op: "update", entity: target, id: note.id, data: { [field]: text } });
    session.notice(fill(told, { name: nameOf(target, saved) }), () => {
      store.update(target, note.id, { [field]: before });
      session.tell({ op: "update", entity: target, id: note.id, data: { [field]: before } });
    });
  };
  const insert = () => {
    const note = entity === "note" ? item : undefined;
    if (note !== undefined) {
      const content = String(note["content"] ?? "");
      put(note, content === "" ? answer : `${content}\n\n${answer}`, words.inserted, "note", "content");
      return;
    }
    const projectId = entity === "project" ? item.id : (item["projectId"] ?? null);
    const made = store.create("note", { title: nameOf(entity, item), content: answer, projectId });
    session.tell({ op: "create", entity: "note", id: made.id, data: { ...made } });
    session.notice(fill(words.inserted, { name: nameOf("note", made) }), () => {
      store.delete("note", made.id);
      session.tell({ op: "delete", entity: "note", id: made.id });
    });
  };
  const apply = () => put(item, answer, words.applied, entity, entity === "note" ? "content" : "description");
  if (answer === "") return null;
  return (
    <>
      <button type="button" className="quiet" onClick={insert}>
        {words.insert}
      </button>
      <button type="button" className="quiet" onClick={apply}>
        {words.apply}
      </button>
    </>
  );
}
