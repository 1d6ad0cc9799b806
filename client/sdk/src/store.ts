/**
 * Where the SDK keeps what must survive a restart of the application: changes that are not sent yet, the number of the
 * last change, and the journal of tool calls. `localStorage` and `sessionStorage` fit. Node.js: `fileStore`.
 */
export interface Store {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
}

/** Keeps everything until the process ends. */
export function memoryStore(): Store {
  const items = new Map<string, string>();
  return {
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => void items.set(key, value),
  };
}

/** The JSON value at `key`, or undefined if it is missing or damaged. */
export function readJson(store: Store, key: string): unknown {
  try {
    return JSON.parse(store.getItem(key) ?? "null") ?? undefined;
  } catch {
    return undefined;
  }
}
