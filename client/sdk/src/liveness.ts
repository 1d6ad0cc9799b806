/** From the last sign of life to a ping, when something is expected. */
const SILENT_MS = 5_000;
/** From a ping to the verdict. Together with the first delay of the backoff, a dead peer is noticed within ten seconds. */
const PROBE_MS = 4_500;
/** The longest time between two checks, so that a sleep of the machine is noticed soon after it. */
const CHECK_MS = 4_000;
/** A timer that fires this late, or a clock that jumps forward this far, shows that the machine slept. */
const LATE_MS = 2_000;
const MOST_PATIENCE = 8;

/**
 * Shared by the sockets of a connection: how many times longer than usual to wait for the answer to a ping. It doubles
 * with each socket that is abandoned, because a large frame may have been arriving slowly. Any frame after `device_ready`
 * resets it.
 */
export interface Patience {
  factor: number;
}

export interface LivenessOptions {
  /** Time of silence after which an idle peer is asked for a sign of life. */
  readonly beatMs: number;
  readonly expecting: () => boolean;
  readonly ping: () => void;
  readonly dead: () => void;
  readonly patience: Patience;
}

/**
 * Finds out whether the peer still answers, also after the machine slept. Any frame is a sign of life.
 *
 * All times are of the monotonic clock, so a change of the wall clock does no harm. The monotonic clock may stand still
 * while the machine sleeps, so the wall clock is compared with it.
 */
export class Liveness {
  #timer: ReturnType<typeof setTimeout> | undefined;
  #heardAt = performance.now();
  #drift = drift();
  #dueAt = 0;
  /** When the unanswered ping is overdue, or undefined. */
  #overdueAt: number | undefined;
  #late = 0;

  constructor(private readonly options: LivenessOptions) {
    if (options.patience.factor > 1) {
      // The answer arrives immediately, except behind a large frame, and resets the patience.
      options.ping();
    }
    this.#arm();
  }

  heard(): void {
    this.#heardAt = performance.now();
    this.#late = 0;
    this.#overdueAt = undefined;
    this.options.patience.factor = 1;
  }

  /** Ask the peer for a sign of life now. `factor`: how many times longer than usual to wait for it. */
  probe(factor: number = this.options.patience.factor): void {
    if (this.#overdueAt === undefined) {
      this.options.ping();
    }
    const overdueAt = performance.now() + PROBE_MS * factor;
    if (this.#overdueAt === undefined || overdueAt < this.#overdueAt) {
      this.#overdueAt = overdueAt;
      this.#arm();
    }
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #arm(): void {
    const now = performance.now();
    const next = this.#overdueAt ?? this.#heardAt + this.#silentMs();
    this.#dueAt = Math.min(Math.max(next, now), now + CHECK_MS);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#check(), this.#dueAt - now);
  }

  #silentMs(): number {
    return this.options.expecting() ? SILENT_MS : this.options.beatMs;
  }

  #check(): void {
    const now = performance.now();
    const before = this.#drift;
    this.#drift = drift();
    const late = now - this.#dueAt > LATE_MS || this.#drift - before > LATE_MS;
    if (this.#overdueAt !== undefined && now >= this.#overdueAt) {
      // Frames that arrived during a sleep may not have been delivered yet. In a background page all timers are late.
      this.#late += 1;
      if (!late || this.#late > 2) {
        const { patience } = this.options;
        patience.factor = Math.min(patience.factor * 2, MOST_PATIENCE);
        this.options.dead();
        return;
      }
      this.#overdueAt = undefined;
    }
    if (late || (this.#overdueAt === undefined && now - this.#heardAt >= this.#silentMs())) {
      this.probe();
    }
    this.#arm();
  }
}

/** How far the wall clock is ahead of the monotonic clock, in milliseconds. */
function drift(): number {
  return Date.now() - performance.now();
}
