"use client";

import type { AnswerSnapshot } from "@tessera/client";
import { useCallback, useSyncExternalStore } from "react";

/** The source of snapshots: an `Answer` of `@tessera/client`, or an object with the same interface. */
export interface AnswerSource {
  readonly snapshot: AnswerSnapshot;
  subscribe(listener: () => void): () => void;
}

/** The current snapshot of `request`, or null without a request. The component renders again with each change. */
export function useAnswer(request: AnswerSource | null): AnswerSnapshot | null {
  const subscribe = useCallback((listener: () => void) => request?.subscribe(listener) ?? nothing, [request]);
  const snapshot = useCallback(() => request?.snapshot ?? null, [request]);
  return useSyncExternalStore(subscribe, snapshot, snapshot);
}

function nothing(): void {}
