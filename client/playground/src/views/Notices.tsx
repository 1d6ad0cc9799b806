import { useSyncExternalStore } from "react";
import type { ListStore } from "../session/list-store.js";
import type { Notice } from "../session/session.js";

export interface NoticesProps {
  readonly notices: ListStore<Notice>;
  readonly onDismiss: (id: number) => void;
}

/** Changes on other devices, and errors that belong to no request. A notice stays until it is dismissed. */
export function Notices({ notices, onDismiss }: NoticesProps) {
  const entries = useSyncExternalStore(notices.subscribe, () => notices.snapshot);
  return (
    <div className="notices" role="status">
      {entries.map(({ id, text }) => (
        <p key={id} className="notice">
          {text}
          <button type="button" aria-label={`Dismiss: ${text}`} onClick={() => onDismiss(id)}>
            ✕
          </button>
        </p>
      ))}
    </div>
  );
}
