import type { AnswerSnapshot } from "@tessera/client";
import { Block } from "./Block.js";
import { type AnswerSource, useAnswer } from "./useAnswer.js";

export interface AnswerProps {
  readonly request: AnswerSource | null;
}

/** An answer while it streams: its blocks in order, and a note if it was cancelled or failed. */
export function Answer({ request }: AnswerProps) {
  const snapshot = useAnswer(request);
  return snapshot === null ? null : <AnswerView snapshot={snapshot} />;
}

/** Renders a stored `snapshot` of an answer. */
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

/** The status text. It changes only with the answer's state, so that a screen reader does not read every word. */
function outcomeOf({ status, error }: AnswerSnapshot): string {
  switch (status) {
    case "running":
      return "Answering";
    case "completed":
      return "The answer is complete";
    case "cancelled":
      return "Stopped.";
    case "failed":
      return `The answer failed${error ? `: ${error.message}` : ""}${error?.retryable ? " Try again." : ""}`;
  }
}
