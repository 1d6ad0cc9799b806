import { useSyncExternalStore } from "react";
import type { Session } from "../session/session.js";
import { Composer } from "./Composer.js";
import { RequestCard } from "./RequestCard.js";

// Together these show every block type and every chart type.
const SUGGESTIONS = [
  "What should I do today?",
  "Give me an overview",
  "Pie chart of tasks by priority",
  "Line chart of tasks by day",
  "Area chart of tasks by day",
  "Radar chart of tasks by assignee",
  "Radial chart of tasks by status",
  "How are my projects doing?",
  "Show the timeline",
  "Search my notes for export",
  "Create a task called Water the plants due tomorrow",
  "Delete the task Renew the domain",
];

/** The id of the question field. */
export const ASK_FIELD = "ask";

/** The Home view. Several requests may run at the same time. */
export function Home({ session }: { readonly session: Session }) {
  const asked = useSyncExternalStore(session.asked.subscribe, () => session.asked.snapshot);
  const home = asked.filter(({ on }) => on === undefined);
  return (
    <main className="home">
      <h2 className="hidden">Home</h2>
      <Composer
        id={ASK_FIELD}
        label="Ask from Home"
        placeholder="Ask about your work…"
        onAsk={(message) => session.home(message)}
        autoFocus
      />
      <ul className="suggestions" aria-label="Suggestions">
        {SUGGESTIONS.map((message) => (
          <li key={message}>
            <button type="button" onClick={() => session.home(message)}>
              {message}
            </button>
          </li>
        ))}
      </ul>
      <div className={home.length > 1 ? "requests side-by-side" : "requests"}>
        {home.map((entry) => (
          <RequestCard key={entry.id} entry={entry} onRemove={() => session.remove(entry.id)} session={session} />
        ))}
      </div>
      {home.length === 0 ? (
        <p className="empty muted">
          Answers appear here while they stream. You can ask several questions at the same time; each has its own card.
        </p>
      ) : null}
    </main>
  );
}
