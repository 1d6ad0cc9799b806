import { TesseraError } from "./errors.js";
import type {
  ClientFrame,
  WsChangesState,
  WsClientMutation,
  WsMutationAck,
  WsServerMutation,
} from "./generated/protocol.js";
import { readJson, type Store } from "./store.js";
import type { Change } from "./tools.js";
import { randomUuid } from "./uuid.js";

export interface ChangesOptions {
  readonly store: Store;
  readonly key: string;
  readonly deviceId: string;
  /** Throws `TesseraError`: `offline`, or `too_large`. */
  readonly send: (frame: ClientFrame) => void;
  readonly onChange: (change: WsServerMutation) => void;
  /** Changes of other devices are missing for good: the application must read everything again. */
  readonly onResync: (last: number) => void;
  readonly onError: (error: TesseraError) => void;
}

interface Saved {
  /** The number of the last change of another device that was applied here. */
  readonly last?: number;
  /** The person's changes that the server has not stored yet, oldest first. */
  readonly queue: readonly WsClientMutation[];
}

/** From sending a change to sending it again, if the server does not acknowledge it. */
const SEND_AGAIN_MS = 10_000;
const SEEN_AFTER_MS = 1_000;
const REMEMBERED = 500;

/** Changes of data: sends those of the person in order, each once, and reports those of other devices, each once. */
export class Changes {
  #queue: readonly WsClientMutation[];
  #last: number | undefined;
  #connected = false;
  /** Whether the server acknowledges changes. Without that, a change counts as stored when it is sent. */
  #acknowledged = false;
  #waiting = false;
  #again: ReturnType<typeof setTimeout> | undefined;
  #seen: ReturnType<typeof setTimeout> | undefined;
  readonly #applied = new Set<number>();

  constructor(private readonly options: ChangesOptions) {
    const saved = readJson(options.store, options.key) as Partial<Saved> | undefined;
    this.#queue = Array.isArray(saved?.queue) ? saved.queue : [];
    this.#last = typeof saved?.last === "number" ? saved.last : undefined;
  }

  /** For `device_hello`. */
  get hello(): { readonly changes_after?: number } {
    return this.#last === undefined ? {} : { changes_after: this.#last };
  }

  get unsent(): number {
    return this.#queue.length;
  }

  get expecting(): boolean {
    return this.#waiting;
  }

  /** Queue a change of the person. Throws if the store cannot keep it; it is not queued then. */
  add(change: Change): void {
    const { op, entity, id, data } = change;
    const kept = data === undefined ? {} : { data };
    const frame: WsClientMutation = { type: "mutation", op, entity, id, ...kept, mutation_id: randomUuid() };
    this.#save({ queue: [...this.#queue, frame] });
    this.#flush();
  }

  connected(state: WsChangesState | undefined): void {
    this.#connected = true;
    this.#acknowledged = state !== undefined;
    this.#waiting = false;
    if (state?.missed === "lost") {
      this.options.onResync(state.last);
      this.#advance(state.last);
    } else if (state?.missed === "none" && this.#last === undefined) {
      this.#saveQuietly({ last: state.last });
    }
    this.#flush();
  }

  disconnected(): void {
    this.#connected = false;
    this.#waiting = false;
    clearTimeout(this.#again);
    clearTimeout(this.#seen);
  }

  received(frame: WsServerMutation): void {
    const { change } = frame;
    if (change !== undefined && this.#applied.has(change)) {
      return;
    }
    if (frame.origin_device_id !== this.options.deviceId) {
      this.options.onChange(frame);
    }
    if (change !== undefined) {
      this.#applied.add(change);
      if (this.#applied.size > REMEMBERED) {
        const [oldest] = this.#applied;
        this.#applied.delete(oldest as number);
      }
      this.#advance(Math.max(change, this.#last ?? 0));
    }
  }

  stored({ mutation_id }: WsMutationAck): void {
    if (this.#waiting && this.#queue[0]?.mutation_id === mutation_id) {
      this.#shift();
      this.#flush();
    }
  }

  /** Process an error frame, which may name `id`. Returns whether it refuses the change that was sent. */
  refused(error: TesseraError, frameType: string = "mutation", id?: string): boolean {
    // Other errors are temporary: the change is sent again.
    const named = id === undefined || id === this.#queue[0]?.mutation_id;
    const own = error.requestId === undefined && frameType === "mutation" && named;
    if (!this.#waiting || !own || !(error.code === "invalid_frame" || error.code === "quota_reached")) {
      return false;
    }
    this.#shift();
    this.options.onError(error);
    this.#flush();
    return true;
  }

  /** One change at a time, so that a change that the server did not read is not overtaken by a later one. */
  #flush(): void {
    for (let [head] = this.#queue; head !== undefined && this.#connected && !this.#waiting; [head] = this.#queue) {
      try {
        this.options.send(head);
      } catch (error) {
        if ((error as TesseraError).code === "offline") {
          return;
        }
        this.#shift();
        this.options.onError(error as TesseraError);
        continue;
      }
      if (this.#acknowledged) {
        this.#waiting = true;
        clearTimeout(this.#again);
        this.#again = setTimeout(() => {
          this.#waiting = false;
          this.#flush();
        }, SEND_AGAIN_MS);
      } else {
        this.#shift();
      }
    }
  }

  #shift(): void {
    this.#waiting = false;
    clearTimeout(this.#again);
    const queue = this.#queue.slice(1);
    this.#queue = queue;
    this.#saveQuietly({ queue });
  }

  /** The application has applied every change up to `change`. */
  #advance(change: number): void {
    this.#saveQuietly({ last: change });
    clearTimeout(this.#seen);
    this.#seen = setTimeout(() => {
      try {
        this.options.send({ type: "changes_seen", change });
      } catch {
        // The next `device_hello` names the number.
      }
    }, SEEN_AFTER_MS);
  }

  /** A change that the store still has is sent again after a restart. The server does not apply it twice. */
  #saveQuietly(saved: Partial<Saved>): void {
    try {
      this.#save(saved);
    } catch (cause) {
      this.#queue = saved.queue ?? this.#queue;
      this.#last = saved.last ?? this.#last;
      this.options.onError(new TesseraError("store_failed", "The store could not keep the changes.", { cause }));
    }
  }

  #save({ queue = this.#queue, last = this.#last }: Partial<Saved>): void {
    const saved: Saved = last === undefined ? { queue } : { queue, last };
    this.options.store.setItem(this.options.key, JSON.stringify(saved));
    this.#queue = queue;
    this.#last = last;
  }
}
