import { Answer, UndoToast, useAnswer } from "@tessera/react";
import { type FormEvent, type KeyboardEvent, useEffect, useRef, useState } from "react";
import type { Remote, RemoteAnswer, Shown } from "./remote.js";

/** The conversation with its composer. */
export function Chat({ remote, shown }: { readonly remote: Remote; readonly shown: Shown }) {
  const last = shown.answers.at(-1) ?? null;
  const end = useRef<HTMLDivElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: scrolls for each new question
  useEffect(() => {
    end.current?.scrollIntoView({ block: "end" });
  }, [last]);
  return (
    <main className="chat">
      <div className="thread">
        {shown.answers.map((answer) => (
          <article key={answer.requestId} aria-label={answer.message}>
            <p className="message" dir="auto">
              {answer.message}
            </p>
            <Answer request={answer} approvals={remote.questions} />
          </article>
        ))}
        {last === null ? <p className="muted">Ask about your tasks, for example: What should I do today?</p> : null}
        <div ref={end} />
      </div>
      <UndoToast request={last} />
      <Composer remote={remote} online={shown.connection.name === "online"} last={last} />
    </main>
  );
}

interface ComposerProps {
  readonly remote: Remote;
  readonly online: boolean;
  readonly last: RemoteAnswer | null;
}

/** Enter sends, Shift and Enter begin a new line, Escape stops the answer. A message that was not sent stays here. */
function Composer({ remote, online, last }: ComposerProps) {
  const [message, setMessage] = useState("");
  const [fault, setFault] = useState("");
  const running = useAnswer(last)?.status === "running";
  const send = async () => {
    if (message.trim() === "") return;
    const outcome = await remote.bridge.ask(message);
    setFault(outcome.ok ? "" : outcome.message);
    if (outcome.ok) setMessage((now) => (now === message ? "" : now));
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void send();
  };
  const press = (event: KeyboardEvent) => {
    if (event.key === "Escape") last?.cancel();
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    void send();
  };
  return (
    <form className="composer" onSubmit={submit}>
      <label htmlFor="message">Message</label>
      <textarea
        id="message"
        rows={2}
        dir="auto"
        value={message}
        onChange={(event) => setMessage(event.target.value)}
        onKeyDown={press}
      />
      {running ? (
        <button type="button" onClick={() => last?.cancel()}>
          Stop
        </button>
      ) : null}
      <button type="submit" className="primary" disabled={!online}>
        Send
      </button>
      <p role="alert">{fault}</p>
    </form>
  );
}
