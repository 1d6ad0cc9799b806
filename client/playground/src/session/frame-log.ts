import type { FrameRecord } from "@tessera/client";

/** A frame with its number in the log. */
export interface LoggedFrame extends FrameRecord {
  readonly number: number;
}

/** The latest frames in order of time, and totals over all frames. */
export interface FrameLogSnapshot {
  readonly frames: readonly LoggedFrame[];
  readonly count: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

const KEPT = 500;
// A timer instead of requestAnimationFrame, which does not run in a background tab, so that frames would accumulate.
const TOLD_AFTER_MS = 30;
const EMPTY: FrameLogSnapshot = { frames: [], count: 0, bytesIn: 0, bytesOut: 0 };

/** Collects all sent and received frames. Watchers are notified about thirty times a second at most. */
export class FrameLog {
  #pending: LoggedFrame[] = [];
  #snapshot = EMPTY;
  #scheduled = false;
  #count = 0;
  readonly #listeners = new Set<() => void>();

  constructor(private readonly schedule: (task: () => void) => void = (task) => setTimeout(task, TOLD_AFTER_MS)) {}

  get snapshot(): FrameLogSnapshot {
    return this.#snapshot;
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  add = (frame: FrameRecord): void => {
    this.#count += 1;
    this.#pending.push({ ...frame, number: this.#count });
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.schedule(() => this.#flush());
  };

  clear = (): void => {
    this.#pending = [];
    this.#count = 0;
    this.#publish(EMPTY);
  };

  #flush(): void {
    this.#scheduled = false;
    const added = this.#pending;
    this.#pending = [];
    const bytes = (direction: "in" | "out") =>
      added.reduce((sum, frame) => sum + (frame.direction === direction ? frame.bytes : 0), 0);
    this.#publish({
      frames: [...this.#snapshot.frames, ...added].slice(-KEPT),
      count: this.#count,
      bytesIn: this.#snapshot.bytesIn + bytes("in"),
      bytesOut: this.#snapshot.bytesOut + bytes("out"),
    });
  }

  #publish(snapshot: FrameLogSnapshot): void {
    this.#snapshot = snapshot;
    for (const listener of [...this.#listeners]) listener();
  }
}
