"use client";

import { useEffect, useId, useRef } from "react";
import { useBlockOptions } from "../options.js";
import { counted, type Wording } from "../wording/wording.js";
import { ApprovalForm, type ApprovalFormProps } from "./ApprovalForm.js";
import type { ApprovalQueue, PendingApproval } from "./ApprovalQueue.js";
import { useApprovals } from "./useApprovals.js";

export interface ApprovalDialogProps extends Pick<ApprovalFormProps, "itemName" | "wording"> {
  readonly queue: ApprovalQueue;
  /** Which questions the dialog asks. Default: all. Leave out those that an `<Answer approvals>` shows. */
  readonly filter?: ((pending: PendingApproval) => boolean) | undefined;
}

/**
 * Asks about the oldest waiting call: run it, run it with edited fields, or refuse it (also with Escape). It closes when
 * the question needs no answer any more.
 */
export function ApprovalDialog({ queue, itemName, wording: given, filter }: ApprovalDialogProps) {
  const options = useBlockOptions();
  const wording = given ?? options.wording;
  const all = useApprovals(queue);
  const waiting = filter === undefined ? all : all.filter(filter);
  const first = waiting[0];
  return first === undefined ? null : (
    <Question key={first.call.callId} pending={first} itemName={itemName} wording={wording} more={waiting.length - 1} />
  );
}

interface QuestionProps {
  readonly pending: PendingApproval;
  readonly itemName: ApprovalDialogProps["itemName"];
  readonly wording: Wording;
  readonly more: number;
}

function Question({ pending, itemName, wording, more }: QuestionProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const title = useId();
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog
      ref={dialog}
      className="tsr-approval"
      lang={wording.language}
      dir={wording.direction}
      aria-labelledby={title}
      onCancel={(event) => {
        event.preventDefault();
        pending.decide(false);
      }}
    >
      <ApprovalForm pending={pending} itemName={itemName} wording={wording} titleId={title} />
      {more > 0 ? <p className="tsr-muted">{counted(wording, wording.more, more)}</p> : null}
    </dialog>
  );
}
