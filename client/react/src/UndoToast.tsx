"use client";

import type { Undone } from "@tessera/client";
import { useState } from "react";
import { useBlockOptions } from "./options.js";
import { type AnswerSource, useAnswer } from "./useAnswer.js";
import { counted } from "./wording/wording.js";

/** An answer whose changes can be undone: an `Answer` of `@tessera/client`. */
export interface UndoSource extends AnswerSource {
  readonly undoable: number;
  undo(): Promise<Undone>;
}

/** Says how many changes the agent made, and offers to undo them. Shown when the answer has ended. */
export function UndoToast({ request }: { readonly request: UndoSource | null }) {
  const { locale, wording } = useBlockOptions();
  const snapshot = useAnswer(request);
  const [closed, setClosed] = useState<UndoSource>();
  const [outcome, setOutcome] = useState<{ readonly of: UndoSource; readonly text: string }>();
  if (request === null || snapshot === null || snapshot.status === "running" || closed === request) return null;
  const said = outcome?.of === request ? outcome.text : "";
  const count = request.undoable;
  if (count === 0 && said === "") return null;
  const undo = async () => {
    const { failed } = await request.undo();
    setOutcome({
      of: request,
      text: failed.length === 0 ? wording.undone : counted(wording, wording.notUndone, failed.length, locale),
    });
  };
  return (
    <div className="tsr-toast" lang={wording.language} dir={wording.direction}>
      <span role="status">{said || counted(wording, wording.changesMade, count, locale)}</span>
      {said === "" ? (
        <button type="button" className="tsr-button" onClick={undo}>
          {wording.undo}
        </button>
      ) : null}
      <button type="button" className="tsr-button" onClick={() => setClosed(request)}>
        {wording.dismiss}
      </button>
    </div>
  );
}
