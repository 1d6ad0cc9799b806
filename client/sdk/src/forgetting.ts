import type { TesseraError } from "./errors.js";
import type { ClientFrame, WsMemoryForgotten } from "./generated/protocol.js";

export type MemoryTier = WsMemoryForgotten["tiers"][number];

interface Wish {
  readonly memoryId: string;
  readonly resolve: (tiers: MemoryTier[]) => void;
  readonly reject: (error: TesseraError) => void;
}

/**
 * `memory_forget`, one at a time: an `error` frame does not say which memory it is about, so that it must be the one
 * that was asked last.
 */
export class Forgetting {
  readonly #wishes: Wish[] = [];

  constructor(private readonly send: (frame: ClientFrame) => void) {}

  forget(memoryId: string): Promise<MemoryTier[]> {
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
    if ((error.code !== "unknown_memory" && error.code !== "memory_unavailable") || this.#wishes.length === 0) {
      return false;
    }
    this.#wishes.shift()?.reject(error);
    this.#sendFirst();
    return true;
  }

  /** What was read of it before the connection ended is not known. */
  failAll(error: TesseraError): void {
    for (const wish of this.#wishes.splice(0)) {
      wish.reject(error);
    }
  }

  #sendFirst(): void {
    for (let wish = this.#wishes[0]; wish !== undefined; wish = this.#wishes[0]) {
      try {
        this.send({ type: "memory_forget", memory_id: wish.memoryId });
        return;
      } catch (error) {
        this.#wishes.shift();
        wish.reject(error as TesseraError);
      }
    }
  }
}
