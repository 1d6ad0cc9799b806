import type { Approval, Decision } from "@tessera/client";
import { ListStore } from "./list-store.js";

/** A call that waits for the person. */
export interface PendingApproval {
  readonly call: Approval;
  readonly decide: (decision: Decision) => void;
}

/** The calls that wait, the oldest first. */
export class Approvals extends ListStore<PendingApproval> {
  /** Ask the person. A question that the server withdraws goes away, and counts as refused. */
  ask = (call: Approval, signal: AbortSignal): Promise<Decision> =>
    new Promise((resolve) => {
      const pending: PendingApproval = {
        call,
        decide: (decision) => {
          signal.removeEventListener("abort", refuse);
          this.change((entries) => entries.filter((entry) => entry !== pending));
          resolve(decision);
        },
      };
      const refuse = () => pending.decide(false);
      signal.addEventListener("abort", refuse);
      this.change((entries) => [...entries, pending]);
      if (signal.aborted) refuse();
    });
}
