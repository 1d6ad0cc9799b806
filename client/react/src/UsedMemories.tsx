"use client";

import type { WsMemoryUsed } from "@tessera/client";
import { useState } from "react";
import { withoutBidiControls } from "./data/bidi.js";
import { useBlockOptions } from "./options.js";
import { counted } from "./wording/wording.js";

export interface UsedMemoriesProps {
  /** `snapshot.memoryUsed` of an answer. */
  readonly used: readonly WsMemoryUsed[];
  /** Removes a memory: `(id) => tessera.forget(id)`. Without it, the button is absent. */
  readonly onForget?: ((id: string) => Promise<unknown>) | undefined;
  /** Lets the person correct the memory, for example in the composer. Without it, the button is absent. */
  readonly onCorrect?: ((memory: WsMemoryUsed) => void) | undefined;
}

/** The memories that an answer used: what each says, why it was used, and buttons to forget or correct it. */
export function UsedMemories({ used, onForget, onCorrect }: UsedMemoriesProps) {
  const { locale, wording } = useBlockOptions();
  const [outcomes, setOutcomes] = useState<Readonly<Record<string, string>>>({});
  if (used.length === 0) return null;
  const forget = async (id: string) => {
    const said = await onForget?.(id).then(
      () => wording.forgotten,
      () => wording.notForgotten,
    );
    setOutcomes((before) => ({ ...before, [id]: said ?? "" }));
  };
  return (
    <details className="tsr-memories" lang={wording.language} dir={wording.direction}>
      <summary>{counted(wording, wording.memoriesUsed, used.length, locale)}</summary>
      <ul>
        {used.map((memory) => (
          <li key={memory.id}>
            <span>
              {memory.text ? <bdi>{withoutBidiControls(memory.text)}</bdi> : null}
              <span className="tsr-muted" dir="auto">
                {memory.reason}
              </span>
            </span>
            <span role="status">{outcomes[memory.id]}</span>
            {onCorrect === undefined || outcomes[memory.id] === wording.forgotten ? null : (
              <button type="button" className="tsr-button" onClick={() => onCorrect(memory)}>
                {wording.correct}
              </button>
            )}
            {onForget === undefined || outcomes[memory.id] === wording.forgotten ? null : (
              <button type="button" className="tsr-button" onClick={() => void forget(memory.id)}>
                {wording.forget}
              </button>
            )}
          </li>
        ))}
      </ul>
    </details>
  );
}
