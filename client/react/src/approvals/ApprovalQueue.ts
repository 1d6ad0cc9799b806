import type { Approval, CallContext, Decision } from "@tessera/client";

/** A call that waits for the person's decision. */
export interface PendingApproval {
  readonly call: Approval;
  readonly decide: (decision: Decision) => void;
  /** Until when the decision counts, in milliseconds since the epoch. */
  readonly deadlineAt?: number | undefined;
}

/**
 * The questions that wait for the person, oldest first: those of this device, and those of the person's other devices. Pass
 * `ask` to `connect` as `approve`.
 */
export class ApprovalQueue {
  #pending: readonly PendingApproval[] = [];
  readonly #listeners = new Set<() => void>();

  /** The waiting questions. Each change creates a new array. */
  get snapshot(): readonly PendingApproval[] {
    return this.#pending;
  }

  /** Call `listener` after each change. Returns a function that removes it. */
  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /**
   * Ask the person. A question that needs no answer any more is removed: the call was withdrawn, its time has passed, or the
   * person has decided on another device.
   */
  ask = (
    call: Approval,
    { signal, deadlineAt }: Pick<CallContext, "signal"> & Partial<Pick<CallContext, "deadlineAt">>,
  ): Promise<Decision> =>
    new Promise((resolve) => {
      const pending: PendingApproval = {
        call,
        deadlineAt,
        decide: (decision) => {
          signal.removeEventListener("abort", close);
          this.#change(this.#pending.filter((other) => other !== pending));
          resolve(decision);
        },
      };
      const close = () => pending.decide(false); // the SDK ignores the decision after the abort
      signal.addEventListener("abort", close);
      this.#change([...this.#pending, pending]);
      if (signal.aborted) close();
    });

  #change(pending: readonly PendingApproval[]): void {
    this.#pending = pending;
    for (const listener of [...this.#listeners]) listener();
  }
}
