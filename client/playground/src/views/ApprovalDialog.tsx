import { type FormEvent, useEffect, useId, useRef, useState, useSyncExternalStore } from "react";
import { nameOf } from "../device/items.js";
import type { PendingApproval } from "../session/approvals.js";
import type { Session } from "../session/session.js";

/** Asks about the oldest waiting call: run it, run it with edited arguments, or refuse it (also with Escape). */
export function ApprovalDialog({ session }: { readonly session: Session }) {
  const waiting = useSyncExternalStore(session.approvals.subscribe, () => session.approvals.snapshot);
  const first = waiting[0];
  return first === undefined ? null : (
    <Question key={first.call.callId} pending={first} session={session} more={waiting.length - 1} />
  );
}

interface QuestionProps {
  readonly pending: PendingApproval;
  readonly session: Session;
  readonly more: number;
}

function Question({ pending: { call, decide }, session, more }: QuestionProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const title = useId();
  const given = JSON.stringify(call.args, undefined, 2);
  const [text, setText] = useState(given);
  const [refusal, setRefusal] = useState("");
  useEffect(() => dialog.current?.showModal(), []);

  // The id of the item cannot be edited, so a call with only an id has nothing to edit.
  const editable = Object.keys(call.args).some((name) => name !== "id");
  const item = session.store.get(call.entity, String(call.args["id"]));
  const verb = call.verb.charAt(0).toUpperCase() + call.verb.slice(1);
  const approve = (event: FormEvent) => {
    event.preventDefault();
    const args = text === given ? undefined : parse(text);
    if (args === null) setRefusal("The arguments must be a JSON object.");
    else decide(args === undefined ? true : { args });
  };
  return (
    <dialog
      ref={dialog}
      className="approval"
      aria-labelledby={title}
      onCancel={(event) => {
        event.preventDefault();
        decide(false);
      }}
    >
      <form onSubmit={approve}>
        <h2 id={title}>
          {verb} {item ? `“${nameOf(call.entity, item)}”` : `a ${call.entity}`}?
        </h2>
        <p className="muted">
          {call.verb === "delete" ? "You can't undo this." : null}
          {editable ? "You can edit the arguments." : null}
          {call.otherDevice ? " Another device of yours asks this." : null}
        </p>
        {editable ? (
          <label>
            Arguments
            <textarea
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
        <p role="alert" className="fault">
          {refusal}
        </p>
        <div className="buttons">
          <button type="button" onClick={() => decide(false)}>
            {call.verb === "delete" ? "Keep" : `Don't ${call.verb}`}
          </button>
          <button type="submit" className="primary">
            {text === given ? verb : `${verb} as edited`}
          </button>
          {more > 0 ? (
            <span className="muted">
              {more} more {more === 1 ? "question" : "questions"}
            </span>
          ) : null}
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
