import { TesseraError } from "./errors.js";
import type { WsToolResult } from "./generated/protocol.js";
import { readJson, type Store } from "./store.js";

/** A call that this device has started. Without a result, it is running, or was interrupted. */
export interface JournalEntry {
  readonly callId: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly result?: WsToolResult;
}

/**
 * The calls of this device whose results the server has not acknowledged. A call is written before its tool runs, so
 * that it never runs twice. `put` must not return (or resolve) before the entry is stored.
 */
export interface Journal {
  get(callId: string): JournalEntry | undefined | Promise<JournalEntry | undefined>;
  put(entry: JournalEntry): void | Promise<void>;
  delete(callId: string): void | Promise<void>;
  /**
   * All entries. With it, a change whose result no server has acknowledged is sent again in the next session, also after
   * a restart of the application.
   */
  entries?(): readonly JournalEntry[] | Promise<readonly JournalEntry[]>;
}

// A server forgets its calls long before. Entries stay only if no acknowledgement has arrived.
const KEPT_MS = 7 * 86_400_000;

/** A journal in `store`, under one key. */
export function storeJournal(store: Store, key = "tessera.calls"): Journal {
  const read = (): Record<string, JournalEntry> =>
    (readJson(store, key) as Record<string, JournalEntry> | undefined) ?? {};
  const write = (entries: Record<string, JournalEntry>): void => store.setItem(key, JSON.stringify(entries));
  return {
    get: (callId) => {
      const entries = read();
      return Object.hasOwn(entries, callId) ? entries[callId] : undefined;
    },
    put: (entry) => {
      const oldest = Date.now() - KEPT_MS;
      const kept = Object.values(read()).filter(({ startedAt }) => startedAt >= oldest);
      write(Object.fromEntries([...kept, entry].map((each) => [each.callId, each])));
    },
    entries: () => Object.values(read()),
    delete: (callId) => {
      const { [callId]: gone, ...others } = read();
      if (gone !== undefined) {
        write(others);
      }
    },
  };
}

export function journalFailed(cause: unknown): TesseraError {
  return new TesseraError("store_failed", "The journal of tool calls cannot be read or written.", { cause });
}
