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
      <p role="status" className={isUnremarkable(snapshot) ? "tsr-hidden" : "tsr-outcome"}>
        {outcomeOf(snapshot)}
      </p>
    </div>
  );
}

const INCOMPLETE = {
  length: "The answer is incomplete: the model reached its limit of tokens.",
  content_filter: "The answer is incomplete: the model's content filter stopped it.",
  tool_limit: "The answer may be incomplete: it has used up its calls to your device.",
};

function incompleteness({ finish }: AnswerSnapshot): string | undefined {
  return finish && finish !== "stop" ? INCOMPLETE[finish] : undefined;
}

/** Whether only a screen reader is told about the answer's state. */
function isUnremarkable(snapshot: AnswerSnapshot): boolean {
  const { status } = snapshot;
  return status === "running" || (status === "completed" && incompleteness(snapshot) === undefined);
}

/** The status text. It changes only with the answer's state, so that a screen reader does not read every word. */
function outcomeOf(snapshot: AnswerSnapshot): string {
  const { status, error } = snapshot;
  switch (status) {
    case "running":
      return "Answering";
    case "completed":
      return incompleteness(snapshot) ?? "The answer is complete";
    case "cancelled":
      return "Stopped.";
    case "failed":
      if (error?.text) return error.text;
      if (error?.code === "answer_cut") return error.message;
      return `The answer failed${error ? `: ${error.message}` : ""}${error?.retryable ? " Try again." : ""}`;
  }
}
