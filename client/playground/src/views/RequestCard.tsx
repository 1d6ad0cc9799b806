import type { AnswerSnapshot } from "@tessera/client";
import { AnswerView, useAnswer, type Wording } from "@tessera/react";
import { useId } from "react";
import type { Asked } from "../session/cards.js";
import type { Session } from "../session/session.js";
import { statesOf } from "../session/states.js";
import { wordingOf } from "../session/wording.js";
import { UsedMemories } from "./UsedMemories.js";

export interface RequestCardProps {
  readonly entry: Asked;
  readonly session: Session;
  readonly onRemove: () => void;
}

/** A request and its answer, with its token counts and the memories that were used. */
export function RequestCard({ entry, session, onRemove }: RequestCardProps) {
  const snapshot = useAnswer(entry.answer);
  const wording = wordingOf(navigator.languages);
  const title = useId();
  if (snapshot === null) return null;
  const running = snapshot.status === "running";
  return (
    <article className="request" aria-labelledby={title} data-status={snapshot.status}>
      <div className="request-head">
        <h3 id={title}>{entry.message}</h3>
        {running ? (
          <button type="button" onClick={() => entry.answer.cancel()}>
            Stop
          </button>
        ) : (
          <button type="button" aria-label={`Remove: ${entry.message}`} onClick={onRemove}>
            ✕
          </button>
        )}
      </div>
      <AnswerView snapshot={snapshot} />
      <p className="request-foot muted">{facts(snapshot, wording)}</p>
      <UsedMemories used={snapshot.memoryUsed} session={session} />
    </article>
  );
}

function facts({ status, agent, domain, usage, mutations }: AnswerSnapshot, wording: Wording): string {
  const parts = [statesOf(wording).answer[status], agent?.replace("_", " ") ?? domain];
  if (mutations.length > 0) parts.push(`${mutations.length} ${mutations.length === 1 ? "change" : "changes"}`);
  if (usage !== null) parts.push(`${usage.input_tokens} + ${usage.output_tokens} tokens`);
  return parts.filter(Boolean).join(" · ");
}
