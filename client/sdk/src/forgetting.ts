import { TesseraError } from "./errors.js";
import type { ClientFrame, WsError, WsMemoryForgotten, WsMemoryPreview } from "./generated/protocol.js";
import { isUuid } from "./uuid.js";

export type MemoryTier = WsMemoryForgotten["tiers"][number];

/** What forgetting a memory would remove and change now. The lists have at most 1000 ids, per tier in `removed`. */
export interface ForgetPreview {
  readonly tiers: MemoryTier[];
  /** The ids by tier. Tiers without removed items are left out. */
  readonly removed: Readonly<Partial<Record<MemoryTier, string[]>>>;
  readonly counts: Readonly<Partial<Record<MemoryTier, number>>>;
  /** Preferences whose earlier value would count again. */
  readonly restored: string[];
  /** Conversations that would lose the sentences about a forgotten preference. */
  readonly redacted: string[];
  /** Conversations that would stay although they mention what is forgotten. */
  readonly mentioned: string[];
}

/** From sending the frame to the server's answer. */
const TIMEOUT_MS = 10_000;

/** Error codes that may answer these frames. Some may also answer another frame that has no request id. */
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
  readonly type: "memory_forget" | "memory_forget_preview";
  readonly memoryId: string;
  readonly resolve: (answer: WsMemoryForgotten | WsMemoryPreview) => void;
  readonly reject: (error: TesseraError) => void;
}

/**
 * Sends `memory_forget` and `memory_forget_preview` frames one at a time, because the `error` frames of older servers name no memory. Each wish settles with
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

  async forget(memoryId: string): Promise<MemoryTier[]> {
    return (await this.#ask("memory_forget", memoryId)).tiers;
  }

  async preview(memoryId: string): Promise<ForgetPreview> {
    const answer = (await this.#ask("memory_forget_preview", memoryId)) as WsMemoryPreview;
    const { tiers, removed, counts, restored, redacted, mentioned } = answer;
    return { tiers, removed, counts, restored, redacted, mentioned };
  }

  #ask(type: Wish["type"], memoryId: string): Promise<WsMemoryForgotten | WsMemoryPreview> {
    if (!isUuid(memoryId)) {
      return Promise.reject(new TesseraError("invalid_argument", "The memory id must be a UUID."));
    }
    return new Promise((resolve, reject) => {
      this.#wishes.push({ type, memoryId, resolve, reject });
      if (this.#wishes.length === 1) {
        this.#sendFirst();
      }
    });
  }

  /** Process an answer of the server. */
  answered(frame: WsMemoryForgotten | WsMemoryPreview): void {
    const [first] = this.#wishes;
    const asked = frame.type === "memory_forgotten" ? "memory_forget" : "memory_forget_preview";
    if (first?.type === asked && first.memoryId.toLowerCase() === frame.memory_id) {
      this.#wishes.shift();
      first.resolve(frame);
      this.#sendFirst();
    }
  }

  /** Process an error frame. Returns whether it may belong to the frame that waits for its answer. */
  refused(error: TesseraError, { frame_type: frameType, memory_id: memoryId }: Partial<WsError> = {}): boolean {
    const [first] = this.#wishes;
    if (error.requestId !== undefined || first === undefined) {
      return false;
    }
    const named = memoryId ?? undefined;
    const other =
      (frameType ?? first.type) !== first.type ||
      (named ?? first.memoryId.toLowerCase()) !== first.memoryId.toLowerCase();
    if (other || (named === undefined && frameType !== first.type && !REFUSALS.has(error.code))) {
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
    const wish = this.#wishes.shift();
    const outcome = wish?.type === "memory_forget" ? "The memory may or may not be removed." : "Nothing was removed.";
    const message = `The server did not answer within ten seconds. ${outcome}`;
    wish?.reject(new TesseraError("timeout", message, { retryable: true }));
    this.#sendFirst();
  }

  #sendFirst(): void {
    clearTimeout(this.#timer);
    for (let wish = this.#wishes[0]; wish !== undefined; wish = this.#wishes[0]) {
      try {
        this.send({ type: wish.type, memory_id: wish.memoryId });
        this.#timer = setTimeout(() => this.#timeUp(), TIMEOUT_MS);
        return;
      } catch (error) {
        this.#wishes.shift();
        wish.reject(error as TesseraError);
      }
    }
  }
}
