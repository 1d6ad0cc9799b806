import { TesseraError } from "./errors.js";
import type { ClientFrame, WsMemoryForgotten } from "./generated/protocol.js";
import { isUuid } from "./uuid.js";

export type MemoryTier = WsMemoryForgotten["tiers"][number];

/** From sending to the server's word. */
const TIMEOUT_MS = 10_000;

/** What the server may say to a `memory_forget`, though some of it may be about another frame that names no request. */
const REFUSALS: ReadonlySet<string> = new Set([
  "unknown_memory",
  "memory_unavailable",
  "rate_limited",
  "invalid_frame",
  "unknown_type",
  "server_draining",
  "internal",
]);

interface Wish {
  readonly memoryId: string;
  readonly resolve: (tiers: MemoryTier[]) => void;
  readonly reject: (error: TesseraError) => void;
}

/**
 * `memory_forget`, one at a time: an `error` frame does not say which memory it is about, so that it must be the one
 * that was asked last. Each is settled: by the server's word, by an error that may be its own, or when its time is up.
 */
export class Forgetting {
  readonly #wishes: Wish[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly send: (frame: ClientFrame) => void) {}

  forget(memoryId: string): Promise<MemoryTier[]> {
    if (!isUuid(memoryId)) {
      return Promise.reject(new TesseraError("invalid_argument", "A memory id is a UUID."));
    }
    return new Promise((resolve, reject) => {
      this.#wishes.push({ memoryId, resolve, reject });
      if (this.#wishes.length === 1) {
        this.#sendFirst();
      }
    });
  }

  forgotten(frame: WsMemoryForgotten): void {
    if (this.#wishes[0]?.memoryId.toLowerCase() === frame.memory_id) {
      this.#wishes.shift()?.resolve(frame.tiers);
      this.#sendFirst();
    }
  }

  /** Whether the error was about forgetting. */
  refused(error: TesseraError): boolean {
    if (error.requestId !== undefined || !REFUSALS.has(error.code) || this.#wishes.length === 0) {
      return false;
    }
    this.#wishes.shift()?.reject(error);
    this.#sendFirst();
    return true;
  }

  /** What was read of it before the connection ended is not known. */
  failAll(error: TesseraError): void {
    clearTimeout(this.#timer);
    for (const wish of this.#wishes.splice(0)) {
      wish.reject(error);
    }
  }

  #timeUp(): void {
    this.#wishes
      .shift()
      ?.reject(new TesseraError("timeout", "The server did not say whether the memory is gone.", { retryable: true }));
    this.#sendFirst();
  }

  #sendFirst(): void {
    clearTimeout(this.#timer);
    for (let wish = this.#wishes[0]; wish !== undefined; wish = this.#wishes[0]) {
      try {
        this.send({ type: "memory_forget", memory_id: wish.memoryId });
        this.#timer = setTimeout(() => this.#timeUp(), TIMEOUT_MS);
        return;
      } catch (error) {
        this.#wishes.shift();
        wish.reject(error as TesseraError);
      }
    }
  }
}
