import { TesseraError } from "./errors.js";
import type { ClientFrame, WsError, WsMemoryForgotten } from "./generated/protocol.js";
import { isUuid } from "./uuid.js";

export type MemoryTier = WsMemoryForgotten["tiers"][number];

/** From sending the frame to the server's answer. */
const TIMEOUT_MS = 10_000;

/** Error codes that may answer a `memory_forget`. Some may also answer another frame that has no request id. */
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
 * Sends `memory_forget` frames one at a time, because the `error` frames of older servers name no memory. Each wish settles with
 * the server's answer, with an error that may belong to it, or after the timeout.
 */
export class Forgetting {
  readonly #wishes: Wish[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly send: (frame: ClientFrame) => void) {}

  /** Whether an answer is expected. */
  get expecting(): boolean {
    return this.#wishes.length > 0;
  }

  forget(memoryId: string): Promise<MemoryTier[]> {
    if (!isUuid(memoryId)) {
      return Promise.reject(new TesseraError("invalid_argument", "The memory id must be a UUID."));
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

  /** Process an error frame. Returns whether it may belong to a `memory_forget`. */
  refused(error: TesseraError, { frame_type: frameType, memory_id: memoryId }: Partial<WsError> = {}): boolean {
    const [first] = this.#wishes;
    if (error.requestId !== undefined || first === undefined) {
      return false;
    }
    const named = memoryId ?? undefined;
    const other =
      (frameType ?? "memory_forget") !== "memory_forget" ||
      (named ?? first.memoryId.toLowerCase()) !== first.memoryId.toLowerCase();
    if (other || (named === undefined && frameType !== "memory_forget" && !REFUSALS.has(error.code))) {
      return false;
    }
    this.#wishes.shift()?.reject(error);
    this.#sendFirst();
    return true;
  }

  /** Reject all wishes. Whether the server processed one of them before the connection ended is unknown. */
  failAll(error: TesseraError): void {
    clearTimeout(this.#timer);
    for (const wish of this.#wishes.splice(0)) {
      wish.reject(error);
    }
  }

  #timeUp(): void {
    this.#wishes
      .shift()
      ?.reject(
        new TesseraError(
          "timeout",
          "The server did not answer within ten seconds. The memory may or may not be removed.",
          { retryable: true },
        ),
      );
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
