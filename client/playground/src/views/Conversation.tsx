import { type ReactNode, useLayoutEffect, useRef, useState, useSyncExternalStore } from "react";
import { firstScreen } from "../first/screen.js";
import type { Asked } from "../session/cards.js";
import type { Session } from "../session/session.js";
import { useWords } from "../words/words.js";
import { Composer } from "./Composer.js";
import { Turn } from "./Turn.js";

/** The id of the message field. */
export const ASK_FIELD = "ask";

/** A view within this distance of its end, in CSS pixels, follows the answer. */
const AT_END_PX = 48;
const PHONE = "(max-width: 720px)";

/** The open conversation in one column, newest message last, above the composer. */
export function Conversation({ session }: { readonly session: Session }) {
  const words = useWords();
  const asked = useSyncExternalStore(session.asked.subscribe, () => session.asked.snapshot);
  const { id, loading } = useSyncExternalStore(session.conversation.subscribe, () => session.conversation.snapshot);
  const own = asked.filter((entry) => entry.conversation === id);
  const running = useRunning(own);
  const [atEnd, setAtEnd] = useState(true);
  const view = useRef<HTMLDivElement>(null);
  const turns = useRef<HTMLDivElement>(null);
  const follows = useRef(true);
  const lastTop = useRef(0);
  const toEnd = () => {
    follows.current = true;
    view.current?.scrollTo(0, view.current.scrollHeight);
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: another conversation starts at its end
  useLayoutEffect(() => {
    toEnd();
    const content = turns.current;
    if (content === null || typeof ResizeObserver === "undefined") return;
    const growth = new ResizeObserver(() => {
      if (follows.current) toEnd();
    });
    growth.observe(content);
    return () => growth.disconnect();
  }, [id]);
  const ask = (message: string) => {
    session.home(message);
    follows.current = true;
    requestAnimationFrame(() => {
      toEnd();
      // On a phone, the keyboard covers half of the page: leave the field and go to the answer.
      if (matchMedia(PHONE).matches)
        turns.current?.querySelector<HTMLElement>(":scope > article:last-of-type")?.focus();
    });
  };
  const write = (text: string) => {
    const field = document.getElementById(ASK_FIELD);
    if (!(field instanceof HTMLTextAreaElement)) return;
    // React reads the value of an input event.
    Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, "value")?.set?.call(field, text);
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.focus();
  };
  // What the person entered before this code had loaded.
  // biome-ignore lint/correctness/useExhaustiveDependencies: once; after that the first screen is gone
  useLayoutEffect(() => {
    const { draft, messages } = firstScreen().take();
    for (const message of messages) ask(message);
    session.save();
    if (draft !== "") write(draft);
  }, []);
  return (
    <main className="home">
      <h2 className="hidden">{words.conversations}</h2>
      <div
        ref={view}
        className="turns-view"
        onScroll={({ currentTarget: { scrollHeight, scrollTop, clientHeight } }) => {
          const isAtEnd = scrollHeight - scrollTop - clientHeight < AT_END_PX;
          // An answer that grows moves the end away, too; only scrolling up means that the person reads above.
          if (isAtEnd) follows.current = true;
          else if (scrollTop < lastTop.current) follows.current = false;
          lastTop.current = scrollTop;
          setAtEnd(isAtEnd || follows.current);
        }}
      >
        <div ref={turns} className="turns">
          {loading && own.length === 0 ? <p className="empty muted">{words.loading}</p> : null}
          {own.map((entry) => (
            <Turn key={entry.id} entry={entry} session={session} onCorrect={write} />
          ))}
          {own.length === 0 && !loading ? <Welcome onAsk={ask} /> : null}
        </div>
      </div>
      <div className="ask">
        {atEnd ? null : (
          <button type="button" className="to-end" onClick={toEnd}>
            ↓ {words.toNewest}
          </button>
        )}
        <Composer
          key={id}
          id={ASK_FIELD}
          label={words.ask}
          placeholder={words.placeholder}
          earlier={own.map(({ message }) => message)}
          running={running}
          onStop={() => session.stop()}
          onAsk={ask}
          autoFocus
        />
        <p className="hint muted">{words.hint}</p>
      </div>
    </main>
  );
}

function Welcome({ onAsk }: { readonly onAsk: (message: string) => void }): ReactNode {
  const words = useWords();
  return (
    <div className="welcome">
      <p className="welcome-title">{words.welcome}</p>
      <p className="muted">{words.intro}</p>
      <ul className="suggestions" aria-label={words.suggestions}>
        {words.suggestionList.map((message) => (
          <li key={message}>
            <button type="button" onClick={() => onAsk(message)}>
              {message}
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}

/** Whether an answer of these runs. */
function useRunning(entries: readonly Asked[]): boolean {
  const subscribe = (listener: () => void) => {
    const stops = entries.map(({ answer }) => answer.subscribe(listener));
    return () => {
      for (const stop of stops) stop();
    };
  };
  return useSyncExternalStore(subscribe, () => entries.some(({ answer }) => answer.snapshot.status === "running"));
}
