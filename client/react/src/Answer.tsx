"use client";

import type { AnswerSnapshot } from "@tessera/client";
import { ApprovalForm } from "./approvals/ApprovalForm.js";
import type { ApprovalQueue } from "./approvals/ApprovalQueue.js";
import { useApprovals } from "./approvals/useApprovals.js";
import { Block } from "./Block.js";
import { useBlockOptions, useDirection } from "./options.js";
import { type AnswerSource, useAnswer } from "./useAnswer.js";
import { activity, errorSentence, type Wording } from "./wording/wording.js";

export interface AnswerProps {
  readonly request: AnswerSource | null;
  /** Shows the questions about this answer's tool calls at its end. */
  readonly approvals?: ApprovalQueue | undefined;
}

/** An answer while it streams: its blocks in order, what the assistant is doing, and a note if it was cancelled or failed. */
export function Answer({ request, approvals }: AnswerProps) {
  const snapshot = useAnswer(request);
  if (snapshot === null) return null;
  if (approvals === undefined) return <AnswerView snapshot={snapshot} />;
  return (
    <>
      <AnswerView snapshot={snapshot} />
      <Questions queue={approvals} requestId={snapshot.requestId} />
    </>
  );
}

function Questions({ queue, requestId }: { readonly queue: ApprovalQueue; readonly requestId: string }) {
  return useApprovals(queue)
    .filter(({ call }) => call.requestId === requestId)
    .map((pending) => (
      <section key={pending.call.callId} className="tsr-block tsr-approval-inline">
        <ApprovalForm pending={pending} />
      </section>
    ));
}

/** Renders a stored `snapshot` of an answer. */
export function AnswerView({ snapshot }: { readonly snapshot: AnswerSnapshot }) {
  const { wording } = useBlockOptions();
  const direction = useDirection();
  const running = snapshot.status === "running";
  const doing = running
    ? (activity(wording, snapshot.tools) ?? (snapshot.blocks.length === 0 && wording.thinking))
    : "";
  return (
    <div className="tsr-answer" data-status={snapshot.status} dir={direction} aria-busy={running}>
      {snapshot.blocks.map((block) => (
        <Block key={block.index} block={block} />
      ))}
      {doing ? (
        <p lang={wording.language} className="tsr-muted tsr-thinking">
          {doing}
        </p>
      ) : null}
      <p role="status" dir="auto" className={isUnremarkable(snapshot) ? "tsr-hidden" : "tsr-outcome"}>
        {outcomeOf(snapshot, wording)}
      </p>
    </div>
  );
}

/** Whether the model has finished the answer. */
function isWhole({ finish }: AnswerSnapshot): boolean {
  return !finish || finish === "stop";
}

/** Whether only a screen reader is told about the answer's state. */
function isUnremarkable(snapshot: AnswerSnapshot): boolean {
  return snapshot.status === "running" || (snapshot.status === "completed" && isWhole(snapshot));
}

/** The status text. It changes only with the answer's state, so that a screen reader does not read every word. */
function outcomeOf({ status, finish, error, tools }: AnswerSnapshot, wording: Wording): string {
  switch (status) {
    case "running":
      return activity(wording, tools) ?? wording.answering;
    case "completed":
      return finish && finish !== "stop" ? wording.incomplete[finish] : wording.complete;
    case "cancelled":
      return wording.stopped;
    case "failed":
      return errorSentence(wording, error);
  }
}
