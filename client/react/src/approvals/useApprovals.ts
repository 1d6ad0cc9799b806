"use client";

import { useSyncExternalStore } from "react";
import type { ApprovalQueue, PendingApproval } from "./ApprovalQueue.js";

/** The questions that wait for the person, oldest first. The component renders again with each change. */
export function useApprovals(queue: ApprovalQueue): readonly PendingApproval[] {
  return useSyncExternalStore(
    queue.subscribe,
    () => queue.snapshot,
    () => queue.snapshot,
  );
}
