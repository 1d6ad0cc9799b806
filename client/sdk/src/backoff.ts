/** The delays between attempts to connect, in milliseconds. */
export interface BackoffOptions {
  /** The delay before the second attempt. It doubles with each attempt. */
  readonly firstMs: number;
  readonly maxMs: number;
  /** After a session of at least this length, the delays start at `firstMs` again. */
  readonly stableMs: number;
  /** Returns a number in [0, 1), as `Math.random` does. */
  readonly random: () => number;
}

export const DEFAULT_BACKOFF: BackoffOptions = { firstMs: 500, maxMs: 30_000, stableMs: 10_000, random: Math.random };

/** Exponential backoff with jitter: each delay is between half of its nominal length and all of it. */
export class Backoff {
  #failures = 0;

  constructor(private readonly options: BackoffOptions) {}

  /** The delay before the next attempt, at least `leastMs`. */
  next(leastMs = 0): number {
    const { firstMs, maxMs, random } = this.options;
    const nominal = Math.min(maxMs, firstMs * 2 ** this.#failures);
    this.#failures += 1;
    const share = 0.5 + random() / 2;
    return Math.max(nominal * share, leastMs * (0.5 + share));
  }

  /** Record that a session ended after `ms`. */
  sessionLasted(ms: number): void {
    if (ms >= this.options.stableMs) {
      this.reset();
    }
  }

  reset(): void {
    this.#failures = 0;
  }
}
