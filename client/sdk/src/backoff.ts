/** How long to wait between attempts, in milliseconds. */
export interface BackoffOptions {
  /** Before the second attempt; doubles with each. */
  readonly firstMs: number;
  readonly maxMs: number;
  /** A session that lasted this long starts the count again. */
  readonly stableMs: number;
  /** A number in [0, 1), as `Math.random` gives. */
  readonly random: () => number;
}

export const DEFAULT_BACKOFF: BackoffOptions = { firstMs: 500, maxMs: 30_000, stableMs: 10_000, random: Math.random };

/** Exponential backoff with jitter: each delay lies between half of its nominal length and the whole. */
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

  /** A session ended that had lasted `ms`. */
  sessionLasted(ms: number): void {
    if (ms >= this.options.stableMs) {
      this.reset();
    }
  }

  reset(): void {
    this.#failures = 0;
  }
}
