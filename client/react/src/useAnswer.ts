import type { AnswerSnapshot } from "@tessera/client";
import { useCallback, useSyncExternalStore } from "react";

/** What is shown of an answer: an `Answer` of `@tessera/client`, or anything that keeps snapshots as it does. */
export interface AnswerSource {
  readonly snapshot: AnswerSnapshot;
  subscribe(listener: () => void): () => void;
}

/** The answer to `request` as far as it has come; null for no request. The component is drawn anew with each change. */
export function useAnswer(request: AnswerSource | null): AnswerSnapshot | null {
  const subscribe = useCallback((listener: () => void) => request?.subscribe(listener) ?? nothing, [request]);
  const snapshot = useCallback(() => request?.snapshot ?? null, [request]);
  return useSyncExternalStore(subscribe, snapshot, snapshot);
}

function nothing(): void {}
