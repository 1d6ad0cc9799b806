import type { AnswerSnapshot } from "@tessera/client";
import { Block } from "./Block.js";
import { type AnswerSource, useAnswer } from "./useAnswer.js";

export interface AnswerProps {
  readonly request: AnswerSource | null;
}

/** An answer as it comes: its blocks in their order, and how it ended where that is not well. */
export function Answer({ request }: AnswerProps) {
  const snapshot = useAnswer(request);
  return snapshot === null ? null : <AnswerView snapshot={snapshot} />;
}

/** An answer as it is in `snapshot`, for one that was kept. */
export function AnswerView({ snapshot }: { readonly snapshot: AnswerSnapshot }) {
  const running = snapshot.status === "running";
  return (
    <div className="tsr-answer" data-status={snapshot.status} aria-busy={running}>
      {snapshot.blocks.map((block) => (
        <Block key={block.index} block={block} />
      ))}
      {running && snapshot.blocks.length === 0 ? <p className="tsr-muted tsr-thinking">Thinking…</p> : null}
      <p role="status" className={snapshot.status === "completed" || running ? "tsr-hidden" : "tsr-outcome"}>
        {outcomeOf(snapshot)}
      </p>
    </div>
  );
}

/** Said once per change of state: a screen reader is told that the answer is there, not each of its words. */
function outcomeOf({ status, error }: AnswerSnapshot): string {
  switch (status) {
    case "running":
      return "Answering";
    case "completed":
      return "The answer is complete";
    case "cancelled":
      return "Cancelled. What had arrived stands.";
    case "failed":
      return `The answer failed${error ? `: ${error.message}` : ""}${error?.retryable ? " You can ask again." : ""}`;
  }
}
