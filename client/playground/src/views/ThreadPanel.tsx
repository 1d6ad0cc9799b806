import type { ConversationSummary } from "@tessera/client";
import { type FormEvent, useState, useSyncExternalStore } from "react";
import type { Session } from "../session/session.js";
import { fill, useWords } from "../words/words.js";

interface ThreadPanelProps {
  readonly session: Session;
  /** The person chose a conversation: on a narrow page, show it instead of the list. */
  readonly onChoose: () => void;
}

/** The person's conversations on the server, newest first. */
export function ThreadPanel({ session, onChoose }: ThreadPanelProps) {
  const words = useWords();
  const { threads, next, fault } = useSyncExternalStore(session.threads.subscribe, () => session.threads.snapshot);
  const { id } = useSyncExternalStore(session.conversation.subscribe, () => session.conversation.snapshot);
  return (
    <nav className="threads" aria-label={words.conversations}>
      <button
        type="button"
        className="new-thread"
        onClick={() => {
          session.begin();
          onChoose();
        }}
      >
        + {words.newConversation}
      </button>
      <p role="alert" className="fault">
        {fault}
      </p>
      {threads.length === 0 ? <p className="muted thread-empty">{words.noConversations}</p> : null}
      <ul>
        {threads.map((thread) => (
          <li key={thread.id}>
            <ThreadRow
              thread={thread}
              session={session}
              isOpen={thread.id === id}
              onOpen={() => {
                void session.open(thread.id);
                onChoose();
              }}
            />
          </li>
        ))}
      </ul>
      {next === undefined ? null : (
        <button type="button" className="quiet" onClick={() => void session.threads.more()}>
          {words.moreConversations}
        </button>
      )}
    </nav>
  );
}

interface ThreadRowProps {
  readonly thread: ConversationSummary;
  readonly session: Session;
  readonly isOpen: boolean;
  readonly onOpen: () => void;
}

function ThreadRow({ thread, session, isOpen, onOpen }: ThreadRowProps) {
  const words = useWords();
  const [mode, setMode] = useState<"shown" | "renamed" | "deleted">("shown");
  if (mode === "renamed") {
    const submit = (event: FormEvent<HTMLFormElement>) => {
      event.preventDefault();
      const title = String(new FormData(event.currentTarget).get("title")).trim();
      if (title !== "" && title !== thread.title) void session.threads.rename(thread.id, title);
      setMode("shown");
    };
    return (
      <form className="thread-form" onSubmit={submit}>
        {/* biome-ignore lint/a11y/noAutofocus: the person has just pressed Rename */}
        <input name="title" aria-label={words.title} defaultValue={thread.title} maxLength={200} autoFocus />
        <button type="submit">{words.save}</button>
      </form>
    );
  }
  if (mode === "deleted") {
    return (
      <div className="confirm" role="alert">
        <p>{fill(words.forgetThread, { name: thread.title })}</p>
        <div className="buttons">
          <button type="button" className="danger" onClick={() => void session.forgetThread(thread.id)}>
            {words.remove}
          </button>
          <button type="button" onClick={() => setMode("shown")}>
            {words.keep}
          </button>
        </div>
      </div>
    );
  }
  return (
    <div className="thread-row" data-open={isOpen}>
      <button type="button" className="thread-name" aria-current={isOpen} dir="auto" onClick={onOpen}>
        {thread.title}
      </button>
      <span className="item-actions">
        <button type="button" aria-label={`${words.rename}: ${thread.title}`} onClick={() => setMode("renamed")}>
          ✎
        </button>
        <button type="button" aria-label={`${words.remove}: ${thread.title}`} onClick={() => setMode("deleted")}>
          ✕
        </button>
      </span>
    </div>
  );
}
