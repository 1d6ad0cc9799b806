/** A value that components can watch. Each change sets a new `snapshot`. */
export class Watched<Value> {
  #value: Value;
  readonly #listeners = new Set<() => void>();

  constructor(value: Value) {
    this.#value = value;
  }

  get snapshot(): Value {
    return this.#value;
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  change(change: (value: Value) => Value): void {
    this.#value = change(this.#value);
    for (const listener of [...this.#listeners]) listener();
  }
}

/** A list that components can watch. */
export class ListStore<Entry> extends Watched<readonly Entry[]> {
  constructor() {
    super([]);
  }
}
