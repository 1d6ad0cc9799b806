import type { Approval, Decision } from "@tessera/client";
import { ListStore } from "./list-store.js";

/** A call that waits for the person's decision. */
export interface PendingApproval {
  readonly call: Approval;
  readonly decide: (decision: Decision) => void;
}

/** The waiting calls, oldest first. */
export class Approvals extends ListStore<PendingApproval> {
  /** Ask the person. If the server withdraws the call, the question is removed and counts as refused. */
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
