import { useSyncExternalStore } from "react";
import type { ListStore } from "../session/list-store.js";
import type { Notice } from "../session/session.js";
import { fill, useWords } from "../words/words.js";

export interface NoticesProps {
  readonly notices: ListStore<Notice>;
  readonly onDismiss: (id: number) => void;
}

/** Changes that can be undone, changes on other devices, and errors that belong to no request. A notice stays until it is dismissed. */
export function Notices({ notices, onDismiss }: NoticesProps) {
  const words = useWords();
  const entries = useSyncExternalStore(notices.subscribe, () => notices.snapshot);
  return (
    <div className="notices" role="status">
      {entries.map(({ id, text, undo }) => (
        <p key={id} className="notice">
          <span dir="auto">{text}</span>
          {undo === undefined ? null : (
            <button
              type="button"
              onClick={() => {
                undo();
                onDismiss(id);
              }}
            >
              {words.undo}
            </button>
          )}
          <button type="button" aria-label={fill(words.dismiss, { text })} onClick={() => onDismiss(id)}>
            ✕
          </button>
        </p>
      ))}
    </div>
  );
}
