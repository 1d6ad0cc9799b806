"use client";

import type { Entity } from "@tessera/client";
import { type FormEvent, useEffect, useId, useRef, useState } from "react";
import { useBlockOptions } from "../options.js";
import { Filled } from "../wording/Filled.js";
import { counted, fill, type Wording } from "../wording/wording.js";
import type { ApprovalQueue, PendingApproval } from "./ApprovalQueue.js";
import { useApprovals } from "./useApprovals.js";

export interface ApprovalDialogProps {
  readonly queue: ApprovalQueue;
  /** Returns the name of an item, to ask about it by name. */
  readonly itemName?: (entity: Entity, id: string) => string | undefined;
  /** The sentences of the question. Default: those of `BlockOptionsProvider`, else `en`. */
  readonly wording?: Wording;
}

/**
 * Asks about the oldest waiting call: run it, run it with edited arguments, or refuse it (also with Escape). It closes when
 * the question needs no answer any more.
 */
export function ApprovalDialog({ queue, itemName, wording: given }: ApprovalDialogProps) {
  const options = useBlockOptions();
  const wording = given ?? options.wording;
  const waiting = useApprovals(queue);
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

function Question({ pending: { call, decide }, itemName, wording, more }: QuestionProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const title = useId();
  const given = JSON.stringify(call.args, undefined, 2);
  const [text, setText] = useState(given);
  const [refusal, setRefusal] = useState("");
  useEffect(() => dialog.current?.showModal(), []);

  // The id of the item cannot be edited, so a call with only an id has nothing to edit.
  const editable = Object.keys(call.args).some((name) => name !== "id");
  const name = itemName?.(call.entity, String(call.args["id"]));
  const verb = wording.verbs[call.verb];
  const what = name ? (
    <Filled text={wording.named} values={{ name: <span dir="auto">{name}</span> }} />
  ) : (
    wording.entities[call.entity]
  );
  const notes = [
    call.verb === "delete" ? wording.irreversible : "",
    editable ? wording.editable : "",
    call.otherDevice ? wording.otherDevice : "",
  ];
  const approve = (event: FormEvent) => {
    event.preventDefault();
    const args = text === given ? undefined : parse(text);
    if (args === null) setRefusal(wording.notAnObject);
    else decide(args === undefined ? true : { args });
  };
  return (
    <dialog
      ref={dialog}
      className="tsr-approval"
      lang={wording.language}
      dir={wording.direction}
      aria-labelledby={title}
      onCancel={(event) => {
        event.preventDefault();
        decide(false);
      }}
    >
      <form onSubmit={approve}>
        <h2 id={title}>
          <Filled text={wording.question} values={{ verb, what }} />
        </h2>
        <p className="tsr-muted">{notes.filter((note) => note !== "").join(" ")}</p>
        {editable ? (
          <label>
            {wording.args}
            <textarea
              dir="auto"
              value={text}
              rows={6}
              spellCheck={false}
              onChange={(event) => {
                setText(event.target.value);
                setRefusal("");
              }}
            />
          </label>
        ) : null}
        <p role="alert" className="tsr-approval-fault">
          {refusal}
        </p>
        <div className="tsr-approval-buttons">
          <button type="button" onClick={() => decide(false)}>
            {wording.refusals[call.verb]}
          </button>
          <button type="submit" className="primary">
            {text === given ? verb : fill(wording.edited, { verb })}
          </button>
          {more > 0 ? <span className="tsr-muted">{counted(wording, wording.more, more)}</span> : null}
        </div>
      </form>
    </dialog>
  );
}

function parse(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : null;
  } catch {
    return null;
  }
}
