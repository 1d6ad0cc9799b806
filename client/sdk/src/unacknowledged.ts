import { Backoff, type BackoffOptions } from "./backoff.js";
import type { WsToolResult } from "./generated/protocol.js";

/** From sending the results to sending them again, if the server does not acknowledge them. */
const SEND_AGAIN: Omit<BackoffOptions, "random"> = {
  firstMs: 4_000,
  maxMs: 300_000,
  stableMs: Number.POSITIVE_INFINITY,
};
/** More at the same time could exceed the server's limit of frames. */
const MOST_AT_ONCE = 50;

/** Whether the server could record the change that this result tells of. */
export function tellsOfChange({ ok, tool, id }: WsToolResult): boolean {
  return ok && tool !== undefined && id !== undefined;
}

/**
 * The results of changes that the server has not acknowledged: it could not store them yet, or does not have them. While
 * there is a connection, they are sent again with growing delays until the server acknowledges or refuses them.
 */
export class UnacknowledgedResults {
  readonly #results = new Map<string, WsToolResult>();
  #backoff: Backoff;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #connected = false;

  /** `send` may throw only if there is no connection. */
  constructor(
    private readonly send: (result: WsToolResult) => void,
    private readonly random: () => number = Math.random,
  ) {
    this.#backoff = this.#newBackoff();
  }

  connected(): void {
    this.#connected = true;
    this.#backoff = this.#newBackoff();
    this.#arm();
  }

  disconnected(): void {
    this.#connected = false;
    this.#disarm();
  }

  /** This result was sent, or would have been with a connection. */
  sent(result: WsToolResult): void {
    if (tellsOfChange(result)) {
      this.#results.set(result.call_id, result);
      this.#arm();
    }
  }

  /** The server has the result, or will never take it. */
  settled(callId: string): void {
    this.#results.delete(callId);
    if (this.#results.size === 0) {
      this.#disarm();
      this.#backoff.reset();
    }
  }

  #arm(): void {
    if (this.#connected && this.#timer === undefined && this.#results.size > 0) {
      this.#timer = setTimeout(() => this.#again(), this.#backoff.next());
    }
  }

  #disarm(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #again(): void {
    this.#timer = undefined;
    for (const result of [...this.#results.values()].slice(0, MOST_AT_ONCE)) {
      this.send(result);
    }
    this.#arm();
  }

  #newBackoff(): Backoff {
    return new Backoff({ ...SEND_AGAIN, random: this.random });
  }
}
