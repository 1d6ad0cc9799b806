/** Listeners by event name. An error of a listener does not affect other listeners; it becomes an uncaught error. */
export class Emitter<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<(value: never) => void>>();

  /** Call `listener` for each event from now on. Returns a function that removes it. */
  on<Name extends keyof Events>(event: Name, listener: (value: Events[Name]) => void): () => void {
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners);
    // A new function, so that the same listener can be registered twice.
    const entry = (value: Events[Name]): void => listener(value);
    listeners.add(entry);
    return () => {
      listeners.delete(entry);
    };
  }

  /** Call `listener` for the next event only. Returns a function that removes it. */
  once<Name extends keyof Events>(event: Name, listener: (value: Events[Name]) => void): () => void {
    const remove = this.on(event, (value) => {
      remove();
      listener(value);
    });
    return remove;
  }

  has(event: keyof Events): boolean {
    return (this.#listeners.get(event)?.size ?? 0) > 0;
  }

  emit<Name extends keyof Events>(event: Name, value: Events[Name]): void {
    for (const listener of [...(this.#listeners.get(event) ?? [])]) {
      try {
        (listener as (value: Events[Name]) => void)(value);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
