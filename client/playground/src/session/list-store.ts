/** A list that components can watch. Each change creates a new `snapshot` array. */
export class ListStore<Entry> {
  #entries: readonly Entry[] = [];
  readonly #listeners = new Set<() => void>();

  get snapshot(): readonly Entry[] {
    return this.#entries;
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  change(change: (entries: readonly Entry[]) => readonly Entry[]): void {
    this.#entries = change(this.#entries);
    for (const listener of [...this.#listeners]) listener();
  }
}
