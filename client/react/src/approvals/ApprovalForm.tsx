"use client";

import type { Entity } from "@tessera/client";
import { type FormEvent, useId, useState } from "react";
import { withoutBidiControls } from "../data/bidi.js";
import { useBlockOptions } from "../options.js";
import { Filled } from "../wording/Filled.js";
import { fill, type Wording } from "../wording/wording.js";
import type { PendingApproval } from "./ApprovalQueue.js";
import { Countdown } from "./Countdown.js";
import { type ApprovalField, fieldsOf, read, spelled, written } from "./fields.js";

export interface ApprovalFormProps {
  readonly pending: PendingApproval;
  /** Returns the name of an item, to ask about it by name. Default: that of `BlockOptionsProvider`. */
  readonly itemName?: ((entity: Entity, id: string) => string | undefined) | undefined;
  /** Default: that of `BlockOptionsProvider`, else `en`. */
  readonly wording?: Wording | undefined;
  /** The id of the heading. */
  readonly titleId?: string | undefined;
}

/** The question about one call as a form: the fields that it writes can be edited. */
export function ApprovalForm({
  pending: { call, decide, deadlineAt },
  itemName,
  wording: given,
  titleId,
}: ApprovalFormProps) {
  const options = useBlockOptions();
  const wording = given ?? options.wording;
  const fields = fieldsOf(call.args);
  const [texts, setTexts] = useState<Readonly<Record<string, string>>>({});
  const [refusal, setRefusal] = useState("");
  const ownId = useId();
  const heading = titleId ?? ownId;

  const known =
    call.args["id"] === undefined ? undefined : (itemName ?? options.itemName)?.(call.entity, String(call.args["id"]));
  const named = withoutBidiControls(known ?? titleOf(call.args));
  const verb = wording.verbs[call.verb];
  const what = named ? (
    <Filled text={wording.named} values={{ name: <span dir="auto">{named}</span> }} />
  ) : (
    wording.entities[call.entity]
  );
  const isFinal = call.verb === "delete" && call.undoable !== true;
  const notes = [
    isFinal ? (call.otherDevice ? wording.irreversibleHere : wording.irreversible) : "",
    call.otherDevice ? wording.otherDevice : "",
  ];
  const edited = fields.some((field) => (texts[field.name] ?? written(field)) !== written(field));
  const approve = (event: FormEvent) => {
    event.preventDefault();
    if (!edited) {
      decide(true);
      return;
    }
    const values = fields.map((field) => [field, read(field, texts[field.name] ?? written(field))] as const);
    const wrong = values.find(([, value]) => value === undefined);
    if (wrong !== undefined) {
      setRefusal(fill(wording.notAValue, { field: nameOf(wording, wrong[0].name) }));
      return;
    }
    const data = Object.fromEntries(values.map(([{ name }, value]) => [name, value]));
    decide({ args: { ...call.args, data: { ...(call.args["data"] as object), ...data } } });
  };
  return (
    <form
      className="tsr-approval-form"
      lang={wording.language}
      dir={wording.direction}
      aria-labelledby={heading}
      onSubmit={approve}
    >
      <h2 id={heading}>
        <Filled text={wording.question} values={{ verb, what }} />
      </h2>
      <p className="tsr-muted">{notes.filter((note) => note !== "").join(" ")}</p>
      {fields.map((field) => (
        <Field
          key={field.name}
          field={field}
          label={nameOf(wording, field.name)}
          text={texts[field.name] ?? written(field)}
          change={(text) => {
            setTexts((before) => ({ ...before, [field.name]: text }));
            setRefusal("");
          }}
        />
      ))}
      <p role="alert" className="tsr-approval-fault">
        {refusal}
      </p>
      <div className="tsr-approval-buttons">
        <button type="button" onClick={() => decide(false)}>
          {wording.refusals[call.verb]}
        </button>
        <button type="submit" className="primary">
          {edited ? fill(wording.edited, { verb }) : verb}
        </button>
        {deadlineAt === undefined ? null : <Countdown until={deadlineAt} />}
      </div>
    </form>
  );
}

interface FieldProps {
  readonly field: ApprovalField;
  readonly label: string;
  readonly text: string;
  readonly change: (text: string) => void;
}

function Field({ field: { kind }, label, text, change }: FieldProps) {
  const id = useId();
  if (kind === "flag") {
    return (
      <label className="tsr-approval-flag">
        <input type="checkbox" checked={text === "true"} onChange={(event) => change(String(event.target.checked))} />
        {label}
      </label>
    );
  }
  const control = { id, dir: "auto", value: text } as const;
  return (
    <div className="tsr-approval-field">
      <label htmlFor={id}>{label}</label>
      {kind === "long" || kind === "json" ? (
        <textarea {...control} rows={4} onChange={(event) => change(event.target.value)} />
      ) : (
        <input
          {...control}
          type={kind === "day" ? "date" : "text"}
          inputMode={kind === "number" ? "decimal" : undefined}
          onChange={(event) => change(event.target.value)}
        />
      )}
    </div>
  );
}

function nameOf(wording: Wording, name: string): string {
  return Object.hasOwn(wording.fields, name) ? (wording.fields[name] ?? name) : spelled(name);
}

/** The title of the item that a call creates. */
function titleOf(args: Readonly<Record<string, unknown>>): string {
  const data = args["data"] as { readonly title?: unknown; readonly name?: unknown } | undefined;
  const title = args["id"] === undefined ? (data?.title ?? data?.name) : undefined;
  return typeof title === "string" ? title : "";
}
