import type { AnswerSnapshot, AnswerTool, Entity } from "@tessera/client";
import { AnswerView, UndoToast, UsedMemories, useAnswer, type Wording } from "@tessera/react";
import { type FormEvent, type KeyboardEvent, type ReactNode, useId, useState } from "react";
import { type Asked, textOf } from "../session/cards.js";
import type { Session } from "../session/session.js";
import { statesOf } from "../session/states.js";
import { wordingOf } from "../session/wording.js";
import { fill, useWords, type Words } from "../words/words.js";

export interface TurnProps {
  readonly entry: Asked;
  readonly session: Session;
  /** Puts a text into the composer, to correct a memory. */
  readonly onCorrect?: ((text: string) => void) | undefined;
  /** More buttons below a finished answer. */
  readonly actions?: (answer: string) => ReactNode;
}

/** A message of the person and its answer: steps, blocks, changes to undo, memories, and what can be done with it. */
export function Turn({ entry, session, onCorrect, actions }: TurnProps) {
  const snapshot = useAnswer(entry.answer);
  const words = useWords();
  const wording = wordingOf(navigator.languages);
  const [editing, setEditing] = useState(false);
  const title = useId();
  if (snapshot === null) return null;
  const running = snapshot.status === "running";
  const isPopup = entry.on !== undefined;
  return (
    <article className="request" aria-labelledby={title} data-status={snapshot.status} tabIndex={-1}>
      {editing ? (
        <MessageForm
          message={entry.message}
          onCancel={() => setEditing(false)}
          onSend={(message) => {
            setEditing(false);
            session.resend(entry, message);
          }}
        />
      ) : (
        <div className="said">
          <h3 id={title} dir="auto">
            {entry.message}
          </h3>
          {isPopup ? null : (
            <button type="button" className="quiet" onClick={() => setEditing(true)}>
              {words.edit}
            </button>
          )}
        </div>
      )}
      <Steps tools={snapshot.tools} running={running} words={words} wording={wording} />
      {snapshot.queued ? (
        <p className="muted unsent" role="status">
          {session.tessera.state.name === "online" ? words.queued : words.unsent}
        </p>
      ) : (
        <AnswerView snapshot={snapshot} />
      )}
      <UndoToast request={entry.answer} />
      <UsedMemories
        used={snapshot.memoryUsed}
        onForget={(id) => session.tessera.forget(id)}
        onCorrect={onCorrect && (({ text }) => onCorrect(text ?? ""))}
      />
      {running ? null : (
        <div className="turn-actions">
          <CopyAnswer text={textOf(snapshot)} />
          {snapshot.status === "failed" ? (
            <button type="button" className="quiet" onClick={() => session.retry(entry)}>
              {words.retry}
            </button>
          ) : isPopup ? null : (
            <button type="button" className="quiet" onClick={() => session.resend(entry, entry.message)}>
              {words.regenerate}
            </button>
          )}
          {snapshot.status === "failed" ? null : actions?.(textOf(snapshot))}
          <span className="facts muted">{facts(snapshot, words, wording)}</span>
        </div>
      )}
    </article>
  );
}

interface StepsProps {
  readonly tools: readonly AnswerTool[];
  readonly running: boolean;
  readonly words: Words;
  readonly wording: Wording;
}

/** What the agent has done on this device, one entry for equal calls. */
function Steps({ tools, running, words, wording }: StepsProps) {
  const lines = new Map<string, AnswerTool>();
  for (const tool of tools) {
    // AnswerView itself says what runs or waits.
    const pending = tool.state === "started" || tool.state === "waiting_for_approval";
    if (!(running && pending)) lines.set(`${tool.verb} ${tool.entity}`, tool);
  }
  if (lines.size === 0) return null;
  return (
    <ol className="steps">
      {[...lines].map(([key, tool]) => (
        <li key={key} data-state={tool.state}>
          {stepOf(tool, words, wording)}
        </li>
      ))}
    </ol>
  );
}

function stepOf({ verb, entity, tool, state, code }: AnswerTool, words: Words, wording: Wording): string {
  const what = entity === null ? tool : words.entities[entity as Entity];
  const text = verb === null ? tool : fill(words.steps[verb], { what });
  if (state !== "failed") return text;
  if (code === "denied") return `${text} · ${words.steps.denied}`;
  if (code === "edited") return `${text} · ${words.steps.edited}`;
  return `${text} · ${statesOf(wording).answer.failed}`;
}

interface MessageFormProps {
  readonly message: string;
  readonly onSend: (message: string) => void;
  readonly onCancel: () => void;
}

function MessageForm({ message, onSend, onCancel }: MessageFormProps) {
  const words = useWords();
  const [text, setText] = useState(message);
  const send = () => {
    if (text.trim() !== "") onSend(text.trim());
  };
  const press = (event: KeyboardEvent) => {
    if (event.nativeEvent.isComposing) return;
    if (event.key === "Escape") onCancel();
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      send();
    }
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    send();
  };
  return (
    <form className="said-form" onSubmit={submit}>
      <textarea
        aria-label={words.editMessage}
        value={text}
        rows={3}
        dir="auto"
        // biome-ignore lint/a11y/noAutofocus: the person has just pressed Edit
        autoFocus
        onKeyDown={press}
        onChange={(event) => setText(event.target.value)}
      />
      <div className="buttons">
        <button type="submit" className="primary">
          {words.resend}
        </button>
        <button type="button" onClick={onCancel}>
          {words.cancel}
        </button>
      </div>
    </form>
  );
}

function CopyAnswer({ text }: { readonly text: string }) {
  const words = useWords();
  const [outcome, setOutcome] = useState("");
  if (text === "") return null;
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setOutcome(words.copied);
    } catch {
      setOutcome(words.notCopied);
    }
  };
  return (
    <>
      <button type="button" className="quiet" onClick={() => void copy()} onBlur={() => setOutcome("")}>
        {words.copy}
      </button>
      <span role="status" className="muted">
        {outcome}
      </span>
    </>
  );
}

/** The agent of a popup's domain. */
const AGENT_OF = {
  tasks: "task_agent",
  projects: "project_agent",
  notes: "note_agent",
  checkpoints: "checkpoint_agent",
} as const;

/** An agent of a newer server has its own name. */
function nameOf(agent: string, { agents }: Words): string {
  return Object.hasOwn(agents, agent) ? agents[agent as keyof typeof agents] : agent.replace("_", " ");
}

function facts({ status, agent, domain, usage }: AnswerSnapshot, words: Words, wording: Wording): string {
  const by = agent === null ? domain && words.agents[AGENT_OF[domain]] : nameOf(agent, words);
  const parts = [statesOf(wording).answer[status], by];
  if (usage !== null) parts.push(fill(words.tokens, { input: usage.input_tokens, output: usage.output_tokens }));
  return parts.filter(Boolean).join(" · ");
}
